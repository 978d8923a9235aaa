// Keyspace: all databases, cut into stripes.
//
// A key's hash picks one of kStripes stripes; a stripe has a lock and, for each database, its own
// tables. A command locks exactly the stripes of its keys, ascending, so commands on other stripes
// run beside it; it passes a gate (gate.h) first, which who needs all stripes closes, instead of
// locking each. Tables are reached only through a LockedStripes, the proof of the lock. With one
// worker no locks are taken (set_locking(false)) and the proof costs nothing.
//
// Databases are numbered by clients; SWAPDB exchanges numbers, not contents.
#pragma once

#include <pthread.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <bit>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <vector>

#include "src/base/mutex.h"
#include "src/store/encoding_limits.h"
#include "src/store/entry.h"
#include "src/store/gate.h"

namespace memoir {

// A position in the replication stream; with the journal off, a count of changes.
using Lsn = std::uint64_t;

inline constexpr unsigned kStripes = 256;
inline unsigned stripe_of(std::uint64_t hash) { return hash & (kStripes - 1); }

// One database's part in one stripe. `expires` holds the entries of `keys` that have an expiry,
// `member_expires` those whose members may end (Entry::has_member_expiry); it is made with the
// first.
struct alignas(64) Shard {
  EntryTable keys;
  EntryTable expires;
  std::unique_ptr<EntryTable> member_expires;

  std::size_t member_expires_size() const { return member_expires ? member_expires->size() : 0; }
};
static_assert(sizeof(Shard) == 64);

// Empties the tables of a shard and frees what was in them.
void free_entries(Shard& shard);

// What clients watch, wait for and track on keys of a stripe; see src/command/watching.h, waiting.h
// and tracking.h, which derive from it. Kept behind a pointer: most stripes have none.
class StripeAttachment {
 public:
  virtual ~StripeAttachment() = default;
};

struct alignas(64) Stripe {
  Mutex mutex;
  // How many threads wait for the mutex: whoever takes it again and again (a snapshot) lets them
  // have it first, which the mutex itself does not see to.
  std::atomic<std::uint32_t> waiting{0};
  Lsn last_lsn{0};  // end of the last record that concerns this stripe
  bool has_watchers{false};
  bool has_waiters{false};
  bool has_trackers{false};
  std::unique_ptr<StripeAttachment> watchers;
  std::unique_ptr<StripeAttachment> waiters;
  std::unique_ptr<StripeAttachment> trackers;
};

// A set of stripes, as bits.
struct StripeSet {
  std::array<std::uint64_t, kStripes / 64> bits{};
  void add(unsigned stripe) { bits[stripe / 64] |= 1ULL << (stripe % 64); }
  void add_all() { bits.fill(~0ULL); }
  bool has(unsigned stripe) const { return (bits[stripe / 64] >> (stripe % 64)) & 1; }
  bool empty() const { return (bits[0] | bits[1] | bits[2] | bits[3]) == 0; }
  bool all() const { return (bits[0] & bits[1] & bits[2] & bits[3]) == ~0ULL; }
  StripeSet& operator|=(const StripeSet& other) {
    for (std::size_t i = 0; i < bits.size(); ++i) bits[i] |= other.bits[i];
    return *this;
  }
  // Calls visit(stripe) in ascending order.
  template <class F>
  void each(F&& visit) const {
    for (unsigned i = 0; i < bits.size(); ++i) {
      for (std::uint64_t left = bits[i]; left; left &= left - 1) {
        visit(i * 64 + static_cast<unsigned>(std::countr_zero(left)));
      }
    }
  }
};

// Hears of what changes in the keyspace while a snapshot is taken, under the lock of the stripe
// concerned.
class ChangeObserver {
 public:
  virtual ~ChangeObserver() = default;
  // A key is about to change (null: to appear), for the first time or again. `bucket` is the one
  // it lies in, or will if the table does not grow; null if the table never had an item.
  virtual void before_change(unsigned physical_db, std::uint64_t hash, ByteView key,
                             const Entry* entry, Bucket* bucket) = 0;
  // The segment of a hash is about to grow, and not aligned.
  virtual void before_growth(unsigned physical_db, std::uint64_t hash) {
    (void)physical_db, (void)hash;
  }
  // All of a stripe's tables of a database are about to be emptied.
  enum class FlushWish : std::uint8_t {
    kEach,     // to hear of each entry
    kNothing,  // it has all it needs
    kTaken,    // it has taken the tables' contents
  };
  virtual FlushWish before_flush(unsigned physical_db, unsigned stripe, Shard& shard) {
    (void)physical_db, (void)stripe, (void)shard;
    return FlushWish::kEach;
  }
  // The same for tables that may come back (a rollback): their contents stay the caller's, whatever
  // becomes of them.
  virtual void before_undoable_flush(unsigned physical_db, unsigned stripe) {
    (void)physical_db, (void)stripe;
  }
  // A value is about to be freed. True: the observer has taken it.
  virtual bool before_free(Object* object) {
    (void)object;
    return false;
  }
  // A value lies under another key now; both stripes are locked.
  virtual void moved(const Object* object, unsigned physical_db, unsigned stripe) {
    (void)object, (void)physical_db, (void)stripe;
  }
};

// How values are serialized and read back.
struct RdbSettings {
  bool compression = true;      // the directive rdbcompression
  bool verify_payloads = true;  // false: RESTORE ignores checksums (DEBUG)
};

// How much is tracked in all stripes; changed under the lock of the stripe concerned.
struct TrackedTotals {
  std::atomic<std::uint64_t> keys{0};
  std::atomic<std::uint64_t> items{0};  // pairs of a key and a client
};

// What a thread does while it waits for a stripe of a busy keyspace: a worker serves the clients
// that need no keys. Called again and again until the stripe is free.
class StripeWaiter {
 public:
  virtual ~StripeWaiter() = default;
  virtual void while_waiting() = 0;
};

class Keyspace {
 public:
  explicit Keyspace(unsigned databases);
  ~Keyspace();
  Keyspace(const Keyspace&) = delete;
  Keyspace& operator=(const Keyspace&) = delete;

