// XRANGE and XREVRANGE.
#include "datatypes/stream/stream_arguments.h"
#include "datatypes/stream/stream_reply.h"
#include "datatypes/stream/stream_rows.h"

namespace memoir {
namespace {

// The number behind COUNT, or nothing; negative is 0.
std::optional<std::size_t> read_count(Args& args) {
  std::optional<std::size_t> count;
  while (args.more() && !args.failed()) {
    if (!args.take("count", 1)) {
      args.fail(kSyntaxError);
      break;
    }
    const std::int64_t given = args.integer();
    count = given > 0 ? static_cast<std::size_t>(given) : 0;
  }
  return count;
}

Status reply_range(Context& ctx, Args args, ReplyWriter& reply, StreamReader::Order order) {
  const ByteView key = args.next();
  // As in Redis, a bad start is told of before a bad end, whichever stands first.
  Args ends = args;
  if (order == StreamReader::Order::kBackward) ends.skip();
  const StreamId first = take_interval_start(ends);
  if (ends.failed()) return ends.status();
  ends = args;
  if (order == StreamReader::Order::kForward) ends.skip();
  const StreamId last = take_interval_end(ends);
  if (ends.failed()) return ends.status();
  args.skip(2);
  const auto count = read_count(args);
  if (args.failed()) return args.status();
  auto stream = ctx.db().read<Stream>(key);
  if (!stream) return stream.error();
  if (!*stream) {
    reply.empty_array();
  } else if (count == std::size_t{0}) {
    reply.null_array();
  } else {
    reply_entries(reply, StreamReader(**stream, first, last, order), count.value_or(0));
  }
  return ok;
}

// XRANGE key start end [COUNT count]
Status xrange(Context& ctx, Args args, ReplyWriter& reply) {
  return reply_range(ctx, args, reply, StreamReader::Order::kForward);
}

// XREVRANGE key end start [COUNT count]
Status xrevrange(Context& ctx, Args args, ReplyWriter& reply) {
  return reply_range(ctx, args, reply, StreamReader::Order::kBackward);
}

constexpr CommandSpec kRows[] = {
    {.name = "xrange",
     .arity = at_least(4),
     .keys = first_is_key(kKeyRO | kKeyAccess),
     .access = Access::kRead,
     .run = xrange,
     .group = Group::kStream,
     .syntax = "key start end [COUNT count]",
     .summary = "Replies the entries of a stream within a range of ids.",
     .since = "5.0.0",
     .complexity = "O(N) with N being the number of elements being returned. If N is constant "
                   "(e.g. always asking for the first 10 elements with COUNT), you can consider "
                   "it O(1)."},
    {.name = "xrevrange",
     .arity = at_least(4),
     .keys = first_is_key(kKeyRO | kKeyAccess),
     .access = Access::kRead,
     .run = xrevrange,
     .group = Group::kStream,
     .syntax = "key end start [COUNT count]",
     .summary = "Replies the entries of a stream within a range of ids, the last one first.",
     .since = "5.0.0",
     .complexity = "O(N) with N being the number of elements returned. If N is constant (e.g. "
                   "always asking for the first 10 elements with COUNT), you can consider it "
                   "O(1)."},
};

}  // namespace

std::span<const CommandSpec> stream_range_commands() { return kRows; }

}  // namespace memoir
