// Dispatcher: the one way into the keyspace. Clients, recovery, parked requests and expiry come
// through it.
//
// One a worker; it owns that worker's scratch memory and chance, and shares keyspace, command table
// and journal with the others. A run: look up the row, pass the gates, lock the stripes of the
// keys, run the handler, append the record while still locked, unlock, then notify, serve who
// waits, free.
#pragma once

#include <array>
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
#include "src/command/dispatch_settings.h"
#include "src/command/latency_histogram.h"
#include "src/command/replayed_request.h"
#include "src/command/tracking.h"
#include "src/command/waiting.h"
#include "src/store/keyspace.h"

namespace memoir {

// From where a request comes whose right to run is asked for.
enum class Origin : std::uint8_t { kClient, kTransaction, kScript, kModule };

// What a run took.
struct RunFigures {
  std::int64_t us = 0;
  std::size_t request_bytes = 0;
  std::size_t reply_bytes = 0;
};

class ScriptEngine;

// What the server does for the dispatcher. Called on the dispatcher's thread, without locks held.
class DispatchHost {
 public:
  virtual ~DispatchHost() = default;
  // The server's gates before a command runs: login, loading, subscriber mode, pauses. Not ok: the
  // error is the reply.
  virtual Status admit(Session& session, const CommandTable::Row& row,
                       std::span<const Word> words) = 0;
  // Whether the session's user may run the request (ACL). Not ok: the error is the reply, and the
  // refusal is in the security log. admit() asks for requests of clients; EXEC asks again for each
  // that was queued, scripts for each that they call.
  virtual Status permit(Session& session, const CommandTable::Row& row, std::span<const Word> words,
                        Origin origin) {
    (void)session, (void)row, (void)words, (void)origin;
    return ok;
  }
  // The same for a parked request that is to run again.
  virtual Status permit_again(const Parked& parked) {
    (void)parked;
    return ok;
  }
  // permit() as a question that leaves no trace.
  virtual bool may_run(Session& session, const CommandTable::Row& row,
                       std::span<const Word> words) {
    (void)session, (void)row, (void)words;
    return true;
  }
  // Whether the session's user may run the request and may also read any key there is, as patterns
  // that name keys ask for (SORT's BY and GET).
  virtual bool may_read_all_keys(Session& session, const CommandTable::Row& row,
                                 std::span<const Word> words) {
    (void)session, (void)row, (void)words;
    return true;
  }
  // A keyspace notification that notify-keyspace-events asks for; may be pushed once `lsn` is safe.
  virtual void notify(const KeyEvent& event, Lsn lsn) = 0;
  // Before a request is queued: name its worker and start its timer. Stripes are locked; be brief.
  virtual void parked(Session& session, const std::shared_ptr<Parked>& parked) = 0;
  // The reply of a parked request that ran; to be sent once `lsn` is safe.
  virtual void deliver(const std::shared_ptr<Parked>& parked, OutputBuffer&& reply, Lsn lsn) = 0;
  // Clients that track keys are to hear that they are no longer what they were, once `lsn` is safe.
  // `source` is the client whose run it was; 0: the server itself.
  virtual void invalidate(std::vector<Invalidation>&& invalidations, std::uint64_t source,
                          Lsn lsn) {
    (void)invalidations, (void)source, (void)lsn;
  }
  // Frees values in the background.
  virtual void free_later(std::vector<std::unique_ptr<Object>>&& garbage) = 0;
  // Counts, for INFO errorstats. `error` is a whole error text.
  virtual void failed(ByteView error) { (void)error; }
  // Keys had to be evicted before a command, which took so long.
  virtual void evicted(std::int64_t us) { (void)us; }
  // A script has run a command.
  virtual void ran_nested() {}
  virtual void notable(Session& session, const CommandTable::Row& row, std::span<const Word> words,
                       const RunFigures& figures) {
    (void)session, (void)row, (void)words, (void)figures;
  }
  // `origin`: from where the request comes, a client or a script of that client.
  virtual void monitor(Session& session, std::span<const Word> words, Origin origin) {
    (void)session, (void)words, (void)origin;
  }

