#include "src/server/command_docs.h"

#include <algorithm>
#include <optional>

#include "src/base/glob.h"

namespace memoir {

namespace {

constexpr ByteView kRepeat = "...";

std::vector<ByteView> split_syntax(ByteView text) {
  std::vector<ByteView> words;
  for (std::size_t at = 0; at < text.size();) {
    if (text[at] == ' ') {
      ++at;
      continue;
    }
    std::size_t end = at + 1;
    if (text.substr(at).starts_with(kRepeat)) {
      end = at + kRepeat.size();
    } else if (ByteView("[]<>|").find(text[at]) == ByteView::npos) {
      while (end < text.size() && ByteView("[]<>| ").find(text[end]) == ByteView::npos &&
             !text.substr(end).starts_with(kRepeat)) {
        ++end;
      }
    }
    words.push_back(text.substr(at, end - at));
    at = end;
  }
  return words;
}

bool is_token(ByteView word) {
  return std::ranges::none_of(word, [](char c) { return c >= 'a' && c <= 'z'; });
}

bool is_one_of(ByteView name, std::initializer_list<ByteView> names) {
  return std::ranges::find(names, name) != names.end();
}

// What a value is, by its name.
ArgumentType type_of(ByteView name, const CommandSpec& spec) {
  const bool has_keys = spec.keys[0].kind != KeySpec::Kind::kNone;
  if (has_keys && is_one_of(name, {"key", "newkey", "destination", "source", "destkey",
                                   "sourcekey", "key1", "key2"})) {
    return ArgumentType::kKey;
  }
  if (name == "pattern") return ArgumentType::kPattern;
  if (name.starts_with("unix-time")) return ArgumentType::kUnixTime;
  if (is_one_of(name, {"score", "longitude", "latitude", "radius", "width", "height", "weight"}) ||
      (name == "timeout" && spec.has(kBlocking))) {
    return ArgumentType::kDouble;
  }
  if (is_one_of(name, {"count", "numkeys", "seconds", "milliseconds", "offset", "index", "cursor",
                       "increment", "decrement", "timeout", "rank", "num-matches", "len", "maxlen",
                       "db", "index1", "index2", "bit", "numreplicas", "numlocal", "limit", "port",
                       "destination-db", "samples", "idle-time", "frequency", "client-id",
                       "entries-read", "entries-added", "protover", "min-match-len"})) {
    return ArgumentType::kInteger;
  }
  const bool by_position = spec.group == Group::kList || spec.group == Group::kString ||
                           spec.group == Group::kBitmap;
  if (by_position && is_one_of(name, {"start", "stop", "end"})) return ArgumentType::kInteger;
  return ArgumentType::kString;
}

// The type behind a name's colon; none behind "ip:port".
std::optional<ArgumentType> type_named(ByteView word) {
  const std::size_t colon = word.rfind(':');
  if (colon == ByteView::npos) return std::nullopt;
  constexpr ArgumentType kSaid[] = {ArgumentType::kString, ArgumentType::kInteger,
                                    ArgumentType::kDouble, ArgumentType::kKey,
                                    ArgumentType::kPattern};
  for (const ArgumentType type : kSaid) {
    if (word.substr(colon + 1) == argument_type_name(type)) return type;
  }
  return std::nullopt;
}

Bytes joined_names(const std::vector<Argument>& parts) {
  Bytes names;
  for (const Argument& part : parts) names.append(names.empty() ? "" : "-").append(part.name);
  return names;
}

class SyntaxParser {
 public:
  explicit SyntaxParser(const CommandSpec& spec)
      : spec_(spec), words_(split_syntax(spec.syntax)) {
    for (const KeySpec& keys : spec.keys) key_specs_ += keys.kind != KeySpec::Kind::kNone;
  }

  std::vector<Argument> sequence(bool in_brackets);

 private:
  bool more() const { return at_ < words_.size(); }
  bool at_end_of_sequence() const { return !more() || is_one_of(words_[at_], {"]", ">", "|"}); }
  Argument value(ByteView name);
  void bracket(std::vector<Argument>& items);
  Argument choice();
  void repeat(std::vector<Argument>& items, std::vector<Argument>&& again);
  static Argument block(std::vector<Argument>&& parts);
  static void give_token(std::vector<Argument>& items, ByteView token);

