// Goal: a client goes aside for being heavy, not for a thread that was off the processor, and does
// not go to and fro.
#include <catch2/catch.hpp>

#include "src/server/load_watch.h"

namespace memoir {
namespace {

using Wish = LoadWatch::Wish;
constexpr std::int64_t kLimit = 1000;
constexpr std::int64_t kSecond = 1'000'000;

TEST_CASE("two heavy batches within a second send a client aside", "[server]") {
  LoadWatch load;
  CHECK_FALSE(load.measures());
  load.suspect(10 * kSecond);
  CHECK(load.measures());
  CHECK(load.wish() == Wish::kStay);
  load.measured(5000, kLimit, 10 * kSecond + 1000);
  CHECK(load.wish() == Wish::kAside);
}

TEST_CASE("a suspicion that does not come true is over after a second", "[server]") {
  LoadWatch load;
  load.suspect(10 * kSecond);
  load.measured(20, kLimit, 10 * kSecond + 5000);
  CHECK(load.measures());
  load.measured(20, kLimit, 11 * kSecond);
  CHECK_FALSE(load.measures());
  CHECK(load.wish() == Wish::kStay);
}

TEST_CASE("several requests together may take longer", "[server]") {
  CHECK(LoadWatch::allowed(1, kLimit) == kLimit);
  CHECK(LoadWatch::allowed(2, kLimit) == LoadWatch::kBatchFactor * kLimit);
}

// Method: come aside, be light for as long as the stay, return, be heavy again.
TEST_CASE("who returns to a lane stays for longer", "[server]") {
  LoadWatch load;
  std::int64_t now = 10 * kSecond;
  std::int64_t stay = LoadWatch::kStayUsMin;
  for (int round = 0; round < 8; ++round) {
    CAPTURE(round);
    load.suspect(now);
    load.measured(5000, kLimit, now);
    REQUIRE(load.wish() == Wish::kAside);
    load.moved(true, now);
    CHECK(load.measures());
    load.measured(5000, kLimit, now += 100);  // heavy still: the stay begins anew
    load.measured(20, kLimit, now + stay - 1);
    CHECK(load.wish() == Wish::kStay);
    load.measured(20, kLimit, now += stay);
    CHECK(load.wish() == Wish::kHome);
    load.moved(false, now);
    CHECK_FALSE(load.measures());
    CHECK(load.wish() == Wish::kStay);
    stay = std::min(stay * 2, LoadWatch::kStayUsMax);
  }
  // After a minute without, all is forgotten.
  now += LoadWatch::kStayUsMax;
  load.moved(true, now);
  load.measured(20, kLimit, now + LoadWatch::kStayUsMin);
  CHECK(load.wish() == Wish::kHome);
}

}  // namespace
}  // namespace memoir
