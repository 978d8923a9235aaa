#include "src/base/moment.h"

#include <chrono>
#include <optional>

#include "src/base/glob.h"
#include "src/base/log.h"
#include "src/base/number.h"

namespace memoir {
namespace {

constexpr std::int64_t kSecondUs = 1'000'000;
// Years of four digits: what is outside has no name here.
constexpr std::int64_t kTimeMaxUs = 253'402'300'800 * kSecondUs - 1;
constexpr int kFractionDigits = 6;

bool is_digit(char c) { return c >= '0' && c <= '9'; }

// A cursor over a text that remembers its first failure.
class Cursor {
 public:
  explicit Cursor(ByteView text) : in_(text) {}

  bool at_end() const { return in_.empty(); }
  bool failed() const { return failed_; }
  char peek() const { return in_.empty() ? '\0' : in_[0]; }
  bool take(char c) {
    if (peek() != c || in_.empty()) return false;
    in_.remove_prefix(1);
    return true;
  }
  bool take_any_of(ByteView set) {
    if (in_.empty() || set.find(in_[0]) == ByteView::npos) return false;
    in_.remove_prefix(1);
    return true;
  }
  // A number of exactly so many digits, `least` to `most`.
  int number(std::size_t digits, int least, int most) {
    int value = 0;
    for (; digits > 0; --digits) {
      if (!is_digit(peek())) return fail();
      value = value * 10 + (in_[0] - '0');
      in_.remove_prefix(1);
    }
    return value < least || value > most ? fail() : value;
  }
  // Digits behind a point, as microseconds.
  std::int64_t fraction_us() {
    std::int64_t us = 0;
    int digits = 0;
    for (; is_digit(peek()); ++digits) {
      if (digits < kFractionDigits) us = us * 10 + (in_[0] - '0');
      in_.remove_prefix(1);
    }
    if (digits == 0) return fail();
    for (; digits < kFractionDigits; ++digits) us *= 10;
    return us;
  }
  int fail() {
    failed_ = true;
    return 0;
  }

