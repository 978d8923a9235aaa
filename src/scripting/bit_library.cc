// The `bit` library: bitwise operations on 32 bits, as LuaJIT's and lua-bitop's.
//
// Not Debian's lua-bitop: its tohex() writes over the stack for the smallest number of digits.
#include <bit>
#include <cstdint>

#include "src/scripting/sandbox.h"

namespace memoir {
namespace {

// The number's low 32 bits, after rounding: adding 1.5 * 2^52 leaves them in the low bits of the
// mantissa.
std::uint32_t bits_at(lua_State* lua, int index) {
  const lua_Number number = luaL_checknumber(lua, index) + 0x1.8p52;
  return static_cast<std::uint32_t>(std::bit_cast<std::uint64_t>(number));
}

int push(lua_State* lua, std::uint32_t bits) {
  lua_pushnumber(lua, static_cast<std::int32_t>(bits));
  return 1;
}

int tobit(lua_State* lua) { return push(lua, bits_at(lua, 1)); }
int bnot(lua_State* lua) { return push(lua, ~bits_at(lua, 1)); }
int bswap(lua_State* lua) { return push(lua, __builtin_bswap32(bits_at(lua, 1))); }

template <class Operation>
int fold(lua_State* lua, Operation operation) {
  std::uint32_t bits = bits_at(lua, 1);
  for (int i = lua_gettop(lua); i > 1; --i) bits = operation(bits, bits_at(lua, i));
  return push(lua, bits);
}
int band(lua_State* lua) {
  return fold(lua, [](std::uint32_t a, std::uint32_t b) { return a & b; });
}
int bor(lua_State* lua) {
  return fold(lua, [](std::uint32_t a, std::uint32_t b) { return a | b; });
}
int bxor(lua_State* lua) {
  return fold(lua, [](std::uint32_t a, std::uint32_t b) { return a ^ b; });
}

template <class Operation>
int shift(lua_State* lua, Operation operation) {
  const std::uint32_t bits = bits_at(lua, 1);
  return push(lua, operation(bits, bits_at(lua, 2) & 31));
}
int lshift(lua_State* lua) {
  return shift(lua, [](std::uint32_t bits, std::uint32_t by) { return bits << by; });
}
int rshift(lua_State* lua) {
  return shift(lua, [](std::uint32_t bits, std::uint32_t by) { return bits >> by; });
}
int arshift(lua_State* lua) {
  return shift(lua, [](std::uint32_t bits, std::uint32_t by) {
    return static_cast<std::uint32_t>(static_cast<std::int32_t>(bits) >> by);
  });
}
int rol(lua_State* lua) {
  return shift(lua, [](std::uint32_t bits, std::uint32_t by) {
    return std::rotl(bits, static_cast<int>(by));
  });
}
int ror(lua_State* lua) {
  return shift(lua, [](std::uint32_t bits, std::uint32_t by) {
    return std::rotr(bits, static_cast<int>(by));
  });
}

// The low digits, 8 of them unless told; capital letters if the number of digits is negative.
int tohex(lua_State* lua) {
  constexpr int kDigitsMax = 8;
  std::uint32_t bits = bits_at(lua, 1);
  const auto wanted =
      lua_isnone(lua, 2) ? kDigitsMax : static_cast<std::int32_t>(bits_at(lua, 2));
  const char* const digits = wanted < 0 ? "0123456789ABCDEF" : "0123456789abcdef";
  const bool all = wanted >= kDigitsMax || wanted <= -kDigitsMax;
  const int count = all ? kDigitsMax : wanted < 0 ? -wanted : wanted;
  char text[kDigitsMax];
  for (int i = count; i-- > 0; bits >>= 4) text[i] = digits[bits & 15];
  lua_pushlstring(lua, text, static_cast<std::size_t>(count));
  return 1;
}

}  // namespace

int open_bit(lua_State* lua) {
  static constexpr luaL_Reg kFunctions[] = {
      {"tobit", tobit},   {"bnot", bnot},     {"band", band},       {"bor", bor},
      {"bxor", bxor},     {"lshift", lshift}, {"rshift", rshift},   {"arshift", arshift},
      {"rol", rol},       {"ror", ror},       {"bswap", bswap},     {"tohex", tohex},
      {nullptr, nullptr}};
  luaL_register(lua, "bit", kFunctions);
  return 1;
}

}  // namespace memoir
