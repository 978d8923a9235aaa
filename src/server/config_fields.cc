#include "src/base/log.h"
#include "src/server/config_fields.h"

#include <cerrno>
#include <cstdlib>

#include "src/base/glob.h"
#include "src/base/number.h"

namespace memoir::config_fields {

namespace {

Status check_word_count(std::span<const Bytes> words) {
  if (words.size() != 1) return Error("wrong number of arguments");
  return ok;
}

// A number of 64 bits, unsigned ones wrapped, by the row's kind; the limits are not checked.
Result<std::int64_t> read_number(const ConfigRow& row, const Bytes& text) {
  if (row.kind == ConfigKind::kMemory) {
    if (const auto bytes = parse_memory(text)) return static_cast<std::int64_t>(*bytes);
    if (row.percent && text.size() > 1 && text.back() == '%') {
      const auto percent = parse_integer(ByteView(text).substr(0, text.size() - 1));
      if (percent && *percent >= 0) return -*percent;
    }
    return Error(row.percent ? "argument must be a memory or percent value"
                             : "argument must be a memory value");
  }
  if (row.kind == ConfigKind::kOctal) {
    char* end = nullptr;
    errno = 0;
    const long long value = std::strtoll(text.c_str(), &end, 8);
    if (errno == 0 && end == text.c_str() + text.size()) return std::int64_t{value};
    return Error("argument couldn't be parsed as an octal number");
  }
  if (const auto value = parse_integer(text)) return *value;
  return Error("argument couldn't be parsed into an integer");
}

}  // namespace

Result<bool> parse_yes_no(std::span<const Bytes> words) {
  if (auto counted = check_word_count(words); !counted) return std::move(counted).error();
  if (equals_ignoring_case(words[0], "yes")) return true;
  if (equals_ignoring_case(words[0], "no")) return false;
  return Error("argument must be 'yes' or 'no'");
}

Result<std::int64_t> parse_number(const ConfigRow& row, std::span<const Bytes> words) {
  if (auto counted = check_word_count(words); !counted) return std::move(counted).error();
  auto value = read_number(row, words[0]);
  if (!value) return value;
  if (row.percent && *value < 0) {
    if (*value >= row.min) return value;
    return Error(fmt::format("percentage argument must be less or equal to {}", -row.min));
  }
  if (row.max == kWholeRange || (*value >= row.min && *value <= row.max)) return value;
  if (row.kind == ConfigKind::kOctal) {
    return Error(fmt::format("argument must be between {:o} and {:o} inclusive", row.min, row.max));
  }
  return Error(fmt::format("argument must be between {} and {} inclusive", row.min, row.max));
}

Result<int> parse_choice(const ConfigRow& row, std::span<const Bytes> words) {
  const bool flags = row.has(kMultiWord);
  int value = 0;
  bool known = !words.empty() && (flags || words.size() == 1);
  for (const Bytes& word : words) {
    bool matched = false;
    for (const ConfigChoice& choice : row.choices) {
      if (!equals_ignoring_case(word, choice.name)) continue;
      value |= choice.value;
      matched = true;
    }
    known = known && matched;
  }
  if (known) return value;
  Bytes names;
  for (const ConfigChoice& choice : row.choices) {
    names.append(names.empty() ? "" : ", ").append(choice.name);
  }
  return Error("argument(s) must be one of the following: " + names);
}

Result<Bytes> parse_text(const ConfigRow& row, std::span<const Bytes> words) {
  if (auto counted = check_word_count(words); !counted) return std::move(counted).error();
  if (row.check) {
    if (const char* problem = row.check(words[0])) return Error(problem);
  }
  return words[0];
}

Bytes format_number(const ConfigRow& row, std::int64_t value) {
  if (row.percent && value < 0) return fmt::format("{}%", -value);
  if (row.kind == ConfigKind::kMemory) return fmt::format("{}", static_cast<std::uint64_t>(value));
  if (row.kind == ConfigKind::kOctal) return fmt::format("{:o}", value);
  return fmt::format("{}", value);
}

Bytes format_choice(const ConfigRow& row, int value) {
  Bytes names;
  int unnamed = value;
  for (const ConfigChoice& choice : row.choices) {
    if (choice.value == value) return choice.name;
    const bool set = choice.value != 0 && (unnamed & choice.value) == choice.value;
    if (!row.has(kMultiWord) || !set) continue;
    names.append(names.empty() ? "" : " ").append(choice.name);
    unnamed &= ~choice.value;
  }
  return names;
}

Bytes get_inert(const ConfigRow& row, const Config& config) {
  const auto found = config.inert.find(ByteView(row.name));
  return found == config.inert.end() ? row.initial : found->second;
}

Status set_inert(const ConfigRow& row, Config& config, std::span<const Bytes> words) {
  Bytes value;
  switch (row.kind) {
    case ConfigKind::kBool: {
      auto parsed = parse_yes_no(words);
      if (!parsed) return parsed.error();
      value = *parsed ? "yes" : "no";
      break;
    }
    case ConfigKind::kInteger:
    case ConfigKind::kMemory:
    case ConfigKind::kOctal: {
      auto parsed = parse_number(row, words);
      if (!parsed) return parsed.error();
      value = format_number(row, *parsed);
      break;
    }
    case ConfigKind::kEnum: {
      auto parsed = parse_choice(row, words);
      if (!parsed) return parsed.error();
      value = format_choice(row, *parsed);
      break;
    }
    default: {
      auto parsed = parse_text(row, words);
      if (!parsed) return parsed.error();
      value = *parsed;
    }
  }
  if (value == row.initial) {
    config.inert.erase(row.name);
  } else {
    config.inert.insert_or_assign(row.name, std::move(value));
  }
  return ok;
}

}  // namespace memoir::config_fields
