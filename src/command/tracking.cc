#include "src/command/tracking.h"

#include <algorithm>

#include "src/command/dispatcher.h"
#include "src/command/keys.h"

namespace memoir {

bool TrackedKeys::add(ByteView key, Tracker tracker) {
  auto found = keys_.find(key);
  if (found == keys_.end()) found = keys_.emplace(Bytes(key), Trackers()).first;
  Trackers& trackers = found->second;
  const auto at = std::ranges::lower_bound(trackers, tracker);
  if (at != trackers.end() && *at == tracker) return false;
  trackers.insert(at, tracker);
  ++items_;
  return true;
}

std::vector<Tracker> TrackedKeys::take(ByteView key) {
  const auto found = keys_.find(key);
  if (found == keys_.end()) return {};
  std::vector<Tracker> trackers = std::move(found->second);
  items_ -= trackers.size();
  keys_.erase(found);
  return trackers;
}

std::vector<Tracker> TrackedKeys::take_any(Random& random, Bytes& key) {
  std::size_t bucket = random.below(keys_.bucket_count());
  while (keys_.bucket_size(bucket) == 0) bucket = (bucket + 1) % keys_.bucket_count();
  key = keys_.begin(bucket)->first;
  return take(key);
}

void TrackedKeys::clear() {
  keys_.clear();
  items_ = 0;
}

// Remembers what a tracking client has read. What the same run changed before is told first, so
// that a transaction that reads a key again behind its own change tracks it again.
void Dispatcher::track(Context& ctx, std::span<const Word> words) {
  LockedStripes& locked = *ctx.env_.stripes;
  tell_trackers(locked, changes_);
  const CommandSpec& spec = *ctx.row_->spec;
  // Of a script only the commands it runs count.
  if (spec.access != Access::kRead || spec.group == Group::kScripting) return;
  TrackedTotals& totals = keyspace_.tracked();
  each_key(spec, words, [&](std::size_t i) {
    const ByteView key = words[i].text;
    const unsigned index = stripe_of(hash_in_memory(key));
    if (!locked.held().has(index)) return;
    Stripe& stripe = locked.stripe(index);
    if (!stripe.trackers) stripe.trackers = std::make_unique<TrackedKeys>();
    auto& tracked = static_cast<TrackedKeys&>(*stripe.trackers);
    const std::size_t keys_before = tracked.keys();
    if (!tracked.add(key, ctx.session_.identity.tracker)) return;
    stripe.has_trackers = true;
    totals.items.fetch_add(1, std::memory_order_relaxed);
    totals.keys.fetch_add(tracked.keys() - keys_before, std::memory_order_relaxed);
  });
}

// Notes who is to be told of the run's changes so far. The stripes are locked.
void Dispatcher::tell_trackers(LockedStripes& locked, Changes& changes) {
  TrackedTotals& totals = keyspace_.tracked();
  const bool broadcast = keyspace_.broadcasting();
  for (; changes.touched_told < changes.touched.size(); ++changes.touched_told) {
    const KeyRef& touched = changes.touched[changes.touched_told];
    Stripe& stripe = locked.stripe(stripe_of(hash_in_memory(touched.key)));
    std::vector<Tracker> trackers;
    if (stripe.has_trackers) {
      auto& tracked = static_cast<TrackedKeys&>(*stripe.trackers);
      trackers = tracked.take(touched.key);
      stripe.has_trackers = !tracked.empty();
    }
    if (trackers.empty() && !broadcast) continue;
    if (!trackers.empty()) totals.keys.fetch_sub(1, std::memory_order_relaxed);
    totals.items.fetch_sub(trackers.size(), std::memory_order_relaxed);
    const bool expired = std::ranges::any_of(
        changes.expired, [&](const Removal& gone) { return gone.key == touched.key; });
    invalidations_.push_back({.all_keys = false,
                              .broadcast = broadcast,
                              .by_server = expired,
                              .key = touched.key,
                              .trackers = std::move(trackers)});
  }
  if (changes.databases_told == changes.touched_databases.size() && !changes.flushed) return;
  changes.databases_told = changes.touched_databases.size();
  changes.flushed = false;
  forget_all_tracked(locked);
  invalidations_.push_back(
      {.all_keys = true, .broadcast = true, .by_server = false, .key = {}, .trackers = {}});
}

void Dispatcher::forget_all_tracked(LockedStripes& locked) {
  TrackedTotals& totals = keyspace_.tracked();
  locked.held().each([&](unsigned i) {
    Stripe& stripe = locked.stripe(i);
    if (!stripe.has_trackers) return;
    auto& tracked = static_cast<TrackedKeys&>(*stripe.trackers);
    totals.keys.fetch_sub(tracked.keys(), std::memory_order_relaxed);
    totals.items.fetch_sub(tracked.items(), std::memory_order_relaxed);
    tracked.clear();
    stripe.has_trackers = false;
  });
}

bool Dispatcher::limit_tracked(std::uint64_t keys_max, std::int64_t budget_us) {
  const auto too_many = [&] {
    return keyspace_.tracked().keys.load(std::memory_order_relaxed) > keys_max;
  };
  const std::int64_t deadline = clock_.monotonic_us() + budget_us;
  for (std::uint64_t forgotten = 1; too_many(); ++forgotten) {
    if (!forget_one_tracked()) return true;
    if (forgotten % 16 == 0 && clock_.monotonic_us() > deadline) return !too_many();
  }
  return true;
}

// Forgets a key of the first stripe that has any, from a random one on. False: none has.
bool Dispatcher::forget_one_tracked() {
  const auto start = static_cast<unsigned>(random_.below(kStripes));
  for (unsigned i = 0; i < kStripes; ++i) {
    const unsigned index = (start + i) % kStripes;
    LockedStripes locked(keyspace_, slot_);
    locked.lock_one(index);
    Stripe& stripe = locked.stripe(index);
    if (!stripe.has_trackers) continue;
    auto& tracked = static_cast<TrackedKeys&>(*stripe.trackers);
    Invalidation invalidation;
    invalidation.trackers = tracked.take_any(random_, invalidation.key);
    stripe.has_trackers = !tracked.empty();
    keyspace_.tracked().keys.fetch_sub(1, std::memory_order_relaxed);
    keyspace_.tracked().items.fetch_sub(invalidation.trackers.size(), std::memory_order_relaxed);
    locked.unlock();
    changes_.clear();
    invalidations_.push_back(std::move(invalidation));
    finish(0);
    return true;
  }
  return false;
}

}  // namespace memoir
