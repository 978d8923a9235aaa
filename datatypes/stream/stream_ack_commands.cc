// Commands that end an entry's way: XACK, XACKDEL and XDELEX.
#include <vector>

#include "datatypes/stream/stream_arguments.h"
#include "datatypes/stream/stream_rows.h"

namespace memoir {
namespace {

// XACK key group id [id ...]
// Replies how many were pending.
Status xack(Context& ctx, Args args, ReplyWriter& reply) {
  auto stream = ctx.db().edit<Stream>(args.next());
  if (!stream) return stream.error();
  StreamGroup* const group = *stream ? (*stream)->find_group(args.next()) : nullptr;
  if (!group) {
    reply.integer(0);
    return ok;
  }
  const std::vector<StreamId> ids = take_stream_ids(args);
  if (args.failed()) return args.status();
  std::uint64_t acknowledged = 0;
  for (const StreamId id : ids) acknowledged += group->acknowledge(id) ? 1 : 0;
  if (acknowledged > 0) {
    stream->mark_changed(nullptr, acknowledged);
    stream->wake_nobody();
  }
  reply.integer(static_cast<std::int64_t>(acknowledged));
  return ok;
}

struct DeleteRequest {
  StreamReferences references = StreamReferences::kKeep;
  std::vector<StreamId> ids;
};

// IDS numids id [id ...], behind the word IDS.
void read_ids(Args& args, std::vector<StreamId>& ids) {
  const auto count = parse_integer(args.next());
  if (!count || *count <= 0) return args.fail("ERR Number of IDs must be a positive integer");
  if (static_cast<std::uint64_t>(*count) > args.left()) {
    return args.fail("ERR The `numids` parameter must match the number of arguments");
  }
  const auto wanted = static_cast<std::size_t>(*count);
  ids.reserve(wanted);
  while (ids.size() < wanted && !args.failed()) ids.push_back(take_stream_id(args));
}

// [KEEPREF | DELREF | ACKED] IDS numids id [id ...], in either order.
DeleteRequest read_delete_request(Args& args) {
  DeleteRequest request;
  bool chosen = false;
  while (args.more() && !args.failed()) {
    const auto references = references_of(args.peek());
    if (references && !chosen) {
      request.references = *references;
      chosen = true;
      args.skip();
    } else if (request.ids.empty() && args.take("ids", 1)) {
      read_ids(args, request.ids);
    } else {
      args.fail(kSyntaxError);
    }
  }
  if (request.ids.empty()) args.fail(kSyntaxError);
  return request;
}

// What is replied for an id.
enum Fate : std::int64_t { kNotFound = -1, kDeleted = 1, kStillReferenced = 2 };

void reply_not_found(std::size_t count, ReplyWriter& reply) {
  reply.array(count);
  for (std::size_t i = 0; i < count; ++i) reply.integer(kNotFound);
}

// Settles what several deletions changed.
void settle_deleted(Edit<Stream>& stream, std::uint64_t deleted, std::uint64_t changed) {
  if (changed == 0) return;
  if (deleted > 0) stream->settle_first();
  stream.mark_changed(deleted > 0 ? "xdel" : nullptr, changed);
  stream.wake_nobody();
}

// XDELEX key [KEEPREF | DELREF | ACKED] IDS numids id [id ...]
// Replies for each id: 1 deleted, 2 kept since a group still needs it, -1 no such entry.
Status xdelex(Context& ctx, Args args, ReplyWriter& reply) {
  const ByteView key = args.next();
  const DeleteRequest request = read_delete_request(args);
  if (args.failed()) return args.status();
  auto stream = ctx.db().edit<Stream>(key);
  if (!stream) return stream.error();
  if (!*stream) {
    reply_not_found(request.ids.size(), reply);
    return ok;
  }
  std::uint64_t deleted = 0;
  std::uint64_t changed = 0;
  reply.array(request.ids.size());
  for (const StreamId id : request.ids) {
    Fate fate = kNotFound;
    if (request.references == StreamReferences::kAcked && (*stream)->contains(id) &&
        (*stream)->is_referenced(id)) {
      fate = kStillReferenced;
    } else if ((*stream)->erase(id)) {
      fate = kDeleted;
      ++deleted;
    }
    const bool dropped =
        request.references == StreamReferences::kDrop && (*stream)->drop_references(id);
    if (fate == kDeleted || dropped) ++changed;
    reply.integer(fate);
  }
  settle_deleted(*stream, deleted, changed);
  return ok;
}

// XACKDEL key group [KEEPREF | DELREF | ACKED] IDS numids id [id ...]
// Replies for each id: 1 acknowledged and deleted, 2 acknowledged only, since another group still
// needs it, -1 not pending.
Status xackdel(Context& ctx, Args args, ReplyWriter& reply) {
  const ByteView key = args.next();
  const ByteView name = args.next();
  const DeleteRequest request = read_delete_request(args);
  if (args.failed()) return args.status();
  auto stream = ctx.db().edit<Stream>(key);
  if (!stream) return stream.error();
  StreamGroup* const group = *stream ? (*stream)->find_group(name) : nullptr;
  if (!group) {
    reply_not_found(request.ids.size(), reply);
    return ok;
  }
  std::uint64_t deleted = 0;
  std::uint64_t changed = 0;
  reply.array(request.ids.size());
  for (const StreamId id : request.ids) {
    Fate fate = kNotFound;
    if (group->acknowledge(id)) {
      ++changed;
      fate = kDeleted;
      if (request.references == StreamReferences::kDrop) (*stream)->drop_references(id);
      if (request.references == StreamReferences::kAcked && (*stream)->is_referenced(id)) {
        fate = kStillReferenced;
      } else if ((*stream)->erase(id)) {
        ++deleted;
      }
    }
    reply.integer(fate);
  }
  settle_deleted(*stream, deleted, changed);
  return ok;
}

constexpr CommandSpec kRows[] = {
    {.name = "xack",
     .arity = at_least(4),
     .keys = first_is_key(kKeyRW | kKeyUpdate),
     .access = Access::kWrite,
     .flags = kFast,
     .journal = JournalForm::kVerbatim,
     .run = xack,
     .group = Group::kStream,
     .syntax = "key group id [id ...]",
     .summary = "Acknowledges entries that were given to consumers of a group.",
     .since = "5.0.0",
     .complexity = "O(1) for each message ID processed."},
    {.name = "xackdel",
     .arity = at_least(6),
     .keys = first_is_key(kKeyRW | kKeyDelete),
     .access = Access::kWrite,
     .flags = kFast,
     .journal = JournalForm::kVerbatim,
     .run = xackdel,
     .group = Group::kStream,
     .syntax = "key group [KEEPREF | DELREF | ACKED] IDS numids id [id ...]",
     .summary = "Acknowledges entries and deletes them, if wished only once nobody needs them.",
     .since = "8.2.0",
     .complexity = "O(1) for each entry ID processed."},
    {.name = "xdelex",
     .arity = at_least(5),
     .keys = first_is_key(kKeyRW | kKeyDelete),
     .access = Access::kWrite,
     .flags = kFast,
     .journal = JournalForm::kVerbatim,
     .run = xdelex,
     .group = Group::kStream,
     .syntax = "key [KEEPREF | DELREF | ACKED] IDS numids id [id ...]",
     .summary = "Deletes entries and says what becomes of groups that still refer to them.",
     .since = "8.2.0",
     .complexity = "O(1) for each single item to delete in the stream, regardless of the stream "
                   "size."},
};

}  // namespace

std::span<const CommandSpec> stream_ack_commands() { return kRows; }

}  // namespace memoir
