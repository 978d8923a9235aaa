#include "src/base/cycles.h"

#include <chrono>

namespace memoir {
namespace {

using Steady = std::chrono::steady_clock;

struct Moment {
  Steady::time_point time;
  std::uint64_t cycles;
};

// Both clocks at once, as nearly as they can be read: the best of some tries, since the thread may
// be interrupted between the two.
Moment both_clocks() {
  Moment best{};
  std::uint64_t least = UINT64_MAX;
  for (int i = 0; i < 16; ++i) {
    const std::uint64_t before = cycles_now();
    const auto time = Steady::now();
    const std::uint64_t between = cycles_now() - before;
    if (between >= least) continue;
    least = between;
    best = {time, before + between / 2};
  }
  return best;
}

}  // namespace

double cycles_per_us() {
  static const double measured = [] {
    const Moment first = both_clocks();
    while (Steady::now() - first.time < std::chrono::milliseconds(1)) {
    }
    const Moment last = both_clocks();
    const double us = std::chrono::duration<double, std::micro>(last.time - first.time).count();
    return static_cast<double>(last.cycles - first.cycles) / us;
  }();
  return measured;
}

}  // namespace memoir
