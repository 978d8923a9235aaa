// Random48: the generator behind math.random in scripts, the linear congruence of POSIX's lrand48,
// so that a seed gives the same numbers as on Redis.
#pragma once

#include <cstdint>

namespace memoir {

class Random48 {
 public:
  static constexpr std::int32_t kMax = INT32_MAX;

  void seed(std::int32_t seed) {
    state_ = (static_cast<std::uint64_t>(static_cast<std::uint32_t>(seed)) << 16 | kSeedTail) &
             kMask;
  }
  // Of [0, 2^31).
  std::int32_t next() {
    state_ = (state_ * 0x5DEECE66DULL + 0xB) & kMask;
    return static_cast<std::int32_t>(state_ >> 17);
  }

 private:
  static constexpr std::uint64_t kMask = (1ULL << 48) - 1;
  static constexpr std::uint64_t kSeedTail = 0x330E;
  std::uint64_t state_{0x1234ABCD330EULL};
};

}  // namespace memoir
