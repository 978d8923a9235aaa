// ACL: users and their rights, as clients see and change them.
#include <algorithm>

#include "protocol/reply_writer.h"
#include "src/acl/acl_categories.h"
#include "src/acl/acl_file.h"
#include "src/acl/acl_rules.h"
#include "src/base/c_text.h"
#include "src/base/log.h"
#include "src/base/random.h"
#include "src/server/client.h"
#include "src/server/help_reply.h"
#include "src/server/server.h"
#include "src/server/server_rows.h"
#include "src/server/worker.h"

namespace memoir {
namespace {

Server& server_of(Context& ctx) { return static_cast<Server&>(hooks_of(ctx)); }
Users& users_of(Context& ctx) { return server_of(ctx).users(); }

// Who sees the reply finds those gone that other workers are about to disconnect.
Status answer_when_gone(Context& ctx, bool waits, ReplyWriter& reply) {
  if (waits && !ctx.in_transaction()) {
    client_of(ctx)->block(Blocked::kOnWorkers, 0);
  } else {
    reply.ok();
  }
  return ok;
}

// ---- users --------------------------------------------------------------------------------------

// ACL SETUSER username [rule ...]
Status setuser(Context& ctx, Args args, ReplyWriter& reply) {
  const ByteView name = args.next();
  if (has_blanks(name)) {
    return Error("ERR Usernames can't contain spaces or null characters");
  }
  std::vector<Bytes> rules;
  while (args.more()) rules.emplace_back(args.next());
  Server& server = server_of(ctx);
  auto changed =
      server.users().set(name, rules, server.config().current()->acl_pubsub_default_all);
  if (!changed) return changed.error();
  const bool lost = changed->before && !changed->after->keeps_channels_of(*changed->before);
  const bool waits = lost && server.drop_subscribers({&changed->after, 1}, *client_of(ctx));
  return answer_when_gone(ctx, waits, reply);
}

// ACL DELUSER username [username ...]
Status deluser(Context& ctx, Args args, ReplyWriter& reply) {
  for (const Word& name : args.rest()) {
    if (name.text == kDefaultUser) return Error("ERR The 'default' user cannot be removed");
  }
  std::int64_t deleted = 0;
  while (args.more()) {
    const UserPointer gone = users_of(ctx).remove(args.next());
    if (!gone) continue;
    ++deleted;
    server_of(ctx).kill_clients(client_of(ctx), [&](const ClientStatus& status) {
      return status.user == gone->name();
    });
  }
  reply.integer(deleted);
  return ok;
}

void write_selector(const Selector& selector, ReplyWriter& reply) {
  reply.bulk("commands");
  reply.bulk(selector.describe_commands());
  reply.bulk("keys");
  reply.bulk(selector.describe_keys());
  reply.bulk("channels");
  reply.bulk(selector.describe_channels());
}

// ACL GETUSER username
Status getuser(Context& ctx, Args args, ReplyWriter& reply) {
  const UserPointer user = users_of(ctx).find(args.next());
  if (!user) {
    reply.null();
    return ok;
  }
  reply.map(6);
  reply.bulk("flags");
  const auto flags = user->flags();
  reply.set(flags.size());
  for (const char* flag : flags) reply.bulk(flag);
  reply.bulk("passwords");
  reply.array(user->passwords().size());
  for (const Bytes& hash : user->passwords()) reply.bulk(hash);
  write_selector(user->selectors().front(), reply);
  reply.bulk("selectors");
  const auto further = user->selectors().subspan(1);
  reply.array(further.size());
  for (const Selector& selector : further) {
    reply.map(3);
    write_selector(selector, reply);
  }
  return ok;
}

// ACL LIST
Status list(Context& ctx, Args, ReplyWriter& reply) {
  const auto users = users_of(ctx).all();
  reply.array(users.size());
  for (const UserPointer& user : users) reply.bulk(user_line(*user));
  return ok;
}

// ACL USERS
Status users(Context& ctx, Args, ReplyWriter& reply) {
  const auto all = users_of(ctx).all();
  reply.array(all.size());
  for (const UserPointer& user : all) reply.bulk(user->name());
  return ok;
}

// ACL WHOAMI
Status whoami(Context& ctx, Args, ReplyWriter& reply) {
  reply.bulk(ctx.session().user());
  return ok;
}

// ---- the file -----------------------------------------------------------------------------------

constexpr const char* kNoFile =
    "ERR This Redis instance is not configured to use an ACL file. You may want to specify users "
    "via the ACL SETUSER command and then issue a CONFIG REWRITE (assuming you have a Redis "
    "configuration file set) in order to store users in the Redis configuration.";

bool has_file(Context& ctx) { return !server_of(ctx).config().current()->aclfile.empty(); }

// ACL LOAD
Status load(Context& ctx, Args, ReplyWriter& reply) {
  if (!has_file(ctx)) return Error(kNoFile);
  auto waits = server_of(ctx).load_acl_file(client_of(ctx));
  if (!waits) return Error("ERR " + waits.error().text());
  return answer_when_gone(ctx, *waits, reply);
}

// ACL SAVE
Status save(Context& ctx, Args, ReplyWriter& reply) {
  if (!has_file(ctx)) return Error(kNoFile);
  const Status saved = server_of(ctx).save_acl_file();
  if (!saved) return Error("ERR " + saved.error().text());
  reply.ok();
  return ok;
}

// ---- commands and categories --------------------------------------------------------------------

void write_category(const CommandIds& ids, std::uint32_t category, ReplyWriter& reply) {
  const ReplyWriter::Mark mark = reply.begin();
  std::size_t count = 0;
  for (std::uint32_t id = 0; id < ids.size(); ++id) {
    if (!(acl_categories(*ids.row(id).spec) & category)) continue;
    reply.bulk(ids.name(id));
    ++count;
  }
  reply.end_array(mark, count);
}

// ACL CAT [category]
Status cat(Context& ctx, Args args, ReplyWriter& reply) {
  if (!args.more()) {
    const auto names = acl_category_names();
    reply.array(names.size());
    for (const AclCategoryName& each : names) reply.bulk(each.name);
    return ok;
  }
  const ByteView name = args.next();
  const std::uint32_t category = acl_category(name);
  if (category == 0) {
    return Error(fmt::format("ERR Unknown category '{}'", c_text(name).substr(0, 128)));
  }
  write_category(users_of(ctx).ids(), category, reply);
  return ok;
}

// ACL DRYRUN username command [arg ...]
Status dryrun(Context& ctx, Args args, ReplyWriter& reply) {
  const ByteView name = args.next();
  const UserPointer user = users_of(ctx).find(name);
  if (!user) return Error(fmt::format("ERR User '{}' not found", c_text(name)));
  const std::span<const Word> words = args.rest();
  const CommandTable::Row* row = ctx.dispatcher().commands().resolve(words);
  if (!row) return Error(fmt::format("ERR Command '{}' not found", c_text(words[0].text)));
  if (!row->spec->arity.admits_form(words.size())) {
    return Error(fmt::format("ERR wrong number of arguments for '{}' command",
                             user->command_name(*row)));
  }
  const Verdict verdict = user->check(*row, words);
  if (verdict.denial == Denial::kNone) {
    reply.ok();
  } else {
    reply.bulk(user->refusal(*row, words, verdict, User::Detail::kNamed));
  }
  return ok;
}

// ---- the log, passwords -------------------------------------------------------------------------

void write_entry(const SecurityLog::Entry& entry, std::int64_t now_ms, ReplyWriter& reply) {
  const auto text = [&](const char* name, ByteView value) {
    reply.bulk(name);
    reply.bulk(value);
  };
  const auto number = [&](const char* name, std::int64_t value) {
    reply.bulk(name);
    reply.integer(value);
  };
  reply.map(10);
  number("count", static_cast<std::int64_t>(entry.count));
  text("reason", reason_name(entry.reason));
  text("context", context_name(entry.context));
  text("object", entry.object);
  text("username", entry.user);
  reply.bulk("age-seconds");
  reply.double_value(static_cast<double>(now_ms - entry.time_ms) / 1000);
  text("client-info", entry.client);
  number("entry-id", static_cast<std::int64_t>(entry.id));
  number("timestamp-created", entry.created_ms);
  number("timestamp-last-updated", entry.time_ms);
}

// ACL LOG [count | RESET]
Status log(Context& ctx, Args args, ReplyWriter& reply) {
  SecurityLog& log = server_of(ctx).security_log();
  std::int64_t count = 10;
  if (args.take("RESET")) {
    log.clear();
    reply.ok();
    return ok;
  }
  if (args.more()) count = args.integer();
  if (args.failed()) return args.status();
  const auto entries = log.newest(static_cast<std::size_t>(std::max<std::int64_t>(count, 0)));
  reply.array(entries.size());
  for (const SecurityLog::Entry& entry : entries) write_entry(entry, ctx.now_ms(), reply);
  return ok;
}

// ACL GENPASS [bits]
Status genpass(Context&, Args args, ReplyWriter& reply) {
  constexpr std::int64_t kBitsMax = 4096;
  const std::int64_t bits = args.more() ? args.integer() : 256;
  if (args.failed()) return args.status();
  if (bits <= 0 || bits > kBitsMax) {
    return Error(fmt::format("ERR ACL GENPASS argument must be the number of bits for the output "
                             "password, a positive number up to {}", kBitsMax));
  }
  reply.bulk(random_hex(static_cast<std::size_t>((bits + 3) / 4)));
  return ok;
}

Status help(Context& ctx, Args, ReplyWriter& reply) {
  static constexpr const char* kLines[] = {
      "CAT [<category>]",
      "    The categories of commands, or the commands of one category.",
      "DELUSER <username> [<username> ...]",
      "    Remove users and disconnect their clients.",
      "DRYRUN <username> <command> [<arg> ...]",
      "    Whether the user may run the command, without running it.",
      "GETUSER <username>",
      "    A user's flags, passwords and rights.",
      "GENPASS [<bits>]",
      "    A random password of 256 bits, or of as many as are asked for.",
      "LIST",
      "    All users, in the form of the ACL file.",
      "LOAD",
      "    Read the users from the ACL file again.",
      "LOG [<count> | RESET]",
      "    What was refused lately, or forget it.",
      "SAVE",
      "    Write the users to the ACL file.",
      "SETUSER <username> <attribute> [<attribute> ...]",
      "    Create or change a user by rules.",
      "USERS",
      "    The names of all users.",
      "WHOAMI",
      "    The name of this connection's user.",
  };
  write_help(ctx, kLines, reply);
  return ok;
}

// ---- rows ---------------------------------------------------------------------------------------

constexpr std::uint32_t kOpen = kNoScript | kLoading | kStale;
constexpr std::uint32_t kClosed = kOpen | kAdmin;
constexpr const char* kPerUser = "O(N). Where N is the number of configured users.";
constexpr const char* kEverywhere = "request_policy:all_nodes,response_policy:all_succeeded";

constexpr CommandSpec row(const char* name, Arity arity, std::uint32_t flags, Handler run,
                          const char* syntax, const char* summary, const char* complexity = "O(1)",
                          const char* tips = "") {
  return {.name = name,
          .arity = arity,
          .flags = flags,
          .locks = Locks::kNone,
          .run = run,
          .group = Group::kServer,
          .syntax = syntax,
          .summary = summary,
          .since = "6.0.0",
          .complexity = complexity,
          .tips = tips};
}

constexpr CommandSpec since(const char* version, CommandSpec spec) {
  spec.since = version;
  return spec;
}

constexpr CommandSpec kSubcommands[] = {
    row("cat", between(2, 3), kOpen, cat, "[category]",
        "Lists the ACL categories, or the commands inside a category.",
        "O(1) since the categories and commands are a fixed set."),
    row("deluser", at_least(3), kClosed, deluser, "username [username ...]",
        "Deletes ACL users, and terminates their connections.",
        "O(1) amortized time considering the typical user.", kEverywhere),
    since("7.0.0", row("dryrun", at_least(4), kClosed, dryrun, "username command [arg [arg ...]]",
                       "Tells whether a user may run a command, without running it.", "O(1).")),
    row("genpass", between(2, 3), kOpen, genpass, "[bits:integer]",
        "Generates a random password for an ACL user."),
    row("getuser", exactly(3), kClosed, getuser, "username", "Lists the ACL rules of a user.",
        "O(N). Where N is the number of password, command and pattern rules that the user has."),
    row("help", exactly(2), kLoading | kStale, help, "", "Lists the subcommands."),
    row("list", exactly(2), kClosed, list, "", "Lists all users in the form of the ACL file.",
        kPerUser),
    row("load", exactly(2), kClosed, load, "", "Reads the users from the ACL file again.",
        kPerUser),
    row("log", between(2, 3), kClosed, log, "[count | RESET]",
        "Lists what was refused lately because of ACL rules.",
        "O(N) with N being the number of entries shown."),
    row("save", exactly(2), kClosed, save, "", "Writes the users to the ACL file.", kPerUser,
        kEverywhere),
    row("setuser", at_least(3), kClosed | kSecretWords, setuser, "username [rule [rule ...]]",
        "Creates and changes an ACL user by rules.",
        "O(N). Where N is the number of rules provided.", kEverywhere),
    row("users", exactly(2), kClosed, users, "", "Lists the names of all ACL users.", kPerUser),
    row("whoami", exactly(2), kOpen, whoami, "", "Returns the name of the connection's user."),
};

constexpr CommandSpec container() {
  CommandSpec spec = row("acl", at_least(2), 0, nullptr, "", "Commands about users and rights.",
                         "Depends on subcommand.");
  spec.subcommands = kSubcommands;
  return spec;
}

constexpr CommandSpec kCommands[] = {container()};

}  // namespace

std::span<const CommandSpec> acl_commands() { return kCommands; }

}  // namespace memoir
