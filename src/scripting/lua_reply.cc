#include "src/scripting/lua_reply.h"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <limits>

#include "src/base/assert.h"

namespace memoir {
namespace {

// ---- replies as values --------------------------------------------------------------------------

// Handlers' replies are sound, so nothing is checked here.
class ReplyReader {
 public:
  ReplyReader(lua_State* lua, ByteView resp) : lua_(lua), at_(resp.data()) {}

  // Pushes the next reply.
  void push() {
    if (!lua_checkstack(lua_, 6)) UNREACHABLE();  // as deep as a reply may be
    const char type = *at_++;
    switch (type) {
      case '$': return push_bulk();
      case ':': return lua_pushnumber(lua_, static_cast<lua_Number>(integer_line()));
      case '+': return push_field("ok", line());
      case '-': return push_error_line(line());
      case '*':
      case '>': return push_array();
      case '%': return push_map();
      case '~': return push_set();
      case '_': line(); return lua_pushnil(lua_);
      case '#': return lua_pushboolean(lua_, line() == "t");
      case ',': return push_double(line());
      case '(': return push_field("big_number", line());
      case '=': return push_verbatim();
      case '|': return skip_attribute();
      default: UNREACHABLE();
    }
  }

 private:
  ByteView line() {
    const auto* end = static_cast<const char*>(std::memchr(at_, '\r', SIZE_MAX / 2));
    const ByteView text(at_, static_cast<std::size_t>(end - at_));
    at_ = end + 2;
    return text;
  }
  std::int64_t integer_line() {
    const bool negative = *at_ == '-';
    if (negative) ++at_;
    std::uint64_t value = 0;
    for (; *at_ != '\r'; ++at_) value = value * 10 + static_cast<std::uint64_t>(*at_ - '0');
    at_ += 2;
    return static_cast<std::int64_t>(negative ? 0 - value : value);
  }
  ByteView body(std::int64_t bytes) {
    const ByteView text(at_, static_cast<std::size_t>(bytes));
    at_ += bytes + 2;
    return text;
  }
  void push_text(ByteView text) { lua_pushlstring(lua_, text.data(), text.size()); }
  void push_field(const char* name, ByteView text) {
    lua_createtable(lua_, 0, 1);
    push_text(text);
    lua_setfield(lua_, -2, name);
  }
  void push_error_line(ByteView text) {
    push_error(lua_, Bytes("-").append(text));
    mark_counted(lua_);
  }
  void push_bulk() {
    const std::int64_t bytes = integer_line();
    if (bytes < 0) return lua_pushboolean(lua_, 0);
    push_text(body(bytes));
  }
  void push_array() {
    const std::int64_t count = integer_line();
    if (count < 0) return lua_pushboolean(lua_, 0);
    lua_createtable(lua_, static_cast<int>(count), 0);
    for (std::int64_t i = 1; i <= count; ++i) {
      push();
      lua_rawseti(lua_, -2, static_cast<int>(i));
    }
  }
  void push_map() {
    const std::int64_t pairs = integer_line();
    lua_createtable(lua_, 0, 1);
    lua_createtable(lua_, 0, static_cast<int>(pairs));
    for (std::int64_t i = 0; i < pairs; ++i) {
      push();
      push();
      lua_rawset(lua_, -3);
    }
    lua_setfield(lua_, -2, "map");
  }
  void push_set() {
    const std::int64_t count = integer_line();
    lua_createtable(lua_, 0, 1);
    lua_createtable(lua_, 0, static_cast<int>(count));
    for (std::int64_t i = 0; i < count; ++i) {
      push();
      lua_pushboolean(lua_, 1);
      lua_rawset(lua_, -3);
    }
    lua_setfield(lua_, -2, "set");
  }
  void push_double(ByteView text) {
    lua_createtable(lua_, 0, 1);
    lua_pushnumber(lua_, parse_double(text).value_or(std::numeric_limits<double>::quiet_NaN()));
    lua_setfield(lua_, -2, "double");
  }
  void push_verbatim() {
    const ByteView text = body(integer_line());
    lua_createtable(lua_, 0, 1);
    lua_createtable(lua_, 0, 2);
    push_text(text.substr(4));
    lua_setfield(lua_, -2, "string");
    push_text(text.substr(0, 3));
    lua_setfield(lua_, -2, "format");
    lua_setfield(lua_, -2, "verbatim_string");
  }
  // Scripts see what an attribute belongs to, not the attribute.
  void skip_attribute() {
    for (std::int64_t left = 2 * integer_line(); left > 0; --left) {
      push();
      lua_pop(lua_, 1);
    }
    push();
  }