  const CommandSpec& spec_;
  std::vector<ByteView> words_;
  std::size_t at_ = 0;
  int key_specs_ = 0;
  int keys_seen_ = 0;
  bool repeats_ = false;  // the sequence just read ended with "..."
};

Argument SyntaxParser::value(ByteView name) {
  const auto said = type_named(name);
  if (said) name = name.substr(0, name.rfind(':'));
  Argument argument{.name = Bytes(name), .type = said ? *said : type_of(name, spec_)};
  if (argument.type == ArgumentType::kKey) {
    argument.key_spec = std::min(keys_seen_++, key_specs_ - 1);
  } else if (argument.type == ArgumentType::kPattern &&
             spec_.keys[1].kind == KeySpec::Kind::kUnknown) {
    argument.key_spec = 1;  // SORT: the keys that its patterns come to
    keys_seen_ = 2;
  }
  return argument;
}

Argument SyntaxParser::block(std::vector<Argument>&& parts) {
  if (parts.size() == 1) return std::move(parts.front());
  Argument whole{.type = ArgumentType::kBlock, .parts = std::move(parts)};
  whole.name = joined_names(whole.parts);
  return whole;
}

// The token in front of `items`: theirs if there are any, else an item of its own.
void SyntaxParser::give_token(std::vector<Argument>& items, ByteView token) {
  const bool nameable = items.size() == 1 && items[0].token.empty() && !items[0].optional &&
                        items[0].type != ArgumentType::kPureToken;
  if (nameable) {
    items[0].token = token;
    return;
  }
  Argument own{.name = to_lower(token), .type = ArgumentType::kPureToken, .token = Bytes(token)};
  const bool plain = !items.empty() && items[0].token.empty() && !items[0].optional;
  if (!plain) {
    items.insert(items.begin(), std::move(own));
    return;
  }
  own.type = ArgumentType::kBlock;
  own.parts = std::move(items);
  items.clear();
  items.push_back(std::move(own));
}

// "x [x ...]": the last items are given again, and become one that may be repeated.
void SyntaxParser::repeat(std::vector<Argument>& items, std::vector<Argument>&& again) {
  const std::size_t count = std::min(again.size(), items.size());
  if (count == 0) return;
  const auto first = items.end() - static_cast<std::ptrdiff_t>(count);
  std::vector<Argument> last(std::make_move_iterator(first), std::make_move_iterator(items.end()));
  items.resize(items.size() - count);
  const bool with_token = again.size() == 1 && !again[0].token.empty();
  Argument whole = block(std::move(last));
  whole.multiple = true;
  whole.multiple_token = with_token;
  items.push_back(std::move(whole));
}

Argument SyntaxParser::choice() {
  std::vector<Argument> options;
  do {
    if (more() && words_[at_] == "|") ++at_;
    options.push_back(block(sequence(true)));
  } while (more() && words_[at_] == "|");
  if (options.size() == 1) return std::move(options.front());
  Argument whole{.type = ArgumentType::kOneOf, .parts = std::move(options)};
  whole.name = joined_names(whole.parts);
  return whole;
}

void SyntaxParser::bracket(std::vector<Argument>& items) {
  const bool optional = words_[at_++] == "[";
  const int keys_before = keys_seen_;
  repeats_ = false;
  Argument inner = choice();
  const bool again = repeats_;
  repeats_ = false;
  if (more()) ++at_;  // the closing bracket
  if (again && optional) {
    keys_seen_ = keys_before;  // the same keys once more
    std::vector<Argument> parts;
    // What reads as one part here was written as so many items before.
    const bool split = inner.type == ArgumentType::kBlock && inner.token.empty();
    if (split) {
      parts = std::move(inner.parts);
    } else {
      parts.push_back(std::move(inner));
    }
    return repeat(items, std::move(parts));
  }
  inner.optional = optional;
  if (more() && words_[at_] == kRepeat) {
    ++at_;
    inner.multiple = true;
    inner.multiple_token = !inner.token.empty() && inner.type != ArgumentType::kPureToken;
  }
  items.push_back(std::move(inner));
}

std::vector<Argument> SyntaxParser::sequence(bool in_brackets) {
  std::vector<Argument> items;
  ByteView leading;  // the token that all of the sequence belongs to
  for (bool first = true; !at_end_of_sequence(); first = false) {
    const ByteView word = words_[at_];
    if (word == "[" || word == "<") {
      bracket(items);
      continue;
    }
    ++at_;
    if (word == kRepeat) {
      repeats_ = at_end_of_sequence();
      if (!repeats_ && !items.empty()) items.back().multiple = true;
      continue;
    }
    if (!is_token(word)) {
      items.push_back(value(word));
      continue;
    }
    if (first && in_brackets) {
      leading = word;
      continue;
    }
    std::vector<Argument> named;
    if (!at_end_of_sequence() && words_[at_] != "[" && words_[at_] != kRepeat &&
        (words_[at_] == "<" || !is_token(words_[at_]))) {
      if (words_[at_] == "<") {
        bracket(named);
      } else {
        named.push_back(value(words_[at_++]));
      }
    }
    give_token(named, word);
    for (Argument& each : named) items.push_back(std::move(each));
  }
  if (!in_brackets && repeats_ && !items.empty()) items.back().multiple = true;
  if (!leading.empty()) give_token(items, leading);
  return items;
}

}  // namespace

std::vector<Argument> parse_syntax(const CommandSpec& spec) {
  return SyntaxParser(spec).sequence(false);
}

const char* argument_type_name(ArgumentType type) {
  static constexpr const char* kNames[] = {"string",    "integer",    "double", "key",  "pattern",
                                           "unix-time", "pure-token", "oneof",  "block"};
  return kNames[static_cast<std::size_t>(type)];
}

}  // namespace memoir
