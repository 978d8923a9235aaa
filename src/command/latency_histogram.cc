#include "src/command/latency_histogram.h"

#include <algorithm>
#include <cmath>

namespace memoir {

void LatencySummary::add(const LatencyHistogram& histogram) {
  for (std::size_t i = 0; i < counts_.size(); ++i) {
    const std::uint64_t count = histogram.count(i);
    counts_[i] += count;
    total_ += count;
  }
}

double LatencySummary::percentile_us(double percent, double cycles_per_us) const {
  const double share = std::clamp(percent, 0.0, 100.0) / 100 * static_cast<double>(total_);
  const auto wanted = std::max<std::uint64_t>(static_cast<std::uint64_t>(share + 0.5), 1);
  std::uint64_t seen = 0;
  for (std::size_t i = 0; i < counts_.size(); ++i) {
    seen += counts_[i];
    if (seen >= wanted) {
      return static_cast<double>(LatencyHistogram::highest(i)) / cycles_per_us;
    }
  }
  return 0;
}

// The steps are Redis's: 1024 ns and its doubles, each with the width of its own class on top.
std::vector<LatencySummary::Step> LatencySummary::cumulative(double cycles_per_us) const {
  std::vector<Step> steps;
  std::uint64_t runs = 0;
  std::size_t at = 0;
  for (std::uint64_t ns = 1024; runs < total_; ns *= 2) {
    const std::uint64_t limit_ns = ns + ns / 128 - 1;
    const std::uint64_t before = runs;
    for (; at < counts_.size(); ++at) {
      const double ends_ns =
          static_cast<double>(LatencyHistogram::highest(at)) / cycles_per_us * 1000;
      if (ends_ns > static_cast<double>(limit_ns)) break;
      runs += counts_[at];
    }
    if (runs > before) steps.push_back({static_cast<std::int64_t>(limit_ns / 1000), runs});
  }
  return steps;
}

}  // namespace memoir