  lua_State* lua_;
  const char* at_;
};

// ---- values as replies --------------------------------------------------------------------------

std::int64_t as_integer(lua_Number number) {
  constexpr lua_Number kLimit = 0x1.0p63;
  return number >= -kLimit && number < kLimit ? static_cast<std::int64_t>(number)
                                              : std::numeric_limits<std::int64_t>::min();
}

Bytes in_one_line(const char* text, std::size_t bytes) {
  Bytes line(text, bytes);
  std::ranges::replace(line, '\r', ' ');
  std::ranges::replace(line, '\n', ' ');
  return line;
}

class ValueWriter {
 public:
  ValueWriter(lua_State* lua, Resp spoken, ReplyWriter& reply, ErrorCounter& errors)
      : lua_(lua), spoken_(spoken), reply_(reply), errors_(errors) {}

  // Writes the value on top of the stack and pops it.
  void write() {
    if (depth_ == kDepthMax || !lua_checkstack(lua_, 4)) {
      constexpr ByteView kTooDeep = "ERR reached lua stack limit";
      errors_.count_error(kTooDeep);
      reply_.error(kTooDeep);
      return lua_pop(lua_, 1);
    }
    ++depth_;
    switch (lua_type(lua_, -1)) {
      case LUA_TSTRING:
        write_string();
        break;
      case LUA_TNUMBER:
        reply_.integer(as_integer(lua_tonumber(lua_, -1)));
        break;
      case LUA_TBOOLEAN:
        write_boolean(lua_toboolean(lua_, -1) != 0);
        break;
      case LUA_TTABLE:
        write_table();
        break;
      default:
        reply_.null();
    }
    lua_pop(lua_, 1);
    --depth_;
  }

 private:
  // Lua's own stack would last longer than the thread's.
  static constexpr unsigned kDepthMax = 1000;

  void write_string() {
    std::size_t bytes;
    const char* text = lua_tolstring(lua_, -1, &bytes);
    reply_.bulk(ByteView(text, bytes));
  }
  void write_boolean(bool value) {
    if (spoken_ == Resp::kV3) return reply_.boolean(value);
    value ? reply_.integer(1) : reply_.null();
  }

  // Pushes the field of the table on top if it has the type; otherwise leaves the stack alone.
  bool push_field(const char* name, int type) {
    lua_pushstring(lua_, name);
    lua_rawget(lua_, -2);
    if (lua_type(lua_, -1) == type) return true;
    lua_pop(lua_, 1);
    return false;
  }

