// Histograms of durations.
#include <catch2/catch.hpp>

#include "src/command/latency_histogram.h"

namespace memoir {
namespace {

TEST_CASE("every duration is in a class whose end is at most 3.2 % above it", "[command]") {
  for (std::uint64_t cycles = 0; cycles < (std::uint64_t{1} << 35);
       cycles += cycles / 7 + 1) {
    CAPTURE(cycles);
    const std::size_t index = LatencyHistogram::class_of(cycles);
    REQUIRE(index < LatencyHistogram::kClasses);
    const std::uint64_t end = LatencyHistogram::highest(index);
    REQUIRE(end >= cycles);
    REQUIRE(end <= cycles + cycles / 31);
    REQUIRE((index == 0 || LatencyHistogram::highest(index - 1) < cycles));
  }
  CHECK(LatencyHistogram::class_of(UINT64_MAX) == LatencyHistogram::kClasses - 1);
}

TEST_CASE("percentiles and the cumulative distribution of several workers", "[command]") {
  LatencyHistogram one;
  LatencyHistogram other;
  for (int i = 0; i < 90; ++i) one.add(1'500);       // at 1000 cycles a microsecond: 1.5 us
  for (int i = 0; i < 10; ++i) other.add(100'000);   // 100 us
  LatencySummary summary;
  summary.add(one);
  summary.add(other);
  REQUIRE(summary.total() == 100);
  CHECK(summary.percentile_us(50, 1000) == Approx(1.5).epsilon(0.04));
  CHECK(summary.percentile_us(90, 1000) == Approx(1.5).epsilon(0.04));
  CHECK(summary.percentile_us(99, 1000) == Approx(100).epsilon(0.04));
  CHECK(summary.percentile_us(0, 1000) == Approx(1.5).epsilon(0.04));
  const auto steps = summary.cumulative(1000);
  REQUIRE(steps.size() == 2);
  CHECK(steps[0].us == 2);
  CHECK(steps[0].runs == 90);
  CHECK(steps[1].us == 132);
  CHECK(steps[1].runs == 100);
  one.clear();
  LatencySummary again;
  again.add(one);
  CHECK(again.total() == 0);
  CHECK(again.cumulative(1000).empty());
}

}  // namespace
}  // namespace memoir
