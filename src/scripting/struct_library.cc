// The `struct` library: packing of C-like structures into strings, after Roberto Ierusalimschy's
// format strings as Redis's scripts know them.
//
//   > < big, little endian   ![n] alignment (default: none; without n that of the machine)
//   b B h H l L i[n] I[n] T  integers of 1, 2, 8, 4 or n, and 8 bytes; small letters signed
//   f d  float, double   x  a zero byte   s  zero-terminated   c[n]  n bytes (c0: what a number
//   unpacked before says, or the whole string when packing)
#include <algorithm>
#include <bit>
#include <cctype>
#include <climits>
#include <cstdint>
#include <cstring>

#include "src/scripting/sandbox.h"

namespace memoir {
namespace {

constexpr int kIntegerBytesMax = 32;
constexpr int kMachineAlignment = 8;

class Format {
 public:
  Format(lua_State* lua, const char* text) : lua_(lua), at_(text) {}

  // Reads the next option that stands for data, with its size; false at the end.
  bool next() {
    option_ = *at_;
    if (option_ == 0) return false;
    ++at_;
    size_ = size_of_option();
    return true;
  }
  char option() const { return option_; }
  std::size_t size() const { return size_; }
  bool little() const { return little_; }
  // How many bytes of padding the option needs at `position`.
  std::size_t padding(std::size_t position) const {
    if (size_ == 0 || option_ == 'c') return 0;
    const std::size_t unit = std::min(size_, alignment_);
    return (unit - (position & (unit - 1))) & (unit - 1);
  }
  // An option that is no data but says how data lies.
  void control() {
    switch (option_) {
      case ' ': return;
      case '>': little_ = false; return;
      case '<': little_ = true; return;
      case '!': {
        const int unit = number(kMachineAlignment);
        if (unit <= 0 || (unit & (unit - 1)) != 0) {
          luaL_error(lua_, "alignment %d is not a power of 2", unit);
        }
        alignment_ = static_cast<std::size_t>(unit);
        return;
      }
      default:
        luaL_argerror(lua_, 1, lua_pushfstring(lua_, "invalid format option '%c'", option_));
    }
  }

 private:
  static bool is_digit(char c) { return c >= '0' && c <= '9'; }
  int number(int otherwise) {
    if (!is_digit(*at_)) return otherwise;
    int value = 0;
    while (is_digit(*at_)) {
      if (value > INT_MAX / 10 || value * 10 > INT_MAX - (*at_ - '0')) {
        luaL_error(lua_, "integral size overflow");
      }
      value = value * 10 + (*at_++ - '0');
    }
    return value;
  }
  std::size_t size_of_option() {
    switch (option_) {
      case 'B': case 'b': case 'x': return 1;
      case 'H': case 'h': return sizeof(short);
      case 'L': case 'l': return sizeof(long);
      case 'T': return sizeof(std::size_t);
      case 'f': return sizeof(float);
      case 'd': return sizeof(double);
      case 'c': return static_cast<std::size_t>(number(1));
      case 'i': case 'I': {
        const int bytes = number(sizeof(int));
        if (bytes > kIntegerBytesMax) {
          luaL_error(lua_, "integral size %d is larger than limit of %d", bytes,
                     kIntegerBytesMax);
        }
        return static_cast<std::size_t>(bytes);
      }
      default: return 0;
    }
  }