  // --- scripts (src/scripting)
  // The interpreters of this dispatcher; null: there are none.
  virtual ScriptEngine* script_engine() { return nullptr; }
  virtual void serve_meanwhile() {}  // for a moment in a script, clients that need no keys
  virtual bool stopping() const { return false; }  // the script must end, nothing is journaled
  // The reply to what has to wait for a busy script.
  virtual Error busy_error() const { return Error("BUSY Redis is busy running a script."); }
};

struct RunOutcome {
  Lsn lsn = 0;          // the reply may leave when this position is safe; 0: at once
  bool parked = false;  // no reply yet: it comes by DispatchHost::deliver()
};

// What becomes of a transaction's effects.
enum class Outcome : std::uint8_t { kKeep, kUndo };

// Counters of one command row, for INFO commandstats; a worker's own, read by others.
struct CommandStats {
  std::atomic<std::uint64_t> calls{0};
  std::atomic<std::uint64_t> cycles{0};  // src/base/cycles.h
  std::atomic<std::uint64_t> rejected{0};
  std::atomic<std::uint64_t> failed{0};
};

// Appends a request's words as a RESP array.
void append_words(Bytes& out, std::span<const Word> words);

class Dispatcher {
 public:
  Dispatcher(Keyspace& keyspace, const CommandTable& commands, Journal& journal, const Clock& clock,
             DispatchHost& host, std::uint64_t seed);
  ~Dispatcher();
  Dispatcher(const Dispatcher&) = delete;

  DispatchSettings settings;

  // Tells that the requests of `batch` run next, in order: rows and hashes are looked up ahead, and
  // the buckets and entries brought into the cache, window by window. `batch` stays until they have
  // run or forget_batch().
  void prefetch(const Session& session, const RequestParser& batch);
  void forget_batch();

  // Runs one request of a session and writes its reply (none if parked). `raw`: the request's bytes
  // where they are canonical, else empty.
  RunOutcome run(Session& session, std::span<const Word> words, ByteView raw, ReplyWriter& reply);

  // Runs a request once more that ran before and was admitted then: what came after a wait.
  RunOutcome run_again(Session& session, const StoredRequest& request, ReplyWriter& reply);

  // Applies one request of a record: no gates, no expiry by the clock, nothing journaled.
  Status replay(Session& session, std::span<const Word> words, std::int64_t time_us);
  Status replay(Session& session, const ReplayedRequest& request);
  // Adds the keys of a request with their hashes.
  static void hash_keys(const CommandTable::Row& row, std::span<const Word> words,
                        std::vector<HashedKey>& hashes);

  // Withdraws a parked request. True if it still waited: the caller answers it. False: its reply is
  // on its way. Waits for stripes and for whoever runs the request just now, so nobody may call it
  // while holding stripes: a handler leaves it to the parked client's worker.
  bool withdraw(const std::shared_ptr<Parked>& parked);

  // The wait of a request ended without it: time-out, CLIENT UNBLOCK (`failed`: with its error).
  void count_unserved(Session& session, const Parked& parked, bool failed);

  // Removes what has expired in stripes first, first + step, ...; ends after about `budget_us`.
  // Called some times a second. Returns how many were removed.
  std::size_t expire_some(unsigned first, unsigned step, std::int64_t budget_us);
  // Evicts until memory is below maxmemory, for at most about `budget_us`. False: nothing can be
  // evicted.
  bool evict_some(std::int64_t budget_us);

  // Context::settle_part().
  void settle_part(Context& ctx);
  // Forgets tracked keys, whose clients are told, until there are at most `keys_max`, for at most
  // about `budget_us`. False: there are still more.
  bool limit_tracked(std::uint64_t keys_max, std::int64_t budget_us);

  // --- for the handlers of the transaction commands
  Status exec(Context& ctx, Outcome wanted, ReplyWriter& reply);
  void watch(Context& ctx, std::span<const Word> keys);
  void unwatch(Session& session);
  void discard(Session& session);
  // Takes back all that the run noted in `undo` has done to keys, and forgets what it would have
  // told (journal, watchers, notifications); the session is in its first database again. The run's
  // stripes are still locked.
  void roll_back(Context& ctx, UndoLog& undo);
  // Refuses a command that roll_back() could not take back.
  static Status check_undoable(const CommandTable::Row& row);

