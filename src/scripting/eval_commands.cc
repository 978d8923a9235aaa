// EVAL, EVALSHA, their read-only forms, FCALL and FCALL_RO.
#include "src/scripting/script_flags.h"
#include "src/scripting/scripting_rows.h"

namespace memoir {
namespace {

constexpr std::string_view kUnknownScript = "NOSCRIPT No matching script. Please use EVAL.";

enum class Effect : bool { kWrites, kReadsOnly };

// numkeys, that many keys, and the arguments. `not_integer` is what a bad numkeys is answered.
Result<ScriptEngine::Call> read_call(Args& args, std::string_view not_integer, Effect effect) {
  const std::int64_t keys = args.integer(not_integer);
  if (args.failed()) return args.status().error();
  const std::span<const Word> rest = args.rest();
  if (keys > static_cast<std::int64_t>(rest.size())) {
    return Error("ERR Number of keys can't be greater than number of args");
  }
  if (keys < 0) return Error("ERR Number of keys can't be negative");
  const auto count = static_cast<std::size_t>(keys);
  return ScriptEngine::Call{.keys = rest.first(count),
                            .arguments = rest.subspan(count),
                            .read_only = effect == Effect::kReadsOnly};
}

// EVAL script numkeys [key ...] [arg ...]
template <Effect effect>
Status eval(Context& ctx, Args args, ReplyWriter& reply) {
  ScriptEngine* const engine = engine_of(ctx);
  if (!engine) return Error(kNoScripts);
  const ByteView body = args.next();
  auto call = read_call(args, kNotInteger, effect);
  if (!call) return call.error();
  return engine->eval(ctx, body, *call, reply);
}

// EVALSHA sha1 numkeys [key ...] [arg ...]
template <Effect effect>
Status evalsha(Context& ctx, Args args, ReplyWriter& reply) {
  ScriptEngine* const engine = engine_of(ctx);
  if (!engine) return Error(kNoScripts);
  const ByteView sha = args.next();
  if (sha.size() != Sha::kChars) return Error(kUnknownScript);
  auto call = read_call(args, kNotInteger, effect);
  if (!call) return call.error();
  return engine->eval_sha(ctx, Sha::from_text(sha), *call, reply);
}

// FCALL function numkeys [key ...] [arg ...]
template <Effect effect>
Status fcall(Context& ctx, Args args, ReplyWriter& reply) {
  ScriptEngine* const engine = engine_of(ctx);
  if (!engine) return Error(kNoScripts);
  const Function* const function = engine->shared().libraries.find_function(args.next());
  if (!function) return Error("ERR Function not found");
  auto call = read_call(args, "ERR Bad number of keys provided", effect);
  if (!call) return call.error();
  return engine->call_function(ctx, *function, *call, reply);
}

constexpr std::uint32_t kRunning = kNoScript | kStale | kSkipMonitor | kTellsMonitor |
                                   kNoMandatoryKeys;

constexpr CommandSpec row(const char* name, Handler run, Effect effect, const char* syntax,
                          const char* summary, const char* since) {
  const bool writes = effect == Effect::kWrites;
  constexpr unsigned kWriting = kKeyRW | kKeyAccess | kKeyUpdate;
  constexpr unsigned kReading = kKeyRO | kKeyAccess;
  return {.name = name,
          .arity = at_least(3),
          .keys = {key_count(2, writes ? kWriting : kReading)},
          .access = writes ? Access::kNone : Access::kRead,
          .flags = writes ? kRunning | kMayReplicate : kRunning,
          .journal = JournalForm::kEffects,
          .locks = Locks::kAll,
          .run = run,
          .group = Group::kScripting,
          .syntax = syntax,
          .summary = summary,
          .since = since,
          .complexity = "Depends on the script that is executed."};
}

constexpr char kBySource[] = "script numkeys [key [key ...]] [arg [arg ...]]";
constexpr char kBySha[] = "sha1 numkeys [key [key ...]] [arg [arg ...]]";
constexpr char kByName[] = "function numkeys [key [key ...]] [arg [arg ...]]";

constexpr CommandSpec kCommands[] = {
    row("eval", eval<Effect::kWrites>, Effect::kWrites, kBySource, "Runs a Lua script.",
        "2.6.0"),
    row("eval_ro", eval<Effect::kReadsOnly>, Effect::kReadsOnly, kBySource,
        "Runs a Lua script that changes nothing.", "7.0.0"),
    row("evalsha", evalsha<Effect::kWrites>, Effect::kWrites, kBySha,
        "Runs a Lua script that is known by its SHA1.", "2.6.0"),
    row("evalsha_ro", evalsha<Effect::kReadsOnly>, Effect::kReadsOnly, kBySha,
        "Runs a Lua script that changes nothing and is known by its SHA1.", "7.0.0"),
    row("fcall", fcall<Effect::kWrites>, Effect::kWrites, kByName,
        "Calls a function of a library.", "7.0.0"),
    row("fcall_ro", fcall<Effect::kReadsOnly>, Effect::kReadsOnly, kByName,
        "Calls a function of a library that changes nothing.", "7.0.0"),
};

}  // namespace

std::span<const CommandSpec> eval_commands() { return kCommands; }

ScriptEngine* engine_of(Context& ctx) { return ctx.dispatcher().host().script_engine(); }

bool declares_no_writes(Scripting& scripting, Keyspace& keyspace, const CommandSpec& spec,
                        std::span<const Word> words) {
  const ByteView what = words[1].text;
  std::uint32_t flags = 0;
  if (spec.run == eval<Effect::kWrites>) {
    auto head = read_script_head(what);
    if (head) flags = head->flags;
  } else if (spec.run == evalsha<Effect::kWrites> || spec.run == fcall<Effect::kWrites>) {
    LockedStripes locked(keyspace);
    if (!locked.lock_one_unless_busy(0)) return false;
    if (spec.run == fcall<Effect::kWrites>) {
      const Function* const function = scripting.libraries.find_function(what);
      if (function) flags = function->flags;
    } else if (what.size() == Sha::kChars) {
      const auto script = scripting.scripts.find(Sha::from_text(what));
      if (script) flags = script->flags;
    }
  }
  return (flags & kScriptNoWrites) != 0;
}

void write_script_help(Context& ctx, std::initializer_list<const char*> lines,
                       ReplyWriter& reply) {
  reply.array(lines.size() + 3);
  reply.simple(to_upper(ctx.words()[0].text) +
               " <subcommand> [<arg> [value] [opt] ...]. Subcommands are:");
  for (const char* line : lines) reply.simple(line);
  reply.simple("HELP");
  reply.simple("    Prints this help.");
}

bool read_flush_mode(Args& args) {
  // Whatever the mode: memory is free when the reply leaves.
  if (!args.take("SYNC")) args.take("ASYNC");
  return !args.more();
}

}  // namespace memoir
