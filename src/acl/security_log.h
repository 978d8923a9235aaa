// SecurityLog: what was refused for want of a right or a password, newest first, for ACL LOG, and
// how often, for INFO. Thread-safe.
//
// What happens again within a minute is one entry with a count.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <deque>
#include <mutex>
#include <vector>

#include "src/acl/selector.h"
#include "src/base/bytes.h"
#include "src/command/dispatcher.h"

namespace memoir {

class SecurityLog {
 public:
  struct Entry {
    Denial reason = Denial::kCommand;
    Origin context = Origin::kClient;
    Bytes object;    // the command, key or channel; for a login the command that tried it
    Bytes user;
    Bytes client;    // as CLIENT INFO shows it, the last one's
    std::int64_t time_ms = 0;     // of the last time
    std::int64_t created_ms = 0;  // of the first
    std::uint64_t count = 1;
    std::uint64_t id = 0;
  };

  void add(Entry entry, std::size_t entries_max);
  // The newest `count` entries.
  std::vector<Entry> newest(std::size_t count) const;
  void clear();

  // How many refusals of a kind there were since the start or reset_counts().
  std::uint64_t count(Denial reason) const {
    return counts_[static_cast<std::size_t>(reason)].load(std::memory_order_relaxed);
  }
  void reset_counts();

 private:
  mutable std::mutex mutex_;
  std::deque<Entry> entries_;
  std::uint64_t next_id_{0};
  std::array<std::atomic<std::uint64_t>, 5> counts_{};  // by Denial
};

// "command", "key", ... and "toplevel", "multi", ... as ACL LOG names them.
const char* reason_name(Denial reason);
const char* context_name(Origin context);

}  // namespace memoir