  // --- for commands that run others (scripts): nested.cc
  // Runs a command inside the run of `outer`, in `session` (not outer's), whose stripes are all
  // locked. What it did is added to outer's effects, in order, unless `kept` says otherwise.
  enum class Journaled : bool { kNo, kYes };
  void run_nested(Context& outer, Session& session, const CommandTable::Row& row,
                  std::span<const Word> words, ReplyWriter& reply, Journaled journaled);
  // What may keep a nested command from running that would be the first to write.
  Status refuse_first_write(const CommandTable::Row& row, std::span<const Word> words) const;
  void count_rejected(const CommandTable::Row* row, ByteView error);
  // The end of a run with nested commands: outer's effects lead back to its database.
  void end_nested(Context& outer);
  // Where outer's effects stand, and back there: `undo`, the environment's meanwhile, takes back
  // what nested commands did since, and nobody is told of it.
  struct NestedMark {
    std::size_t effects_bytes, effects_count, events, touched, touched_databases;
    std::uint64_t changes;
    unsigned effects_db;
  };
  NestedMark mark_nested(const Context& outer) const;
  void undo_nested(Context& outer, UndoLog& undo, const NestedMark& mark);
  // Whether memory was over maxmemory when the request that runs came in.
  bool out_of_memory() const { return out_of_memory_; }
  // The time of the request that runs, in microseconds since the Unix epoch.
  std::int64_t run_time_us() const { return now_us_; }
  std::uint64_t began_cycles() const { return cycles_; }  // when that request began (cycles.h)
  void set_began_cycles(std::uint64_t cycles) { cycles_ = cycles; }
  double cycles_in_us() const { return cycles_per_us_; }

  class Interlude;  // requests in the midst of another: interlude.h

  Keyspace& keyspace() { return keyspace_; }
  const CommandTable& commands() const { return commands_; }
  Journal& journal() const { return *journal_.load(std::memory_order_acquire); }
  // From now on records go there. Any thread, while it holds all stripes.
  void use_journal(Journal& journal) { journal_.store(&journal, std::memory_order_release); }
  DispatchHost& host() { return host_; }
  const Clock& clock() const { return clock_; }
  Random& random() { return random_; }
  const KeyspaceStats& stats() const { return stats_; }
  KeyspaceStats& stats() { return stats_; }
  // By CommandTable::Row::index.
  std::span<CommandStats> command_stats() { return {command_stats_.get(), commands_.size()}; }
  // Any thread: how long the runs of a row took here; null: there was none.
  LatencyHistogram* latency(std::size_t index) const {
    return latencies_[index].load(std::memory_order_acquire);
  }

 private:
  // A request of the batch, looked up ahead.
  struct Prepared {
    const Word* words;
    const CommandTable::Row* row;
    std::uint32_t first_hash;
    std::uint32_t hash_count;
  };
  static constexpr std::size_t kWindow = 32;

  void prepare_window();
  const CommandTable::Row* resolve_next(std::span<const Word> words) const;
  void prefetch_keys();
  Prepared take_prepared(std::span<const Word> words);
  void read_clocks();

  Status refuse(Session& session, const CommandTable::Row& row, std::span<const Word> words);
  Status check_memory(Session& session, const CommandSpec& spec);
  static bool is_exec(const CommandSpec& spec);
  static bool any_queued(const Session& session, bool (*test)(const CommandSpec&));
  RunOutcome reject(Session& session, const CommandTable::Row* row, const Error& error,
                    ReplyWriter& reply);

  RunEnvironment environment(LockedStripes& locked);
  RunOutcome execute(Session& session, const CommandTable::Row& row, std::span<const Word> words,
                     ByteView raw, std::span<const HashedKey> keys, ReplyWriter& reply,
                     const std::shared_ptr<Parked>& again);
  void call(Context& ctx, const CommandTable::Row& row, std::span<const Word> words,
            ReplyWriter& reply);
  struct RunBytes {
    std::size_t request;
    std::size_t reply;
  };
  void count(const CommandTable::Row& row, Session& session, std::span<const Word> words,
             RunBytes bytes);
  void count_latency(std::size_t index, std::uint64_t cycles);
  enum class Patience : bool { kForever, kUntilBusy };  // of who waits for stripes
  static bool lock_for(LockedStripes& locked, Locks locks, std::span<const HashedKey> keys,
                       Patience patience);

