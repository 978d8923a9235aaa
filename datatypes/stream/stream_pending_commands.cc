// XPENDING: what a group's consumers have been given and not acknowledged yet.
#include "datatypes/stream/stream_arguments.h"
#include "datatypes/stream/stream_reply.h"
#include "datatypes/stream/stream_rows.h"

namespace memoir {
namespace {

// How many are pending, the first and last id, and how many with which consumer.
void reply_summary(const StreamGroup& group, ReplyWriter& reply) {
  const StreamGroup::Pending& pending = group.pending();
  reply.array(4);
  reply.integer(static_cast<std::int64_t>(pending.size()));
  if (pending.empty()) {
    reply.null();
    reply.null();
    reply.null_array();
    return;
  }
  reply_id(reply, pending.first().key());
  reply_id(reply, pending.last().key());
  const ReplyWriter::Mark mark = reply.begin();
  std::size_t consumers = 0;
  for (const auto& consumer : group.consumers()) {
    if (consumer->pending.empty()) continue;
    reply.array(2);
    reply.bulk(ByteView(consumer->name));
    reply.bulk_integer(static_cast<std::int64_t>(consumer->pending.size()));
    ++consumers;
  }
  reply.end_array(mark, consumers);
}

struct PendingRange {
  std::int64_t idle_ms = 0;
  StreamId first;
  StreamId last;
  std::int64_t count = 0;
  const Word* consumer = nullptr;
};

// [IDLE min-idle-time] start end count [consumer]
PendingRange read_range(Args& args) {
  PendingRange range;
  if (equals_ignoring_case(args.peek(), "idle")) {
    args.skip();
    range.idle_ms = args.integer();
    if (!args.failed() && args.left() < 3) args.fail(kSyntaxError);
  }
  // Redis reads the count first, and says so if it is wrong.
  Args count = args;
  count.skip(2);
  range.count = count.integer();
  if (count.failed() && !args.failed()) args.fail(kNotInteger);
  range.first = take_interval_start(args);
  range.last = take_interval_end(args);
  args.skip();
  if (args.more()) range.consumer = &args.next_word();
  return range;
}

void reply_pending(StreamId id, const StreamDelivery& delivery, std::int64_t now_ms,
                   ReplyWriter& reply) {
  const std::int64_t idle_ms = now_ms - delivery.time_ms;
  reply.array(4);
  reply_id(reply, id);
  reply.bulk(ByteView(delivery.consumer->name));
  reply.integer(idle_ms > 0 ? idle_ms : 0);
  reply.integer(static_cast<std::int64_t>(delivery.count));
}

// The pending entries of a group, or of one of its consumers, within a range.
template <class Pending, class Find>
void reply_range(const Pending& pending, const PendingRange& range, std::int64_t now_ms,
                 ReplyWriter& reply, Find&& delivery_at) {
  const ReplyWriter::Mark mark = reply.begin();
  std::int64_t replied = 0;
  for (auto at = pending.lower_bound(range.first); at && replied < range.count;
       at = pending.next(at)) {
    if (at.key() > range.last) break;
    const StreamDelivery& delivery = delivery_at(at);
    if (range.idle_ms != 0 && now_ms - delivery.time_ms < range.idle_ms) continue;
    reply_pending(at.key(), delivery, now_ms, reply);
    ++replied;
  }
  reply.end_array(mark, static_cast<std::size_t>(replied));
}

// XPENDING key group [[IDLE min-idle-time] start end count [consumer]]
Status xpending(Context& ctx, Args args, ReplyWriter& reply) {
  constexpr std::size_t kSummaryWords = 3;
  const std::size_t words = ctx.words().size();
  if (words != kSummaryWords && (words < 6 || words > 9)) return Error(kSyntaxError);
  const ByteView key = args.next();
  const ByteView name = args.next();
  const PendingRange range = words == kSummaryWords ? PendingRange() : read_range(args);
  if (args.failed()) return args.status();
  auto stream = ctx.db().read<Stream>(key);
  if (!stream) return stream.error();
  const StreamGroup* const group = *stream ? (*stream)->find_group(name) : nullptr;
  if (!group) {
    return no_such_key_or_group(key, name);
  }
  if (words == kSummaryWords) {
    reply_summary(*group, reply);
    return ok;
  }
  if (!range.consumer) {
    reply_range(group->pending(), range, ctx.now_ms(), reply,
                [](const auto& at) -> const StreamDelivery& { return at.value(); });
    return ok;
  }
  const StreamConsumer* const consumer = group->find_consumer(range.consumer->text);
  if (!consumer) {
    reply.empty_array();
    return ok;
  }
  reply_range(consumer->pending, range, ctx.now_ms(), reply,
              [&](const auto& at) -> const StreamDelivery& {
                return *group->find_delivery(at.key());
              });
  return ok;
}

constexpr CommandSpec kRows[] = {
    {.name = "xpending",
     .arity = at_least(3),
     .keys = first_is_key(kKeyRO | kKeyAccess),
     .access = Access::kRead,
     .run = xpending,
     .group = Group::kStream,
     .syntax = "key group [[IDLE min-idle-time:integer] start end count [consumer]]",
     .summary = "Replies which entries a group's consumers have not acknowledged yet.",
     .since = "5.0.0",
     .complexity = "O(N) with N being the number of elements returned, so asking for a small "
                   "fixed number of entries per call is O(1). O(M), where M is the total number "
                   "of entries scanned when used with the IDLE filter. When the command returns "
                   "just the summary and the list of consumers is small, it runs in O(1) time; "
                   "otherwise, an additional O(N) time for iterating every consumer.",
     .tips = "nondeterministic_output"},
};

}  // namespace

std::span<const CommandSpec> stream_pending_commands() { return kRows; }

}  // namespace memoir
