// Active expiry: keys nobody asks for go too, within a bounded share of time. As Redis: sample the
// keys that have an expiry, remove those that are due, and stay as long as many of the sampled
// were. The same for keys whose members end; of those a step takes a bounded number.
#include "src/command/dispatcher.h"

namespace memoir {
namespace {

constexpr unsigned kSampled = 20;
constexpr std::size_t kMembersAtOnce = 500;  // of one key, while its stripe is locked

}  // namespace

std::size_t Dispatcher::expire_some(unsigned first, unsigned step, std::int64_t budget_us) {
  if (!settings.active_expire || settings.expiry != ExpiryMode::kDelete) return 0;
  const std::int64_t deadline = clock_.monotonic_us() + budget_us;
  now_us_ = clock_.now_us();
  const unsigned stripes = (kStripes - first + step - 1) / step;
  std::size_t removed = 0;
  for (unsigned i = 0; i < stripes; ++i) {
    const unsigned stripe = first + (expire_stripe_++ % stripes) * step;
    const unsigned databases = has_expiries(stripe) ? keyspace_.databases() : 0;
    for (unsigned db = 0; db < databases; ++db) {
      std::size_t now_removed = 0;
      do {
        now_removed = expire_in(stripe, db);
        removed += now_removed;
      } while (now_removed * 10 > kSampled && clock_.monotonic_us() < deadline);
      do {
        now_removed = expire_members_in(stripe, db);
        removed += now_removed;
      } while (now_removed * 10 > kSampled && clock_.monotonic_us() < deadline);
    }
    if (i % 8 == 7 && clock_.monotonic_us() >= deadline) break;
  }
  return removed;
}

// Whether a stripe has anything with an expiry: one lock instead of one for each database.
bool Dispatcher::has_expiries(unsigned stripe) {
  LockedStripes locked(keyspace_, slot_);
  locked.lock_one(stripe);
  for (unsigned db = 0; db < keyspace_.databases(); ++db) {
    const Shard& shard = locked.shard_at(stripe, db);
    if (!shard.expires.empty() || shard.member_expires_size() != 0) return true;
  }
  return false;
}

// Samples one table once; returns how many keys were removed.
std::size_t Dispatcher::expire_in(unsigned stripe, unsigned db) {
  LockedStripes locked(keyspace_, slot_);
  locked.lock_one(stripe);
  const EntryTable& expires = locked.shard_at(stripe, db).expires;
  if (expires.empty()) return 0;
  std::vector<Bytes> due;
  unsigned left = kSampled;
  expires.sample(random_, [&](TableItem item) {
    const auto* entry = static_cast<const Entry*>(item.pointer);
    if (entry->expire_ms() < now_us_ / 1000) due.emplace_back(entry->key());
    return --left > 0;
  });
  if (due.empty()) return 0;

  return remove_due(locked, [&](RunEnvironment& env) {
    Database database(env, db);
    for (const Bytes& key : due) database.peek(key);
  });
}

// The same for members; returns how many were removed.
std::size_t Dispatcher::expire_members_in(unsigned stripe, unsigned db) {
  LockedStripes locked(keyspace_, slot_);
  locked.lock_one(stripe);
  const Shard& shard = locked.shard_at(stripe, db);
  if (shard.member_expires_size() == 0) return 0;
  std::vector<Bytes> due;
  unsigned left = kSampled;
  shard.member_expires->sample(random_, [&](TableItem item) {
    const auto* entry = static_cast<const Entry*>(item.pointer);
    // No time at all comes before all others: such a key is listed no longer.
    if (entry->object()->earliest_member_ms() < now_us_ / 1000) due.emplace_back(entry->key());
    return --left > 0;
  });
  if (due.empty()) return 0;
  return remove_due(locked, [&](RunEnvironment& env) {
    Database database(env, db);
    for (const Bytes& key : due) database.expire_members(key, kMembersAtOnce);
  });
}

// Lets remove(env) remove what is due in the stripes locked, and settles it; returns how many
// things were removed, keys or members.
template <class F>
std::size_t Dispatcher::remove_due(LockedStripes& locked, F&& remove) {
  changes_.clear();
  RunEnvironment env = environment(locked);
  env.lazy_free = settings.lazyfree_expire;
  remove(env);
  std::size_t removed = 0;
  for (const Removal& removal : changes_.expired) {
    removed += removal.members.empty() ? 1 : removal.members.size();
  }
  settle_own_work(locked);
  return removed;
}

// What a walk over the keys left to be removed. Each key is looked at again: it may be another by
// now.
void Dispatcher::remove_overdue() {
  const std::vector<KeyRef> overdue = std::exchange(changes_.overdue, {});
  if (settings.expiry != ExpiryMode::kDelete) return;
  for (const KeyRef& key : overdue) {
    LockedStripes locked(keyspace_, slot_);
    locked.lock_one(stripe_of(hash_in_memory(key.key)));
    changes_.clear();
    RunEnvironment env = environment(locked);
    env.lazy_free = settings.lazyfree_expire;
    Database(env, key.db).peek(key.key);
    settle_own_work(locked);
  }
}

// The end of a run that no client asked for (expiry, eviction): what was removed stands in
// changes_.expired.
void Dispatcher::settle_own_work(LockedStripes& locked) {
  append_expired(changes_);
  signal_touched(locked, changes_);
  const Lsn lsn = keyspace_.position();
  locked.unlock();
  finish(lsn);
}

}  // namespace memoir
