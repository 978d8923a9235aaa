// Waiting: requests parked on keys (BLPOP and its kin).
//
// A parked request stands in the queue of each of its keys, in the stripe of the key. A command
// that gives a key a value serves the queues at its end, on its own thread, first come, first
// served: the parked request runs again as if it arrived now, and its reply is handed to the
// client's worker. So a waiting client gets the element before any later command can see it, as in
// Redis.
//
// Whoever asks for it (Context::wake_on_any_change) also gets its turn when a key goes or becomes
// another type's. A change that nobody can wait for (Edit::wake_nobody) gives no turns at all.
//
// Time-out, CLIENT UNBLOCK and a closed connection withdraw it; whoever moves the state from
// kWaiting wins.
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <vector>

#include "src/command/context.h"

namespace memoir {

struct Parked {
  enum State : std::uint8_t { kWaiting, kRunning, kOver };

  StoredRequest request;
  Identity identity;  // as of the time of parking
  Bytes address;      // the client's, for the slow log
  Bytes client_name;  // likewise
  std::uint32_t journal_session = 0;
  std::vector<KeyRef> keys;
  TypeId type;
  bool any_change = false;  // it runs again too when a key goes or gets another type
  std::int64_t deadline_ms = 0;  // 0: none
  TimeoutReply on_timeout;
  std::atomic<State> state{kWaiting};
  // Set by DispatchHost::parked(): where the reply goes. Opaque here.
  unsigned worker = 0;
  std::uint64_t rights = 0;  // the version of all users' rights under which it was let in
};

// The queues of one stripe.
class WaitQueues final : public StripeAttachment {
 public:
  using Queue = std::deque<std::shared_ptr<Parked>>;
  using Key = std::pair<unsigned, Bytes>;  // database as clients number it, key

  void add(const Key& key, std::shared_ptr<Parked> parked) {
    queues_[key].push_back(std::move(parked));
  }
  void remove(const Key& key, const Parked* parked);
  // The requests in the queue of `key`, first come first.
  std::vector<std::shared_ptr<Parked>> all(const Key& key) const;
  bool empty() const { return queues_.empty(); }
  // Keys that somebody waits for.
  std::size_t size() const { return queues_.size(); }
  // Keys of whose removal somebody wants to know.
  std::size_t size_of_any_change() const;
  // Calls visit(key) for each key that somebody waits for.
  template <class F>
  void each_key(F&& visit) const {
    for (const auto& [key, queue] : queues_) visit(key);
  }

 private:
  std::map<Key, Queue> queues_;
};

}  // namespace memoir
