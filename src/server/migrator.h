// Migrator: talks to other servers for MIGRATE, on threads of its own.
//
// A Migration is one MIGRATE on its way: the handler fills in keys and payloads under the locks,
// a thread of the migrator sends them and notes what the target acknowledged, and the handler
// runs once more under the locks to delete what was moved (migrate_commands.cc). It belongs to one
// of them at a time. Connections to targets are kept for some seconds and used again, as in Redis.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "src/base/bytes.h"
#include "src/command/session.h"
#include "src/net/blocking_socket.h"
#include "src/store/entry.h"

namespace memoir {

struct Migration {
  struct Key {
    Bytes name;
    Bytes payload = {};  // DUMP's
    std::int64_t expire_ms = kNoExpiry;
    bool gone = false;  // deleted here since it was sent: to be deleted there
    // Dirty: changed here since it was read. Null: nobody asks.
    std::shared_ptr<WatchState> watch = nullptr;
    bool expired = false;       // before it could be sent
    bool acknowledged = false;
  };

  // What was asked for.
  std::string host;
  unsigned port = 0;
  std::int64_t db = 0;
  std::chrono::milliseconds timeout{1000};
  bool copy = false;
  bool replace = false;
  std::optional<Bytes> user;
  std::optional<Bytes> password;
  const char* restore = "RESTORE";

  std::vector<Key> keys;  // of this round
  unsigned round = 0;     // counts what had to be sent again
  Bytes failure;          // the error to be replied; empty for none

  // Target's name in the cache of connections.
  std::string target() const { return host + ":" + std::to_string(port); }
};

// Connections to targets that nobody uses at the moment. Thread-safe.
class TargetConnections {
 public:
  struct Connection {
    BlockingSocket socket;
    std::int64_t db = -1;  // the one selected; -1: not known
    bool broken = false;
    std::chrono::steady_clock::time_point used{};
  };

  std::optional<Connection> take(const std::string& target);
  void put(const std::string& target, Connection connection);
  // Closes those that were not used lately. Returns how many are left.
  std::size_t close_idle();
  std::size_t size() const;

 private:
  static constexpr std::size_t kMax = 64;
  static constexpr std::chrono::seconds kIdle{10};

  mutable std::mutex mutex_;
  std::multimap<std::string, Connection> idle_;
};

class Migrator {
 public:
  Migrator() = default;
  // Gives up what is under way.
  ~Migrator();
  Migrator(const Migrator&) = delete;
  Migrator& operator=(const Migrator&) = delete;

  // Any thread. Sends the migration's keys; then calls `done` on a thread of the migrator.
  void start(std::shared_ptr<Migration> migration, std::function<void()> done);
  // The same on the caller's thread.
  void run(Migration& migration);
  std::size_t cached_connections() const { return connections_.size(); }

 private:
  struct Job {
    std::shared_ptr<Migration> migration;
    std::function<void()> done;
  };
  static constexpr std::size_t kThreadsMax = 8;

  void work();
  bool attempt(Migration& migration, bool may_retry);
  bool exchange(Migration& migration, TargetConnections::Connection& connection, bool may_retry);

  TargetConnections connections_;
  std::atomic<bool> stopping_{false};
  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<Job> jobs_;
  std::size_t resting_{0};  // threads that wait for a job
  std::vector<std::thread> threads_;
};

}  // namespace memoir
