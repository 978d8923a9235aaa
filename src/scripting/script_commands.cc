// SCRIPT LOAD, EXISTS, SHOW, FLUSH, KILL, DEBUG, HELP.
#include "src/scripting/scripting_rows.h"

namespace memoir {
namespace {

// SCRIPT LOAD script
Status load(Context& ctx, Args args, ReplyWriter& reply) {
  ScriptEngine* const engine = engine_of(ctx);
  if (!engine) return Error(kNoScripts);
  auto sha = engine->load_script(args.next());
  if (!sha) return sha.error();
  reply.bulk(sha->view());
  return ok;
}

std::shared_ptr<Script> find(ScriptEngine& engine, ByteView sha) {
  if (sha.size() != Sha::kChars) return nullptr;
  return engine.shared().scripts.find(Sha::from_text(sha));
}

// SCRIPT EXISTS sha1 [sha1 ...]
Status exists(Context& ctx, Args args, ReplyWriter& reply) {
  ScriptEngine* const engine = engine_of(ctx);
  if (!engine) return Error(kNoScripts);
  reply.array(args.left());
  while (args.more()) reply.integer(find(*engine, args.next()) ? 1 : 0);
  return ok;
}

// SCRIPT SHOW sha1
Status show(Context& ctx, Args args, ReplyWriter& reply) {
  ScriptEngine* const engine = engine_of(ctx);
  if (!engine) return Error(kNoScripts);
  const auto script = find(*engine, args.next());
  if (!script) return Error("NOSCRIPT No matching script. Please use EVAL.");
  reply.bulk(script->body);
  return ok;
}

// SCRIPT FLUSH [ASYNC | SYNC]
Status flush(Context& ctx, Args args, ReplyWriter& reply) {
  ScriptEngine* const engine = engine_of(ctx);
  if (!engine) return Error(kNoScripts);
  if (!read_flush_mode(args)) return Error("ERR SCRIPT FLUSH only support SYNC|ASYNC option");
  engine->shared().scripts.clear();
  reply.ok();
  return ok;
}

// SCRIPT KILL
Status kill(Context& ctx, Args, ReplyWriter& reply) {
  ScriptEngine* const engine = engine_of(ctx);
  if (!engine) return Error(kNoScripts);
  if (Status killed = engine->shared().kill(ScriptKind::kEval); !killed) return killed;
  reply.ok();
  return ok;
}

// SCRIPT DEBUG YES | SYNC | NO
Status debug(Context&, Args args, ReplyWriter& reply) {
  if (args.take("NO")) {
    reply.ok();
    return ok;
  }
  if (args.take("YES") || args.take("SYNC")) {
    return Error("ERR This server has no debugger for scripts");
  }
  return Error("ERR Use SCRIPT DEBUG YES/SYNC/NO");
}

Status help(Context& ctx, Args, ReplyWriter& reply) {
  write_script_help(ctx,
                    {"DEBUG (YES|SYNC|NO)",
                     "    There is no debugger; only NO is accepted.",
                     "EXISTS <sha1> [<sha1> ...]",
                     "    Tell which of the scripts are in the cache.",
                     "FLUSH [ASYNC|SYNC]",
                     "    Empty the cache of scripts.",
                     "KILL",
                     "    End the script that runs just now, unless it has written.",
                     "LOAD <script>",
                     "    Put a script into the cache, where it stays, without running it.",
                     "SHOW <sha1>",
                     "    Return the text of a script in the cache."},
                    reply);
  return ok;
}

constexpr CommandSpec row(const char* name, Arity arity, std::uint32_t flags, Locks locks,
                          Handler run, const char* syntax, const char* summary, const char* since,
                          const char* complexity, const char* tips) {
  return {.name = name,
          .arity = arity,
          .flags = flags,
          .locks = locks,
          .run = run,
          .group = Group::kScripting,
          .syntax = syntax,
          .summary = summary,
          .since = since,
          .complexity = complexity,
          .tips = tips};
}

constexpr CommandSpec kSubcommands[] = {
    row("debug", exactly(3), kNoScript, Locks::kNone, debug, "<YES | SYNC | NO>",
        "Switches the debugger for scripts, which this server does not have.", "3.2.0", "O(1)",
        ""),
    row("exists", at_least(3), kNoScript, Locks::kAll, exists, "sha1 [sha1 ...]",
        "Tells which scripts are in the cache.", "2.6.0",
        "O(N) with N being the number of scripts to check (so checking a single script is an O(1) "
        "operation).",
        "request_policy:all_shards,response_policy:agg_logical_and"),
    row("flush", at_least(2), kNoScript | kBeyondKeys, Locks::kAll, flush, "[ASYNC | SYNC]",
        "Empties the cache of scripts.", "2.6.0",
        "O(N) with N being the number of scripts in cache",
        "request_policy:all_nodes,response_policy:all_succeeded"),
    row("help", exactly(2), kLoading | kStale, Locks::kNone, help, "", "Explains the subcommands.",
        "5.0.0", "O(1)", ""),
    row("kill", exactly(2), kNoScript | kAllowBusy, Locks::kNone, kill, "",
        "Ends the script that runs just now.", "2.6.0", "O(1)",
        "request_policy:all_shards,response_policy:one_succeeded"),
    row("load", exactly(3), kNoScript | kStale | kBeyondKeys, Locks::kAll, load, "script",
        "Puts a script into the cache.", "2.6.0",
        "O(N) with N being the length in bytes of the script body.",
        "request_policy:all_nodes,response_policy:all_succeeded"),
    row("show", exactly(3), kNoScript, Locks::kAll, show, "sha1",
        "Returns the text of a script in the cache.", "8.0.0", "O(1).", ""),
};

constexpr CommandSpec container(CommandSpec spec, std::span<const CommandSpec> subcommands) {
  spec.subcommands = subcommands;
  return spec;
}

constexpr CommandSpec kCommands[] = {
    container(row("script", at_least(2), 0, Locks::kNone, nullptr, "", "Looks after scripts.",
                  "2.6.0", "Depends on subcommand.", ""),
              kSubcommands),
};

}  // namespace

std::span<const CommandSpec> script_commands() { return kCommands; }

}  // namespace memoir