  unsigned databases() const { return static_cast<unsigned>(physical_.size()); }
  Stripe& stripe(unsigned index) { return stripes_[index]; }
  // The tables of a stripe and a physical database; reached through LockedStripes by all who lock.
  Shard& shard(unsigned stripe, unsigned physical_db) {
    return shards_[physical_db * kStripes + stripe];
  }
  // Where the tables of a client's database number are; stable while any stripe is locked.
  unsigned physical(unsigned db) const { return physical_[db]; }

  bool locking() const { return locking_; }
  // Only while no worker runs, or by the only one between two requests.
  void set_locking(bool on) { locking_ = on; }

  // Exchanges two database numbers. All stripes must be locked.
  void swap_databases(unsigned a, unsigned b) { std::swap(physical_[a], physical_[b]); }

  // The end of the newest record.
  Lsn position() const { return position_.load(std::memory_order_relaxed); }
  void advance_position(Lsn lsn);

  // What a change made now is stamped with: the position, or more behind a cut.
  Lsn version() const { return std::max(position(), version_floor_); }
  // Draws a line through time: what was changed before has versions below the one returned, what is
  // changed from now on has that one or higher ones. All stripes must be locked.
  Lsn cut_versions() { return version_floor_ = std::max(position(), version_floor_) + 1; }

  ChangeObserver* observer() const { return observer_; }
  // All stripes must be locked.
  void set_observer(ChangeObserver* observer) { observer_ = observer; }

  // Whether some client wants to hear of every change (CLIENT TRACKING BCAST).
  bool broadcasting() const { return broadcasting_.load(std::memory_order_relaxed); }
  void set_broadcasting(bool on) { broadcasting_.store(on); }
  TrackedTotals& tracked() { return tracked_; }

