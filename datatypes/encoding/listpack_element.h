// One element of a listpack, as bytes.
//
//   element := encoded back                    integers little-endian
//   encoded := 0xxxxxxx                   integer 0 .. 127
//            | 10nnnnnn text{n}           text of 0 .. 63 bytes
//            | 110xxxxx x                 integer of 13 bits, two's complement, high bits first
//            | 1110nnnn n text{n}         text of up to 4095 bytes, high bits of n first
//            | F0 n:u32 text{n}                longer text
//            | F1 i16 | F2 i24 | F3 i32 | F4 i64
//   back    := size of encoded in groups of 7 bits, the highest first; all bytes but the
//              first have the upper bit set, so that it reads backwards; 1 to 5 bytes
//
// A text that is the canonical decimal form of a 64-bit integer is always stored as one, in the
// shortest form. So two elements are equal if and only if their bytes are.
#pragma once

#include <array>
#include <cstdint>
#include <cstring>

#include "src/base/bytes.h"
#include "src/base/coding.h"
#include "src/base/number.h"

namespace memoir::listpack {

inline constexpr unsigned char kEnd = 0xff;

inline constexpr std::array<std::uint8_t, 256> make_element_sizes() {
  std::array<std::uint8_t, 256> sizes{};
  for (unsigned b = 0; b < 0x80; ++b) sizes[b] = 2;
  for (unsigned b = 0x80; b < 0xc0; ++b) sizes[b] = static_cast<std::uint8_t>(2 + (b & 63));
  for (unsigned b = 0xc0; b < 0xe0; ++b) sizes[b] = 3;
  sizes[0xf1] = 4;
  sizes[0xf2] = 5;
  sizes[0xf3] = 6;
  sizes[0xf4] = 10;
  return sizes;
}
// Bytes of an element by its first byte; 0 where the size lies in the bytes after it.
inline constexpr std::array<std::uint8_t, 256> kElementSizes = make_element_sizes();

inline unsigned char byte_at(const char* at) { return static_cast<unsigned char>(*at); }

inline std::size_t back_size(std::size_t encoded) {
  if (encoded < (1U << 7)) return 1;
  if (encoded < (1U << 14)) return 2;
  if (encoded < (1U << 21)) return 3;
  return encoded < (1U << 28) ? 4 : 5;
}

// Length of a text's head and body for the two forms that kElementSizes does not know.
inline std::size_t long_text_head(const char* at) { return byte_at(at) == 0xf0 ? 5 : 2; }
inline std::size_t long_text_size(const char* at) {
  if (byte_at(at) == 0xf0) return load<std::uint32_t>(at + 1);
  return (static_cast<std::size_t>(byte_at(at) & 15) << 8) | byte_at(at + 1);
}

// Bytes of the whole element at `at`.
inline std::size_t element_size(const char* at) {
  const std::size_t size = kElementSizes[byte_at(at)];
  if (__builtin_expect(size != 0, 1)) return size;
  const std::size_t encoded = long_text_head(at) + long_text_size(at);
  return encoded + back_size(encoded);
}

// Where the element begins that ends just before `end`.
inline const char* element_before(const char* end) {
  std::size_t size = 0;
  unsigned shift = 0;
  const char* at = end - 1;
  while (true) {
    size |= static_cast<std::size_t>(byte_at(at) & 127) << shift;
    if ((byte_at(at) & 128) == 0) break;
    shift += 7;
    --at;
  }
  return at - size;
}

inline bool is_text(const char* at) {
  const unsigned char b = byte_at(at);
  return (b & 0xc0) == 0x80 || (b & 0xf0) == 0xe0 || b == 0xf0;
}
inline ByteView text_at(const char* at) {
  const unsigned char b = byte_at(at);
  if ((b & 0xc0) == 0x80) return {at + 1, static_cast<std::size_t>(b & 63)};
  return {at + long_text_head(at), long_text_size(at)};
}
inline std::int64_t integer_at(const char* at) {
  const unsigned char b = byte_at(at);
  if (b < 0x80) return b;
  if (b < 0xe0) {
    const std::int32_t raw = ((b & 31) << 8) | byte_at(at + 1);
    return raw >= (1 << 12) ? raw - (1 << 13) : raw;
  }
  if (b == 0xf1) return load<std::int16_t>(at + 1);
  if (b == 0xf2) {
    const std::uint32_t raw = load<std::uint16_t>(at + 1) |
                              (static_cast<std::uint32_t>(byte_at(at + 3)) << 16);
    return static_cast<std::int32_t>(raw << 8) >> 8;
  }
  return b == 0xf3 ? load<std::int32_t>(at + 1) : load<std::int64_t>(at + 1);
}

// An element about to be written or looked for: its head, and the text that follows.
struct Encoded {
  char head[9];
  std::uint8_t head_size;
  ByteView body;