  // The table stays.
  void write_table() {
    if (push_field("err", LUA_TSTRING)) {
      lua_pop(lua_, 1);
      return write_error();
    }
    if (write_scalar()) return;
    if (push_field("map", LUA_TTABLE)) return write_map();
    if (push_field("set", LUA_TTABLE)) return write_set();
    write_array();
  }
  void write_error() {
    const ErrorInformation error = error_information(lua_);
    if (!error.counted) errors_.count_error(error.text);
    reply_.error(error.text);
  }
  bool write_scalar() {
    std::size_t bytes;
    if (push_field("ok", LUA_TSTRING)) {
      const char* text = lua_tostring(lua_, -1);
      reply_.simple(in_one_line(text, std::strlen(text)));
    } else if (push_field("double", LUA_TNUMBER)) {
      reply_.double_value(lua_tonumber(lua_, -1));
    } else if (push_field("big_number", LUA_TSTRING)) {
      const char* digits = lua_tolstring(lua_, -1, &bytes);
      reply_.big_number(in_one_line(digits, bytes));
    } else if (push_field("verbatim_string", LUA_TTABLE)) {
      const bool written = write_verbatim();
      lua_pop(lua_, 1);
      return written;
    } else {
      return false;
    }
    lua_pop(lua_, 1);
    return true;
  }
  // The inner table stays.
  bool write_verbatim() {
    if (!push_field("format", LUA_TSTRING)) return false;
    Bytes format = lua_tostring(lua_, -1);
    lua_pop(lua_, 1);
    format.resize(3, ' ');
    if (!push_field("string", LUA_TSTRING)) return false;
    std::size_t bytes;
    const char* text = lua_tolstring(lua_, -1, &bytes);
    reply_.verbatim(ByteView(text, bytes), format);
    lua_pop(lua_, 1);
    return true;
  }
  void write_map() {
    const ReplyWriter::Mark mark = reply_.begin();
    std::size_t pairs = 0;
    lua_pushnil(lua_);
    for (; lua_next(lua_, -2) != 0; ++pairs) {
      lua_pushvalue(lua_, -2);
      write();
      write();
    }
    reply_.end_map(mark, pairs);
    lua_pop(lua_, 1);
  }
  void write_set() {
    const ReplyWriter::Mark mark = reply_.begin();
    std::size_t count = 0;
    lua_pushnil(lua_);
    for (; lua_next(lua_, -2) != 0; ++count) {
      lua_pop(lua_, 1);
      lua_pushvalue(lua_, -1);
      write();
    }
    reply_.end_set(mark, count);
    lua_pop(lua_, 1);
  }
  void write_array() {
    const ReplyWriter::Mark mark = reply_.begin();
    std::size_t count = 0;
    for (;; ++count) {
      lua_rawgeti(lua_, -1, static_cast<int>(count + 1));
      if (lua_isnil(lua_, -1)) break;
      write();
    }
    lua_pop(lua_, 1);
    reply_.end_array(mark, count);
  }

  lua_State* lua_;
  const Resp spoken_;
  ReplyWriter& reply_;
  ErrorCounter& errors_;
  unsigned depth_{0};
};

ByteView trimmed(ByteView text) {
  const auto is_end = [](char c) { return c == '\r' || c == '\n'; };
  while (!text.empty() && is_end(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_end(text.back())) text.remove_suffix(1);
  return text;
}

Bytes string_field(lua_State* lua, const char* name) {
  lua_getfield(lua, -1, name);
  std::size_t bytes = 0;
  const char* text = lua_isstring(lua, -1) ? lua_tolstring(lua, -1, &bytes) : "";
  Bytes copy(text, bytes);
  lua_pop(lua, 1);
  return copy;
}

}  // namespace

void push_reply(lua_State* lua, ByteView resp) { ReplyReader(lua, resp).push(); }

void push_error(lua_State* lua, ByteView text) {
  ByteView code = "ERR";
  if (text.starts_with('-')) {
    text.remove_prefix(1);
    if (const std::size_t blank = text.find(' '); blank != ByteView::npos) {
      code = text.substr(0, blank);
      text.remove_prefix(blank + 1);
    }
  }
  const Bytes whole = Bytes(code).append(" ").append(trimmed(text));
  lua_createtable(lua, 0, 4);
  lua_pushlstring(lua, whole.data(), whole.size());
  lua_setfield(lua, -2, "err");
}

void mark_counted(lua_State* lua) {
  lua_pushboolean(lua, 1);
  lua_setfield(lua, -2, "ignore_error_stats_update");
}

ErrorInformation error_information(lua_State* lua) {
  ErrorInformation error;
  if (lua_isstring(lua, -1)) {
    error.text = Bytes("ERR ") + lua_tostring(lua, -1);
    return error;
  }
  if (!lua_istable(lua, -1)) {
    error.text = "ERR unknown error";
    return error;
  }
  error.text = string_field(lua, "err");
  if (error.text.empty()) error.text = "ERR unknown error";
  error.source = string_field(lua, "source");
  error.line = string_field(lua, "line");
  lua_getfield(lua, -1, "ignore_error_stats_update");
  error.counted = lua_toboolean(lua, -1) != 0;
  lua_pop(lua, 1);
  return error;
}

void write_value(lua_State* lua, Resp spoken, ReplyWriter& reply, ErrorCounter& errors) {
  ValueWriter(lua, spoken, reply, errors).write();
}

}  // namespace memoir