  lua_State* lua_;
  const char* at_;
  char option_{0};
  std::size_t size_{0};
  std::size_t alignment_{1};
  bool little_{std::endian::native == std::endian::little};
};

bool is_integer(char option) { return std::strchr("bBhHlLTiI", option) != nullptr; }

void put_integer(lua_State* lua, luaL_Buffer& out, int argument, const Format& format) {
  const lua_Number number = luaL_checknumber(lua, argument);
  std::uint64_t value = number < 0 ? static_cast<std::uint64_t>(static_cast<std::int64_t>(number))
                                   : static_cast<std::uint64_t>(number);
  char bytes[kIntegerBytesMax];
  for (std::size_t i = 0; i < format.size(); ++i, value >>= 8) {
    bytes[format.little() ? i : format.size() - 1 - i] = static_cast<char>(value);
  }
  luaL_addlstring(&out, bytes, format.size());
}

template <class T>
void put_number(luaL_Buffer& out, T value, bool little) {
  char bytes[sizeof(T)];
  std::memcpy(bytes, &value, sizeof(T));
  if (!little) std::reverse(bytes, bytes + sizeof(T));
  luaL_addlstring(&out, bytes, sizeof(T));
}

// Packs a string argument; returns how many bytes that took.
std::size_t put_string(lua_State* lua, luaL_Buffer& out, int argument, const Format& format) {
  std::size_t length;
  const char* text = luaL_checklstring(lua, argument, &length);
  std::size_t size = format.size() == 0 ? length : format.size();
  luaL_argcheck(lua, length >= size, argument + 1, "string too short");
  luaL_addlstring(&out, text, size);
  if (format.option() == 's') {
    luaL_addchar(&out, '\0');
    ++size;
  }
  return size;
}

int pack(lua_State* lua) {
  Format format(lua, luaL_checkstring(lua, 1));
  int argument = 2;
  std::size_t total = 0;
  lua_pushnil(lua);  // parts the arguments from the buffer
  luaL_Buffer out;
  luaL_buffinit(lua, &out);
  while (format.next()) {
    const std::size_t padding = format.padding(total);
    for (std::size_t i = 0; i < padding; ++i) luaL_addchar(&out, '\0');
    std::size_t size = format.size();
    const char option = format.option();
    if (is_integer(option)) {
      put_integer(lua, out, argument++, format);
    } else if (option == 'x') {
      luaL_addchar(&out, '\0');
    } else if (option == 'f') {
      put_number(out, static_cast<float>(luaL_checknumber(lua, argument++)), format.little());
    } else if (option == 'd') {
      put_number(out, static_cast<double>(luaL_checknumber(lua, argument++)), format.little());
    } else if (option == 'c' || option == 's') {
      size = put_string(lua, out, argument++, format);
    } else {
      format.control();
    }
    total += padding + size;
  }
  luaL_pushresult(&out);
  return 1;
}

lua_Number get_integer(const char* from, const Format& format) {
  const std::size_t size = format.size();
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < size; ++i) {
    value = value << 8 | static_cast<unsigned char>(from[format.little() ? size - 1 - i : i]);
  }
  if (std::isupper(static_cast<unsigned char>(format.option()))) {
    return static_cast<lua_Number>(value);
  }
  if (size > 0 && size < 8) {
    const std::uint64_t mask = ~0ULL << (size * 8 - 1);
    if ((value & mask) != 0) value |= mask;
  }
  return static_cast<lua_Number>(static_cast<std::int64_t>(value));
}

template <class T>
lua_Number get_number(const char* from, bool little) {
  char bytes[sizeof(T)];
  std::memcpy(bytes, from, sizeof(T));
  if (!little) std::reverse(bytes, bytes + sizeof(T));
  T value;
  std::memcpy(&value, bytes, sizeof(T));
  return static_cast<lua_Number>(value);
}

class Unpacking {
 public:
  explicit Unpacking(lua_State* lua) : lua_(lua), format_(lua, luaL_checkstring(lua, 1)) {
    data_ = luaL_checklstring(lua, 2, &bytes_);
    const lua_Integer from = luaL_optinteger(lua, 3, 1);
    luaL_argcheck(lua, from > 0, 3, "offset must be 1 or greater");
    at_ = static_cast<std::size_t>(from) - 1;
  }
  int run() {
    while (format_.next()) {
      at_ += format_.padding(at_);
      check(format_.size());
      luaL_checkstack(lua_, 2, "too many results");
      at_ += take();
    }
    lua_pushinteger(lua_, static_cast<lua_Integer>(at_ + 1));
    return results_ + 1;
  }

 private:
  void check(std::size_t size) {
    luaL_argcheck(lua_, size <= bytes_ && at_ <= bytes_ - size, 2, "data string too short");
  }
  void push(lua_Number value) {
    lua_pushnumber(lua_, value);
    ++results_;
  }
  // Takes one option's data; returns how many bytes that were.
  std::size_t take() {
    const char* const from = data_ + at_;
    const char option = format_.option();
    if (is_integer(option)) {
      push(get_integer(from, format_));
    } else if (option == 'f') {
      push(get_number<float>(from, format_.little()));
    } else if (option == 'd') {
      push(get_number<double>(from, format_.little()));
    } else if (option == 'c') {
      return take_bytes();
    } else if (option == 's') {
      return take_text();
    } else if (option != 'x') {
      format_.control();
    }
    return format_.size();
  }
  std::size_t take_bytes() {
    std::size_t size = format_.size();
    if (size == 0) {
      if (results_ == 0 || !lua_isnumber(lua_, -1)) {
        luaL_error(lua_, "format 'c0' needs a previous size");
      }
      const lua_Number told = lua_tonumber(lua_, -1);
      size = told >= 0 && told < 0x1.0p62 ? static_cast<std::size_t>(told) : SIZE_MAX;
      lua_pop(lua_, 1);
      --results_;
      check(size);
    }
    lua_pushlstring(lua_, data_ + at_, size);
    ++results_;
    return size;
  }
  std::size_t take_text() {
    const char* const from = data_ + at_;
    const void* end = at_ < bytes_ ? std::memchr(from, 0, bytes_ - at_) : nullptr;
    if (!end) luaL_error(lua_, "unfinished string in data");
    const auto size = static_cast<std::size_t>(static_cast<const char*>(end) - from);
    lua_pushlstring(lua_, from, size);
    ++results_;
    return size + 1;
  }

  lua_State* lua_;
  Format format_;
  const char* data_{nullptr};
  std::size_t bytes_{0};
  std::size_t at_{0};
  int results_{0};
};

int unpack(lua_State* lua) { return Unpacking(lua).run(); }

int size(lua_State* lua) {
  Format format(lua, luaL_checkstring(lua, 1));
  std::size_t total = 0;
  while (format.next()) {
    const char option = format.option();
    if (option == 's') luaL_argerror(lua, 1, "option 's' has no fixed size");
    if (option == 'c' && format.size() == 0) {
      luaL_argerror(lua, 1, "option 'c0' has no fixed size");
    }
    total += format.padding(total) + format.size();
    if (!std::isalnum(static_cast<unsigned char>(option))) format.control();
  }
  lua_pushinteger(lua, static_cast<lua_Integer>(total));
  return 1;
}

}  // namespace

int open_struct(lua_State* lua) {
  static constexpr luaL_Reg kFunctions[] = {
      {"pack", pack}, {"unpack", unpack}, {"size", size}, {nullptr, nullptr}};
  luaL_register(lua, "struct", kFunctions);
  return 1;
}

}  // namespace memoir
