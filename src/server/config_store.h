// ConfigStore: the configuration in force, published as immutable snapshots.
//
// Readers keep the pointer and compare version() at the start of each loop turn; it is one atomic
// read. Changes come one at a time through set() or update(): copy, change, ask the hooks, publish.
//
// Hooks are how the server acts on a change (listening sockets, journal mode, encoding limits).
// CONFIG SET runs with all stripes locked, so a hook may change what stripes protect, must not lock
// stripes itself, and must not wait for another worker. It is called before the snapshot is
// published; if it, or one after it, fails, those already called are called again with the old
// configuration as `to`.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <memory>
#include <mutex>
#include <span>
#include <string_view>
#include <vector>

#include "src/base/result.h"
#include "src/server/config.h"
#include "src/server/config_rows.h"

namespace memoir {

class ConfigStore {
 public:
  // An error's text is the reason a client sees, without code word.
  using Hook = std::function<Status(const Config& from, const Config& to)>;

  explicit ConfigStore(Config initial);

  // The snapshot in force. Takes a lock: keep the pointer while version() stays the same.
  std::shared_ptr<const Config> current() const;
  std::uint64_t version() const { return version_.load(std::memory_order_acquire); }

  // Registers a hook called when one of `names` gets another value. Before the workers start.
  void on_change(std::initializer_list<std::string_view> names, Hook hook);

  // CONFIG SET: all of the pairs or none. The error is the whole reply.
  struct Pair {
    ByteView name;
    ByteView value;
  };
  struct Rights {
    bool protected_configs = false;  // may set kProtectedConfig rows
    bool loading = false;            // the server is loading its data
  };
  Status set(std::span<const Pair> pairs, Rights rights);

  // Changes the configuration from within the server, hooks not asked.
  void update(const std::function<void(Config&)>& change);

 private:
  struct Registered {
    std::vector<const ConfigRow*> rows;
    Hook hook;
  };
  struct Change {
    const ConfigRow* row;
    const Pair* pair;
  };
  Status collect(std::span<const Pair> pairs, Rights rights, std::vector<Change>& changes) const;
  Status ask_hooks(const Config& from, const Config& to, std::span<const Change> changes);
  void publish(Config&& next);

  mutable std::mutex mutex_;  // the pointer
  std::mutex changing_;       // one change at a time
  std::shared_ptr<const Config> current_;
  std::atomic<std::uint64_t> version_{1};
  std::vector<Registered> hooks_;
};

}  // namespace memoir
