// The `cmsgpack` library: Lua values as MessagePack, with the choices that Redis's scripts rely on.
//
// A table whose keys are exactly 1 .. n is an array, any other a map; a number that is an integer
// takes the smallest integer form, another the float form if that holds it exactly. Tables deeper
// than kNestingMax become nil, so circular ones end. Packing is libmsgpack's; unpacking is not: its
// depth is limited to 32 and it accepts binary and extension types, which are an error here.
#include <bit>
#include <climits>
#include <cmath>
#include <cstdint>
#include <cstring>

#include <msgpack/pack.h>

#include "src/base/bytes.h"
#include "src/scripting/sandbox.h"

namespace memoir {
namespace {

constexpr int kNestingMax = 16;

// ---- packing ------------------------------------------------------------------------------------

class Packer {
 public:
  explicit Packer(lua_State* lua) : lua_(lua) { msgpack_packer_init(&packer_, &out_, append); }

  ByteView bytes() const { return out_; }
  void clear() { out_.clear(); }

  // Packs the value on top of the stack and pops it.
  void pack(int level) {
    switch (lua_type(lua_, -1)) {
      case LUA_TSTRING:
        pack_string();
        break;
      case LUA_TBOOLEAN:
        lua_toboolean(lua_, -1) ? msgpack_pack_true(&packer_) : msgpack_pack_false(&packer_);
        break;
      case LUA_TNUMBER:
        pack_number(lua_tonumber(lua_, -1));
        break;
      case LUA_TTABLE:
        if (level < kNestingMax) {
          pack_table(level);
          break;
        }
        [[fallthrough]];
      default:
        msgpack_pack_nil(&packer_);
    }
    lua_pop(lua_, 1);
  }

 private:
  static int append(void* out, const char* bytes, std::size_t count) {
    static_cast<Bytes*>(out)->append(bytes, count);
    return 0;
  }

  void pack_string() {
    std::size_t bytes;
    const char* text = lua_tolstring(lua_, -1, &bytes);
    msgpack_pack_str(&packer_, bytes);
    msgpack_pack_str_body(&packer_, text, bytes);
  }

  void pack_number(lua_Number number) {
    constexpr lua_Number kLimit = 0x1.0p63;
    if (number >= -kLimit && number < kLimit && std::trunc(number) == number) {
      msgpack_pack_int64(&packer_, static_cast<std::int64_t>(number));
    } else if (static_cast<lua_Number>(static_cast<float>(number)) == number) {
      msgpack_pack_float(&packer_, static_cast<float>(number));
    } else {
      msgpack_pack_double(&packer_, number);
    }
  }

  void pack_table(int level) {
    std::size_t count = 0;
    if (is_array(count)) {
      pack_array(level);
      return;
    }
    msgpack_pack_map(&packer_, count);
    luaL_checkstack(lua_, 3, "in function mp_encode_lua_table_as_map");
    lua_pushnil(lua_);
    while (lua_next(lua_, -2) != 0) {
      lua_pushvalue(lua_, -2);
      pack(level + 1);
      pack(level + 1);
    }
  }

  void pack_array(int level) {
    const std::size_t count = lua_objlen(lua_, -1);
    msgpack_pack_array(&packer_, count);
    luaL_checkstack(lua_, 1, "in function mp_encode_lua_table_as_array");
    for (std::size_t i = 1; i <= count; ++i) {
      lua_pushnumber(lua_, static_cast<lua_Number>(i));
      lua_gettable(lua_, -2);
      pack(level + 1);
    }
  }

  // Whether the keys of the table on top are 1 .. n. Counts its pairs.
  bool is_array(std::size_t& count) {
    luaL_checkstack(lua_, 2, "in function table_is_an_array");
    lua_Number highest = 0;
    bool indexes_only = true;
    lua_pushnil(lua_);
    while (lua_next(lua_, -2) != 0) {
      lua_pop(lua_, 1);
      ++count;
      const lua_Number key = lua_type(lua_, -1) == LUA_TNUMBER ? lua_tonumber(lua_, -1) : 0;
      indexes_only = indexes_only && key > 0 && key <= INT_MAX && std::trunc(key) == key;
      if (key > highest) highest = key;
    }
    return indexes_only && highest == static_cast<lua_Number>(count);
  }

