// XINFO: what a stream, its groups and their consumers are like.
#include <iterator>

#include "datatypes/stream/stream_arguments.h"
#include "datatypes/stream/stream_reply.h"
#include "datatypes/stream/stream_rows.h"
#include "src/base/c_text.h"

namespace memoir {
namespace {

// Fields of a map.
class Fields {
 public:
  explicit Fields(ReplyWriter& reply) : reply_(reply) {}
  ReplyWriter& name(const char* name) {
    reply_.bulk(ByteView(name));
    return reply_;
  }
  void count(const char* field, std::size_t value) {
    name(field).integer(static_cast<std::int64_t>(value));
  }
  void time(const char* field, std::int64_t value) { name(field).integer(value); }
  void text(const char* field, ByteView value) { name(field).bulk(value); }
  void id(const char* field, StreamId value) { reply_id(name(field), value); }
  void known(const char* field, std::optional<std::int64_t> value) {
    name(field);
    if (value) reply_.integer(*value);
    else reply_.null();
  }

 private:
  ReplyWriter& reply_;
};

std::optional<std::int64_t> entries_read(const StreamGroup& group) {
  if (group.entries_read == StreamGroup::kUnknown) return std::nullopt;
  return group.entries_read;
}

Result<const Stream*> existing_stream(Context& ctx, ByteView key) {
  auto stream = ctx.db().read<Stream>(key);
  if (stream && !*stream) return Error("ERR no such key");
  return stream;
}

// --- XINFO STREAM --------------------------------------------------------------------------------

void reply_stream_fields(const Stream& stream, Fields& fields) {
  const Stream::Marks& marks = stream.marks();
  fields.count("length", stream.size());
  fields.count("radix-tree-keys", stream.nodes().size());
  fields.count("radix-tree-nodes", stream.radix_nodes());
  fields.id("last-generated-id", marks.last);
  fields.id("max-deleted-entry-id", marks.max_deleted);
  fields.count("entries-added", marks.added);
  fields.id("recorded-first-entry-id", marks.first);
}

void reply_edge(const Stream& stream, StreamReader::Order order, ReplyWriter& reply) {
  StreamEntry entry;
  StreamReader reader(stream, kStreamIdMin, kStreamIdMax, order);
  if (reader.next(entry)) reply_entry(reply, entry);
  else reply.null();
}

// The smaller of a number of things and how many are wanted (0: all).
std::size_t shown(std::size_t things, std::size_t wanted) {
  return wanted == 0 || things < wanted ? things : wanted;
}

void reply_full_consumer(const StreamGroup& group, const StreamConsumer& consumer,
                         std::size_t count, ReplyWriter& reply) {
  const StreamConsumer::Pending& own = consumer.pending;
  Fields fields(reply);
  reply.map(5);
  fields.text("name", consumer.name);
  fields.time("seen-time", consumer.seen_ms);
  fields.time("active-time", consumer.active_ms);
  fields.count("pel-count", own.size());
  std::size_t left = shown(own.size(), count);
  fields.name("pending").array(left);
  for (auto at = own.first(); left > 0; at = own.next(at), --left) {
    const StreamDelivery& delivery = *group.find_delivery(at.key());
    reply.array(3);
    reply_id(reply, at.key());
    reply.integer(delivery.time_ms);
    reply.integer(static_cast<std::int64_t>(delivery.count));
  }
}

void reply_full_group(const Stream& stream, const StreamGroup& group, std::size_t count,
                      ReplyWriter& reply) {
  const StreamGroup::Pending& pending = group.pending();
  Fields fields(reply);
  reply.map(7);
  fields.text("name", group.name);
  fields.id("last-delivered-id", group.last_id);
  fields.known("entries-read", entries_read(group));
  fields.known("lag", stream.lag(group));
  fields.count("pel-count", pending.size());
  std::size_t left = shown(pending.size(), count);
  fields.name("pending").array(left);
  for (auto at = pending.first(); left > 0; at = pending.next(at), --left) {
    const StreamDelivery& delivery = at.value();
    reply.array(4);
    reply_id(reply, at.key());
    reply.bulk(ByteView(delivery.consumer->name));
    reply.integer(delivery.time_ms);
    reply.integer(static_cast<std::int64_t>(delivery.count));
  }
  fields.name("consumers").array(group.consumers().size());
  for (const auto& consumer : group.consumers()) {
    reply_full_consumer(group, *consumer, count, reply);
  }
}

void reply_full_stream(const Stream& stream, std::size_t count, ReplyWriter& reply) {
  Fields fields(reply);
  reply.map(9);
  reply_stream_fields(stream, fields);
  fields.name("entries");
  reply_entries(reply, StreamReader(stream, kStreamIdMin, kStreamIdMax), count);
  fields.name("groups").array(stream.groups().size());
  for (const auto& group : stream.groups()) reply_full_group(stream, *group, count, reply);
}

void reply_stream(const Stream& stream, ReplyWriter& reply) {
  Fields fields(reply);
  reply.map(10);
  reply_stream_fields(stream, fields);
  fields.count("groups", stream.groups().size());
  fields.name("first-entry");
  reply_edge(stream, StreamReader::Order::kForward, reply);
  fields.name("last-entry");
  reply_edge(stream, StreamReader::Order::kBackward, reply);
}

// XINFO STREAM key [FULL [COUNT count]]
Status xinfo_stream(Context& ctx, Args args, ReplyWriter& reply) {
  constexpr std::int64_t kCount = 10;
  auto stream = existing_stream(ctx, args.next());
  if (!stream) return stream.error();
  if (!args.more()) {
    reply_stream(**stream, reply);
    return ok;
  }
  const bool full = args.take("full");
  const bool counted = args.left() == 2 && args.take("count");
  if (!full || (args.more() && !counted)) {
    return Error(CommandTable::arity_error(ctx.row(), ctx.words()));
  }
  std::int64_t count = counted ? args.integer() : kCount;
  if (args.failed()) return args.status();
  if (count < 0) count = kCount;
  reply_full_stream(**stream, static_cast<std::size_t>(count), reply);
  return ok;
}

// --- the others ----------------------------------------------------------------------------------

// XINFO GROUPS key
Status xinfo_groups(Context& ctx, Args args, ReplyWriter& reply) {
  auto stream = existing_stream(ctx, args.next());
  if (!stream) return stream.error();
  Fields fields(reply);
  reply.array((*stream)->groups().size());
  for (const auto& group : (*stream)->groups()) {
    reply.map(6);
    fields.text("name", group->name);
    fields.count("consumers", group->consumers().size());
    fields.count("pending", group->pending().size());
    fields.id("last-delivered-id", group->last_id);
    fields.known("entries-read", entries_read(*group));
    fields.known("lag", (*stream)->lag(*group));
  }
  return ok;
}

// XINFO CONSUMERS key group
Status xinfo_consumers(Context& ctx, Args args, ReplyWriter& reply) {
  const ByteView key = args.next();
  auto stream = existing_stream(ctx, key);
  if (!stream) return stream.error();
  const ByteView name = args.next();
  const StreamGroup* const group = (*stream)->find_group(name);
  if (!group) {
    return Error("NOGROUP No such consumer group '" + Bytes(c_text(name)) + "' for key name '" +
                 Bytes(c_text(key)) + "'");
  }
  Fields fields(reply);
  reply.array(group->consumers().size());
  for (const auto& consumer : group->consumers()) {
    const std::int64_t idle_ms = ctx.now_ms() - consumer->seen_ms;
    const bool ever = consumer->active_ms != -1;
    reply.map(4);
    fields.text("name", consumer->name);
    fields.count("pending", consumer->pending.size());
    fields.time("idle", idle_ms > 0 ? idle_ms : 0);
    fields.time("inactive", ever ? ctx.now_ms() - consumer->active_ms : -1);
  }
  return ok;
}

// XINFO HELP
Status xinfo_help(Context&, Args, ReplyWriter& reply) {
  static constexpr const char* kLines[] = {
      "XINFO <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
      "CONSUMERS <key> <groupname>",
      "    Reply what the consumers of <groupname> are like.",
      "GROUPS <key>",
      "    Reply what the groups of a stream are like.",
      "STREAM <key> [FULL [COUNT <count>]",
      "    Reply what a stream is like.",
      "HELP",
      "    Print this help."};
  reply.array(std::size(kLines));
  for (const char* line : kLines) reply.simple(line);
  return ok;
}

constexpr KeySpecs kSecondIsKey{key_range(2, 2, 1, kKeyRO | kKeyAccess)};

constexpr CommandSpec kSubcommands[] = {
    {.name = "consumers",
     .arity = exactly(4),
     .keys = kSecondIsKey,
     .access = Access::kRead,
     .run = xinfo_consumers,
     .group = Group::kStream,
     .syntax = "key group",
     .summary = "Replies what the consumers of a group are like.",
     .since = "5.0.0",
     .tips = "nondeterministic_output"},
    {.name = "groups",
     .arity = exactly(3),
     .keys = kSecondIsKey,
     .access = Access::kRead,
     .run = xinfo_groups,
     .group = Group::kStream,
     .syntax = "key",
     .summary = "Replies what the groups of a stream are like.",
     .since = "5.0.0"},
    {.name = "help",
     .arity = exactly(2),
     .flags = kLoading | kStale,
     .locks = Locks::kNone,
     .run = xinfo_help,
     .group = Group::kStream,
     .summary = "Explains the subcommands.",
     .since = "5.0.0"},
    {.name = "stream",
     .arity = at_least(3),
     .keys = kSecondIsKey,
     .access = Access::kRead,
     .run = xinfo_stream,
     .group = Group::kStream,
     .syntax = "key [FULL [COUNT count]]",
     .summary = "Replies what a stream is like.",
     .since = "5.0.0"},
};

constexpr CommandSpec kRows[] = {
    {.name = "xinfo",
     .arity = at_least(2),
     .locks = Locks::kNone,
     .group = Group::kStream,
     .summary = "Looks into streams.",
     .since = "5.0.0",
     .complexity = "Depends on subcommand.",
     .subcommands = kSubcommands},
};

}  // namespace

std::span<const CommandSpec> stream_info_commands() { return kRows; }

}  // namespace memoir