 private:
  ByteView in_;
  bool failed_ = false;
};

// The zone's offset in seconds.
std::int64_t read_zone(Cursor& in) {
  if (in.at_end() || in.take_any_of("Zz")) return 0;
  const bool west = in.peek() == '-';
  if (!in.take_any_of("+-")) return in.fail();
  const int hours = in.number(2, 0, 23);
  const bool colon = in.take(':');
  const int minutes = colon || is_digit(in.peek()) ? in.number(2, 0, 59) : 0;
  const std::int64_t seconds = hours * 3600 + minutes * 60;
  return west ? -seconds : seconds;
}

std::optional<std::int64_t> parse_iso(ByteView text) {
  Cursor in(text);
  const int year = in.number(4, 0, 9999);
  const bool extended = in.take('-');
  const int month = in.number(2, 1, 12);
  if (extended && !in.take('-')) in.fail();
  const int day = in.number(2, 1, 31);
  const bool has_t = in.peek() == 'T' || in.peek() == 't';
  if (!extended && !has_t) in.fail();  // eight digits are Unix seconds

  int hour = 0;
  int minute = 0;
  int second = 0;
  std::int64_t us = 0;
  if (in.take_any_of("Tt ")) {
    hour = in.number(2, 0, 23);
    if (extended && !in.take(':')) in.fail();
    minute = in.number(2, 0, 59);
    if (extended ? in.take(':') : is_digit(in.peek())) {
      second = in.number(2, 0, 59);
      if (in.take_any_of(".,")) us = in.fraction_us();
    }
  }
  const std::int64_t zone = read_zone(in);
  using namespace std::chrono;
  const year_month_day date(std::chrono::year(year),
                            std::chrono::month(static_cast<unsigned>(month)),
                            std::chrono::day(static_cast<unsigned>(day)));
  if (in.failed() || !in.at_end() || !date.ok()) return std::nullopt;
  const std::int64_t days = sys_days(date).time_since_epoch().count();
  const std::int64_t seconds = ((days * 24 + hour) * 60 + minute) * 60 + second - zone;
  return seconds * kSecondUs + us;
}

std::optional<std::int64_t> parse_unix(ByteView text) {
  const std::size_t point = text.find('.');
  const ByteView digits = text.substr(0, point);
  std::int64_t value = 0;
  if (digits.empty() || !is_digit(digits[0]) || !parse_digits(digits, value)) return std::nullopt;
  constexpr std::int64_t kFirstMs = 100'000'000'000;
  constexpr std::int64_t kFirstUs = 100'000'000'000'000;
  std::int64_t us = 0;
  if (point != ByteView::npos) {
    Cursor fraction(text.substr(point + 1));
    us = fraction.fraction_us();
    if (fraction.failed() || !fraction.at_end() || value >= kFirstMs) return std::nullopt;
  }
  if (value >= kFirstUs) return value;
  return value >= kFirstMs ? value * 1000 : value * kSecondUs + us;
}

// How many microseconds a unit has, or nothing.
std::optional<std::int64_t> unit_us(ByteView unit) {
  struct Unit {
    ByteView name;
    std::int64_t us;
  };
  static constexpr Unit kUnits[] = {{"ms", 1000},
                                    {"s", kSecondUs},
                                    {"m", 60 * kSecondUs},
                                    {"h", 3600 * kSecondUs},
                                    {"d", 86'400 * kSecondUs},
                                    {"w", 7 * 86'400 * kSecondUs}};
  for (const Unit& known : kUnits) {
    if (equals_ignoring_case(unit, known.name)) return known.us;
  }
  return std::nullopt;
}

// "-5m": the time so long before now.
std::optional<std::int64_t> parse_relative(ByteView text, std::int64_t now_us) {
  text.remove_prefix(1);
  std::size_t digits = 0;
  while (digits < text.size() && is_digit(text[digits])) ++digits;
  const auto unit = unit_us(text.substr(digits));
  std::int64_t count = 0;
  std::int64_t us = 0;
  if (digits == 0 || !unit || !parse_digits(text.substr(0, digits), count) ||
      __builtin_mul_overflow(count, *unit, &us) || __builtin_sub_overflow(now_us, us, &us)) {
    return std::nullopt;
  }
  return us;
}

}  // namespace

Result<Moment> parse_moment(ByteView text, std::int64_t now_us) {
  static constexpr ByteView kLsn = "lsn:";
  if (equals_ignoring_case(text.substr(0, kLsn.size()), kLsn)) {
    const ByteView digits = text.substr(kLsn.size());
    std::uint64_t lsn = 0;
    if (!digits.empty() && is_digit(digits[0]) && parse_digits(digits, lsn)) {
      return Moment::at_lsn(lsn);
    }
  } else if (equals_ignoring_case(text, "now")) {
    return Moment::at_time_us(now_us);
  } else {
    auto time = text.starts_with('-') ? parse_relative(text, now_us) : parse_iso(text);
    if (!time) time = parse_unix(text);
    if (time && *time >= 0 && *time <= kTimeMaxUs) return Moment::at_time_us(*time);
  }
  return Error("ERR invalid moment: use lsn:N, an ISO 8601 time, Unix seconds or milliseconds, or "
               "-5m for five minutes ago");
}

Bytes format_time_us(std::int64_t time_us) {
  using namespace std::chrono;
  const sys_time<microseconds> time{microseconds(time_us)};
  const auto midnight = floor<days>(time);
  const year_month_day date(midnight);
  const hh_mm_ss clock(time - midnight);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:06}Z", static_cast<int>(date.year()),
                     static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                     clock.hours().count(), clock.minutes().count(), clock.seconds().count(),
                     clock.subseconds().count());
}

}  // namespace memoir