  lua_State* lua_;
  msgpack_packer packer_;
  Bytes out_;
};

int pack(lua_State* lua) {
  const int count = lua_gettop(lua);
  if (count == 0) return luaL_argerror(lua, 0, "MessagePack pack needs input.");
  if (!lua_checkstack(lua, count)) {
    return luaL_argerror(lua, 0, "Too many arguments for MessagePack pack.");
  }
  Packer packer(lua);
  for (int i = 1; i <= count; ++i) {
    luaL_checkstack(lua, 1, "in function mp_check");
    lua_pushvalue(lua, i);
    packer.pack(0);
  }
  lua_pushlstring(lua, packer.bytes().data(), packer.bytes().size());
  return 1;
}

// ---- unpacking ----------------------------------------------------------------------------------

class Unpacker {
 public:
  enum class Fault : unsigned char { kNone, kMissingBytes, kBadFormat };

  Unpacker(lua_State* lua, ByteView in) : lua_(lua), in_(in) {}

  std::size_t left() const { return in_.size(); }
  Fault fault() const { return fault_; }

  // Pushes the next value; nothing is promised of the stack after a fault.
  void unpack() {
    luaL_checkstack(lua_, 2,
                    "too many return values at once; use unpack_one or unpack_limit instead.");
    const auto head = integer<std::uint8_t>();
    if (fault_ != Fault::kNone) return;
    if (head < 0x80) return push(head);
    if (head >= 0xe0) return push(static_cast<std::int8_t>(head));
    if (head < 0x90) return map(head & 0x0f);
    if (head < 0xa0) return array(head & 0x0f);
    if (head < 0xc0) return string(head & 0x1f);
    unpack_long(head);
  }

 private:
  void unpack_long(std::uint8_t head) {
    switch (head) {
      case 0xc0: return lua_pushnil(lua_);
      case 0xc2: return lua_pushboolean(lua_, 0);
      case 0xc3: return lua_pushboolean(lua_, 1);
      case 0xca: return push(std::bit_cast<float>(integer<std::uint32_t>()));
      case 0xcb: return push(std::bit_cast<double>(integer<std::uint64_t>()));
      case 0xcc: return push(integer<std::uint8_t>());
      case 0xcd: return push(integer<std::uint16_t>());
      case 0xce: return push(integer<std::uint32_t>());
      // As Redis: beyond 63 bits it comes out negative.
      case 0xcf: return push(static_cast<std::int64_t>(integer<std::uint64_t>()));
      case 0xd0: return push(static_cast<std::int8_t>(integer<std::uint8_t>()));
      case 0xd1: return push(static_cast<std::int16_t>(integer<std::uint16_t>()));
      case 0xd2: return push(static_cast<std::int32_t>(integer<std::uint32_t>()));
      case 0xd3: return push(static_cast<std::int64_t>(integer<std::uint64_t>()));
      case 0xd9: return string(integer<std::uint8_t>());
      case 0xda: return string(integer<std::uint16_t>());
      case 0xdb: return string(integer<std::uint32_t>());
      case 0xdc: return array(integer<std::uint16_t>());
      case 0xdd: return array(integer<std::uint32_t>());
      case 0xde: return map(integer<std::uint16_t>());
      case 0xdf: return map(integer<std::uint32_t>());
      default: fault_ = Fault::kBadFormat;
    }
  }

