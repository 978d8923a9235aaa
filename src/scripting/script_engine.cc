#include "src/scripting/script_engine.h"

#include "src/base/cycles.h"
#include "src/base/hash.h"
#include "src/base/log.h"
#include "src/command/misconf.h"
#include "src/scripting/script_flags.h"

namespace memoir {
namespace {

constexpr std::string_view kUnknownScript = "NOSCRIPT No matching script. Please use EVAL.";
constexpr std::string_view kOutOfMemory =
    "OOM command not allowed when used memory > 'maxmemory'.";
// What a record of a script's commands takes at least.
constexpr std::size_t kRecordBytes = 4096;

void push_words(lua_State* lua, std::span<const Word> words) {
  lua_createtable(lua, static_cast<int>(words.size()), 0);
  int index = 0;
  for (const Word& word : words) {
    lua_pushlstring(lua, word.text.data(), word.text.size());
    lua_rawseti(lua, -2, ++index);
  }
}

}  // namespace

ScriptEngine::ScriptEngine(Scripting& shared) : shared_(shared) {
  session_.identity.may_block = false;
  flushes_seen_ = shared_.scripts.flushes();
  shared_.add_engine(this);
}

ScriptEngine::~ScriptEngine() { shared_.remove_engine(this); }

std::size_t ScriptEngine::vm_memory(ScriptKind kind) const {
  const std::lock_guard lock(shown_mutex_);
  const Interpreter* interpreter = kind == ScriptKind::kEval ? shown_scripts_ : shown_functions_;
  return interpreter ? interpreter->memory() : 0;
}

// ---- what is compiled ---------------------------------------------------------------------------

Interpreter& ScriptEngine::scripts() {
  if (!scripts_) {
    scripts_ = std::make_unique<Interpreter>(ScriptKind::kEval, *this);
    const std::lock_guard lock(shown_mutex_);
    shown_scripts_ = scripts_.get();
  }
  return *scripts_;
}

// SCRIPT FLUSH on any worker: everything is forgotten, the interpreter included.
void ScriptEngine::follow_shared() {
  if (shared_.scripts.flushes() != flushes_seen_) [[unlikely]] {
    flushes_seen_ = shared_.scripts.flushes();
    by_body_.clear();
    by_sha_.clear();
    const std::lock_guard lock(shown_mutex_);
    shown_scripts_ = nullptr;
    scripts_.reset();
  }
  constexpr std::uint64_t kDeparturesMany = 64;
  if (shared_.scripts.departures() - departures_seen_ > kDeparturesMany) [[unlikely]] {
    drop_departed();
  }
}

void ScriptEngine::drop_departed() {
  departures_seen_ = shared_.scripts.departures();
  std::erase_if(by_body_, [](const auto& each) { return each.second->script->gone; });
  std::erase_if(by_sha_, [this](const auto& each) {
    if (!each.second->script->gone) return false;
    scripts_->forget(each.second->reference);
    return true;
  });
}

ScriptEngine::Compiled* ScriptEngine::find_script(const Sha& sha) {
  const auto found = by_sha_.find(sha);
  if (found == by_sha_.end()) return nullptr;
  if (!found->second->script->gone) return found->second.get();
  drop_departed();
  return nullptr;
}

Result<ScriptEngine::Compiled*> ScriptEngine::compile(std::shared_ptr<Script> script) {
  auto reference =
      scripts().compile(ByteView(script->body).substr(script->head_bytes), "@user_script");
  if (!reference) {
    return Error("ERR Error compiling script (new function): " + reference.error().text());
  }
  auto compiled = std::make_unique<Compiled>(Compiled{std::move(script), *reference});
  Compiled* const raw = compiled.get();
  by_sha_[raw->script->sha] = std::move(compiled);
  return raw;
}

// The compiled script of a text, which is put into the cache if it is new.
Result<ScriptEngine::Compiled*> ScriptEngine::script_of(ByteView body, ScriptCache::From from) {
  follow_shared();
  const std::uint64_t hash = hash_in_memory(body);
  const auto known = by_body_.find(hash);
  if (known != by_body_.end()) {
    Script& script = *known->second->script;
    if (!script.gone && script.body == body) {
      if (from == ScriptCache::From::kScriptLoad) shared_.scripts.keep(script);
      return known->second;
    }
  }
  const Sha sha = Sha::of(body);
  Compiled* compiled = find_script(sha);
  if (!compiled) {
    auto script = shared_.scripts.find(sha);
    const bool is_new = !script;
    if (is_new) {
      auto head = read_script_head(body);
      if (!head) return head.error();
      script = std::make_shared<Script>();
      script->sha = sha;
      script->body = body;
      script->flags = head->flags;
      script->head_bytes = head->bytes;
    }
    auto fresh = compile(script);
    if (!fresh) return fresh.error();
    compiled = *fresh;
    if (is_new) shared_.scripts.add(script, from);
  }
  if (from == ScriptCache::From::kScriptLoad) shared_.scripts.keep(*compiled->script);
  by_body_[hash] = compiled;
  return compiled;
}

// ---- the handlers' side -------------------------------------------------------------------------

Result<Sha> ScriptEngine::load_script(ByteView body) {
  auto compiled = script_of(body, ScriptCache::From::kScriptLoad);
  if (!compiled) return compiled.error();
  return Sha((*compiled)->script->sha);
}

Status ScriptEngine::eval(Context& ctx, ByteView body, const Call& call, ReplyWriter& reply) {
  auto compiled = script_of(body, ScriptCache::From::kEval);
  if (!compiled) return compiled.error();
  return run_compiled(ctx, **compiled, call, reply);
}

Status ScriptEngine::eval_sha(Context& ctx, const Sha& sha, const Call& call, ReplyWriter& reply) {
  follow_shared();
  Compiled* compiled = find_script(sha);
  if (!compiled) {
    auto script = shared_.scripts.find(sha);
    if (!script) return Error(kUnknownScript);
    auto fresh = compile(std::move(script));
    if (!fresh) return fresh.error();
    compiled = *fresh;
  }
  return run_compiled(ctx, *compiled, call, reply);
}

Status ScriptEngine::run_compiled(Context& ctx, Compiled& compiled, const Call& call,
                                  ReplyWriter& reply) {
  Script& script = *compiled.script;
  shared_.scripts.touch(script);
  if (Status fit = refuse(ctx, script.flags, call.read_only); !fit) return fit;
  const bool compat = (script.flags & kScriptCompat) != 0;
  Run run{.ctx = ctx,
          .kind = ScriptKind::kEval,
          .name = script.sha.view(),
          .flags = script.flags,
          .began_cycles = ctx.dispatcher().began_cycles(),
          .read_only = call.read_only || (!compat && (script.flags & kScriptNoWrites) != 0),
          .allow_oom = (script.flags & kScriptAllowOom) != 0};
  return execute(run, *scripts_, compiled.reference, call, reply);
}

Status ScriptEngine::call_function(Context& ctx, const Function& function, const Call& call,
                                   ReplyWriter& reply) {
  if (Status fit = refuse(ctx, function.flags, call.read_only); !fit) return fit;
  auto reference = function_reference(function);
  if (!reference) return reference.error();
  Run run{.ctx = ctx,
          .kind = ScriptKind::kFunction,
          .name = function.name,
          .flags = function.flags,
          .began_cycles = ctx.dispatcher().began_cycles(),
          .read_only = call.read_only || (function.flags & kScriptNoWrites) != 0,
          .allow_oom = (function.flags & kScriptAllowOom) != 0};
  return execute(run, *functions_, *reference, call, reply);
}

// What keeps a script that declares its flags from beginning. One that does not is refused command
// by command.
Status ScriptEngine::refuse(Context& ctx, std::uint32_t flags, bool read_only) const {
  if ((flags & kScriptCompat) != 0) return ok;
  Dispatcher& dispatcher = ctx.dispatcher();
  if ((flags & (kScriptNoWrites | kScriptAllowOom)) == 0 && dispatcher.out_of_memory()) {
    return Error(kOutOfMemory);
  }
  if ((flags & kScriptNoWrites) != 0) return ok;
  if (read_only) {
    return Error("ERR Can not execute a script with write flag using *_ro command.");
  }
  if (dispatcher.settings.snapshots_failing) [[unlikely]] return Error(kSnapshotsFailing);
  if (!dispatcher.settings.stop_writes_on_error) return ok;
  return dispatcher.journal().writable(kRecordBytes);
}

// ---- a run --------------------------------------------------------------------------------------

Status ScriptEngine::execute(Run& run, Interpreter& interpreter, int reference, const Call& call,
                             ReplyWriter& reply) {
  Context& ctx = run.ctx;
  Dispatcher& dispatcher = ctx.dispatcher();
  session_.identity = ctx.session().identity;
  session_.identity.resp = Resp::kV2;
  session_.identity.may_block = false;
  session_.caller = &ctx.session();

  UndoLog*& undo_in_use = ctx.environment().undo;
  std::optional<UndoLog> undo;
  // In a transaction that can be taken back as a whole, a failure takes back all of that.
  run.undoable = (run.flags & kScriptRollback) != 0 && !undo_in_use;
  if (!run.undoable) {
    Status done = protected_call(run, interpreter, reference, call, reply);
    run.abandoned ? ctx.effects().suppress() : dispatcher.end_nested(ctx);
    return done;
  }
  const Dispatcher::NestedMark mark = dispatcher.mark_nested(ctx);
  undo_in_use = &undo.emplace();
  Status done = protected_call(run, interpreter, reference, call, reply);
  undo_in_use = nullptr;
  if (!done) dispatcher.undo_nested(ctx, *undo, mark);
  run.abandoned ? ctx.effects().suppress() : dispatcher.end_nested(ctx);
  return done;
}

Status ScriptEngine::protected_call(Run& run, Interpreter& interpreter, int reference,
                                    const Call& call, ReplyWriter& reply) {
  run_ = &run;
  shared_.begin(run.kind);
  lua_State* const lua = interpreter.lua();
  const int arguments = push_call(run, interpreter, reference, call);
  const int failed = lua_pcall(lua, arguments, 1, Interpreter::kErrorHandler);
  Status done = failed ? Status(final_error(run, lua)) : finish(lua, reply);
  if (run.busy) end_busy(run);
  shared_.end();
  run_ = nullptr;
  session_.caller = nullptr;
  interpreter.restore();
  interpreter.collect_some();
  return done;
}

// Pushes what is to be called; returns the number of arguments.
int ScriptEngine::push_call(Run& run, Interpreter& interpreter, int reference, const Call& call) {
  lua_State* const lua = interpreter.lua();
  lua_rawgeti(lua, LUA_REGISTRYINDEX, reference);
  if (run.kind == ScriptKind::kFunction) {
    push_words(lua, call.keys);
    push_words(lua, call.arguments);
    return 2;
  }
  // A former run may have given itself other globals.
  lua_pushvalue(lua, Interpreter::kEnvironment);
  lua_setfenv(lua, -2);
  lua_pushvalue(lua, Interpreter::kKeysName);
  push_words(lua, call.keys);
  lua_rawset(lua, Interpreter::kGlobals);
  lua_pushvalue(lua, Interpreter::kArgvName);
  push_words(lua, call.arguments);
  lua_rawset(lua, Interpreter::kGlobals);
  return 0;
}

// The value on top of the stack becomes the reply.
Status ScriptEngine::finish(lua_State* lua, ReplyWriter& reply) {
  if (lua_istable(lua, -1)) {
    lua_pushliteral(lua, "err");
    lua_rawget(lua, -2);
    const bool is_error = lua_type(lua, -1) == LUA_TSTRING;
    lua_pop(lua, 1);
    if (is_error) {
      ErrorInformation error = error_information(lua);
      return Error(error.counted ? ErrorCode::kCountedReply : ErrorCode::kReply,
                   std::move(error.text));
    }
  }
  write_value(lua, session_.identity.resp, reply, *this);
  return ok;
}

Error ScriptEngine::final_error(const Run& run, lua_State* lua) {
  if (!lua_istable(lua, -1)) {
    constexpr std::size_t kTextBytesMax = 100;
    const char* text = lua_isstring(lua, -1) ? lua_tostring(lua, -1) : "execution failure";
    return Error(Bytes("ERR Error running script ")
                     .append(run.name)
                     .append(", ")
                     .append(ByteView(text).substr(0, kTextBytesMax)));
  }
  ErrorInformation error = error_information(lua);
  if (!error.line.empty() && !error.source.empty()) {
    error.text.append(" script: ").append(run.name);
    error.text += ", on " + error.source + ":" + error.line + ".";
  }
  return {error.counted ? ErrorCode::kCountedReply : ErrorCode::kReply, std::move(error.text)};
}

void ScriptEngine::count_error(ByteView text) { run_->ctx.dispatcher().host().failed(text); }

// ---- scripts that take long ---------------------------------------------------------------------

void ScriptEngine::on_hook(lua_State* lua) {
  if (run_) return watch_running(lua);
  if (!registration_ || registration_->time_ms == 0) return;
  const std::uint64_t cycles = cycles_now() - registration_->began_cycles;
  if (static_cast<double>(cycles) / cycles_per_us() >
      static_cast<double>(registration_->time_ms) * 1000) {
    stop_script(lua, "FUNCTION LOAD timeout");
  }
}

void ScriptEngine::watch_running(lua_State* lua) {
  Run& run = *run_;
  Dispatcher& dispatcher = run.ctx.dispatcher();
  const std::int64_t threshold_ms = dispatcher.settings.busy_reply_threshold_ms;
  if (!run.busy && threshold_ms > 0) {
    const auto cycles = static_cast<double>(cycles_now() - run.began_cycles);
    const auto elapsed_ms = static_cast<std::int64_t>(cycles / dispatcher.cycles_in_us() / 1000);
    if (elapsed_ms >= threshold_ms) become_busy(run, elapsed_ms);
  }
  if (run.busy) dispatcher.host().serve_meanwhile();
  if (dispatcher.host().stopping()) {
    run.abandoned = run.killed = true;
  } else if (shared_.killed() && !run.killed) {
    log_notice("Lua script killed by user with SCRIPT KILL.");
    run.killed = true;
  }
  if (run.killed) stop_script(lua, "Script killed by user with SCRIPT KILL...");
}

void ScriptEngine::become_busy(Run& run, std::int64_t elapsed_ms) {
  log_warning("Slow script detected: still in execution after {} milliseconds. You can try killing "
              "the script using the {} command. Script name is: {}.",
              elapsed_ms, run.kind == ScriptKind::kEval ? "SCRIPT KILL" : "FUNCTION KILL",
              run.name);
  BusyScript busy{.name = Bytes(run.name), .words = {}, .kind = run.kind, .started_us = 0};
  for (const Word& word : run.ctx.words()) busy.words.emplace_back(word.text);
  busy.started_us = run.ctx.dispatcher().clock().monotonic_us() - elapsed_ms * 1000;
  shared_.set_busy(std::move(busy));
  run.ctx.stripes().keyspace().set_busy(true);
  run.busy = true;
}

void ScriptEngine::end_busy(Run& run) {
  shared_.set_busy(std::nullopt);
  if (!run.abandoned) run.ctx.stripes().keyspace().set_busy(false);
}

// Raises an error that no pcall() of the script can hold back: it is raised again at every line.
void ScriptEngine::stop_script(lua_State* lua, const char* why) {
  const lua_Hook hook = lua_gethook(lua);
  lua_sethook(lua, hook, LUA_MASKLINE, 0);
  if (run_) {
    Interpreter& interpreter = run_->kind == ScriptKind::kEval ? *scripts_ : *functions_;
    lua_sethook(interpreter.lua(), hook, LUA_MASKLINE, 0);
  }
  push_error(lua, why);
  lua_error(lua);
  UNREACHABLE();
}

}  // namespace memoir
