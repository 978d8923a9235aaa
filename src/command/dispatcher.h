// Dispatcher: the one way into the keyspace. Clients, recovery, parked requests and expiry come through it.
//
// One a worker; it owns that worker's scratch memory and chance, and shares keyspace, command table and
// journal with the others. A run: look up the row, pass the gates, lock the stripes of the keys, run the
// handler, reserve the record while still locked, unlock, then notify, wake and free.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "persistence/journal.h"
#include "protocol/reply_writer.h"
#include "protocol/request_parser.h"
#include "src/base/clock.h"
#include "src/command/command_table.h"
#include "src/command/context.h"
#include "src/command/waiting.h"
#include "src/store/keyspace.h"

namespace memoir {

enum class EvictionPolicy : std::uint8_t {
  kNoEviction, kAllKeysLru, kAllKeysLfu, kAllKeysRandom, kVolatileLru, kVolatileLfu, kVolatileRandom, kVolatileTtl,
};

// What of the configuration concerns running commands. Each worker sets its own copy when the
// configuration changes.
struct DispatchSettings {
  std::uint32_t events_wanted = 0;
  std::uint64_t maxmemory = 0;  // bytes; 0: no limit
  EvictionPolicy maxmemory_policy = EvictionPolicy::kNoEviction;
  unsigned maxmemory_samples = 5;
  unsigned lfu_log_factor = 10;
  unsigned lfu_decay_minutes = 1;
  bool lazyfree_eviction = false;
  bool lazyfree_expire = false;
  bool lazyfree_server_del = false;
  bool lazyfree_user_del = false;
  bool stop_writes_on_error = true;  // -MISCONF while the journal cannot be written
  ExpiryMode expiry = ExpiryMode::kDelete;
  bool active_expire = true;
  unsigned active_expire_effort = 1;
};

// What the server does for the dispatcher. Called on the dispatcher's thread.
class DispatchHost {
 public:
  virtual ~DispatchHost() = default;
  // The server's gates before a command runs: login, loading, subscriber mode, pauses. Not ok: the error is the reply.
  virtual Status admit(Context& ctx, const CommandSpec& spec) = 0;
  // A keyspace notification that notify-keyspace-events asks for.
  virtual void notify(const KeyEvent& event) = 0;
  // The reply of a parked request that ran; to be sent once `lsn` is safe.
  virtual void deliver(std::shared_ptr<Parked> parked, OutputBuffer&& reply, Lsn lsn) = 0;
  // Frees values in the background.
  virtual void free_later(std::vector<std::unique_ptr<Object>>&& garbage) = 0;
  // Before a parked request is queued: name its worker and start its timer.
  virtual void parked(Session& session, std::shared_ptr<Parked> parked) = 0;
};

struct RunOutcome {
  Lsn lsn = 0;          // the reply may leave when this position is safe; 0: at once
  bool parked = false;  // no reply yet: it comes by DispatchHost::deliver()
};

// Counters per command row, for INFO commandstats; a worker's own.
struct CommandStats {
  std::atomic<std::uint64_t> calls{0};
  std::atomic<std::uint64_t> microseconds{0};
  std::atomic<std::uint64_t> rejected{0};
  std::atomic<std::uint64_t> failed{0};
};

class Dispatcher {
 public:
  Dispatcher(Keyspace& keyspace, const CommandTable& commands, Journal& journal, const Clock& clock,
             DispatchHost& host, std::uint64_t seed);
  ~Dispatcher();

  DispatchSettings settings;

  // Looks up and hashes the keys of a parsed batch and brings their buckets and entries into the cache.
  void prefetch(const RequestParser& batch);

  // Runs one request of a session and writes its reply (none if parked). `raw`: its bytes if canonical, else empty.
  RunOutcome run(Session& session, std::span<const Word> words, ByteView raw, ReplyWriter& reply);

  // Applies a record's command: no gates, no expiry by the clock, nothing journaled.
  Status replay(Session& session, std::span<const Word> words, std::int64_t time_ms);

  // Withdraws a parked request. True if it was still waiting: the caller answers it. False: its reply is on its way.
  bool withdraw(const std::shared_ptr<Parked>& parked);

  // Removes keys whose time has come in stripes index, index + step, ...; stops after `budget_us`. Called
  // some times a second. Returns whether more is waiting.
  bool expire_some(unsigned first, unsigned step, std::int64_t budget_us);

  // What handlers of the transaction commands use.
  RunOutcome exec(Context& ctx, ReplyWriter& reply);
  void watch(Session& session, Context& ctx, std::span<const Word> keys);
  void unwatch(Session& session);
  void discard(Session& session);

  Keyspace& keyspace() { return keyspace_; }
  const CommandTable& commands() const { return commands_; }
  Journal& journal() { return journal_; }
  const Clock& clock() const { return clock_; }
  Random& random() { return random_; }
  KeyspaceStats& stats() { return stats_; }
  std::span<CommandStats> command_stats() { return command_stats_; }

 private:
  Keyspace& keyspace_;
  const CommandTable& commands_;
  Journal& journal_;
  const Clock& clock_;
  DispatchHost& host_;
  Random random_;
  KeyspaceStats stats_;
  std::vector<CommandStats> command_stats_;
};

}  // namespace memoir
