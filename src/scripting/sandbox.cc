#include "src/scripting/sandbox.h"

#include <algorithm>
#include <cstring>
#include <string_view>
#include <utility>

#include "src/base/bytes.h"

extern "C" int luaopen_cjson(lua_State* lua);

namespace memoir {
namespace {

constexpr char kReadonly[] = "Attempt to modify a readonly table";
// Registry: table -> its proxy.
constexpr char kProxies[] = "memoir.proxies";
// In the metatable of a proxy, by this address: the table it stands for.
const char kTargetTag = 0;

// Globals that scripts see, beside `redis`, KEYS and ARGV. Not newproxy: with it a script could
// have code run whenever garbage is collected, outside of any call.
constexpr std::string_view kAllowed[] = {
    "string",  "cjson",          "bit",      "cmsgpack", "math",         "table",
    "struct",  "xpcall",         "tostring", "getfenv",  "setmetatable", "next",
    "assert",  "tonumber",       "rawequal", "rawset",   "getmetatable", "collectgarbage",
    "pcall",   "coroutine",      "type",     "_G",       "select",       "unpack",
    "gcinfo",  "pairs",          "rawget",   "ipairs",   "loadstring",   "_VERSION",
    "setfenv", "load",           "error",    "os"};

void push_tag(lua_State* lua) { lua_pushlightuserdata(lua, const_cast<char*>(&kTargetTag)); }

// Whether the value at `index` is a proxy; if so pushes the table it stands for.
bool push_target(lua_State* lua, int index) {
  if (lua_type(lua, index) != LUA_TTABLE || !lua_getmetatable(lua, index)) return false;
  push_tag(lua);
  lua_rawget(lua, -2);
  lua_remove(lua, -2);
  if (!lua_isnil(lua, -1)) return true;
  lua_pop(lua, 1);
  return false;
}

// Puts what it stands for in the place of a proxy among the arguments.
void resolve(lua_State* lua, int index) {
  if (push_target(lua, index)) lua_replace(lua, index);
}

// The function that stood in the place of this one.
int call_original(lua_State* lua) { return lua_tocfunction(lua, lua_upvalueindex(1))(lua); }

// Writing through a metamethod: the error names the place.
int refuse_write(lua_State* lua) { return luaL_error(lua, "%s", kReadonly); }

// Writing by a function that goes around metamethods: it does not.
void refuse_proxy(lua_State* lua, int index) {
  if (!push_target(lua, index)) return;
  lua_pushstring(lua, kReadonly);
  lua_error(lua);
}

int writing(lua_State* lua) {
  refuse_proxy(lua, 1);
  return call_original(lua);
}

int reading(lua_State* lua) {
  resolve(lua, 1);
  return call_original(lua);
}

int checked_setmetatable(lua_State* lua) {
  refuse_proxy(lua, 1);
  resolve(lua, 2);
  return call_original(lua);
}

int checked_getmetatable(lua_State* lua) {
  luaL_checkany(lua, 1);
  resolve(lua, 1);
  if (!lua_getmetatable(lua, 1)) {
    lua_pushnil(lua);
    return 1;
  }
  if (luaL_getmetafield(lua, 1, "__metatable")) return 1;
  lua_getfield(lua, LUA_REGISTRYINDEX, kProxies);
  lua_pushvalue(lua, -2);
  lua_rawget(lua, -2);
  if (lua_isnil(lua, -1)) lua_pop(lua, 2);
  return 1;
}

// pairs() with the sandbox's next().
int checked_pairs(lua_State* lua) {
  luaL_checktype(lua, 1, LUA_TTABLE);
  lua_pushvalue(lua, lua_upvalueindex(1));
  lua_pushvalue(lua, 1);
  lua_pushnil(lua);
  return 3;
}

int text_loaded(lua_State* lua, int status) {
  if (status == 0) return 1;
  lua_pushnil(lua);
  lua_insert(lua, -2);
  return 2;
}

int checked_loadstring(lua_State* lua) {
  std::size_t bytes;
  const char* text = luaL_checklstring(lua, 1, &bytes);
  const char* name = luaL_optstring(lua, 2, text);
  return text_loaded(lua, load_text(lua, text, bytes, name));
}

// Asks the function at index 1 for the next piece of text, which is kept at index 3.
const char* next_piece(lua_State* lua, void* first_piece, std::size_t* bytes) {
  luaL_checkstack(lua, 2, "too many nested functions");
  lua_pushvalue(lua, 1);
  lua_call(lua, 0, 1);
  *bytes = 0;
  if (lua_isnil(lua, -1)) return nullptr;
  if (!lua_isstring(lua, -1)) luaL_error(lua, "reader function must return a string");
  auto& is_first = *static_cast<bool*>(first_piece);
  if (std::exchange(is_first, false) && lua_tostring(lua, -1)[0] == LUA_SIGNATURE[0]) {
    lua_pushliteral(lua, " ");  // as load_text()
    lua_insert(lua, -2);
    lua_concat(lua, 2);
  }
  lua_replace(lua, 3);
  return lua_tolstring(lua, 3, bytes);
}

int checked_load(lua_State* lua) {
  luaL_checktype(lua, 1, LUA_TFUNCTION);
  const char* name = luaL_optstring(lua, 2, "=(load)");
  lua_settop(lua, 3);
  bool is_first = true;
  return text_loaded(lua, lua_load(lua, next_piece, &is_first, name));
}

// An error that is a table with a text becomes the text, as scripts have known it before Redis 7.
int plain_pcall(lua_State* lua) {
  luaL_checkany(lua, 1);
  const int arguments = lua_gettop(lua) - 1;
  lua_pushboolean(lua, 1);
  lua_insert(lua, 1);
  if (lua_pcall(lua, arguments, LUA_MULTRET, 0) == 0) return lua_gettop(lua);
  if (lua_istable(lua, -1)) {
    lua_getfield(lua, -1, "err");
    if (lua_isstring(lua, -1)) {
      lua_replace(lua, -2);
    } else {
      lua_pop(lua, 1);
    }
  }
  lua_pushboolean(lua, 0);
  lua_replace(lua, 1);
  return lua_gettop(lua);
}

// Replaces the function `name` of the table on top of the stack by `with`, which finds it as its
// first upvalue.
void wrap(lua_State* lua, const char* name, lua_CFunction with) {
  lua_getfield(lua, -1, name);
  if (lua_isnil(lua, -1)) return lua_pop(lua, 1);
  lua_pushcclosure(lua, with, 1);
  lua_setfield(lua, -2, name);
}

void replace_functions(lua_State* lua) {
  lua_pushvalue(lua, LUA_GLOBALSINDEX);
  wrap(lua, "rawset", writing);
  wrap(lua, "rawget", reading);
  wrap(lua, "next", reading);
  wrap(lua, "setmetatable", checked_setmetatable);
  wrap(lua, "getmetatable", checked_getmetatable);
  lua_getfield(lua, -1, "next");
  lua_pushcclosure(lua, checked_pairs, 1);
  lua_setfield(lua, -2, "pairs");
  lua_pushcfunction(lua, checked_load);
  lua_setfield(lua, -2, "load");
  lua_pushcfunction(lua, checked_loadstring);
  lua_setfield(lua, -2, "loadstring");
  lua_pushcfunction(lua, plain_pcall);
  lua_setfield(lua, -2, "pcall");
  lua_getfield(lua, -1, LUA_TABLIBNAME);
  wrap(lua, "insert", writing);  // others change only what is there: in a proxy, nothing
  for (const char* name : {"foreach", "foreachi"}) wrap(lua, name, reading);
  lua_pop(lua, 2);
}

void drop_what_is_not_allowed(lua_State* lua) {
  lua_pushnil(lua);
  while (lua_next(lua, LUA_GLOBALSINDEX) != 0) {
    lua_pop(lua, 1);
    const char* const name = lua_tostring(lua, -1);
    if (std::ranges::find(kAllowed, std::string_view(name)) != std::end(kAllowed)) continue;
    lua_pushvalue(lua, -1);
    lua_pushnil(lua);
    lua_rawset(lua, LUA_GLOBALSINDEX);
  }
}

void open(lua_State* lua, const char* name, lua_CFunction opener) {
  lua_pushcfunction(lua, opener);
  lua_pushstring(lua, name);
  lua_call(lua, 1, 1);
  if (lua_istable(lua, -1) && *name != 0) {
    lua_setfield(lua, LUA_GLOBALSINDEX, name);
  } else {
    lua_pop(lua, 1);
  }
}

int unknown_name(lua_State* lua) {
  if (lua_gettop(lua) != 2) {
    return luaL_error(lua, "Wrong number of arguments to luaProtectedTableError");
  }
  if (!lua_isstring(lua, 2)) {
    return luaL_error(lua,
                      "Second argument to luaProtectedTableError must be a string or number");
  }
  return luaL_error(lua, "Script attempted to access nonexistent global variable '%s'",
                    lua_tostring(lua, 2));
}

// Of os nothing but the clock.
void open_clock(lua_State* lua) {
  open(lua, LUA_OSLIBNAME, luaopen_os);
  lua_getglobal(lua, LUA_OSLIBNAME);
  lua_newtable(lua);
  lua_getfield(lua, -2, "clock");
  lua_setfield(lua, -2, "clock");
  lua_setglobal(lua, LUA_OSLIBNAME);
  lua_pop(lua, 1);
}

}  // namespace

void open_libraries(lua_State* lua) {
  lua_newtable(lua);
  lua_setfield(lua, LUA_REGISTRYINDEX, kProxies);
  open(lua, "", luaopen_base);
  open(lua, LUA_TABLIBNAME, luaopen_table);
  open(lua, LUA_STRLIBNAME, luaopen_string);
  open(lua, LUA_MATHLIBNAME, luaopen_math);
  open_clock(lua);
  open(lua, "cjson", luaopen_cjson);
  open(lua, "struct", open_struct);
  open(lua, "cmsgpack", open_cmsgpack);
  open(lua, "bit", open_bit);
  replace_functions(lua);
  drop_what_is_not_allowed(lua);
  // Methods of strings are looked up in their metatable.
  lua_pushliteral(lua, "");
  lua_getmetatable(lua, -1);
  protect_table(lua);
  lua_pop(lua, 2);
}

void protect_table(lua_State* lua) {
  luaL_checkstack(lua, 8, "too many nested tables");
  if (push_target(lua, -1)) return lua_pop(lua, 1);  // a proxy already
  const int table = lua_gettop(lua);
  lua_getfield(lua, LUA_REGISTRYINDEX, kProxies);
  lua_pushvalue(lua, table);
  lua_rawget(lua, -2);
  if (!lua_isnil(lua, -1)) {
    lua_replace(lua, table);
    return lua_settop(lua, table);
  }
  lua_pop(lua, 1);

  lua_newtable(lua);  // the proxy
  lua_newtable(lua);  // and its metatable
  lua_pushcfunction(lua, refuse_write);
  lua_setfield(lua, -2, "__newindex");
  lua_setmetatable(lua, -2);
  lua_pushvalue(lua, table);
  redirect_proxy(lua, -2);
  lua_pushvalue(lua, table);
  lua_pushvalue(lua, -2);
  lua_rawset(lua, -4);  // proxies[table] = proxy
  lua_remove(lua, -2);
  const int proxy = table + 1;

  lua_pushnil(lua);
  while (lua_next(lua, table) != 0) {
    if (lua_istable(lua, -1)) {
      protect_table(lua);
      lua_pushvalue(lua, -2);
      lua_insert(lua, -2);
      lua_rawset(lua, table);
    } else {
      lua_pop(lua, 1);
    }
  }
  if (lua_getmetatable(lua, table)) protect_table(lua);
  lua_settop(lua, proxy);
  lua_replace(lua, table);
}

void redirect_proxy(lua_State* lua, int index) {
  lua_getmetatable(lua, index);
  lua_insert(lua, -2);
  push_tag(lua);
  lua_pushvalue(lua, -2);
  lua_rawset(lua, -4);
  lua_setfield(lua, -2, "__index");
  lua_pop(lua, 1);
}

void refuse_unknown_names(lua_State* lua) {
  lua_newtable(lua);
  lua_pushcfunction(lua, unknown_name);
  lua_setfield(lua, -2, "__index");
  lua_setmetatable(lua, -2);
}

int load_text(lua_State* lua, const char* text, std::size_t bytes, const char* name) {
  if (bytes == 0 || text[0] != LUA_SIGNATURE[0]) return luaL_loadbuffer(lua, text, bytes, name);
  // Only the very first byte tells bytecode from text.
  Bytes spaced = " ";
  spaced.append(text, bytes);
  return luaL_loadbuffer(lua, spaced.data(), spaced.size(), name);
}

}  // namespace memoir
