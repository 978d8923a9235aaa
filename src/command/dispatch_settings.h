// DispatchSettings: what of the configuration concerns running commands. Each worker has its own
// copy.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

#include "src/base/collation.h"
#include "src/command/eviction.h"
#include "src/store/database.h"

namespace memoir {

struct DispatchSettings {
  std::uint32_t events_wanted = 0;  // notify-keyspace-events as EventClass bits
  std::uint64_t maxmemory = 0;      // bytes; 0: no limit
  EvictionPolicy maxmemory_policy = EvictionPolicy::kNoEviction;
  unsigned maxmemory_samples = 5;
  std::size_t string_bytes_max = 512UL << 20;  // proto-max-bulk-len
  unsigned lfu_log_factor = 10;
  unsigned lfu_decay_minutes = 1;
  bool lazyfree_eviction = false;
  bool lazyfree_expire = false;
  bool lazyfree_server_del = false;
  bool lazyfree_user_del = false;
  bool lazyfree_user_flush = false;
  bool stop_writes_on_error = true;  // -MISCONF while the journal cannot be written
  bool snapshots_failing = false;    // -MISCONF since no snapshot can be written
  ExpiryMode expiry = ExpiryMode::kDelete;
  bool active_expire = true;
  unsigned active_expire_effort = 1;
  bool latency_tracking = true;  // a LatencyHistogram for each command
  // DispatchHost::notable() is told of runs that take at least so long, or have as large a request
  // or reply.
  std::uint64_t notable_cycles = UINT64_MAX;
  std::size_t notable_request_bytes = SIZE_MAX;
  std::size_t notable_reply_bytes = SIZE_MAX;
  std::int64_t busy_reply_threshold_ms = 5000;  // a script that runs longer lets others answer
  bool monitored = false;        // DispatchHost::monitor() is told of every run
  std::shared_ptr<const Collation> collation;  // SORT ALPHA's order; null: that of the bytes
};

}  // namespace memoir
