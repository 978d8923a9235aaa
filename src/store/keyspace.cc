#include "src/store/keyspace.h"

namespace memoir {

Keyspace::Keyspace(unsigned databases)
    : stripes_(std::make_unique<Stripe[]>(kStripes)),
      shards_(std::make_unique<Shard[]>(std::size_t{databases} * kStripes)) {
  for (unsigned db = 0; db < databases; ++db) physical_.push_back(db);
}

void free_entries(Shard& shard) {
  shard.expires.clear();
  shard.member_expires.reset();
  shard.keys.clear([](TableItem item) { Entry::destroy(static_cast<Entry*>(item.pointer)); });
}

Keyspace::~Keyspace() {
  for (unsigned i = 0; i < kStripes; ++i) {
    for (unsigned db = 0; db < databases(); ++db) free_entries(shard(i, db));
  }
}

void Keyspace::advance_position(Lsn lsn) {
  Lsn seen = position_.load(std::memory_order_relaxed);
  if (!locking_) {  // one worker: no locked instruction is needed
    if (seen < lsn) position_.store(lsn, std::memory_order_relaxed);
    return;
  }
  while (seen < lsn &&
         !position_.compare_exchange_weak(seen, lsn, std::memory_order_relaxed)) {
  }
}

// ---- a busy keyspace ----------------------------------------------------------------------------

void Keyspace::set_busy(bool busy) {
  owner_.store(busy ? pthread_self() : 0, std::memory_order_relaxed);
  busy_.store(busy, std::memory_order_release);
}

void Keyspace::set_waiter(StripeWaiter* waiter) {
  const std::lock_guard lock(waiters_mutex_);
  if (waiter) {
    waiters_[pthread_self()] = waiter;
  } else {
    waiters_.erase(pthread_self());
  }
}

// Locks are short but for a busy keyspace's, which becomes known within this time.
bool Keyspace::wait_for(Mutex& mutex, Patience patience) {
  constexpr std::chrono::milliseconds kInterval(10);
  while (!mutex.try_lock_for(kInterval)) {
    if (!busy()) continue;
    if (patience == Patience::kUntilBusy) return false;
    wait_otherwise();
  }
  // Free, but busy: that run was broken off.
  if (patience == Patience::kForever || !busy()) return true;
  mutex.unlock();
  return false;
}

bool Keyspace::wait_for_stripe(Stripe& stripe, Patience patience) {
  stripe.waiting.fetch_add(1, std::memory_order_relaxed);
  const bool locked = wait_for(stripe.mutex, patience);
  stripe.waiting.fetch_sub(1, std::memory_order_relaxed);
  return locked;
}

// Whoever closed the gate holds its mutex; but it may open it again while it waits for somebody
// inside, so that is looked at, too.
bool Keyspace::wait_at_gate(Gate::Slot& slot, Patience patience) {
  constexpr std::chrono::milliseconds kInterval(1);
  while (!gate_.wait_a_moment() || !gate_.enter(slot)) {
    if (busy()) {
      if (!wait_for(gate_.mutex(), patience)) return false;
      gate_.mutex().unlock();
    } else if (gate_.mutex().try_lock_for(kInterval)) {
      gate_.mutex().unlock();
    }
  }
  return true;
}

void Keyspace::wait_otherwise() {
  StripeWaiter* waiter = nullptr;
  {
    const std::lock_guard lock(waiters_mutex_);
    const auto found = waiters_.find(pthread_self());
    if (found != waiters_.end()) waiter = found->second;
  }
  if (waiter) waiter->while_waiting();
}

bool LockedStripes::lock_unless_busy(const StripeSet& set) {
  if (!keyspace_.locking()) {
    held_ = set;
    return true;
  }
  if (borrow()) {
    held_ = set;
    return true;
  }
  if (keyspace_.busy()) return false;
  if (set.all()) {
    if (!keyspace_.lock_all(Keyspace::Patience::kUntilBusy)) return false;
    held_ = set;
    return true;
  }
  if (set.empty()) return true;
  if (!keyspace_.enter(slot_, Keyspace::Patience::kUntilBusy)) return false;
  bool locked = true;
  set.each([&](unsigned i) {
    locked = locked && keyspace_.lock_stripe(i, Keyspace::Patience::kUntilBusy);
    if (locked) held_.add(i);
  });
  if (locked) return true;
  const bool none = held_.empty();
  unlock();
  if (none) Gate::leave(slot_);
  return false;
}

}  // namespace memoir
