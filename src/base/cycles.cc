#include "src/base/cycles.h"

#include <chrono>

namespace memoir {

double cycles_per_us() {
  static const double measured = [] {
    using Steady = std::chrono::steady_clock;
    const auto start = Steady::now();
    const std::uint64_t first = cycles_now();
    auto now = start;
    while (now - start < std::chrono::milliseconds(1)) now = Steady::now();
    const double us = std::chrono::duration<double, std::micro>(now - start).count();
    return static_cast<double>(cycles_now() - first) / us;
  }();
  return measured;
}

}  // namespace memoir