  // The end of a run, still locked: journal, watchers, versions. Returns what the reply depends on.
  Lsn settle(Context& ctx, std::span<const Word> words, ByteView raw);
  Lsn append(Session* session, unsigned db, ByteView words, std::int64_t time_us,
             std::span<const ByteView> more = {});
  ByteView request_pieces(std::span<const Word> words);
  void append_expired(const Changes& changes);
  void stamp(const LockedStripes& locked, Lsn lsn);
  void add_nested_removals(Context& outer);
  void add_nested_effects(Context& outer, unsigned db, ByteView resp, std::size_t commands);
  void journal_run(Context& ctx, std::span<const Word> words, ByteView raw);
  std::uint32_t journal_session(Session* session);
  Lsn depends_on(const LockedStripes& locked, Locks locks) const;
  void signal_touched(LockedStripes& locked, Changes& changes);
  void tell_trackers(LockedStripes& locked, Changes& changes);
  void forget_all_tracked(LockedStripes& locked);
  void track(Context& ctx, std::span<const Word> words);
  bool forget_one_tracked();
  void settle_own_work(LockedStripes& locked);
  // The end of a run, unlocked: notifications, waiting clients, garbage.
  void finish(Lsn lsn);
  void remove_overdue();
  void park(Context& ctx, std::span<const Word> words, const std::shared_ptr<Parked>& again);
  void serve_waiting();
  void serve_key(const KeyRef& key);
  bool run_parked(const std::shared_ptr<Parked>& parked);
  void end_parked(const std::shared_ptr<Parked>& parked, OutputBuffer&& reply, Lsn lsn);
  void remove_parked(const Parked& parked);
  struct TransactionLog;
  void run_queued(Context& ctx, std::span<const StoredRequest> queue, ReplyWriter& reply);
  void run_undoable(Context& ctx, const Transaction& transaction, UndoLog& undo, Outcome wanted,
                    ReplyWriter& reply);
  void run_one_queued(Context& ctx, const StoredRequest& request, TransactionLog& log,
                      ReplyWriter& reply);
  void settle_transaction(Context& ctx, TransactionLog& log);
  void add_to_log(Context& ctx, std::span<const Word> words, TransactionLog& log);
  void remove_watches(Session& session);
  Status run_transaction(Context& ctx, Transaction& done, UndoLog& undo, Outcome wanted,
                         ReplyWriter& reply);
  bool has_expiries(unsigned stripe);
  std::size_t expire_in(unsigned stripe, unsigned db);
  std::size_t expire_members_in(unsigned stripe, unsigned db);
  template <class F>
  std::size_t remove_due(LockedStripes& locked, F&& remove);
  bool evict_one();
  unsigned sample_for_eviction(unsigned stripe);
  bool evict_key(const EvictionPool::Candidate& candidate);
  Keyspace& keyspace_;
  Gate::Slot& slot_;  // this dispatcher's at the keyspace's gate
  const CommandTable& commands_;
  std::atomic<Journal*> journal_;
  const Clock& clock_;
  DispatchHost& host_;
  Random random_;
  KeyspaceStats stats_;
  const double cycles_per_us_;
  std::unique_ptr<CommandStats[]> command_stats_;
  std::unique_ptr<std::atomic<LatencyHistogram*>[]> latencies_;  // by row
  std::vector<std::unique_ptr<LatencyHistogram>> own_latencies_;

  const RequestParser* batch_{nullptr};
  std::size_t batch_next_{0};
  unsigned batch_db_{0};
  std::vector<Prepared> prepared_;
  std::size_t prepared_at_{0};
  std::vector<HashedKey> hashes_;      // of the window
  std::vector<const Bucket*> buckets_;  // where they are, while they are brought in
  std::vector<HashedKey> own_hashes_;  // of a request outside any batch
  std::int64_t now_us_{0};
  std::uint64_t cycles_{0};        // when the last run ended
  std::uint64_t clock_cycles_{0};  // when now_us_ was read

  Changes changes_;
  Effects effects_;
  Effects nested_effects_;  // of a nested command
  OutputBuffer replayed_;   // the reply of a request that is applied: nobody reads it
  Bytes words_scratch_;
  std::vector<ByteView> pieces_;  // of the record being written, behind the first
  std::vector<KeyRef> ready_;  // keys whose waiting clients are to be served
  std::vector<Invalidation> invalidations_;  // of the run, for those who track keys
  std::uint64_t source_{0};                  // the client whose run it is
  bool serving_{false};
  bool out_of_memory_{false};
  EvictionPool eviction_pool_;
  unsigned expire_stripe_{0};
};

}  // namespace memoir
