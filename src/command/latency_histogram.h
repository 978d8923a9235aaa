// LatencyHistogram: how long the runs of one command took, in classes about 3 % wide.
//
// One a worker and command, made at the command's first run. Durations are counted in cycles
// (src/base/cycles.h), so that counting costs a shift and an addition; they become time when they
// are shown. The worker adds, any thread reads.
#pragma once

#include <array>
#include <atomic>
#include <bit>
#include <cstdint>
#include <vector>

namespace memoir {

class LatencyHistogram {
 public:
  // Each power of two is cut into so many steps.
  static constexpr unsigned kStepBits = 5;
  static constexpr unsigned kBitsMax = 36;  // some 20 seconds; longer runs count as that
  static constexpr std::size_t kClasses = (kBitsMax - kStepBits + 1) << kStepBits;

  void add(std::uint64_t cycles) {
    auto& count = counts_[class_of(cycles)];
    count.store(count.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
  }
  std::uint64_t count(std::size_t index) const {
    return counts_[index].load(std::memory_order_relaxed);
  }
  void clear() {
    for (auto& count : counts_) count.store(0, std::memory_order_relaxed);
  }

  static std::size_t class_of(std::uint64_t cycles) {
    constexpr std::uint64_t kMost = (std::uint64_t{1} << kBitsMax) - 1;
    if (cycles > kMost) cycles = kMost;
    const int width = std::bit_width(cycles);
    const unsigned shift = width > static_cast<int>(kStepBits) + 1
                               ? static_cast<unsigned>(width) - kStepBits - 1
                               : 0;
    return (static_cast<std::size_t>(shift) << kStepBits) + (cycles >> shift);
  }
  // The longest duration of a class, in cycles.
  static std::uint64_t highest(std::size_t index) {
    const std::size_t step = std::size_t{1} << kStepBits;
    if (index < 2 * step) return index;
    const std::size_t shift = index / step - 1;
    return ((index % step + step + 1) << shift) - 1;
  }

 private:
  std::array<std::atomic<std::uint32_t>, kClasses> counts_{};
};

// The histograms of all workers for one command, added up.
class LatencySummary {
 public:
  void add(const LatencyHistogram& histogram);
  std::uint64_t total() const { return total_; }
  // Microseconds within which `percent` of the runs ended.
  double percentile_us(double percent, double cycles_per_us) const;
  // How many runs took at most so long, at steps that double from about a microsecond on; steps
  // that add nothing are left out.
  struct Step {
    std::int64_t us;
    std::uint64_t runs;
  };
  std::vector<Step> cumulative(double cycles_per_us) const;

 private:
  std::vector<std::uint64_t> counts_ = std::vector<std::uint64_t>(LatencyHistogram::kClasses);
  std::uint64_t total_{0};
};

}  // namespace memoir
