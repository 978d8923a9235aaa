// Moments: every form, their limits, and texts that are none.
#include <catch2/catch.hpp>

#include "src/base/moment.h"

namespace memoir {
namespace {

constexpr std::int64_t kNowUs = 1'700'000'000'000'000;  // 2023-11-14T22:13:20Z

std::int64_t time_us(ByteView text) {
  CAPTURE(text);
  auto moment = parse_moment(text, kNowUs);
  REQUIRE(moment);
  REQUIRE(moment->kind == Moment::Kind::kTime);
  return moment->time_us;
}

TEST_CASE("ISO 8601 times", "[base][moment]") {
  CHECK(time_us("2023-11-14T22:13:20Z") == kNowUs);
  CHECK(time_us("2023-11-14t22:13:20z") == kNowUs);
  CHECK(time_us("2023-11-14 22:13:20") == kNowUs);  // without a zone: UTC
  CHECK(time_us("20231114T221320Z") == kNowUs);
  CHECK(time_us("2023-11-14T23:13:20+01:00") == kNowUs);
  CHECK(time_us("2023-11-15T03:43:20+0530") == kNowUs);
  CHECK(time_us("2023-11-14T14:13:20-08") == kNowUs);
  CHECK(time_us("2023-11-14T22:13Z") == kNowUs - 20'000'000);
  CHECK(time_us("2023-11-14T22:13:20.25Z") == kNowUs + 250'000);
  CHECK(time_us("2023-11-14T22:13:20,000001") == kNowUs + 1);
  CHECK(time_us("2023-11-14T22:13:20.1234567890Z") == kNowUs + 123'456);
  CHECK(time_us("1970-01-01") == 0);
  CHECK(time_us("2024-02-29") == 1'709'164'800'000'000);
  CHECK(time_us("2000-02-29") == 951'782'400'000'000);
  CHECK(time_us("9999-12-31T23:59:59.999999Z") == 253'402'300'799'999'999);
}

TEST_CASE("Unix seconds, milliseconds and microseconds", "[base][moment]") {
  CHECK(time_us("1700000000") == kNowUs);
  CHECK(time_us("1700000000.5") == kNowUs + 500'000);
  CHECK(time_us("1700000000000") == kNowUs);
  CHECK(time_us("1700000000000001") == kNowUs + 1);
  CHECK(time_us("0") == 0);
  CHECK(time_us("20231114") == 20'231'114'000'000);  // eight digits are no date
  CHECK(time_us("99999999999") == 99'999'999'999'000'000);
  CHECK(time_us("100000000000") == 100'000'000'000'000);
}

TEST_CASE("times before now", "[base][moment]") {
  CHECK(time_us("now") == kNowUs);
  CHECK(time_us("-250ms") == kNowUs - 250'000);
  CHECK(time_us("-90s") == kNowUs - 90'000'000);
  CHECK(time_us("-5m") == kNowUs - 300'000'000);
  CHECK(time_us("-2H") == kNowUs - 7'200'000'000);
  CHECK(time_us("-3d") == kNowUs - 259'200'000'000);
  CHECK(time_us("-1w") == kNowUs - 604'800'000'000);
  CHECK(time_us("-0s") == kNowUs);
}

TEST_CASE("places in the journal", "[base][moment]") {
  CHECK(*parse_moment("lsn:0", kNowUs) == Moment::at_lsn(0));
  CHECK(*parse_moment("LSN:18446744073709551615", kNowUs) == Moment::at_lsn(UINT64_MAX));
}

TEST_CASE("what is no moment", "[base][moment]") {
  for (const ByteView text :
       {"", "x", "lsn:", "lsn:-1", "lsn:+1", "lsn:1x", "lsn:18446744073709551616", "lsn: 1", "-",
        "-5", "-m", "-5y", "-5mm", "--5m", "-99999999999999999999s", "-9223372036854775807w",
        "-60000w", "+5m", "5m", "17000000000.", ".5", "1700000000.x", "1700000000 ", " 1700000000",
        "1700000000000.5", "2023-13-01", "2023-00-01", "2023-01-32", "2023-02-29", "1900-02-29",
        "2023-11-14T", "2023-11-14T22", "2023-11-14T24:00Z", "2023-11-14T22:60Z",
        "2023-11-14T22:13:60Z", "2023-11-14T22:13:20.Z", "2023-11-14T22:13:20+", "2023-11-14Z1",
        "2023-11-14T22:13:20+24:00", "2023-11-14T22:13:20+1", "2023-1114", "202311-14",
        "2023-11-14X22:13:20Z", "1969-12-31T23:59:59Z", "1970-01-01T00:00+01:00",
        "99999999999999999999", "-1700000000"}) {
    CAPTURE(text);
    auto moment = parse_moment(text, kNowUs);
    REQUIRE(!moment);
    REQUIRE(moment.peek_error().text().starts_with("ERR invalid moment"));
  }
}

TEST_CASE("a time is written as it is read", "[base][moment]") {
  CHECK(format_time_us(kNowUs + 42) == "2023-11-14T22:13:20.000042Z");
  for (const std::int64_t us : {std::int64_t{0}, kNowUs, kNowUs + 999'999,
                                std::int64_t{951'782'399'999'999}}) {
    CHECK(time_us(format_time_us(us)) == us);
  }
}

}  // namespace
}  // namespace memoir
