// The table `redis` (and `server`, its other name) as scripts, functions, and libraries that
// register functions see it.
#include <cmath>

#include "src/base/log.h"
#include "src/base/number.h"
#include "src/scripting/interpreter.h"
#include "src/scripting/script_engine.h"

namespace memoir {
namespace {

// Where the commands of a script are to be told of, for set_repl.
constexpr int kTellNobody = 0;
constexpr int kTellFile = 1;
constexpr int kTellReplicas = 2;

ScriptEngine& engine(lua_State* lua) {
  return *static_cast<ScriptEngine*>(lua_touserdata(lua, lua_upvalueindex(1)));
}

int raise(lua_State* lua, const char* text) {
  push_error(lua, text);
  return lua_error(lua);
}

int call(lua_State* lua) {
  return engine(lua).call_command(lua, ScriptEngine::OnError::kRaise);
}
int pcall(lua_State* lua) {
  return engine(lua).call_command(lua, ScriptEngine::OnError::kReturn);
}
int acl_check_cmd(lua_State* lua) { return engine(lua).check_command(lua); }
int register_function(lua_State* lua) { return engine(lua).register_function(lua); }

int sha1hex(lua_State* lua) {
  if (lua_gettop(lua) != 1) return raise(lua, "wrong number of arguments");
  std::size_t bytes = 0;
  const char* text = lua_tolstring(lua, 1, &bytes);
  const Sha sha = Sha::of(text ? ByteView(text, bytes) : ByteView());
  lua_pushlstring(lua, sha.text.data(), Sha::kChars);
  return 1;
}

bool is_one_string(lua_State* lua) {
  if (lua_gettop(lua) == 1 && lua_type(lua, 1) == LUA_TSTRING) return true;
  push_error(lua, "wrong number or type of arguments");
  return false;
}

int error_reply(lua_State* lua) {
  if (!is_one_string(lua)) return 1;
  const char* text = lua_tostring(lua, 1);
  push_error(lua, text[0] == '-' ? Bytes(text) : Bytes("-") + text);
  return 1;
}

int status_reply(lua_State* lua) {
  if (!is_one_string(lua)) return 1;
  lua_newtable(lua);
  lua_pushvalue(lua, 1);
  lua_setfield(lua, -2, "ok");
  return 1;
}

int setresp(lua_State* lua) {
  if (lua_gettop(lua) != 1) return raise(lua, "redis.setresp() requires one argument.");
  if (!engine(lua).set_spoken(static_cast<int>(lua_tonumber(lua, 1)))) {
    return raise(lua, "RESP version must be 2 or 3.");
  }
  return 0;
}

int set_repl(lua_State* lua) {
  if (lua_gettop(lua) != 1) return raise(lua, "redis.set_repl() requires one argument.");
  if (!engine(lua).set_journaled(static_cast<int>(lua_tonumber(lua, 1)))) {
    return raise(lua,
                 "Invalid replication flags. Use REPL_AOF, REPL_REPLICA, REPL_ALL or REPL_NONE.");
  }
  return 0;
}

int log(lua_State* lua) {
  const int count = lua_gettop(lua);
  if (count < 2) return raise(lua, "redis.log() requires two arguments or more.");
  if (!lua_isnumber(lua, 1)) {
    return raise(lua, "First argument must be a number (log level).");
  }
  const auto level = static_cast<int>(lua_tonumber(lua, 1));
  if (level < static_cast<int>(LogLevel::kDebug) || level > static_cast<int>(LogLevel::kWarning)) {
    return raise(lua, "Invalid debug level.");
  }
  if (level < static_cast<int>(log_level())) return 0;
  Bytes text;
  for (int i = 2; i <= count; ++i) {
    std::size_t bytes = 0;
    const char* piece = lua_tolstring(lua, i, &bytes);
    if (!piece) continue;
    if (i > 2) text += ' ';
    text.append(piece, bytes);
  }
  log_line(static_cast<LogLevel>(level), text);
  return 0;
}

// There is no debugger: nobody stops at a breakpoint or reads what redis.debug says.
int breakpoint(lua_State* lua) {
  lua_pushboolean(lua, 0);
  return 1;
}
int debug(lua_State*) { return 0; }
// Commands are always told of one by one.
int replicate_commands(lua_State* lua) {
  lua_pushboolean(lua, 1);
  return 1;
}

int random(lua_State* lua) {
  const lua_Number unit = static_cast<lua_Number>(engine(lua).random().next() % Random48::kMax) /
                          static_cast<lua_Number>(Random48::kMax);
  switch (lua_gettop(lua)) {
    case 0:
      lua_pushnumber(lua, unit);
      return 1;
    case 1: {
      const int high = luaL_checkint(lua, 1);
      luaL_argcheck(lua, 1 <= high, 1, "interval is empty");
      lua_pushnumber(lua, std::floor(unit * high) + 1);
      return 1;
    }
    case 2: {
      const int low = luaL_checkint(lua, 1);
      const int high = luaL_checkint(lua, 2);
      luaL_argcheck(lua, low <= high, 2, "interval is empty");
      lua_pushnumber(lua, std::floor(unit * (static_cast<lua_Number>(high) - low + 1)) + low);
      return 1;
    }
    default:
      return luaL_error(lua, "wrong number of arguments");
  }
}

int randomseed(lua_State* lua) {
  engine(lua).random().seed(luaL_checkint(lua, 1));
  return 0;
}

struct NamedFunction {
  const char* name;
  lua_CFunction function;
};
struct NamedNumber {
  const char* name;
  lua_Number number;
};

void add(lua_State* lua, std::initializer_list<NamedFunction> functions) {
  for (const auto& [name, function] : functions) {
    lua_pushlightuserdata(lua, &engine_of(lua));
    lua_pushcclosure(lua, function, 1);
    lua_setfield(lua, -2, name);
  }
}
void add(lua_State* lua, std::initializer_list<NamedNumber> numbers) {
  for (const auto& [name, number] : numbers) {
    lua_pushnumber(lua, number);
    lua_setfield(lua, -2, name);
  }
}

// 0x00MMmmpp, from "MM.mm.pp".
lua_Number version_number(ByteView version) {
  std::uint32_t number = 0;
  for (int i = 0; i < 3; ++i) {
    const std::size_t dot = version.find('.');
    number = number << 8 |
             static_cast<std::uint32_t>(parse_integer(version.substr(0, dot)).value_or(0));
    version.remove_prefix(dot == ByteView::npos ? version.size() : dot + 1);
  }
  return number;
}

}  // namespace

void add_redis_api(lua_State* lua, ApiPart part, ByteView version) {
  add(lua, {NamedFunction{"log", log}});
  add(lua, {NamedNumber{"LOG_DEBUG", 0}, {"LOG_VERBOSE", 1}, {"LOG_NOTICE", 2},
            {"LOG_WARNING", 3}, {"REDIS_VERSION_NUM", version_number(version)}});
  lua_pushlstring(lua, version.data(), version.size());
  lua_setfield(lua, -2, "REDIS_VERSION");
  if (part == ApiPart::kRegistration) {
    return add(lua, {NamedFunction{"register_function", register_function}});
  }
  add(lua, {NamedFunction{"call", call}, {"pcall", pcall}, {"setresp", setresp},
            {"sha1hex", sha1hex}, {"error_reply", error_reply}, {"status_reply", status_reply},
            {"set_repl", set_repl}, {"acl_check_cmd", acl_check_cmd}});
  add(lua, {NamedNumber{"REPL_NONE", kTellNobody}, {"REPL_AOF", kTellFile},
            {"REPL_SLAVE", kTellReplicas}, {"REPL_REPLICA", kTellReplicas},
            {"REPL_ALL", kTellFile | kTellReplicas}});
  if (part == ApiPart::kFunctions) return;
  add(lua, {NamedFunction{"breakpoint", breakpoint}, {"debug", debug},
            {"replicate_commands", replicate_commands}});
}

void replace_random(lua_State* lua) {
  lua_getfield(lua, -1, LUA_MATHLIBNAME);
  add(lua, {NamedFunction{"random", random}, {"randomseed", randomseed}});
  lua_pop(lua, 1);
}

}  // namespace memoir