  std::size_t encoded_size() const { return head_size + body.size(); }
  std::size_t size() const { return encoded_size() + back_size(encoded_size()); }

  // Whether the element at `at` is this one. Most that differ do so in the first byte or two.
  bool equals(const char* at) const {
    if (*at != head[0]) return false;
    if (head_size > 1 && std::memcmp(at + 1, head + 1, head_size - 1U) != 0) return false;
    if (body.empty()) return true;
    const char* const text = at + head_size;
    return *text == body.front() && std::memcmp(text, body.data(), body.size()) == 0;
  }
  // Writes size() bytes at `to`.
  void write(char* to) const {
    std::memcpy(to, head, head_size);
    std::memcpy(to + head_size, body.data(), body.size());
    write_back(to + encoded_size(), encoded_size());
  }
  static void write_back(char* to, std::size_t encoded) {
    for (std::size_t i = back_size(encoded); i-- > 0; encoded >>= 7) {
      to[i] = static_cast<char>((encoded & 127) | (i == 0 ? 0 : 128));
    }
  }
};

inline Encoded encode_integer(std::int64_t value) {
  Encoded e;
  e.body = ByteView("", 0);
  const auto bits = static_cast<std::uint64_t>(value);
  if (value >= 0 && value < 128) {
    e.head[0] = static_cast<char>(value);
    e.head_size = 1;
  } else if (value >= -4096 && value < 4096) {
    e.head[0] = static_cast<char>(0xc0 | ((bits >> 8) & 31));
    e.head[1] = static_cast<char>(bits & 0xff);
    e.head_size = 2;
  } else {
    const bool i16 = value == static_cast<std::int16_t>(value);
    const bool i24 = value >= -(1 << 23) && value < (1 << 23);
    const bool i32 = value == static_cast<std::int32_t>(value);
    e.head[0] = static_cast<char>(i16 ? 0xf1 : i24 ? 0xf2 : i32 ? 0xf3 : 0xf4);
    e.head_size = i16 ? 3 : i24 ? 4 : i32 ? 5 : 9;
    store(e.head + 1, bits);
  }
  return e;
}

inline Encoded encode_text(ByteView text) {
  Encoded e;
  e.body = text.empty() ? ByteView("", 0) : text;
  if (text.size() < 64) {
    e.head[0] = static_cast<char>(0x80 | text.size());
    e.head_size = 1;
  } else if (text.size() < 4096) {
    e.head[0] = static_cast<char>(0xe0 | (text.size() >> 8));
    e.head[1] = static_cast<char>(text.size() & 0xff);
    e.head_size = 2;
  } else {
    e.head[0] = static_cast<char>(0xf0);
    store(e.head + 1, static_cast<std::uint32_t>(text.size()));
    e.head_size = 5;
  }
  return e;
}

// Whether a text may be an integer's decimal form, at the price of two comparisons.
inline bool looks_like_integer(ByteView text) {
  if (text.size() - 1 >= 20) return false;  // the empty text too
  const char first = text.front();
  const char last = text.back();
  return last >= '0' && last <= '9' && (first == '-' || (first >= '0' && first <= '9'));
}

inline Encoded encode(ByteView text) {
  if (looks_like_integer(text)) {
    if (const auto integer = parse_integer(text)) return encode_integer(*integer);
  }
  return encode_text(text);
}

}  // namespace memoir::listpack
