// Replies as Lua values and Lua values as replies, as Redis's scripts know them.
//
//   RESP2 integer: number; bulk: string; null: false; status: {ok=}; error: {err=}; array: table.
//   RESP3 (redis.setresp(3)) null: nil; boolean: boolean; double: {double=}; map: {map=};
//   set: {set=}; big number: {big_number=}; verbatim: {verbatim_string={string=, format=}}.
//
// The other way round all of these are known whatever the version; a number becomes an integer, a
// table an array up to its first nil.
#pragma once

#include <lua5.1/lua.hpp>

#include "protocol/reply_writer.h"
#include "src/base/bytes.h"

namespace memoir {

// Pushes what a reply written by a handler says.
void push_reply(lua_State* lua, ByteView resp);

// Pushes {err=}. A text that begins with '-' has its code word ("-WRONGTYPE ..."), another gets
// ERR.
void push_error(lua_State* lua, ByteView text);
// Marks the error table on top of the stack: it is in the statistics already.
void mark_counted(lua_State* lua);

// What an error that a script ended with says: a text, or a table made by push_error(). `text` has
// its code word; `source` and `line` are empty if unknown.
struct ErrorInformation {
  Bytes text;
  Bytes source;
  Bytes line;
  bool counted = false;
};
// Of the value on top of the stack, which stays.
ErrorInformation error_information(lua_State* lua);

// Told of error replies inside of others, unless they are counted already.
class ErrorCounter {
 public:
  virtual void count_error(ByteView text) = 0;

 protected:
  ~ErrorCounter() = default;
};

// Writes the value on top of the stack and pops it. `spoken` is the version that the script chose.
void write_value(lua_State* lua, Resp spoken, ReplyWriter& reply, ErrorCounter& errors);

}  // namespace memoir