  // Read under any stripe lock; changed while all stripes are locked.
  EncodingLimits limits;
  RdbSettings rdb;

  // End of the last record that concerns all stripes. Under any stripe lock; changed under all.
  Lsn exclusive_lsn() const { return exclusive_lsn_; }
  void set_exclusive_lsn(Lsn lsn) { exclusive_lsn_ = lsn; }

  // --- a run that keeps all stripes locked for long (a script)
  // By the thread of that run, between two of its commands: whoever waits for a stripe may give up
  // or go on with something else, and that thread itself may lock stripes anew. A run that never
  // ends in good order (the server stops in its midst) leaves the keyspace busy for good.
  void set_busy(bool busy);
  // Any thread.
  bool busy() const { return busy_.load(std::memory_order_acquire); }
  // Whether that run is this thread's, further up.
  bool locked_by_this_thread() const {
    const pthread_t owner = owner_.load(std::memory_order_relaxed);
    return owner != 0 && pthread_equal(owner, pthread_self());
  }
  // What the calling thread does meanwhile; null: it just waits.
  void set_waiter(StripeWaiter* waiter);

  // For a dispatcher, which passes the gate often: its threads' own place there, until given back.
  // Any thread.
  Gate::Slot& take_slot() { return gate_.take_slot(); }
  void give_back(Gate::Slot& slot) { gate_.give_back(slot); }

  // Calls visit(Stripe&) for a stripe that can be locked at once, through a gate that is open; for
  // looks that nothing depends on.
  template <class Stripes, class F>
  void try_each(Gate::Slot& slot, const Stripes& stripes, F&& visit) {
    if (!gate_.enter(slot)) return;
    for (const auto& each : stripes) {
      Stripe& stripe = stripes_[stripe_of(each.hash)];
      if (!stripe.mutex.try_lock()) continue;
      visit(each);
      stripe.mutex.unlock();
    }
    Gate::leave(slot);
  }

 private:
  friend class LockedStripes;

  enum class Patience : bool { kForever, kUntilBusy };
  // All of these: false if the keyspace is busy, and the caller did not want to wait that long.
  bool enter(Gate::Slot& slot, Patience patience) {
    return gate_.enter(slot) || wait_at_gate(slot, patience);
  }
  bool lock_stripe(unsigned index, Patience patience) {
    return stripes_[index].mutex.try_lock() || wait_for_stripe(stripes_[index], patience);
  }
  bool lock_all(Patience patience) {
    if (!gate_.mutex().try_lock() && !wait_for(gate_.mutex(), patience)) return false;
    gate_.close();
    return true;
  }
  void unlock_all() {
    gate_.open();
    gate_.mutex().unlock();
  }
  bool wait_at_gate(Gate::Slot& slot, Patience patience);
  bool wait_for(Mutex& mutex, Patience patience);
  bool wait_for_stripe(Stripe& stripe, Patience patience);
  void wait_otherwise();

  Gate gate_;
  std::unique_ptr<Stripe[]> stripes_;
  // All in one array, a line each, so that a table is found without following pointers.
  std::unique_ptr<Shard[]> shards_;
  std::vector<unsigned> physical_;
  std::atomic<Lsn> position_{0};
  std::atomic<bool> broadcasting_{false};
  TrackedTotals tracked_;
  ChangeObserver* observer_{nullptr};
  Lsn exclusive_lsn_{0};
  Lsn version_floor_{0};
  bool locking_{true};
  std::atomic<bool> busy_{false};
  std::atomic<pthread_t> owner_{0};  // who holds all stripes while the keyspace is busy
  std::mutex waiters_mutex_;
  std::map<pthread_t, StripeWaiter*> waiters_;
};

// The proof that some stripes are locked; unlocks them at its end. Locks are taken in ascending
// order, and all at once: a holder of some must not take more, but with() on one it does not hold
// is allowed when it holds none.
class LockedStripes {
 public:
  explicit LockedStripes(Keyspace& keyspace) : LockedStripes(keyspace, keyspace.gate_.shared()) {}
  LockedStripes(Keyspace& keyspace, Gate::Slot& slot) : keyspace_(keyspace), slot_(slot) {}
  LockedStripes(Keyspace& keyspace, const StripeSet& set) : LockedStripes(keyspace) { lock(set); }
  ~LockedStripes() { unlock(); }
  LockedStripes(const LockedStripes&) = delete;
  LockedStripes& operator=(const LockedStripes&) = delete;

