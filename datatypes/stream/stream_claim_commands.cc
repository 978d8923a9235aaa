// XCLAIM and XAUTOCLAIM: entries that were given to one consumer become another's.
//
// Both are journaled as XCLAIM with absolute times. Pending entries whose stream entry is gone are
// cleared on the way; the XCLAIM that tells of them clears them again.
#include <limits>
#include <vector>

#include "datatypes/stream/stream_arguments.h"
#include "datatypes/stream/stream_claims.h"
#include "datatypes/stream/stream_reply.h"
#include "datatypes/stream/stream_rows.h"
#include "src/base/c_text.h"

namespace memoir {
namespace {

// A stream to be changed and a group of it, or NOGROUP.
struct GroupEdit {
  Edit<Stream> stream;
  StreamGroup* group;
};

Result<GroupEdit> edit_group(Context& ctx, ByteView key, ByteView name) {
  auto stream = ctx.db().edit<Stream>(key);
  if (!stream) return stream.error();
  StreamGroup* const group = *stream ? (*stream)->find_group(name) : nullptr;
  if (!group) {
    return no_such_key_or_group(key, name);
  }
  stream->wake_nobody();
  return GroupEdit{std::move(*stream), group};
}

void reply_claimed(const Stream& stream, StreamId id, bool just_id, ReplyWriter& reply) {
  if (just_id) return reply_id(reply, id);
  StreamEntry entry;
  if (StreamReader(stream, id, id).next(entry)) reply_entry(reply, entry);
}

struct ClaimRequest {
  std::int64_t idle_ms = 0;
  std::vector<StreamId> ids;
  std::int64_t time_ms = 0;  // when the entries count as delivered
  std::int64_t count = -1;   // RETRYCOUNT; -1: one more than before
  bool force = false;
  bool just_id = false;
  StreamId last_id;
};

void read_claim_option(Context& ctx, Args& args, ClaimRequest& request) {
  if (args.take("force")) {
    request.force = true;
  } else if (args.take("justid")) {
    request.just_id = true;
  } else if (args.take("idle", 1)) {
    const std::int64_t idle = args.integer("ERR Invalid IDLE option argument for XCLAIM");
    // What does not fit becomes now below, as any nonsensical time.
    if (__builtin_sub_overflow(ctx.now_ms(), idle, &request.time_ms)) request.time_ms = -1;
  } else if (args.take("time", 1)) {
    request.time_ms = args.integer("ERR Invalid TIME option argument for XCLAIM");
  } else if (args.take("retrycount", 1)) {
    request.count = args.integer("ERR Invalid RETRYCOUNT option argument for XCLAIM");
  } else if (args.take("lastid", 1)) {
    request.last_id = take_stream_id(args);
  }
}

// min-idle-time id [id ...] [options]
Result<ClaimRequest> read_claim(Context& ctx, Args& args) {
  ClaimRequest request;
  request.time_ms = ctx.now_ms();
  const std::int64_t idle = args.integer("ERR Invalid min-idle-time argument for XCLAIM");
  request.idle_ms = idle > 0 ? idle : 0;
  while (args.more()) {
    const auto id = parse_stream_id(args.peek());
    if (!id) break;  // an option, perhaps
    request.ids.push_back(*id);
    args.skip();
  }
  while (args.more() && !args.failed()) {
    const std::size_t left = args.left();
    const ByteView option = args.peek();
    read_claim_option(ctx, args, request);
    if (args.left() == left && !args.failed()) {
      return Error("ERR Unrecognized XCLAIM option '" + Bytes(c_text(option)) + "'");
    }
  }
  if (args.failed()) return args.status().error();
  if (request.time_ms < 0 || request.time_ms > ctx.now_ms()) request.time_ms = ctx.now_ms();
  return request;
}

class Claiming {
 public:
  Claiming(Context& ctx, ByteView key, GroupEdit& edit, StreamConsumer& consumer)
      : ctx_(ctx), edit_(edit), consumer_(consumer), claims_(ctx, key, *edit.group, consumer) {}

