// The sandbox: what of Lua's base library scripts see, and tables that nobody can change.
//
// Stock Lua knows no read-only tables, so each is hidden behind a proxy: an empty table that reads
// from it and refuses to be written. Scripts get hold of proxies only. Base functions that would
// reach around a metamethod (rawset, next, getmetatable, table.insert, ...) know proxies and treat
// them as what they stand for; so to a script a proxy is the table itself, read-only.
#pragma once

#include <lua5.1/lua.hpp>

#include <cstddef>

namespace memoir {

// Opens the libraries of the sandbox in a new state: base functions on the list, string, table,
// math, cjson, cmsgpack, struct, bit.
void open_libraries(lua_State* lua);

// Replaces the table on top of the stack by its proxy; tables reached through its fields and
// metatables become read-only with it.
void protect_table(lua_State* lua);
// Gives the table on top of the stack a metatable that makes reading an unknown name an error.
void refuse_unknown_names(lua_State* lua);
// Makes the proxy at `index` stand for the table on top of the stack, which is popped.
void redirect_proxy(lua_State* lua, int index);

// As luaL_loadbuffer(), for text only: what looks like bytecode is a syntax error.
int load_text(lua_State* lua, const char* text, std::size_t bytes, const char* name);

// The libraries that no package has, or none without faults.
int open_cmsgpack(lua_State* lua);
int open_struct(lua_State* lua);
int open_bit(lua_State* lua);

}  // namespace memoir
