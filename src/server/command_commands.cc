// COMMAND and its subcommands: what the rows say about the commands.
#include <algorithm>

#include "src/base/glob.h"
#include "src/command/dispatcher.h"
#include "src/command/keys.h"
#include "src/acl/acl_categories.h"
#include "src/server/admin_rows.h"
#include "src/server/command_reply.h"
#include "src/server/help_reply.h"

namespace memoir {

namespace {

using Row = CommandTable::Row;

// The row of "name" or "container|name"; nullptr if unknown.
const Row* find_full_name(const CommandTable& commands, ByteView name) {
  const std::size_t bar = name.find('|');
  const Row* row = commands.find(name.substr(0, bar));
  if (!row || bar == ByteView::npos) return row;
  for (const CommandSpec& sub : row->spec->subcommands) {
    if (equals_ignoring_case(sub.name, name.substr(bar + 1))) return commands.row_of(&sub);
  }
  return nullptr;
}

// Calls visit(row) for all top-level commands.
template <class F>
void each_command(const CommandTable& commands, F&& visit) {
  for (const std::uint32_t index : commands.commands()) visit(commands.row(index));
}

void write_all_infos(const CommandTable& commands, ReplyWriter& reply) {
  reply.array(commands.commands().size());
  each_command(commands, [&](const Row& row) { write_command_info(commands, row, reply); });
}

Status command(Context& ctx, Args, ReplyWriter& reply) {
  write_all_infos(ctx.dispatcher().commands(), reply);
  return ok;
}

Status command_count(Context& ctx, Args, ReplyWriter& reply) {
  reply.integer(static_cast<std::int64_t>(ctx.dispatcher().commands().commands().size()));
  return ok;
}

// COMMAND INFO [name ...]
Status command_info(Context& ctx, Args args, ReplyWriter& reply) {
  const CommandTable& commands = ctx.dispatcher().commands();
  if (!args.more()) {
    write_all_infos(commands, reply);
    return ok;
  }
  reply.array(args.left());
  while (args.more()) {
    const Row* row = find_full_name(commands, args.next());
    row ? write_command_info(commands, *row, reply) : reply.null();
  }
  return ok;
}

// COMMAND DOCS [name ...]
// Unknown names are left out.
Status command_docs(Context& ctx, Args args, ReplyWriter& reply) {
  const CommandTable& commands = ctx.dispatcher().commands();
  std::vector<const Row*> rows;
  if (!args.more()) each_command(commands, [&](const Row& row) { rows.push_back(&row); });
  while (args.more()) {
    if (const Row* row = find_full_name(commands, args.next())) rows.push_back(row);
  }
  reply.map(rows.size());
  for (const Row* row : rows) {
    reply.bulk(CommandTable::full_name(*row));
    write_command_docs(commands, *row, reply);
  }
  return ok;
}

// COMMAND LIST [FILTERBY <MODULE name | ACLCAT category | PATTERN pattern>]
Status command_list(Context& ctx, Args args, ReplyWriter& reply) {
  enum class Filter { kNone, kModule, kCategory, kPattern };
  Filter filter = Filter::kNone;
  ByteView wanted;
  while (args.more()) {
    if (args.left() != 3 || !args.take("filterby")) return Error(kSyntaxError);
    if (args.take("module")) {
      filter = Filter::kModule;
    } else if (args.take("aclcat")) {
      filter = Filter::kCategory;
    } else if (args.take("pattern")) {
      filter = Filter::kPattern;
    } else {
      return Error(kSyntaxError);
    }
    wanted = args.next();
  }
  const std::uint32_t category = filter == Filter::kCategory ? acl_category(wanted) : 0;
  const CommandTable& commands = ctx.dispatcher().commands();
  const ReplyWriter::Mark begin = reply.begin();
  std::size_t count = 0;
  const auto list = [&](const Row& row) {
    const Bytes name = CommandTable::full_name(row);
    const bool listed =
        filter == Filter::kNone ||
        (filter == Filter::kCategory && (acl_categories(*row.spec) & category)) ||
        (filter == Filter::kPattern && glob_match(wanted, name, Case::kInsensitive));
    if (!listed) return;
    reply.bulk(name);
    ++count;
  };
  each_command(commands, [&](const Row& row) {
    list(row);
    for (const CommandSpec& sub : row.spec->subcommands) list(*commands.row_of(&sub));
  });
  reply.end_array(begin, count);
  return ok;
}

struct FoundKey {
  std::size_t word;
  unsigned flags;
};

// The keys of a request with the flags of their specs; channels are none.
std::vector<FoundKey> find_keys(const CommandSpec& spec, std::span<const Word> words) {
  std::vector<FoundKey> found;
  const bool sound = each_key_spec(spec, words, [&](std::size_t word, const KeySpec& keys) {
    if (!(keys.flags & kKeyNot)) found.push_back({word, key_flags_of(spec, keys, words)});
  });
  if (!sound) found.clear();
  return found;
}

enum class WithFlags : bool { kNo, kYes };

Status reply_keys(Context& ctx, Args args, WithFlags with_flags, ReplyWriter& reply) {
  const std::span<const Word> words = args.rest();
  const Row* row = ctx.dispatcher().commands().resolve(words);
  if (!row) return Error("ERR Invalid command specified");
  const CommandSpec& spec = *row->spec;
  const auto holds_keys = [](const KeySpec& keys) {
    return keys.kind != KeySpec::Kind::kNone && !(keys.flags & kKeyNot);
  };
  if (std::ranges::none_of(spec.keys, holds_keys)) {
    return Error("ERR The command has no key arguments");
  }
  const int arity = spec.arity.redis_form();
  const auto count = static_cast<int>(words.size());
  if ((arity > 0 && count != arity) || count < -arity) {
    return Error("ERR Invalid number of arguments specified for command");
  }
  const std::vector<FoundKey> keys = find_keys(spec, words);
  if (keys.empty() && !spec.has(kNoMandatoryKeys)) {
    return Error("ERR Invalid arguments specified for command");
  }
  reply.array(keys.size());
  for (const FoundKey& key : keys) {
    if (with_flags == WithFlags::kYes) reply.array(2);
    reply.bulk(words[key.word].text);
    if (with_flags == WithFlags::kNo) continue;
    const auto names = key_flag_names(key.flags & ~kKeyVariable);
    reply.set(names.size());
    for (const char* name : names) reply.simple(name);
  }
  return ok;
}

// COMMAND GETKEYS name [arg ...]
Status command_getkeys(Context& ctx, Args args, ReplyWriter& reply) {
  return reply_keys(ctx, args, WithFlags::kNo, reply);
}

// COMMAND GETKEYSANDFLAGS name [arg ...]
Status command_getkeysandflags(Context& ctx, Args args, ReplyWriter& reply) {
  return reply_keys(ctx, args, WithFlags::kYes, reply);
}

Status command_help(Context& ctx, Args, ReplyWriter& reply) {
  static constexpr const char* kLines[] = {
      "(no subcommand)",
      "    What there is to know about all commands.",
      "COUNT",
      "    How many commands there are.",
      "LIST [FILTERBY MODULE|ACLCAT|PATTERN <value>]",
      "    The names of commands.",
      "INFO [<command-name> ...]",
      "    Arity, flags, keys, categories of commands; of all without a name.",
      "DOCS [<command-name> ...]",
      "    What commands do and take; all of them without a name.",
      "GETKEYS <full-command>",
      "    The keys in a request.",
      "GETKEYSANDFLAGS <full-command>",
      "    The keys in a request and what is done to them.",
  };
  write_help(ctx, kLines, reply);
  return ok;
}

constexpr std::uint32_t kFlags = kLoading | kStale | kConnection;

constexpr CommandSpec kSubcommands[] = {
    {.name = "count",
     .arity = exactly(2),
     .flags = kFlags,
     .locks = Locks::kNone,
     .run = command_count,
     .group = Group::kServer,
     .summary = "Counts the commands.",
     .since = "2.8.13"},
    {.name = "docs",
     .arity = at_least(2),
     .flags = kFlags,
     .locks = Locks::kNone,
     .run = command_docs,
     .group = Group::kServer,
     .syntax = "[command-name [command-name ...]]",
     .summary = "Tells what commands do and take.",
     .since = "7.0.0",
     .complexity = "O(N), N being the number of commands",
     .tips = "nondeterministic_output_order"},
    {.name = "getkeys",
     .arity = at_least(3),
     .flags = kFlags,
     .locks = Locks::kNone,
     .run = command_getkeys,
     .group = Group::kServer,
     .syntax = "command [arg [arg ...]]",
     .summary = "Finds the keys in a request.",
     .since = "2.8.13",
     .complexity = "O(N), N being the number of words"},
    {.name = "getkeysandflags",
     .arity = at_least(3),
     .flags = kFlags,
     .locks = Locks::kNone,
     .run = command_getkeysandflags,
     .group = Group::kServer,
     .syntax = "command [arg [arg ...]]",
     .summary = "Finds the keys in a request and what is done to them.",
     .since = "7.0.0",
     .complexity = "O(N), N being the number of words"},
    {.name = "help",
     .arity = exactly(2),
     .flags = kFlags,
     .locks = Locks::kNone,
     .run = command_help,
     .group = Group::kServer,
     .summary = "Lists the subcommands.",
     .since = "5.0.0"},
    {.name = "info",
     .arity = at_least(2),
     .flags = kFlags,
     .locks = Locks::kNone,
     .run = command_info,
     .group = Group::kServer,
     .syntax = "[command-name [command-name ...]]",
     .summary = "Tells arity, flags, keys and categories of commands.",
     .since = "2.8.13",
     .complexity = "O(N), N being the number of commands",
     .tips = "nondeterministic_output_order"},
    {.name = "list",
     .arity = at_least(2),
     .flags = kFlags,
     .locks = Locks::kNone,
     .run = command_list,
     .group = Group::kServer,
     .syntax = "[FILTERBY <MODULE module-name | ACLCAT category | PATTERN pattern>]",
     .summary = "Lists names of commands.",
     .since = "7.0.0",
     .complexity = "O(N), N being the number of commands",
     .tips = "nondeterministic_output_order"},
};

constexpr CommandSpec kCommands[] = {
    {.name = "command",
     .arity = at_least(1),
     .flags = kFlags,
     .locks = Locks::kNone,
     .run = command,
     .group = Group::kServer,
     .summary = "Tells about all commands.",
     .since = "2.8.13",
     .complexity = "O(N), N being the number of commands",
     .tips = "nondeterministic_output_order",
     .subcommands = kSubcommands},
};

}  // namespace

std::span<const CommandSpec> command_commands() { return kCommands; }

}  // namespace memoir
