// A cheap stopwatch for durations of commands: the processor's time-stamp counter where there is
// one.
#pragma once

#include <cstdint>

#if defined(__x86_64__)
#include <x86intrin.h>
#else
#include <chrono>
#endif

namespace memoir {

#if defined(__x86_64__)
inline std::uint64_t cycles_now() { return __rdtsc(); }
#else
inline std::uint64_t cycles_now() {
  return static_cast<std::uint64_t>(
      std::chrono::steady_clock::now().time_since_epoch().count());
}
#endif

// Cycles in a microsecond, measured once, for about a millisecond, at the first call.
double cycles_per_us();

}  // namespace memoir