  // Forgets that an entry is pending which is in the stream no more.
  void clear(StreamId id, const StreamDelivery& delivery) {
    claims_.add(id, delivery.time_ms, delivery.count);
    edit_.group->acknowledge(id);
    edit_.stream.mark_changed(nullptr);
  }
  void claim(StreamId id, std::int64_t time_ms, std::uint64_t count) {
    edit_.group->deliver(id, consumer_, time_ms, count);
    claims_.add(id, time_ms, count);
    edit_.stream.mark_changed(nullptr);
    active_ = true;
  }
  // Whether anything was journaled.
  bool finish() {
    if (active_) consumer_.active_ms = ctx_.now_ms();
    claims_.flush();
    return claims_.any();
  }

 private:
  Context& ctx_;
  GroupEdit& edit_;
  StreamConsumer& consumer_;
  StreamClaims claims_;
  bool active_{false};
};

// A consumer's entries that it asked for again are journaled without FORCE: that is no activity.
bool is_reread(Context& ctx, const ClaimRequest& request) {
  return ctx.replaying() && !request.force;
}

// Claims one entry if it may be; true if it was.
bool claim_one(Context& ctx, const ClaimRequest& request, StreamId id, GroupEdit& edit,
               Claiming& claiming) {
  const StreamDelivery* const known = edit.group->find_delivery(id);
  if (!edit.stream->contains(id)) {
    if (known) claiming.clear(id, *known);
    return false;
  }
  if (!known && !request.force) return false;
  if (known && request.idle_ms != 0 && ctx.now_ms() - known->time_ms < request.idle_ms) {
    return false;
  }
  std::uint64_t count = known ? known->count : 1;
  if (request.count >= 0) count = static_cast<std::uint64_t>(request.count);
  else if (!request.just_id) ++count;
  claiming.claim(id, request.time_ms, count);
  return true;
}

// XCLAIM key group consumer min-idle-time id [id ...] [IDLE ms] [TIME unix-time-milliseconds]
//        [RETRYCOUNT count] [FORCE] [JUSTID] [LASTID lastid]
// Replies the entries that are now the consumer's.
Status xclaim(Context& ctx, Args args, ReplyWriter& reply) {
  const ByteView key = args.next();
  auto edit = edit_group(ctx, key, args.next());
  if (!edit) return edit.error();
  StreamGroup& group = *edit->group;
  const ByteView name = args.next();
  auto request = read_claim(ctx, args);
  if (!request) return request.error();
  const bool moved = request->last_id > group.last_id;
  if (moved) group.last_id = request->last_id;
  StreamConsumer& consumer = consumer_of(ctx, edit->stream, key, group, name);
  consumer.seen_ms = ctx.now_ms();
  const std::int64_t active_ms = consumer.active_ms;
  Claiming claiming(ctx, key, *edit, consumer);
  const ReplyWriter::Mark mark = reply.begin();
  std::size_t claimed = 0;
  for (const StreamId id : request->ids) {
    if (!claim_one(ctx, *request, id, *edit, claiming)) continue;
    reply_claimed(*edit->stream, id, request->just_id, reply);
    ++claimed;
  }
  reply.end_array(mark, claimed);
  if (!claiming.finish() && moved) {
    journal_group_position(ctx, key, group);
    edit->stream.mark_changed(nullptr);
  }
  if (is_reread(ctx, *request)) consumer.active_ms = active_ms;
  return ok;
}

struct AutoClaimRequest {
  std::int64_t idle_ms = 0;
  StreamId start;
  std::int64_t count = 100;
  bool just_id = false;
};

// For so many entries replied, so many are looked at.
constexpr std::int64_t kAttempts = 10;

// min-idle-time start [COUNT count] [JUSTID]
AutoClaimRequest read_auto_claim(Args& args) {
  constexpr std::int64_t kCountMax =
      std::numeric_limits<std::int64_t>::max() / static_cast<std::int64_t>(sizeof(StreamId));
  AutoClaimRequest request;
  const std::int64_t idle = args.integer("ERR Invalid min-idle-time argument for XAUTOCLAIM");
  request.idle_ms = idle > 0 ? idle : 0;
  request.start = take_interval_start(args);
  while (args.more() && !args.failed()) {
    if (args.take("count", 1)) {
      request.count = args.integer_between(1, kCountMax, "ERR COUNT must be > 0");
    } else if (args.take("justid")) {
      request.just_id = true;
    } else {
      args.fail(kSyntaxError);
    }
  }
  return request;
}

// What a walk over a group's pending entries came to.
struct AutoClaimed {
  std::vector<StreamId> claimed;
  std::vector<StreamId> cleared;  // no longer in the stream
  StreamId next;                  // where to go on; 0-0: at the end
};

AutoClaimed claim_idle(Context& ctx, const AutoClaimRequest& request, GroupEdit& edit,
                       Claiming& claiming) {
  AutoClaimed done;
  const StreamGroup::Pending& pending = edit.group->pending();
  std::int64_t attempts = request.count * kAttempts;
  std::int64_t count = request.count;
  auto at = pending.lower_bound(request.start);
  for (; at && attempts > 0 && count > 0; --attempts) {
    const StreamId id = at.key();
    const StreamDelivery& delivery = at.value();
    if (!edit.stream->contains(id)) {
      claiming.clear(id, delivery);
      done.cleared.push_back(id);
      at = pending.lower_bound(id);
      --count;
      continue;
    }
    if (request.idle_ms == 0 || ctx.now_ms() - delivery.time_ms >= request.idle_ms) {
      claiming.claim(id, ctx.now_ms(), delivery.count + (request.just_id ? 0 : 1));
      done.claimed.push_back(id);
      --count;
    }
    at = pending.next(at);
  }
  if (at) done.next = at.key();
  return done;
}

// XAUTOCLAIM key group consumer min-idle-time start [COUNT count] [JUSTID]
// Replies where to go on, the entries that are now the consumer's, and the ids of those that are
// in the stream no more.
Status xautoclaim(Context& ctx, Args args, ReplyWriter& reply) {
  const ByteView key = args.next();
  const ByteView group = args.next();
  const ByteView name = args.next();
  const AutoClaimRequest request = read_auto_claim(args);
  if (args.failed()) return args.status();
  auto edit = edit_group(ctx, key, group);
  if (!edit) return edit.error();
  StreamConsumer& consumer = consumer_of(ctx, edit->stream, key, *edit->group, name);
  consumer.seen_ms = ctx.now_ms();
  Claiming claiming(ctx, key, *edit, consumer);
  const AutoClaimed done = claim_idle(ctx, request, *edit, claiming);
  claiming.finish();
  reply.array(3);
  reply_id(reply, done.next);
  reply.array(done.claimed.size());
  for (const StreamId id : done.claimed) {
    reply_claimed(*edit->stream, id, request.just_id, reply);
  }
  reply.array(done.cleared.size());
  for (const StreamId id : done.cleared) reply_id(reply, id);
  return ok;
}

constexpr CommandSpec kRows[] = {
    {.name = "xclaim",
     .arity = at_least(6),
     .keys = first_is_key(kKeyRW | kKeyUpdate),
     .access = Access::kWrite,
     .flags = kFast,
     .journal = JournalForm::kEffects,
     .run = xclaim,
     .group = Group::kStream,
     .syntax = "key group consumer min-idle-time id [id ...] [IDLE ms:integer] "
               "[TIME unix-time-milliseconds] [RETRYCOUNT count] [FORCE] [JUSTID] [LASTID lastid]",
     .summary = "Gives entries that are pending with one consumer to another.",
     .since = "5.0.0",
     .complexity = "O(log N) with N being the number of messages in the PEL of the consumer "
                   "group.",
     .tips = "nondeterministic_output"},
    {.name = "xautoclaim",
     .arity = at_least(6),
     .keys = first_is_key(kKeyRW | kKeyDelete),
     .access = Access::kWrite,
     .flags = kFast,
     .journal = JournalForm::kEffects,
     .run = xautoclaim,
     .group = Group::kStream,
     .syntax = "key group consumer min-idle-time start [COUNT count] [JUSTID]",
     .summary = "Gives entries that have been pending for long to a consumer.",
     .since = "6.2.0",
     .complexity = "O(1) if COUNT is small.",
     .tips = "nondeterministic_output"},
};

}  // namespace

std::span<const CommandSpec> stream_claim_commands() { return kRows; }

}  // namespace memoir