  // A big-endian integer; 0 and a fault at the end of the input.
  template <class T>
  T integer() {
    if (in_.size() < sizeof(T)) {
      if (fault_ == Fault::kNone) fault_ = Fault::kMissingBytes;
      return 0;
    }
    T value = 0;
    for (std::size_t i = 0; i < sizeof(T); ++i) {
      value = static_cast<T>(static_cast<std::uint64_t>(value) << 8 |
                             static_cast<unsigned char>(in_[i]));
    }
    in_.remove_prefix(sizeof(T));
    return value;
  }
  template <class T>
  void push(T value) {
    if (fault_ == Fault::kNone) lua_pushnumber(lua_, static_cast<lua_Number>(value));
  }
  void string(std::size_t bytes) {
    if (fault_ == Fault::kNone && in_.size() < bytes) fault_ = Fault::kMissingBytes;
    if (fault_ != Fault::kNone) return;
    lua_pushlstring(lua_, in_.data(), bytes);
    in_.remove_prefix(bytes);
  }
  void array(std::size_t count) {
    if (fault_ != Fault::kNone) return;
    lua_newtable(lua_);
    for (std::size_t i = 1; i <= count; ++i) {
      unpack();
      if (fault_ != Fault::kNone) return;
      lua_rawseti(lua_, -2, static_cast<int>(i));
    }
  }
  void map(std::size_t count) {
    if (fault_ != Fault::kNone) return;
    lua_newtable(lua_);
    for (std::size_t i = 0; i < count; ++i) {
      unpack();
      if (fault_ == Fault::kNone) unpack();
      if (fault_ != Fault::kNone) return;
      lua_settable(lua_, -3);  // raises an error if the key is nil
    }
  }

  lua_State* lua_;
  ByteView in_;
  Fault fault_{Fault::kNone};
};

struct Range {
  lua_Integer offset;
  lua_Integer limit;  // 0 with offset 0: all, and no position is returned
};

// Values of the string at index 1, which alone is on the stack. Returns how many results.
int unpack_range(lua_State* lua, Range range) {
  std::size_t bytes;
  const char* text = luaL_checklstring(lua, 1, &bytes);
  if (range.offset < 0 || range.limit < 0) {
    return luaL_error(lua, "Invalid request to unpack with offset of %d and limit of %d.",
                      static_cast<int>(range.offset), static_cast<int>(bytes));
  }
  if (static_cast<std::size_t>(range.offset) > bytes) {
    return luaL_error(lua, "Start offset %d greater than input length %d.",
                      static_cast<int>(range.offset), static_cast<int>(bytes));
  }
  const bool all = range.limit == 0 && range.offset == 0;
  const lua_Integer limit = all ? INT_MAX : range.limit;
  Unpacker in(lua, ByteView(text, bytes).substr(static_cast<std::size_t>(range.offset)));
  int count = 0;
  for (; in.left() > 0 && count < limit; ++count) {
    in.unpack();
    if (in.fault() == Unpacker::Fault::kMissingBytes) {
      return luaL_error(lua, "Missing bytes in input.");
    }
    if (in.fault() == Unpacker::Fault::kBadFormat) {
      return luaL_error(lua, "Bad data format in input.");
    }
  }
  if (all) return count;
  luaL_checkstack(lua, 1, "in function mp_unpack_full");
  lua_pushinteger(lua, in.left() == 0 ? -1 : static_cast<lua_Integer>(bytes - in.left()));
  lua_insert(lua, 2);
  return count + 1;
}

int unpack(lua_State* lua) { return unpack_range(lua, {.offset = 0, .limit = 0}); }

int unpack_one(lua_State* lua) {
  const lua_Integer offset = luaL_optinteger(lua, 2, 0);
  lua_settop(lua, 1);
  return unpack_range(lua, {.offset = offset, .limit = 1});
}

int unpack_limit(lua_State* lua) {
  const lua_Integer limit = luaL_checkinteger(lua, 2);
  const lua_Integer offset = luaL_optinteger(lua, 3, 0);
  lua_settop(lua, 1);
  return unpack_range(lua, {.offset = offset, .limit = limit});
}

}  // namespace

int open_cmsgpack(lua_State* lua) {
  static constexpr luaL_Reg kFunctions[] = {{"pack", pack},
                                            {"unpack", unpack},
                                            {"unpack_one", unpack_one},
                                            {"unpack_limit", unpack_limit},
                                            {nullptr, nullptr}};
  luaL_register(lua, "cmsgpack", kFunctions);
  lua_pushliteral(lua, "cmsgpack");
  lua_setfield(lua, -2, "_NAME");
  lua_pushliteral(lua, "lua-cmsgpack 0.4.0");
  lua_setfield(lua, -2, "_VERSION");
  lua_pushliteral(lua, "MessagePack for Lua");
  lua_setfield(lua, -2, "_DESCRIPTION");
  return 1;
}

}  // namespace memoir
