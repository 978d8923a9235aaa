// Tracking: which clients may hold which keys of a stripe in a cache of their own (CLIENT
// TRACKING).
//
// A read by a tracking client puts the client on the key's list, under the stripe's lock and before
// it is unlocked; a change takes the whole list away under the same lock and tells those on it. So
// whoever was given a value is told when it is no longer true: the client hears of it after the
// reply it was read with, and there is no moment between reading and remembering.
//
// As in Redis a key is tracked by its name alone, whatever its database, and what is remembered of
// a client that is gone stays until the key changes.
#pragma once

#include <cstdint>
#include <unordered_map>
#include <vector>

#include "src/base/bytes.h"
#include "src/base/hash.h"
#include "src/base/random.h"
#include "src/store/keyspace.h"

namespace memoir {

// A client and its worker in one word.
using Tracker = std::uint64_t;
inline constexpr unsigned kTrackerWorkerShift = 56;
constexpr Tracker make_tracker(std::uint64_t client, unsigned worker) {
  return client | static_cast<std::uint64_t>(worker) << kTrackerWorkerShift;
}
constexpr std::uint64_t client_of_tracker(Tracker tracker) {
  return tracker & ((1ULL << kTrackerWorkerShift) - 1);
}
constexpr unsigned worker_of_tracker(Tracker tracker) {
  return static_cast<unsigned>(tracker >> kTrackerWorkerShift);
}

// What those who track keys are to be told.
struct Invalidation {
  bool all_keys = false;  // everything, by FLUSHALL and the like
  // Those who broadcasts go to have to hear of it too.
  bool broadcast = false;
  bool by_server = false;  // expired: not the doing of the client whose run it was
  Bytes key;
  std::vector<Tracker> trackers;
};

// The tracked keys of one stripe.
class TrackedKeys final : public StripeAttachment {
 public:
  // False if the client tracks the key already.
  bool add(ByteView key, Tracker tracker);
  // Removes a key and returns who tracks it.
  std::vector<Tracker> take(ByteView key);
  // Removes any key, by chance. There is one.
  std::vector<Tracker> take_any(Random& random, Bytes& key);
  void clear();

  bool empty() const { return keys_.empty(); }
  std::size_t keys() const { return keys_.size(); }
  std::size_t items() const { return items_; }

 private:
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(ByteView key) const { return hash_in_memory(key); }
  };
  // Ascending, so that reading a key again is cheap however many track it.
  using Trackers = std::vector<Tracker>;

  std::unordered_map<Bytes, Trackers, Hash, std::equal_to<>> keys_;
  std::size_t items_{0};
};

}  // namespace memoir
