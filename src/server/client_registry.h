// ClientRegistry: all clients of all workers, for CLIENT LIST, KILL and their kin.
//
// A Client belongs to its worker's thread; what others may know of it is its ClientStatus, which
// the worker brings up to date after each batch of requests. Its numbers are atomics, its names are
// guarded by the registry's lock, which is held for short reads only. Orders to a client
// (kill, unblock) go to its worker as tasks.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>

#include "src/base/bytes.h"
#include "src/base/mutex.h"
#include "src/command/command_table.h"

namespace memoir {

enum ClientFlag : std::uint32_t {
  kClientUnixSocket = 1U << 0,        // U
  kClientInTransaction = 1U << 1,     // x
  kClientDirty = 1U << 2,             // d: a watched key has changed
  kClientBlocked = 1U << 3,           // b
  kClientSubscriber = 1U << 4,        // P
  kClientMonitor = 1U << 5,           // O
  kClientCloseAfterReply = 1U << 6,   // c
  kClientCloseAsap = 1U << 7,         // A
  kClientNoEvict = 1U << 8,           // e
  kClientNoTouch = 1U << 9,           // T
  kClientTracking = 1U << 10,           // t
  kClientBrokenRedirection = 1U << 11,  // R
  kClientBroadcast = 1U << 12,          // B
};

enum class UnblockReason : std::uint8_t { kTimeout, kError };

struct ClientStatus {
  // Constant.
  std::uint64_t id = 0;
  int fd = -1;
  Bytes peer;
  Bytes local;
  bool is_unix = false;
  bool is_local = false;  // a Unix socket or a loopback address
  std::int64_t connected_us = 0;  // monotonic
  ByteView refusal;  // not empty: said to the client instead of serving it; a literal

  // Under the registry's lock.
  Bytes name;
  Bytes lib_name;
  Bytes lib_version;
  Bytes user = "default";

  // Where orders to the client go: moving.cc.
  std::atomic<unsigned> worker{0};
  std::atomic<bool> moving{false};  // on its way to `worker`

  // Written by the worker, read by anybody.
  template <class T>
  struct Figure {
    std::atomic<T> value{};
    operator T() const { return value.load(std::memory_order_relaxed); }  // NOLINT
    void operator=(T next) { value.store(next, std::memory_order_relaxed); }
  };
  Figure<std::int64_t> active_us;  // last interaction, monotonic
  Figure<std::uint32_t> flags;
  Figure<unsigned> db;
  Figure<std::uint32_t> channels, patterns, shard_channels;
  Figure<std::int32_t> queued;  // requests in MULTI; -1 outside
  Figure<std::uint32_t> watched;
  Figure<std::size_t> query_bytes, query_free_bytes, argument_bytes, queued_bytes;
  Figure<std::size_t> reply_buffer_bytes, reply_buffer_peak;
  Figure<std::size_t> output_bytes, output_items, output_memory;
  Figure<std::int64_t> redirection = {-1};  // of tracking: 0 none, -1 it does not track
  Figure<bool> send_blocked;
  Figure<bool> may_be_unblocked;  // waits in a command that has a time limit
  Figure<unsigned> resp;
  Figure<const CommandTable::Row*> command;

  // All memory of the client as it stands in the registry's sum.
  std::atomic<std::size_t> total_memory{0};

  std::atomic<bool> killed{false};
  std::atomic<bool> unblocking{false};  // a CLIENT UNBLOCK is on its way
};

class ClientRegistry {
 public:
  std::uint64_t next_id() { return last_id_.fetch_add(1, std::memory_order_relaxed) + 1; }

  void add(std::shared_ptr<ClientStatus> status) {
    const std::lock_guard lock(mutex_);
    clients_.emplace(status->id, std::move(status));
  }
  void remove(std::uint64_t id) {
    const std::lock_guard lock(mutex_);
    clients_.erase(id);
  }
  std::shared_ptr<ClientStatus> find(std::uint64_t id) const {
    const std::lock_guard lock(mutex_);
    const auto found = clients_.find(id);
    return found == clients_.end() ? nullptr : found->second;
  }
  // Calls visit(ClientStatus&) for all, by ascending id, under the lock.
  template <class F>
  void each(F&& visit) const {
    const std::lock_guard lock(mutex_);
    for (const auto& [id, status] : clients_) visit(*status);
  }
  // Calls change() under the lock: for the names of a status.
  template <class F>
  void locked(F&& change) const {
    const std::lock_guard lock(mutex_);
    change();
  }

  // Sets what a client takes; 0 once it is closed or about to be. Any thread.
  void account(ClientStatus& status, std::size_t bytes) {
    const std::size_t before = status.total_memory.load(std::memory_order_relaxed);
    if (bytes == before) return;
    if (bytes > 0 && status.killed.load()) bytes = 0;
    memory_.fetch_add(bytes - status.total_memory.exchange(bytes), std::memory_order_relaxed);
  }
  // Of all clients together.
  std::size_t memory() const { return memory_.load(std::memory_order_relaxed); }

  // Connections that count against maxclients: accepted, and not yet closed.
  bool admit(std::size_t most) {
    if (connected_.fetch_add(1, std::memory_order_relaxed) < most) return true;
    connected_.fetch_sub(1, std::memory_order_relaxed);
    return false;
  }
  void left() { connected_.fetch_sub(1, std::memory_order_relaxed); }
  std::size_t connected() const { return connected_.load(std::memory_order_relaxed); }

 private:
  mutable Mutex mutex_;
  std::map<std::uint64_t, std::shared_ptr<ClientStatus>> clients_;
  std::atomic<std::uint64_t> last_id_{0};
  std::atomic<std::size_t> connected_{0};
  std::atomic<std::size_t> memory_{0};
};

}  // namespace memoir
