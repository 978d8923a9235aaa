// HRANDFIELD and HSCAN: some fields of a hash, by chance or step by step.
#include <limits>

#include "datatypes/hash/hash_reply.h"
#include "datatypes/hash/hash_rows.h"
#include "src/command/context.h"
#include "src/command/scan_arguments.h"

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
    // In parts, so as to end when the reply has become too long for the client.
    constexpr std::size_t kPart = 4096;
    for (std::size_t left = fields; left > 0 && !reply.unwanted();) {
      const std::size_t part = std::min(left, kPart);
      hash.sample(part, ctx.random(), write);
      left -= part;
    }
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

bool admits(const ScanArguments& arguments, const HashText& field) {
  char buffer[kIntegerCharsMax];
  return arguments.admits(field.text(buffer));
}

// HSCAN key cursor [MATCH pattern] [COUNT count] [NOVALUES]
Status hscan(Context& ctx, Args args, ReplyWriter& reply) {
  const ByteView key = args.next();
  ScanArguments arguments;
  arguments.read_cursor(args);
  if (args.failed()) return args.status();
  auto hash = ctx.db().read<Hash>(key);
  if (!hash) return hash.error();
  if (*hash) arguments.read_options(args, ScanArguments::Of::kHash);
  if (args.failed()) return args.status();

  const ReplyWriter::Mark start = reply.begin();
  std::size_t found = 0;
  std::uint64_t cursor = 0;
  if (*hash) {
    cursor = scan_some(arguments, found, [&](std::uint64_t from) {
      return (*hash)->scan(from, [&](const HashText& field, const HashText& value) {
        if (!admits(arguments, field)) return;
        reply_text(reply, field);
        if (!arguments.bare()) reply_text(reply, value);
        found += arguments.bare() ? 1 : 2;
      });
    });
  }
  end_scan(reply, start, cursor, found);
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
     .syntax = "key cursor [MATCH pattern] [COUNT count] [NOVALUES]",
     .summary = "Walks through the fields of a hash, some at each call.",
     .since = "2.8.0",
     .complexity = "O(1) for a call, O(N) for the whole walk over N fields",
     .tips = "nondeterministic_output"},
};

}  // namespace

std::span<const CommandSpec> hash_sample_commands() { return kRows; }

}  // namespace memoir
