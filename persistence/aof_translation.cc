#include "persistence/aof_translation.h"

#include <algorithm>
#include <cctype>

#include "persistence/rdb_downgrade.h"
#include "src/base/glob.h"
#include "src/base/log.h"
#include "src/base/number.h"

namespace memoir {
namespace {

constexpr std::size_t kNameBytesMax = 24;

// What Redis 7.0 does with these words is what Memoir did. Ascending.
constexpr ByteView kSame[] = {
    "append", "bitfield", "blmove", "blmpop", "blpop", "brpop", "brpoplpush", "bzmpop",
    "bzpopmax", "bzpopmin", "copy", "decr", "decrby", "del", "exec", "expire", "expireat",
    "flushall", "flushdb", "geoadd", "georadius", "georadiusbymember", "getdel", "getex", "getset",
    "hdel", "hincrby", "hincrbyfloat", "hmset", "hset", "hsetnx", "incr", "incrby", "incrbyfloat",
    "linsert", "lmove", "lmpop", "lpop", "lpush", "lpushx", "lrem", "lset", "ltrim", "move", "mset",
    "msetnx", "multi", "persist", "pexpire", "pexpireat", "pfadd", "pfcount", "pfdebug", "pfmerge",
    "psetex", "rename", "renamenx", "rpop", "rpoplpush", "rpush", "rpushx", "sadd", "sdiffstore",
    "select", "setbit", "setex", "setnx", "setrange", "sinterstore", "smove", "sort", "spop",
    "srem", "sunionstore", "swapdb", "unlink", "xack", "xautoclaim", "xclaim", "xdel", "xgroup",
    "xreadgroup", "xsetid", "zadd", "zdiffstore", "zincrby", "zinterstore", "zmpop", "zpopmax",
    "zpopmin", "zrangestore", "zrem", "zremrangebylex", "zremrangebyrank", "zremrangebyscore",
    "zunionstore"};
// AofTranslator knows what to do. Ascending.
constexpr ByteView kRewritten[] = {"bitop", "function", "geosearchstore", "hsetex", "restore",
                                   "restore-asking", "set", "xadd", "xdelex", "xtrim"};
// They set or remove the end of fields and members, and nothing else. Ascending.
constexpr ByteView kEnds[] = {
    "expiremember", "expirememberat", "hexpire", "hexpireat", "hgetex", "hpersist", "hpexpire",
    "hpexpireat", "persistmember", "pexpiremember", "pexpirememberat"};
// Never in the journal by their own names, only by what they did; or not to be told. Ascending.
constexpr ByteView kRefused[] = {"delex", "delifeq", "delprefix", "hgetdel", "migrate", "msetex",
                                 "xackdel"};
static_assert(std::ranges::is_sorted(kSame) && std::ranges::is_sorted(kRewritten) &&
              std::ranges::is_sorted(kEnds) && std::ranges::is_sorted(kRefused));

bool is_word(ByteView word, ByteView expected) { return equals_ignoring_case(word, expected); }

bool is_any_of(ByteView word, std::initializer_list<ByteView> expected) {
  return std::ranges::any_of(expected, [&](ByteView one) { return is_word(word, one); });
}

Error refused(std::span<const ByteView> words, ByteView why) {
  Bytes name(words[0]);
  std::ranges::transform(name, name.begin(), [](unsigned char c) { return std::toupper(c); });
  return {ErrorCode::kUnsupported, fmt::format("{}{}{} has no counterpart in Redis 7.0", name,
                                               why.empty() ? "" : " ", why)};
}

// The time of fields is left out: how many there are.
std::uint64_t count_of(std::span<const ByteView> words, std::size_t at) {
  return at < words.size() ? parse_unsigned(words[at]).value_or(1) : 1;
}

}  // namespace

void append_aof_request(Bytes& out, std::span<const ByteView> words) {
  fmt::format_to(std::back_inserter(out), "*{}\r\n", words.size());
  for (const ByteView word : words) {
    fmt::format_to(std::back_inserter(out), "${}\r\n", word.size());
    out.append(word).append("\r\n");
  }
}

AofForm aof_form_of(ByteView name) {
  if (std::ranges::binary_search(kSame, name)) return AofForm::kAsItIs;
  if (std::ranges::binary_search(kRewritten, name)) return AofForm::kTranslated;
  if (std::ranges::binary_search(kEnds, name)) return AofForm::kLeftOut;
  return std::ranges::binary_search(kRefused, name) ? AofForm::kRefused : AofForm::kUnknown;
}

Status AofTranslator::translate(std::span<const ByteView> words, Bytes& out) {
  char lower[kNameBytesMax];
  const std::size_t length = words[0].size();
  if (length > kNameBytesMax) return refused(words, "");
  std::ranges::transform(words[0], lower, [](unsigned char c) {
    return static_cast<char>(std::tolower(c));
  });
  const ByteView name(lower, length);
  switch (aof_form_of(name)) {
    case AofForm::kAsItIs:
      append_aof_request(out, words);
      return ok;
    case AofForm::kTranslated:
      return rewrite(name, words, out);
    case AofForm::kLeftOut:
      // "HPEXPIREAT key ms FIELDS n ...": what removes a time loses nothing.
      if (name == "hpexpireat") times_ += count_of(words, 4);
      if (name == "pexpirememberat") ++times_;
      return ok;
    default:
      return refused(words, "");
  }
}

Status AofTranslator::rewrite(ByteView name, std::span<const ByteView> words, Bytes& out) {
  rewritten_.clear();
  if (name == "set") {
    // Its conditions on values are journaled as what they led to.
    append_aof_request(out, words);
    return ok;
  }
  if (name == "hsetex") return set_fields(words, out);
  if (name == "restore" || name == "restore-asking") return restore(words, out);
  if (name == "function") return function(words, out);
  if (name == "xadd" || name == "xtrim") return without_references(words, out);
  if (name == "xdelex") return delete_entries(words, out);
  if (name == "bitop" && words.size() > 1 &&
      is_any_of(words[1], {"diff", "diff1", "andor", "one"})) {
    return refused(words, words[1]);
  }
  for (std::size_t i = 3; name == "geosearchstore" && i < words.size(); ++i) {
    if (is_word(words[i], "bypolygon") && !is_word(words[i - 1], "frommember")) {
      return refused(words, words[i]);
    }
  }
  append_aof_request(out, words);
  return ok;
}

// HSETEX key [options] FIELDS n field value ...: the condition held when it was journaled.
Status AofTranslator::set_fields(std::span<const ByteView> words, Bytes& out) {
  std::size_t at = 2;
  bool ends = false;
  for (; at < words.size() && !is_word(words[at], "fields"); ++at) {
    if (!is_any_of(words[at], {"ex", "px", "exat", "pxat"})) continue;
    ends = true;
    ++at;
  }
  if (at + 2 >= words.size()) return refused(words, "in this form");
  if (ends) times_ += count_of(words, at + 1);
  rewritten_ = {"HSET", words[1]};
  rewritten_.insert(rewritten_.end(), words.begin() + static_cast<std::ptrdiff_t>(at + 2),
                    words.end());
  append_aof_request(out, rewritten_);
  return ok;
}

Status AofTranslator::restore(std::span<const ByteView> words, Bytes& out) {
  if (words.size() < 4) return refused(words, "in this form");
  auto payload = downgrade_payload(words[3], times_);
  if (!payload) return refused(words, "with " + payload.peek_error().text());
  rewritten_.assign(words.begin(), words.end());
  rewritten_[0] = "RESTORE";
  rewritten_[3] = *payload;
  append_aof_request(out, rewritten_);
  return ok;
}

Status AofTranslator::function(std::span<const ByteView> words, Bytes& out) {
  if (words.size() < 3 || !is_word(words[1], "restore")) {
    append_aof_request(out, words);
    return ok;
  }
  auto payload = downgrade_functions(words[2]);
  if (!payload) return refused(words, "with " + payload.peek_error().text());
  rewritten_.assign(words.begin(), words.end());
  rewritten_[2] = *payload;
  append_aof_request(out, rewritten_);
  return ok;
}

// XADD key [options] id field value ..., XTRIM key options: without the word about references.
Status AofTranslator::without_references(std::span<const ByteView> words, Bytes& out) {
  rewritten_.assign(words.begin(), words.begin() + std::min<std::ptrdiff_t>(2, std::ssize(words)));
  std::size_t at = rewritten_.size();
  while (at < words.size()) {
    std::size_t length = 0;  // of the option that stands here
    if (is_any_of(words[at], {"delref", "acked"})) return refused(words, words[at]);
    if (is_word(words[at], "keepref")) {
      ++at;
      continue;
    }
    if (is_word(words[at], "nomkstream")) length = 1;
    if (is_word(words[at], "limit")) length = 2;
    if (is_any_of(words[at], {"maxlen", "minid"})) {
      const bool exactness = at + 1 < words.size() && is_any_of(words[at + 1], {"=", "~"});
      length = exactness ? 3 : 2;
    }
    if (length == 0) break;  // XADD's id
    for (; length > 0 && at < words.size(); --length) rewritten_.push_back(words[at++]);
  }
  rewritten_.insert(rewritten_.end(), words.begin() + static_cast<std::ptrdiff_t>(at), words.end());
  append_aof_request(out, rewritten_);
  return ok;
}

// XDELEX key [KEEPREF] IDS n id ...
Status AofTranslator::delete_entries(std::span<const ByteView> words, Bytes& out) {
  rewritten_ = {"XDEL"};
  if (words.size() > 1) rewritten_.push_back(words[1]);
  for (std::size_t i = 2; i < words.size(); ++i) {
    if (is_any_of(words[i], {"delref", "acked"})) return refused(words, words[i]);
    if (is_word(words[i], "keepref")) continue;
    if (is_word(words[i], "ids")) {
      ++i;
    } else {
      rewritten_.push_back(words[i]);
    }
  }
  append_aof_request(out, rewritten_);
  return ok;
}

}  // namespace memoir
