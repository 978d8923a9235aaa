// redis.call and its kin: a command of a script, through the dispatcher like any other.
#include "src/base/number.h"
#include "src/scripting/script_engine.h"

namespace memoir {
namespace {

// What a reply's buffer may keep between two commands.
constexpr std::size_t kReplyBytesKept = 64 * 1024;

}  // namespace

bool ScriptEngine::set_spoken(int version) {
  if (version != 2 && version != 3) return false;
  session_.identity.resp = version == 3 ? Resp::kV3 : Resp::kV2;
  return true;
}

// The journal is file and stream to the replicas in one, so it is told unless nobody is to be.
bool ScriptEngine::set_journaled(int where) {
  constexpr int kAll = 3;
  if ((where & ~kAll) != 0) return false;
  if (run_) {
    run_->journaled = where == 0 ? Dispatcher::Journaled::kNo : Dispatcher::Journaled::kYes;
  }
  return true;
}

// The arguments as words, without a copy: strings stay on the stack until the command has run.
bool ScriptEngine::take_words(lua_State* lua, int count) {
  const auto size = static_cast<std::size_t>(count);
  words_.resize(size);
  if (digits_.size() < size) digits_.resize(size);
  for (int i = 0; i < count; ++i) {
    const int type = lua_type(lua, i + 1);
    if (type == LUA_TNUMBER) {
      char* const text = digits_[static_cast<std::size_t>(i)].data();
      words_[static_cast<std::size_t>(i)].text =
          ByteView(text, format_double(lua_tonumber(lua, i + 1), text));
    } else if (type == LUA_TSTRING) {
      std::size_t bytes;
      const char* const text = lua_tolstring(lua, i + 1, &bytes);
      words_[static_cast<std::size_t>(i)].text = ByteView(text, bytes);
    } else {
      return false;
    }
  }
  return true;
}

// Pushes an error that has been counted, as a value or as what stops the script.
int ScriptEngine::fail_call(lua_State* lua, OnError on_error, const CommandTable::Row* row,
                            ByteView text) {
  const bool has_code = text.starts_with('-');
  const Bytes whole = has_code ? Bytes(text.substr(1)) : Bytes("ERR ").append(text);
  run_->ctx.dispatcher().count_rejected(row, whole);
  push_error(lua, text);
  mark_counted(lua);
  return on_error == OnError::kRaise ? lua_error(lua) : 1;
}

// What keeps a command from being called by the running script, or null. Texts that begin with '-'
// have a code word; `text` may hold the one returned.
const char* ScriptEngine::refuse_call(const CommandTable::Row& row, Bytes& text) {
  Run& run = *run_;
  const CommandSpec& spec = *row.spec;
  Dispatcher& dispatcher = run.ctx.dispatcher();
  const auto told = [&](const Status& status) {
    text = "-" + status.error().text();
    return text.c_str();
  };
  if (spec.has(kNoScript) && !shared_.allows_all_commands()) {
    return "This Redis command is not allowed from script";
  }
  const Status permitted =
      dispatcher.host().permit(*session_.caller, row, words_, Origin::kScript);
  if (!permitted) return told(permitted);
  const bool writes = spec.access == Access::kWrite;
  if (run.read_only && (writes || spec.has(kMayReplicate))) {
    return "Write commands are not allowed from read-only scripts.";
  }
  if (run.ctx.environment().undo) {
    if (const Status undoable = Dispatcher::check_undoable(row); !undoable) return told(undoable);
  }
  if (run.written) return nullptr;
  if (writes) {
    if (const Status fit = dispatcher.refuse_first_write(row, words_); !fit) return told(fit);
  }
  if (!run.allow_oom && spec.has(kDenyOom) && dispatcher.out_of_memory()) {
    return "-OOM command not allowed when used memory > 'maxmemory'.";
  }
  if (!writes) return nullptr;
  // From now on it must not be killed, but for one that would be taken back.
  if (!run.undoable && !shared_.begin_writing()) {
    run.killed = true;
    return "Script killed by user with SCRIPT KILL...";
  }
  run.written = true;
  return nullptr;
}

// The bytes of the reply, in one piece.
ByteView ScriptEngine::nested_reply() {
  OutputBuffer::Slice slices[2];
  if (reply_.slices(slices, reply_.end_position()) == 1) return {slices[0].data, slices[0].size};
  flat_reply_ = reply_.flatten();
  return flat_reply_;
}

int ScriptEngine::call_command(lua_State* lua, OnError on_error) {
  const auto failed = [&](const char* text) {
    push_error(lua, text);
    return on_error == OnError::kRaise ? lua_error(lua) : 1;
  };
  if (!run_) return failed("redis.call/pcall can only be called inside a script invocation");
  const int count = lua_gettop(lua);
  if (count == 0) {
    return failed("Please specify at least one argument for this redis lib call");
  }
  if (!take_words(lua, count)) {
    return failed("Lua redis lib command arguments must be strings or integers");
  }
  Dispatcher& dispatcher = run_->ctx.dispatcher();
  const CommandTable::Row* row = dispatcher.commands().resolve(words_);
  if (!row) {
    return fail_call(lua, on_error, nullptr, "Unknown Redis command called from script");
  }
  if (!row->spec->arity.admits_form(words_.size())) {
    return fail_call(lua, on_error, row, "Wrong number of args calling Redis command from script");
  }
  Bytes text;
  if (const char* refusal = refuse_call(*row, text)) {
    return fail_call(lua, on_error, row, refusal);
  }
  if (dispatcher.settings.monitored) [[unlikely]] {
    dispatcher.host().monitor(session_, words_, Origin::kScript);
  }
  ReplyWriter writer(reply_, session_.identity.resp);
  dispatcher.run_nested(run_->ctx, session_, *row, words_, writer, run_->journaled);

  lua_settop(lua, 0);
  const ByteView reply = nested_reply();
  const bool is_error = reply[0] == '-';
  push_reply(lua, reply);
  reply_.truncate(reply_.begin_position());
  if (reply_.memory_usage() > kReplyBytesKept) reply_.shrink();
  return is_error && on_error == OnError::kRaise ? lua_error(lua) : 1;
}

int ScriptEngine::check_command(lua_State* lua) {
  const auto raise = [&](const char* text) {
    push_error(lua, text);
    return lua_error(lua);
  };
  const int count = lua_gettop(lua);
  if (count == 0) return raise("Please specify at least one argument for this redis lib call");
  if (!take_words(lua, count)) {
    return raise("Lua redis lib command arguments must be strings or integers");
  }
  if (!run_) return raise("redis.acl_check_cmd can only be called inside a script invocation");
  Dispatcher& dispatcher = run_->ctx.dispatcher();
  const CommandTable::Row* row = dispatcher.commands().resolve(words_);
  if (!row) return raise("Invalid command passed to redis.acl_check_cmd()");
  lua_pushboolean(lua, dispatcher.host().may_run(*session_.caller, *row, words_) ? 1 : 0);
  return 1;
}

}  // namespace memoir
