// Client-side caching, the server's part: who wants to hear of which changes, and telling them.
//
// BroadcastTable, the server's, knows the prefixes that clients in BCAST mode asked for.
// Invalidator, one a worker, takes what the dispatcher found invalid (src/command/tracking.h) and
// brings it to the clients concerned: as a RESP3 push on their own connection, or to the one they
// redirect to. Clients of other workers get it through that worker's inbox.
//
// Broadcasts of a turn gather and leave at its end, one message a prefix, as in Redis; all other
// invalidations are handed over right after the run that caused them, behind its reply.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <span>
#include <vector>

#include "protocol/reply_writer.h"
#include "src/base/bytes.h"
#include "src/base/result.h"
#include "src/command/tracking.h"

namespace memoir {

class Client;
class Worker;

// What a client asked for with CLIENT TRACKING ON.
struct TrackingState {
  bool broadcast = false;
  bool opt_in = false;
  bool opt_out = false;
  bool no_loop = false;
  bool caching = false;  // CLIENT CACHING was called for the next command or transaction
  bool broken_redirection = false;
  std::uint64_t redirection = 0;  // a client's id; 0: none
  std::set<Bytes> prefixes;       // of broadcasts
  // The container of the command that set `caching`: its subcommands do not use it up.
  const void* caching_set_by = nullptr;

  // Whether the keys of the next read are to be remembered.
  bool remembers() const {
    return !broadcast && (!opt_in || caching) && (!opt_out || !caching);
  }
  std::size_t memory_usage() const;
};

// Thread-safe.
class BroadcastTable {
 public:
  struct Listener {
    Tracker tracker;
    bool no_loop;
  };

  // Makes a client a listener of a prefix; again: changes `no_loop`. True for the first of all
  // listeners.
  bool add(ByteView prefix, Listener listener);
  // True if there are no listeners left.
  bool remove(ByteView prefix, Tracker tracker);
  std::size_t prefixes() const;
  // Calls visit(prefix, listeners) for each prefix of `key` that has listeners, under the table's
  // lock.
  void each_prefix_of(ByteView key,
                      const std::function<void(const Bytes&, std::span<const Listener>)>& visit)
      const;
  // Calls change() under the lock that add() and remove() take.
  template <class F>
  void locked(F&& change) {
    const std::lock_guard lock(mutex_);
    change();
  }

 private:
  mutable std::mutex mutex_;
  std::map<Bytes, std::vector<Listener>, std::less<>> listeners_;
  std::map<std::size_t, std::size_t> lengths_;  // of prefixes, with how many have it
};

// An array of keys (or null, for all) as a message, made at most once for each protocol.
class InvalidationMessage {
 public:
  // `keys`: RESP of an array; empty: all keys.
  explicit InvalidationMessage(Bytes keys) : keys_(std::move(keys)) {}
  const Bytes& keys() const { return keys_; }
  const SharedBytes& push();     // for RESP3
  const SharedBytes& message();  // for RESP2, as if published on __redis__:invalidate

 private:
  Bytes keys_;
  SharedBytes push_;
  SharedBytes message_;
};

// A worker's own.
class Invalidator {
 public:
  explicit Invalidator(Worker& worker) : worker_(worker) {}

  // CLIENT TRACKING ON and OFF; a client that is on already gets what is new.
  void turn_on(Client& client, TrackingState wanted);
  void turn_off(Client& client);

  // DispatchHost::invalidate().
  void invalidate(std::vector<Invalidation>&& invalidations, std::uint64_t source,
                  std::uint64_t lsn);
  // Sends the broadcasts gathered in this turn.
  void end_turn();

 private:
  // Keys changed in this turn, with the client that did it first (0: the server).
  std::map<Bytes, std::uint64_t> changed_;
  std::uint64_t changed_lsn_{0};

  struct Audience;
  void invalidate_key(const Invalidation& invalidation, std::uint64_t source, std::uint64_t lsn);
  void invalidate_all(std::uint64_t lsn);
  void broadcast_to(const Audience& audience, std::uint64_t lsn);
  // To clients of this worker; ids that are gone or no longer track are passed over.
  void deliver_key(const Bytes& key, std::span<const Tracker> trackers, std::uint64_t source,
                   std::uint64_t lsn);
  void deliver_all(std::uint64_t lsn);
  void deliver_broadcast(InvalidationMessage& message, std::span<const std::uint64_t> clients,
                         std::uint64_t lsn);
  void send(Client& client, InvalidationMessage& message, std::uint64_t lsn);
  static void send_redirected(Client& target, InvalidationMessage& message, std::uint64_t lsn);
  void redirect_elsewhere(Client& client, InvalidationMessage& message, std::uint64_t lsn);
  struct Redirected {
    std::uint64_t target;
    Bytes keys;  // InvalidationMessage::keys()
    std::uint64_t lsn;
  };
  static void deliver_redirected(Worker& there, const Redirected& message, Worker& owners,
                                 std::uint64_t owner);
  void redirection_broken(Client& client);

  Worker& worker_;
  std::set<std::uint64_t> tracking_;  // this worker's clients that track
};

}  // namespace memoir
