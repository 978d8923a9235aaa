// CONFIG GET, SET, REWRITE, RESETSTAT and HELP.
#include <algorithm>

#include "persistence/file.h"
#include "protocol/reply_writer.h"
#include "src/base/glob.h"
#include "src/base/log.h"
#include "src/server/admin_rows.h"
#include "src/server/client.h"
#include "src/server/config_file.h"
#include "src/server/help_reply.h"
#include "src/server/server_hooks.h"
#include "src/server/worker.h"

namespace memoir {

namespace {

struct Shown {
  Bytes name;
  const ConfigRow* row;
};

bool is_shown(const std::vector<Shown>& shown, ByteView name) {
  return std::ranges::any_of(
      shown, [&](const Shown& each) { return equals_ignoring_case(each.name, name); });
}

void show(std::vector<Shown>& shown, ByteView name, const ConfigRow* row) {
  if (!is_shown(shown, name)) shown.push_back({Bytes(name), row});
}

// CONFIG GET pattern [pattern ...]
// Names without special characters are looked up, hidden ones included, and come back as they were
// asked for.
Status config_get(Context& ctx, Args args, ReplyWriter& reply) {
  const auto config = hooks_of(ctx).config().current();
  std::vector<Shown> shown;
  while (args.more()) {
    const ByteView pattern = args.next();
    if (pattern.find_first_of("[*?") == ByteView::npos) {
      if (const ConfigRow* row = find_config_row(pattern)) show(shown, pattern, row);
      continue;
    }
    for (const ConfigRow* row : config_rows()) {
      if (row->has(kHidden)) continue;
      for (const char* name : {row->name, row->alias}) {
        if (name && glob_match(pattern, name, Case::kInsensitive)) show(shown, name, row);
      }
    }
  }
  reply.map(shown.size());
  for (const Shown& each : shown) {
    reply.bulk(each.name);
    reply.bulk(each.row->get(*each.row, *config));
  }
  return ok;
}

bool is_allowed(ProtectedAction action, ServerHooks& hooks, const Session& session) {
  return action == ProtectedAction::kYes ||
         (action == ProtectedAction::kLocal && hooks.is_local(session));
}

// CONFIG SET directive value [directive value ...]
Status config_set(Context& ctx, Args args, ReplyWriter& reply) {
  if (args.left() % 2 != 0) return Error(kSyntaxError);
  ServerHooks& hooks = hooks_of(ctx);
  std::vector<ConfigStore::Pair> pairs;
  while (args.more()) {
    const ByteView name = args.next();
    pairs.push_back({name, args.next()});
  }
  const auto allowed = hooks.config().current()->enable_protected_configs;
  const Status done =
      hooks.config().set(pairs, {.protected_configs = is_allowed(allowed, hooks, ctx.session()),
                                 .loading = hooks.loading()});
  if (!done) return done.error().clone();
  // It holds for this very request already: what it says of the slow log, say.
  if (Client* client = client_of(ctx)) client->worker().follow_config();
  reply.ok();
  return ok;
}

Status config_rewrite(Context& ctx, Args, ReplyWriter& reply) {
  ServerHooks& hooks = hooks_of(ctx);
  if (hooks.config_file().empty()) return Error("ERR The server is running without a config file");
  const Status written =
      rewrite_config(posix_file_system(), hooks.config_file(), hooks.config_to_write());
  if (!written) {
    log_warning("CONFIG REWRITE failed: {}", written.error().text());
    return Error(fmt::format("ERR Rewriting config file: {}", written.error().text()));
  }
  log_notice("CONFIG REWRITE executed with success.");
  reply.ok();
  return ok;
}

Status config_resetstat(Context& ctx, Args, ReplyWriter& reply) {
  hooks_of(ctx).reset_stats();
  reply.ok();
  return ok;
}

Status config_help(Context& ctx, Args, ReplyWriter& reply) {
  static constexpr const char* kLines[] = {
      "GET <pattern> [<pattern> ...]",
      "    The directives whose names match a glob-style pattern, with their values.",
      "SET <directive> <value> [<directive> <value> ...]",
      "    Change directives, all of them or none.",
      "RESETSTAT",
      "    Set the counters of INFO to zero.",
      "REWRITE",
      "    Bring the configuration file up to date with the running server.",
  };
  write_help(ctx, kLines, reply);
  return ok;
}

constexpr std::uint32_t kFlags = kAdmin | kNoScript | kLoading | kStale;

constexpr CommandSpec kSubcommands[] = {
    {.name = "get",
     .arity = at_least(3),
     .flags = kFlags,
     .locks = Locks::kNone,
     .run = config_get,
     .group = Group::kServer,
     .syntax = "parameter [parameter ...]",
     .summary = "Shows directives and their values.",
     .since = "2.0.0",
     .complexity = "O(N), N being the number of parameters"},
    {.name = "help",
     .arity = exactly(2),
     .flags = kLoading | kStale,
     .locks = Locks::kNone,
     .run = config_help,
     .group = Group::kServer,
     .summary = "Lists the subcommands.",
     .since = "5.0.0"},
    {.name = "resetstat",
     .arity = exactly(2),
     .flags = kFlags,
     .locks = Locks::kNone,
     .run = config_resetstat,
     .group = Group::kServer,
     .summary = "Sets the counters of INFO to zero.",
     .since = "2.0.0",
     .tips = "request_policy:all_nodes,response_policy:all_succeeded"},
    {.name = "rewrite",
     .arity = exactly(2),
     .flags = kFlags,
     .locks = Locks::kNone,
     .run = config_rewrite,
     .group = Group::kServer,
     .summary = "Writes changed directives to the configuration file.",
     .since = "2.8.0",
     .tips = "request_policy:all_nodes,response_policy:all_succeeded"},
    {.name = "set",
     .arity = at_least(4),
     .flags = kFlags | kSecretValues,
     // Hooks change what the stripes protect.
     .locks = Locks::kAll,
     .run = config_set,
     .group = Group::kServer,
     .syntax = "parameter value [parameter value ...]",
     .summary = "Changes directives of the running server, all or none.",
     .since = "2.0.0",
     .complexity = "O(N), N being the number of parameters",
     .tips = "request_policy:all_nodes,response_policy:all_succeeded"},
};

constexpr CommandSpec kCommands[] = {
    {.name = "config",
     .arity = at_least(2),
     .locks = Locks::kNone,
     .group = Group::kServer,
     .summary = "Commands about the server's configuration.",
     .since = "2.0.0",
     .complexity = "Depends on the subcommand",
     .subcommands = kSubcommands},
};

}  // namespace

std::span<const CommandSpec> config_commands() { return kCommands; }

}  // namespace memoir
