// xoshiro256** (Blackman, Vigna 2018): fast, seedable. One per worker; not for secrets.
#pragma once

#include <cstdint>

#include "src/base/bytes.h"

namespace memoir {

class Random {
 public:
  explicit Random(std::uint64_t seed);
  std::uint64_t next();
  // Uniform in [0, bound); bound > 0.
  std::uint64_t below(std::uint64_t bound) {
    return static_cast<std::uint64_t>((static_cast<unsigned __int128>(next()) * bound) >> 64);
  }
  double unit() { return static_cast<double>(next() >> 11) * 0x1.0p-53; }

 private:
  std::uint64_t state_[4];
};

// From the system, for seeds, run ids and secrets.
std::uint64_t system_random();
// `chars` lower-case hex digits, as Redis's run_id and replication ids.
Bytes random_hex(std::size_t chars);

}  // namespace memoir