  void lock(const StripeSet& set) {
    held_ = set;
    if (!keyspace_.locking() || set.empty() || borrow()) return;
    if (set.all()) {
      keyspace_.lock_all(Keyspace::Patience::kForever);
      return;
    }
    keyspace_.enter(slot_, Keyspace::Patience::kForever);
    held_.each([&](unsigned i) { keyspace_.lock_stripe(i, Keyspace::Patience::kForever); });
  }
  // The same, but false (and nothing is locked) if the keyspace is busy or gets so meanwhile.
  bool lock_unless_busy(const StripeSet& set);
  // None is held yet.
  void lock_one(unsigned stripe) {
    DEBUG_ASSERT(held_.empty());
    held_.add(stripe);
    if (!keyspace_.locking() || borrow()) return;
    keyspace_.enter(slot_, Keyspace::Patience::kForever);
    keyspace_.lock_stripe(stripe, Keyspace::Patience::kForever);
  }
  bool lock_one_unless_busy(unsigned stripe) {
    DEBUG_ASSERT(held_.empty());
    if (keyspace_.locking() && !borrow()) {
      if (!keyspace_.enter(slot_, Keyspace::Patience::kUntilBusy)) return false;
      if (!keyspace_.lock_stripe(stripe, Keyspace::Patience::kUntilBusy)) {
        Gate::leave(slot_);
        return false;
      }
    }
    held_.add(stripe);
    return true;
  }
  void unlock() {
    if (keyspace_.locking() && !borrowed_ && !held_.empty()) {
      if (held_.all()) {
        keyspace_.unlock_all();
      } else {
        held_.each([&](unsigned i) { keyspace_.stripe(i).mutex.unlock(); });
        Gate::leave(slot_);
      }
    }
    borrowed_ = false;
    held_ = {};
  }

  const StripeSet& held() const { return held_; }
  bool holds_all() const { return held_.all(); }
  Keyspace& keyspace() const { return keyspace_; }

  Stripe& stripe(unsigned index) const {
    DEBUG_ASSERT(held_.has(index));
    return keyspace_.stripe(index);
  }
  Shard& shard(unsigned db, std::uint64_t hash) const {
    return shard_at(stripe_of(hash), db);
  }
  Shard& shard_at(unsigned index, unsigned db) const {
    DEBUG_ASSERT(held_.has(index));
    return keyspace_.shard(index, keyspace_.physical(db));
  }

  // Runs visit(Shard&, Stripe&) for database `db` of stripe `index`, locking it for that time
  // unless held.
  template <class F>
  void with(unsigned index, unsigned db, F&& visit) {
    const bool mine = !held_.has(index);
    if (mine) {
      DEBUG_ASSERT(held_.empty());
      lock_one(index);
    }
    visit(keyspace_.shard(index, keyspace_.physical(db)), keyspace_.stripe(index));
    if (mine) unlock();
  }

 private:
  // Whether this thread has them all already, further up.
  bool borrow() { return borrowed_ = keyspace_.locked_by_this_thread(); }

  Keyspace& keyspace_;
  Gate::Slot& slot_;
  StripeSet held_;
  bool borrowed_{false};
};

}  // namespace memoir
