// Eviction: what goes when memory is over maxmemory. Redis's approximation: some entries are
// sampled, the best candidates kept in a small pool over the calls, the best of the pool goes.
#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "src/base/bytes.h"

namespace memoir {

enum class EvictionPolicy : std::uint8_t {
  kNoEviction,
  kAllKeysLru,
  kAllKeysLfu,
  kAllKeysRandom,
  kVolatileLru,
  kVolatileLfu,
  kVolatileRandom,
  kVolatileTtl,
};

constexpr bool uses_lfu(EvictionPolicy policy) {
  return policy == EvictionPolicy::kAllKeysLfu || policy == EvictionPolicy::kVolatileLfu;
}
constexpr bool uses_lru(EvictionPolicy policy) {
  return policy == EvictionPolicy::kAllKeysLru || policy == EvictionPolicy::kVolatileLru;
}
constexpr bool evicts_at_random(EvictionPolicy policy) {
  return policy == EvictionPolicy::kAllKeysRandom || policy == EvictionPolicy::kVolatileRandom;
}
constexpr bool evicts_all_keys(EvictionPolicy policy) {
  return policy == EvictionPolicy::kAllKeysLru || policy == EvictionPolicy::kAllKeysLfu ||
         policy == EvictionPolicy::kAllKeysRandom;
}

// The best candidates seen, best last.
class EvictionPool {
 public:
  static constexpr std::size_t kCandidates = 16;
  struct Candidate {
    std::uint64_t score;  // the higher, the better to evict
    unsigned db;
    Bytes key;
  };

  void offer(std::uint64_t score, unsigned db, ByteView key);
  std::optional<Candidate> take_best();
  bool empty() const { return size_ == 0; }

 private:
  std::array<Candidate, kCandidates> candidates_;
  std::size_t size_{0};
};

}  // namespace memoir
