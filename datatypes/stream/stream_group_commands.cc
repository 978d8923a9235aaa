// XGROUP: making, moving and removing groups and their consumers.
#include <iterator>

#include "datatypes/stream/stream_arguments.h"
#include "datatypes/stream/stream_rows.h"
#include "src/base/c_text.h"

namespace memoir {
namespace {

Error unknown_form(Context& ctx) {
  return Error(CommandTable::arity_error(ctx.row(), ctx.words()));
}

Error no_such_group(ByteView group, ByteView key) {
  return Error("NOGROUP No such consumer group '" + Bytes(c_text(group)) + "' for key name '" +
               Bytes(c_text(key)) + "'");
}

constexpr std::string_view kKeyMustExist =
    "ERR The XGROUP subcommand requires the key to exist. Note that for CREATE you may want to "
    "use the MKSTREAM option to create an empty stream automatically.";

struct GroupOptions {
  bool make_stream = false;
  std::int64_t entries_read = StreamGroup::kUnknown;
};

// [MKSTREAM] [ENTRIESREAD entries-read], the former for CREATE alone.
Result<GroupOptions> read_options(Context& ctx, Args& args, bool may_make_stream) {
  GroupOptions options;
  while (args.more()) {
    if (may_make_stream && args.take("mkstream")) {
      options.make_stream = true;
    } else if (args.take("entriesread", 1)) {
      options.entries_read = args.integer();
      if (args.failed()) return args.status().error();
      if (options.entries_read < StreamGroup::kUnknown) {
        return Error("ERR value for ENTRIESREAD must be positive or -1");
      }
    } else {
      return unknown_form(ctx);
    }
  }
  return options;
}

// XGROUP CREATE key group <id | $> [MKSTREAM] [ENTRIESREAD entries-read]
Status xgroup_create(Context& ctx, Args args, ReplyWriter& reply) {
  constexpr std::size_t kWordsMax = 8;
  const ByteView key = args.next();
  const ByteView name = args.next();
  const ByteView id_text = args.next();
  auto options = read_options(ctx, args, true);
  if (!options) return options.error();
  auto stream = ctx.db().edit<Stream>(
      key, options->make_stream ? IfMissing::kCreate : IfMissing::kNone);
  if (!stream) return stream.error();
  if (!*stream) return Error(kKeyMustExist);
  if (ctx.words().size() > kWordsMax) return unknown_form(ctx);
  const auto id = id_text == "$" ? (*stream)->marks().last : parse_stream_id(id_text);
  if (!id) return Error(kInvalidStreamId);
  if ((*stream)->find_group(name)) {
    return Error("BUSYGROUP Consumer Group name already exists");
  }
  (*stream)->add_group(name, *id, options->entries_read);
  stream->mark_changed("xgroup-create");
  if (!stream->created()) stream->wake_nobody();
  reply.ok();
  return ok;
}

// A stream that is there and, of it, a group that may be.
struct GroupEdit {
  Edit<Stream> stream;
  StreamGroup* group;
};

Result<GroupEdit> edit_group(Context& ctx, ByteView key, ByteView name, bool must_exist = true) {
  auto stream = ctx.db().edit<Stream>(key);
  if (!stream) return stream.error();
  if (!*stream) return Error(kKeyMustExist);
  StreamGroup* const group = (*stream)->find_group(name);
  if (!group && must_exist) return no_such_group(name, key);
  return GroupEdit{std::move(*stream), group};
}

// XGROUP SETID key group <id | $> [ENTRIESREAD entries-read]
Status xgroup_setid(Context& ctx, Args args, ReplyWriter& reply) {
  constexpr std::size_t kWordsMax = 7;
  const ByteView key = args.next();
  const ByteView name = args.next();
  const ByteView id_text = args.next();
  auto options = read_options(ctx, args, false);
  if (!options) return options.error();
  auto edit = edit_group(ctx, key, name);
  if (!edit) return edit.error();
  if (ctx.words().size() > kWordsMax) return unknown_form(ctx);
  const auto id =
      id_text == "$" ? edit->stream->marks().last : parse_stream_bound(id_text, 0);
  if (!id) return Error(kInvalidStreamId);
  edit->group->last_id = *id;
  edit->group->entries_read = options->entries_read;
  edit->stream.mark_changed("xgroup-setid");
  edit->stream.wake_nobody();
  reply.ok();
  return ok;
}

// XGROUP DESTROY key group
// Replies whether there was one. Whoever waits for entries as a consumer of it gets an error.
Status xgroup_destroy(Context& ctx, Args args, ReplyWriter& reply) {
  const ByteView key = args.next();
  auto edit = edit_group(ctx, key, args.next(), false);
  if (!edit) return edit.error();
  if (edit->group) {
    edit->stream->remove_group(*edit->group);
    edit->stream.mark_changed("xgroup-destroy");
  }
  reply.integer(edit->group ? 1 : 0);
  return ok;
}

// XGROUP CREATECONSUMER key group consumer
// Replies whether it is new.
Status xgroup_createconsumer(Context& ctx, Args args, ReplyWriter& reply) {
  const ByteView key = args.next();
  auto edit = edit_group(ctx, key, args.next());
  if (!edit) return edit.error();
  const ByteView consumer = args.next();
  const bool missing = !edit->group->find_consumer(consumer);
  if (missing) {
    edit->group->add_consumer(consumer, ctx.now_ms());
    edit->stream.mark_changed("xgroup-createconsumer");
    edit->stream.wake_nobody();
  }
  reply.integer(missing ? 1 : 0);
  return ok;
}

// XGROUP DELCONSUMER key group consumer
// Replies how many entries were pending with it; they are no longer.
Status xgroup_delconsumer(Context& ctx, Args args, ReplyWriter& reply) {
  const ByteView key = args.next();
  auto edit = edit_group(ctx, key, args.next());
  if (!edit) return edit.error();
  std::size_t pending = 0;
  if (StreamConsumer* const consumer = edit->group->find_consumer(args.next())) {
    pending = consumer->pending.size();
    edit->group->remove_consumer(*consumer);
    edit->stream.mark_changed("xgroup-delconsumer");
    edit->stream.wake_nobody();
  }
  reply.integer(static_cast<std::int64_t>(pending));
  return ok;
}

// XGROUP HELP
Status xgroup_help(Context&, Args, ReplyWriter& reply) {
  static constexpr const char* kLines[] = {
      "XGROUP <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
      "CREATE <key> <groupname> <id|$> [option]",
      "    Make a group that begins behind an entry. Options are:",
      "    * MKSTREAM",
      "      Make an empty stream if there is none.",
      "    * ENTRIESREAD entries_read",
      "      Set how many entries the group has read.",
      "CREATECONSUMER <key> <groupname> <consumer>",
      "    Make a consumer of a group.",
      "DELCONSUMER <key> <groupname> <consumer>",
      "    Remove a consumer with all that is pending with it.",
      "DESTROY <key> <groupname>",
      "    Remove a group.",
      "SETID <key> <groupname> <id|$> [ENTRIESREAD entries_read]",
      "    Set behind which entry a group goes on, and how many it has read.",
      "HELP",
      "    Print this help."};
  reply.array(std::size(kLines));
  for (const char* line : kLines) reply.simple(line);
  return ok;
}

constexpr KeySpecs second_is_key(unsigned flags) { return {key_range(2, 2, 1, flags)}; }

constexpr CommandSpec kSubcommands[] = {
    {.name = "create",
     .arity = at_least(5),
     .keys = second_is_key(kKeyRW | kKeyInsert),
     .access = Access::kWrite,
     .flags = kDenyOom,
     .journal = JournalForm::kVerbatim,
     .run = xgroup_create,
     .group = Group::kStream,
     .syntax = "key group <id | $> [MKSTREAM] [ENTRIESREAD entries-read]",
     .summary = "Makes a consumer group.",
     .since = "5.0.0"},
    {.name = "createconsumer",
     .arity = exactly(5),
     .keys = second_is_key(kKeyRW | kKeyInsert),
     .access = Access::kWrite,
     .flags = kDenyOom,
     .journal = JournalForm::kVerbatim,
     .run = xgroup_createconsumer,
     .group = Group::kStream,
     .syntax = "key group consumer",
     .summary = "Makes a consumer of a group.",
     .since = "6.2.0"},
    {.name = "delconsumer",
     .arity = exactly(5),
     .keys = second_is_key(kKeyRW | kKeyDelete),
     .access = Access::kWrite,
     .journal = JournalForm::kVerbatim,
     .run = xgroup_delconsumer,
     .group = Group::kStream,
     .syntax = "key group consumer",
     .summary = "Removes a consumer of a group.",
     .since = "5.0.0"},
    {.name = "destroy",
     .arity = exactly(4),
     .keys = second_is_key(kKeyRW | kKeyDelete),
     .access = Access::kWrite,
     .journal = JournalForm::kVerbatim,
     .run = xgroup_destroy,
     .group = Group::kStream,
     .syntax = "key group",
     .summary = "Removes a consumer group.",
     .since = "5.0.0",
     .complexity = "O(N) where N is the number of entries in the group's pending entries list "
                   "(PEL)."},
    {.name = "help",
     .arity = exactly(2),
     .flags = kLoading | kStale,
     .locks = Locks::kNone,
     .run = xgroup_help,
     .group = Group::kStream,
     .summary = "Explains the subcommands.",
     .since = "5.0.0"},
    {.name = "setid",
     .arity = at_least(5),
     .keys = second_is_key(kKeyRW | kKeyUpdate),
     .access = Access::kWrite,
     .journal = JournalForm::kVerbatim,
     .run = xgroup_setid,
     .group = Group::kStream,
     .syntax = "key group <id | $> [ENTRIESREAD entries-read]",
     .summary = "Sets the last entry that a group has been given.",
     .since = "5.0.0"},
};

constexpr CommandSpec kRows[] = {
    {.name = "xgroup",
     .arity = at_least(2),
     .locks = Locks::kNone,
     .group = Group::kStream,
     .summary = "Manages the consumer groups of streams.",
     .since = "5.0.0",
     .complexity = "Depends on subcommand.",
     .subcommands = kSubcommands},
};

}  // namespace

std::span<const CommandSpec> stream_group_commands() { return kRows; }

}  // namespace memoir
