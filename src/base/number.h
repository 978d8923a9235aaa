// Numbers as Redis reads and writes them.
//
// Parsing is strict: the whole text, no blanks, no '+', no leading zeros for integers ("0" itself
// and "-0" excepted as Redis does: "-0" is refused). All functions are pure.
#pragma once

#include <charconv>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "src/base/bytes.h"

namespace memoir {

inline constexpr std::size_t kIntegerCharsMax = 21;   // "-9223372036854775808" and a spare
inline constexpr std::size_t kDoubleCharsMax = 5 * 1024;  // the longest "%.17Lf"

// Redis's string2ll: the canonical decimal form of a 64-bit integer, or nothing.
std::optional<std::int64_t> parse_integer(ByteView text);
// A number of 0 .. 2^64-1 as stream ids and cursors are read: blanks and a '+' in front and leading
// zeros are let pass.
std::optional<std::uint64_t> parse_unsigned(ByteView text);

// A number in the name of a file: digits and nothing else; leading zeros are let pass.
template <class T>
bool parse_digits(std::string_view digits, T& value) {
  const char* end = digits.data() + digits.size();
  const auto [stop, error] = std::from_chars(digits.data(), end, value);
  return error == std::errc() && stop == end;
}

// Redis's string2d / getDoubleFromObject: what strtod reads as a whole, "inf", "-inf", "+inf",
// "infinity" in any case, hex floats; not NaN, no blanks in front.
std::optional<double> parse_double(ByteView text);
// Redis's string2ld for INCRBYFLOAT, HINCRBYFLOAT and blocking timeouts.
std::optional<long double> parse_long_double(ByteView text);
// Redis's memtoull ("1gb", "64mb", "100k", "5b"), in bytes; nothing also when 64 bits do not hold
// it.
std::optional<std::uint64_t> parse_memory(ByteView text);

// Writes the decimal form at `out` (kIntegerCharsMax bytes of room); returns its length.
std::size_t format_integer(std::int64_t value, char* out);
std::size_t format_unsigned(std::uint64_t value, char* out);

// A score or RESP3 double as Redis 7.2 writes it: shortest text that reads back equal ("3", "3.1",
// "1e+20", "inf", "-inf", "nan"); integers within +-2^62 without exponent.
std::size_t format_double(double value, char* out /* 40 bytes */);
// INCRBYFLOAT's form: "%.17Lf" without trailing zeros.
Bytes format_long_double(long double value);

inline void append_integer(Bytes& out, std::int64_t value) {
  char text[kIntegerCharsMax];
  out.append(text, format_integer(value, text));
}

}  // namespace memoir
