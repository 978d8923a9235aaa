// HRANDFIELD and HSCAN: some fields of a hash, by chance or step by step.
#include <limits>
#include <utility>
#include <vector>

#include "datatypes/hash/hash_reply.h"
#include "datatypes/hash/hash_rows.h"
#include "src/command/context.h"

namespace memoir {
namespace {

constexpr std::int64_t kMost = std::numeric_limits<std::int64_t>::max();

// A count that says how many: positive for different fields, negative for draws with repetition.
struct SampleRequest {
  std::int64_t count = 0;
  bool with_values = false;

  static SampleRequest parse(Args& args) {
    SampleRequest request;
    const bool is_integer = parse_integer(args.peek()).has_value();
    request.count = args.integer_between(
        -kMost, kMost,
        is_integer ? "ERR value is out of range, value must between -9223372036854775807 and "
                     "9223372036854775807"
                   : kNotInteger);
    if (!args.more()) return request;
    request.with_values = args.take("WITHVALUES");
    if (!request.with_values || args.more()) args.fail(kSyntaxError);
    if (request.count < -(kMost / 2) || request.count > kMost / 2) {
      args.fail("ERR value is out of range");
    }
    return request;
  }
  bool distinct() const { return count >= 0; }
  std::size_t draws() const { return static_cast<std::size_t>(count < 0 ? -count : count); }
};

void reply_samples(Context& ctx, const Hash& hash, const SampleRequest& request,
                   ReplyWriter& reply) {
  const std::size_t fields =
      request.distinct() ? std::min(request.draws(), hash.size()) : request.draws();
  const bool nested = request.with_values && reply.version() == Resp::kV3;
  reply.array(request.with_values && !nested ? fields * 2 : fields);
  const auto write = [&](const HashText& field, const HashText& value) {
    if (nested) reply.array(2);
    reply_text(reply, field);
    if (request.with_values) reply_text(reply, value);
  };
  if (request.distinct()) {
    hash.sample_distinct(fields, ctx.random(), write);
  } else {
    hash.sample(fields, ctx.random(), write);
  }
}

// HRANDFIELD key [count [WITHVALUES]]
Status hrandfield(Context& ctx, Args args, ReplyWriter& reply) {
  const ByteView key = args.next();
  if (!args.more()) {
    auto hash = ctx.db().read<Hash>(key);
    if (!hash) return hash.error();
    if (!*hash) {
      reply.null();
      return ok;
    }
    (*hash)->sample(1, ctx.random(), [&](const HashText& field, const HashText&) {
      reply_text(reply, field);
    });
    return ok;
  }
  const SampleRequest request = SampleRequest::parse(args);
  if (args.failed()) return args.status();
  auto hash = ctx.db().read<Hash>(key);
  if (!hash) return hash.error();
  if (*hash) {
    reply_samples(ctx, **hash, request, reply);
  } else {
    reply.empty_array();
  }
  return ok;
}

// A cursor as Redis reads it, with strtoul: an empty one is 0, a sign is allowed.
std::uint64_t take_cursor(Args& args) {
  ByteView text = args.next();
  if (text.empty()) return 0;
  const bool negative = text.front() == '-';
  if (negative || text.front() == '+') text.remove_prefix(1);
  while (text.size() > 1 && text.front() == '0') text.remove_prefix(1);
  const auto value = parse_unsigned(text);
  if (!value) args.fail("ERR invalid cursor");
  return negative ? 0 - value.value_or(0) : value.value_or(0);
}

struct ScanOptions {
  std::uint64_t count = 10;
  ByteView pattern;
  bool filters = false;

  static ScanOptions parse(Args& args) {
    ScanOptions options;
    while (args.more() && !args.failed()) {
      if (args.take("COUNT", 1)) {
        const std::int64_t count = args.integer();
        if (count < 1) args.fail(kSyntaxError);
        options.count = static_cast<std::uint64_t>(count);
      } else if (args.take("MATCH", 1)) {
        options.pattern = args.next();
        options.filters = options.pattern != "*";
      } else {
        args.fail(kSyntaxError);
      }
    }
    return options;
  }
  bool admit(const HashText& field) const {
    if (!filters) return true;
    char buffer[kIntegerCharsMax];
    return glob_match(pattern, field.text(buffer));
  }
};

using FieldsFound = std::vector<std::pair<HashText, HashText>>;

// Steps on from `cursor` until enough is found, the end comes, or ten steps a wanted field were
// made; returns the next cursor.
std::uint64_t scan_from(const Hash& hash, std::uint64_t cursor, const ScanOptions& options,
                        FieldsFound& found) {
  std::uint64_t steps = 0;
  do {
    cursor = hash.scan(cursor, [&](const HashText& field, const HashText& value) {
      if (options.admit(field)) found.emplace_back(field, value);
    });
  } while (cursor != 0 && found.size() < options.count && ++steps / 10 < options.count);
  return cursor;
}

// HSCAN key cursor [MATCH pattern] [COUNT count]
Status hscan(Context& ctx, Args args, ReplyWriter& reply) {
  const ByteView key = args.next();
  std::uint64_t cursor = take_cursor(args);
  if (args.failed()) return args.status();
  auto hash = ctx.db().read<Hash>(key);
  if (!hash) return hash.error();
  FieldsFound found;
  if (*hash) {
    const ScanOptions options = ScanOptions::parse(args);
    if (args.failed()) return args.status();
    cursor = scan_from(**hash, cursor, options, found);
  } else {
    cursor = 0;
  }
  char digits[kIntegerCharsMax];
  reply.array(2);
  reply.bulk(ByteView(digits, format_unsigned(cursor, digits)));
  reply.array(found.size() * 2);
  for (const auto& [field, value] : found) {
    reply_text(reply, field);
    reply_text(reply, value);
  }
  return ok;
}

constexpr CommandSpec kRows[] = {
    {.name = "hrandfield",
     .arity = at_least(2),
     .keys = first_is_key(kKeyRO | kKeyAccess),
     .access = Access::kRead,
     .run = hrandfield,
     .group = Group::kHash,
     .syntax = "key [count [WITHVALUES]]",
     .summary = "Returns fields of a hash drawn at random.",
     .since = "6.2.0",
     .complexity = "O(N) for N fields returned",
     .tips = "nondeterministic_output"},
    {.name = "hscan",
     .arity = at_least(3),
     .keys = first_is_key(kKeyRO | kKeyAccess),
     .access = Access::kRead,
     .run = hscan,
     .group = Group::kHash,
     .syntax = "key cursor [MATCH pattern] [COUNT count]",
     .summary = "Walks through the fields of a hash, some at each call.",
     .since = "2.8.0",
     .complexity = "O(1) for a call, O(N) for the whole walk over N fields",
     .tips = "nondeterministic_output"},
};

}  // namespace

std::span<const CommandSpec> hash_sample_commands() { return kRows; }

}  // namespace memoir
