#include "src/command/eviction.h"

#include <algorithm>

#include "src/command/dispatcher.h"

namespace memoir {
namespace {

// The higher, the better to evict.
std::uint64_t eviction_score(const Entry& entry, const RunEnvironment& env, EvictionPolicy policy) {
  switch (policy) {
    case EvictionPolicy::kVolatileTtl:
      return ~static_cast<std::uint64_t>(entry.expire_ms());
    case EvictionPolicy::kAllKeysLfu:
    case EvictionPolicy::kVolatileLfu:
      return 255U - lfu_counter(entry.access(), env.now_ms, env.lfu_decay_minutes);
    default:
      // A clock that was set back must not make the newest keys the oldest.
      return lru_now(env.now_ms) - std::min(entry.access(), lru_now(env.now_ms));
  }
}

}  // namespace

void EvictionPool::offer(std::uint64_t score, unsigned db, ByteView key) {
  const auto end = candidates_.begin() + static_cast<std::ptrdiff_t>(size_);
  const bool known = std::any_of(candidates_.begin(), end, [&](const Candidate& candidate) {
    return candidate.db == db && candidate.key == key;
  });
  if (known) return;
  auto at = std::find_if(candidates_.begin(), end,
                         [&](const Candidate& candidate) { return candidate.score >= score; });
  if (size_ == kCandidates) {
    if (at == candidates_.begin()) return;
    std::rotate(candidates_.begin(), candidates_.begin() + 1, at);
    --at;
  } else {
    std::rotate(at, end, end + 1);
    ++size_;
  }
  *at = {score, db, Bytes(key)};
}

std::optional<EvictionPool::Candidate> EvictionPool::take_best() {
  if (size_ == 0) return std::nullopt;
  return std::move(candidates_[--size_]);
}

bool Dispatcher::evict_some(std::int64_t budget_us) {
  if (settings.maxmemory == 0 || allocated_bytes() <= settings.maxmemory) return true;
  if (settings.maxmemory_policy == EvictionPolicy::kNoEviction) return false;
  const std::int64_t deadline = clock_.monotonic_us() + budget_us;
  now_us_ = clock_.now_us();
  std::uint64_t evicted = 0;
  while (allocated_bytes() > settings.maxmemory) {
    if (!evict_one()) return false;
    if (++evicted % 16 == 0 && clock_.monotonic_us() > deadline) break;
  }
  return true;
}

// Samples stripes from a random one on until there is a choice of candidates, and removes the best
// that still exists. With few keys that takes many stripes: one alone may have a single key.
bool Dispatcher::evict_one() {
  const auto start = static_cast<unsigned>(random_.below(kStripes));
  const unsigned wanted =
      evicts_at_random(settings.maxmemory_policy) ? 1 : settings.maxmemory_samples;
  unsigned sampled = 0;
  for (unsigned i = 0; i < kStripes; ++i) {
    sampled += sample_for_eviction((start + i) % kStripes);
    if (sampled < wanted && i + 1 < kStripes) continue;
    while (auto candidate = eviction_pool_.take_best()) {
      if (evict_key(*candidate)) return true;
    }
  }
  return false;
}

// Offers some entries of a stripe to the pool; returns how many.
unsigned Dispatcher::sample_for_eviction(unsigned stripe) {
  const EvictionPolicy policy = settings.maxmemory_policy;
  LockedStripes locked(keyspace_, slot_);
  const RunEnvironment env = environment(locked);
  locked.lock_one(stripe);
  unsigned sampled = 0;
  for (unsigned db = 0; db < keyspace_.databases(); ++db) {
    Shard& shard = locked.shard_at(stripe, db);
    const EntryTable& table = evicts_all_keys(policy) ? shard.keys : shard.expires;
    if (table.empty()) continue;
    if (evicts_at_random(policy)) {
      const auto* entry = static_cast<const Entry*>(table.random(random_).pointer);
      eviction_pool_.offer(random_.next() >> 1, db, entry->key());
      ++sampled;
      continue;
    }
    // A small table would give the same ones again, which is no choice.
    auto left = std::min<std::size_t>(settings.maxmemory_samples, table.size());
    table.sample(random_, [&](TableItem item) {
      const auto* entry = static_cast<const Entry*>(item.pointer);
      eviction_pool_.offer(eviction_score(*entry, env, policy), db, entry->key());
      ++sampled;
      return --left > 0;
    });
  }
  return sampled;
}

bool Dispatcher::evict_key(const EvictionPool::Candidate& candidate) {
  LockedStripes locked(keyspace_, slot_);
  locked.lock_one(stripe_of(hash_in_memory(candidate.key)));
  changes_.clear();
  RunEnvironment env = environment(locked);
  env.lazy_free = settings.lazyfree_eviction;
  Database db(env, candidate.db);
  const Entry* entry = db.peek(candidate.key);
  const bool eligible =
      entry && (evicts_all_keys(settings.maxmemory_policy) || entry->has_expiry());
  if (eligible) {
    db.remove(candidate.key, nullptr);
    db.notify(kEventEvicted, "evicted", candidate.key);
    changes_.expired.push_back({.db = candidate.db, .key = candidate.key});
    KeyspaceStats::bump(stats_.evicted);
  }
  settle_own_work(locked);
  return eligible;
}

}  // namespace memoir
