#include "src/base/number.h"

#include <array>
#include <cctype>
#include <cerrno>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <limits>

#include "src/base/assert.h"
#include "src/base/glob.h"

namespace memoir {
namespace {

// Doubles up to here become integers without a loss: half the range of 64 bits, as in Redis.
constexpr double kIntegralDoubleMax = 0x1.0p62;

inline bool is_digit(char c) { return c >= '0' && c <= '9'; }

// The digits of `text`, all of it, as a number; nothing if one is no digit or 64 bits do not hold
// it.
inline std::optional<std::uint64_t> digits_value(ByteView text) {
  std::uint64_t value = 0;
  for (const char c : text) {
    if (!is_digit(c)) return std::nullopt;
    const std::uint64_t digit = static_cast<std::uint64_t>(c - '0');
    if (__builtin_mul_overflow(value, 10U, &value)) return std::nullopt;
    if (__builtin_add_overflow(value, digit, &value)) return std::nullopt;
  }
  return value;
}

// strtod() and strtold() want a terminating zero.
template <class T, class Convert>
std::optional<T> convert_terminated(ByteView text, Convert convert) {
  std::array<char, 256> small;
  Bytes large;
  char* copy = small.data();
  if (text.size() < small.size()) {
    std::memcpy(copy, text.data(), text.size());
    copy[text.size()] = '\0';
  } else {
    large = text;
    copy = large.data();
  }
  char* end = nullptr;
  errno = 0;
  const T value = convert(copy, &end);
  if (static_cast<std::size_t>(end - copy) != text.size() || std::isnan(value)) return std::nullopt;
  if (errno == ERANGE && (std::isinf(value) || value == 0)) return std::nullopt;
  return value;
}

// Lays out the shortest digits of a value: `digits` times ten to the `exponent`.
std::size_t lay_out(ByteView digits, int exponent, char* out) {
  const int count = static_cast<int>(digits.size());
  int magnitude = std::abs(exponent + count - 1);
  char* at = out;
  const auto put = [&at](ByteView text) {
    std::memcpy(at, text.data(), text.size());
    at += text.size();
  };
  const auto put_zeros = [&at](int zeros) {
    std::memset(at, '0', static_cast<std::size_t>(zeros));
    at += zeros;
  };
  if (exponent >= 0 && magnitude < count + 7) {  // a plain integer
    put(digits);
    put_zeros(exponent);
  } else if (exponent < 0 && (exponent > -7 || magnitude < 4)) {  // a plain fraction
    const int before_point = count + exponent;
    if (before_point > 0) {
      put(digits.substr(0, static_cast<std::size_t>(before_point)));
      *at++ = '.';
      put(digits.substr(static_cast<std::size_t>(before_point)));
    } else {
      put("0.");
      put_zeros(-before_point);
      put(digits);
    }
  } else {
    *at++ = digits[0];
    if (count > 1) {
      *at++ = '.';
      put(digits.substr(1));
    }
    *at++ = 'e';
    *at++ = exponent + count - 1 < 0 ? '-' : '+';
    at += format_unsigned(static_cast<std::uint64_t>(magnitude), at);
  }
  return static_cast<std::size_t>(at - out);
}

}  // namespace

std::optional<std::int64_t> parse_integer(ByteView text) {
  if (text.empty() || text.size() >= kIntegerCharsMax) return std::nullopt;
  const bool negative = text[0] == '-';
  if (negative) text.remove_prefix(1);
  if (text.empty()) return std::nullopt;
  if (text[0] == '0') {
    if (text.size() == 1 && !negative) return 0;
    return std::nullopt;
  }
  std::uint64_t value = 0;
  if (text.size() <= 18) {  // cannot overflow
    for (const char c : text) {
      if (!is_digit(c)) return std::nullopt;
      value = value * 10 + static_cast<std::uint64_t>(c - '0');
    }
  } else {
    const auto digits = digits_value(text);
    if (!digits) return std::nullopt;
    value = *digits;
  }
  constexpr std::uint64_t kMax = std::numeric_limits<std::int64_t>::max();
  if (value > kMax + (negative ? 1 : 0)) return std::nullopt;
  return static_cast<std::int64_t>(negative ? 0 - value : value);
}

std::optional<std::uint64_t> parse_unsigned(ByteView text) {
  while (!text.empty() && std::isspace(static_cast<unsigned char>(text[0]))) text.remove_prefix(1);
  if (!text.empty() && text[0] == '+') text.remove_prefix(1);
  if (text.empty()) return std::nullopt;
  return digits_value(text);
}

std::optional<double> parse_double(ByteView text) {
  if (text.empty()) return std::nullopt;
  double value;
  const char* end = text.data() + text.size();
  const auto [stopped, error] = std::from_chars(text.data(), end, value);
  if (error == std::errc() && stopped == end && !std::isnan(value)) return value;
  // '+', hexadecimal, denormal and out-of-range numbers are rare: strtod() judges them.
  if (std::isspace(static_cast<unsigned char>(text[0]))) return std::nullopt;
  return convert_terminated<double>(
      text, [](const char* s, char** e) { return std::strtod(s, e); });
}

std::optional<long double> parse_long_double(ByteView text) {
  if (text.empty() || text.size() >= kDoubleCharsMax) return std::nullopt;
  if (std::isspace(static_cast<unsigned char>(text[0]))) return std::nullopt;
  return convert_terminated<long double>(
      text, [](const char* s, char** e) { return std::strtold(s, e); });
}

std::optional<std::uint64_t> parse_memory(ByteView text) {
  struct Unit {
    ByteView name;
    std::uint64_t bytes;
  };
  static constexpr Unit kUnits[] = {
      {"", 1},         {"b", 1},           {"k", 1000},          {"kb", 1024},
      {"m", 1000'000}, {"mb", 1024 * 1024}, {"g", 1000'000'000}, {"gb", 1024 * 1024 * 1024},
  };
  std::size_t digits = 0;
  while (digits < text.size() && is_digit(text[digits])) ++digits;
  const auto value = digits_value(text.substr(0, digits));
  if (!value) return std::nullopt;
  for (const Unit& unit : kUnits) {
    if (!equals_ignoring_case(text.substr(digits), unit.name)) continue;
    std::uint64_t bytes;
    if (__builtin_mul_overflow(*value, unit.bytes, &bytes)) return std::nullopt;
    return bytes;
  }
  return std::nullopt;
}

std::size_t format_integer(std::int64_t value, char* out) {
  return static_cast<std::size_t>(std::to_chars(out, out + kIntegerCharsMax, value).ptr - out);
}

std::size_t format_unsigned(std::uint64_t value, char* out) {
  return static_cast<std::size_t>(std::to_chars(out, out + kIntegerCharsMax, value).ptr - out);
}

std::size_t format_double(double value, char* out) {
  const auto give = [out](ByteView text) {
    std::memcpy(out, text.data(), text.size());
    return text.size();
  };
  if (std::isnan(value)) return give("nan");
  if (std::isinf(value)) return give(value < 0 ? "-inf" : "inf");
  if (value == 0) return give(std::signbit(value) ? "-0" : "0");
  if (std::abs(value) <= kIntegralDoubleMax) {
    const auto whole = static_cast<std::int64_t>(value);
    if (static_cast<double>(whole) == value) return format_integer(whole, out);
  }
  // "d.ddde-xx" gives the shortest digits and the exponent, to be laid out anew.
  char scientific[40];
  const auto written = std::to_chars(scientific, scientific + sizeof(scientific), std::abs(value),
                                     std::chars_format::scientific);
  ASSERT(written.ec == std::errc());
  const char* mark = static_cast<const char*>(
      std::memchr(scientific, 'e', static_cast<std::size_t>(written.ptr - scientific)));
  char digits[24];
  std::size_t count = 0;
  for (const char* c = scientific; c < mark; ++c) {
    if (*c != '.') digits[count++] = *c;
  }
  int exponent = 0;
  std::from_chars(mark + (mark[1] == '+' ? 2 : 1), written.ptr, exponent);
  const std::size_t sign = value < 0 ? 1 : 0;
  if (sign) *out = '-';
  const int last_exponent = exponent - static_cast<int>(count) + 1;
  return sign + lay_out(ByteView(digits, count), last_exponent, out + sign);
}

Bytes format_long_double(long double value) {
  if (std::isinf(value)) return value > 0 ? "inf" : "-inf";
  std::array<char, kDoubleCharsMax> text;
  const int size = std::snprintf(text.data(), text.size(), "%.17Lf", value);
  ASSERT(size > 0 && static_cast<std::size_t>(size) < text.size());
  ByteView shown(text.data(), static_cast<std::size_t>(size));
  if (shown.find('.') != ByteView::npos) {
    shown = shown.substr(0, shown.find_last_not_of('0') + 1);
    if (shown.back() == '.') shown.remove_suffix(1);
  }
  if (shown == "-0") shown = "0";
  return Bytes(shown);
}

}  // namespace memoir
