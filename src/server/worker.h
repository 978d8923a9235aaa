// Worker: one thread with its loop, its clients and its dispatcher.
//
// A turn: bytes are read and their requests run, tasks of other workers are done; at its end
// waiting requests go on, the journal is flushed once, and every client with output gets one
// write, up to what is safe. Clients whose output is held for the journal stay on a list until it
// reports progress.
//
// Everything belongs to the worker's thread but for what says otherwise.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <unordered_map>
#include <utility>
#include <vector>

#include "src/command/dispatcher.h"
#include "src/net/loop.h"
#include "src/net/socket.h"
#include "src/scripting/script_engine.h"
#include "src/server/client.h"
#include "src/server/config_store.h"
#include "src/server/pubsub.h"
#include "src/server/tracking.h"

namespace memoir {

class Server;

// The system's clocks; the monotonic one also as it was at the last refresh.
class WorkerClock final : public Clock {
 public:
  std::int64_t now_us() const override { return system_.now_us(); }
  std::int64_t monotonic_us() const override { return system_.monotonic_us(); }
  std::int64_t cached_monotonic_us() const { return cached_us_; }
  void refresh() { cached_us_ = system_.monotonic_us(); }

 private:
  SystemClock system_;
  std::int64_t cached_us_{0};
};

// Counters of a worker, read by INFO on any thread.
struct WorkerStats {
  std::atomic<std::uint64_t> commands{0};
  std::atomic<std::uint64_t> input_bytes{0};
  std::atomic<std::uint64_t> output_bytes{0};
  std::atomic<std::uint64_t> reads{0};
  std::atomic<std::uint64_t> writes{0};
  std::atomic<std::uint64_t> errors{0};
  std::atomic<std::uint64_t> blocked{0};  // clients blocked now
  std::atomic<std::uint64_t> clients{0};  // clients there are now
  // Turns of the loop that had something to do, and their time.
  std::atomic<std::uint64_t> turns{0};
  std::atomic<std::uint64_t> turn_us{0};
  std::atomic<std::uint64_t> turn_us_max{0};
  std::atomic<std::uint64_t> turn_commands_max{0};
  std::atomic<std::uint64_t> journal_us{0};  // of that: writing the journal
  std::atomic<std::uint64_t> cron_us{0};     // and what is done now and then
};

class Worker final : public DispatchHost, private StripeWaiter {
 public:
  Worker(Server& server, unsigned index);
  ~Worker() override;

  // The thread's body: turns until stop().
  void run();
  // From any thread: closes all clients and ends run().
  void stop();

  Loop& loop() { return loop_; }  // post() is for any thread
  Server& server() { return server_; }
  unsigned index() const { return index_; }
  Dispatcher& dispatcher() { return *dispatcher_; }
  Subscriptions& subscriptions() { return subscriptions_; }
  Invalidator& invalidator() { return invalidator_; }
  WorkerClock& clock() { return clock_; }
  void refresh_clock() {
    clock_.refresh();
    if (turn_began_us_ == 0) turn_began_us_ = clock_.cached_monotonic_us();
  }
  // Any thread.
  const WorkerStats& stats() const { return stats_; }
  const KeyspaceStats& keyspace_stats() const { return shared_dispatcher_.load()->stats(); }
  std::span<const CommandStats> command_stats() const {
    return shared_dispatcher_.load()->command_stats();
  }

  LatencyHistogram* latency(std::size_t row) const {
    return shared_dispatcher_.load()->latency(row);
  }

  // Changes the journal and with it the dispatcher: when loading is over.
  void use_journal(Journal& journal);

  // --- clients -----------------------------------------------------------------------------------
  void add_client(Socket socket, std::shared_ptr<ClientStatus> status,
                  std::unique_ptr<TlsStream> tls);
  Client* find_client(std::uint64_t id);
  // Any thread.
  std::size_t client_count() const { return stats_.clients.load(std::memory_order_relaxed); }
  // Whether only clients are here that would keep others waiting.
  bool is_lane() const;
  // A client that has left its worker.
  void take_over(std::unique_ptr<Client> arrived);
  // The client is not here: if it moves or has moved, `order` runs where it is. False: it is gone.
  bool follow(std::uint64_t id, std::function<void(Worker&)> order);
  // Orders from other workers.
  void kill(std::uint64_t id);
  void unblock(std::uint64_t id, UnblockReason reason);
  // Disconnects the user's clients that are subscribed to what it may hear no more.
  void drop_subscribers(const User& user);
  // Brings the statuses of clients that did something in this turn up to date.
  void publish_statuses();

  // Sends a message to the subscribers of all workers; returns how many get it.
  std::size_t publish(Topic topic, ByteView channel, ByteView text, Lsn lsn);

  // A request of a client that waited in another way than on keys: see Dispatcher::run_again().
  Lsn run_again(Session& session, const StoredRequest& request, ReplyWriter& reply);

  // --- what clients tell -------------------------------------------------------------------------
  void set_current(Client* client) { current_ = client; }
  Client* current() { return current_; }
  // The client did something: its output leaves at the end of the turn.
  void touch(Client& client) {
    if (client.touched_) return;
    client.touched_ = true;
    touched_.push_back(&client);
  }
  void resume_later(Client& client);
  void closing(Client& client) { closing_.push_back(&client); }
  void waiting(Client& client);
  void not_waiting(Client& client);
  void paused(Client& client) {
    KeyspaceStats::bump(stats_.blocked);
    paused_.push_back(client.identity.id);
  }
  // CLIENT UNPAUSE, or the pause is over.
  void end_pause();
  // A pause has begun.
  void follow_pause();
  void write_wait_result(const Client& client, TimeoutReply on_timeout, ReplyWriter& reply);
  // Whether requests that took so many cycles may have kept others waiting for too long.
  bool is_long(std::uint64_t cycles) const {
    return static_cast<std::int64_t>(cycles) >= long_cycles_;
  }
  void count_commands(std::size_t count) { KeyspaceStats::bump(stats_.commands, count); }
  void count_input(std::size_t bytes) {
    KeyspaceStats::bump(stats_.input_bytes, bytes);
    KeyspaceStats::bump(stats_.reads);
  }
  void count_output(std::size_t bytes) {
    KeyspaceStats::bump(stats_.output_bytes, bytes);
    KeyspaceStats::bump(stats_.writes);
  }

  // --- configuration as of this turn -------------------------------------------------------------
  const Config& config() const { return *config_; }
  // Takes over a new configuration if there is one.
  void follow_config() {
    if (config_store_.version() != config_version_) [[unlikely]] take_config();
  }
  const RequestLimits& request_limits() const { return request_limits_; }
  std::int64_t idle_timeout_seconds() const { return config_->timeout; }
  const OutputBufferLimit& output_limit(ClientClass client_class) const {
    return config_->client_output_buffer_limits[static_cast<std::size_t>(client_class)];
  }
  // The last snapshot went well, or did not.
  void follow_snapshots() { dispatcher_->settings.snapshots_failing = refuses_writes(); }
  // Whether the loop runs in the midst of a request.
  bool within_request() const { return within_; }
  // Up to where the journal lets replies go.
  Lsn safe() { return dispatcher_->journal().safe(); }

  // From any thread: whether the journal's progress is waited for; true once.
  bool take_progress_wish() {
    return wants_progress_.load(std::memory_order_relaxed) && wants_progress_.exchange(false);
  }
  // Error replies by code word, from any thread: calls visit(code, count).
  void each_error(const std::function<void(const Bytes&, std::uint64_t)>& visit) const;
  void reset_stats();

  // --- DispatchHost ------------------------------------------------------------------------------
  Status admit(Session& session, const CommandTable::Row& row,
               std::span<const Word> words) override;
  void notify(const KeyEvent& event, Lsn lsn) override;
  void parked(Session& session, const std::shared_ptr<Parked>& parked) override;
  void deliver(const std::shared_ptr<Parked>& parked, OutputBuffer&& reply, Lsn lsn) override;
  Status permit(Session& session, const CommandTable::Row& row, std::span<const Word> words,
                Origin origin) override;
  Status permit_again(const Parked& parked) override;
  bool may_run(Session& session, const CommandTable::Row& row,
               std::span<const Word> words) override;
  bool may_read_all_keys(Session& session, const CommandTable::Row& row,
                         std::span<const Word> words) override;
  void invalidate(std::vector<Invalidation>&& invalidations, std::uint64_t source,
                  Lsn lsn) override;
  void free_later(std::vector<std::unique_ptr<Object>>&& garbage) override;
  void failed(ByteView error) override;
  void evicted(std::int64_t us) override;
  void ran_nested() override { count_commands(1); }
  void notable(Session& session, const CommandTable::Row& row, std::span<const Word> words,
               const RunFigures& figures) override;
  void monitor(Session& session, std::span<const Word> words, Origin origin) override;
  ScriptEngine* script_engine() override { return &scripts_; }
  void serve_meanwhile() override { serve_within(std::chrono::milliseconds(0)); }
  bool stopping() const override { return stopping_; }
  Error busy_error() const override;

  // Whether a request that runs beside a busy script must wait for it, because it needs stripes.
  bool waits_for_script(const Client& client, std::span<const Word> words) const;

  // MONITOR: `line` goes to this worker's monitors.
  void add_monitor(Client& client);
  void remove_monitor(Client& client);
  void feed_monitors(const SharedBytes& line);
  bool has_monitors() const { return !monitors_.empty(); }

 private:
  struct Delivery {
    std::uint64_t client;
    OutputBuffer reply;
    Lsn lsn;
  };

  void end_of_turn();
  void count_turn();
  void run_waiting();
  void limit_tracking_table();
  void send_outputs();
  void write_journal(bool active);
  void tell_busy(bool busy);
  void watch_journal(Lsn safe);
  void release_gated(Lsn safe);
  void end_sync_waits();
  void join_roster(std::unique_ptr<Client> client);
  void leave_roster(Client& client);
  void hand_over_movers();
  void hand_over(Client& client, Worker& to);
  void destroy_closed();
  void destroy(Client& client);
  void accept_delivery(Delivery&& delivery);
  void arm_deadlines();
  void deadlines_due();
  void start_cron();
  void cron();
  void clients_cron(std::int64_t now_us);
  void start_expiry();
  void expire_slice();
  void take_config();
  DispatchSettings dispatch_settings() const;
  bool refuses_writes() const;
  ExpiryMode expiry_mode() const;
  Status refuse_special(Client& client, const CommandTable::Row& row,
                        std::span<const Word> words);
  Client* client_behind(Session& session) const;
  struct Sender {
    Bytes address, name;
  };
  Sender sender_of(Session& session) const;
  void serve_within(std::chrono::milliseconds wait);
  void while_waiting() override;

  Server& server_;
  const ConfigStore& config_store_;
  const Users& users_;
  const unsigned index_;
  Loop loop_;
  WorkerClock clock_;
  std::shared_ptr<const Config> config_;
  std::uint64_t config_version_{0};
  std::shared_ptr<const Collation> collation_;
  RequestLimits request_limits_;
  ScriptEngine scripts_;
  std::unique_ptr<Dispatcher> dispatcher_;
  std::unique_ptr<Dispatcher> former_dispatcher_;  // others may still read its counters
  std::atomic<Dispatcher*> shared_dispatcher_{nullptr};
  Subscriptions subscriptions_;
  Invalidator invalidator_;
  WorkerStats stats_;
  mutable std::mutex errors_mutex_;
  std::map<Bytes, std::uint64_t, std::less<>> errors_;

  std::unordered_map<std::uint64_t, std::unique_ptr<Client>> clients_;
  std::vector<Client*> roster_;  // all clients, for the incremental cron
  std::size_t roster_next_{0};
  Client* current_{nullptr};
  std::vector<Client*> touched_;
  std::vector<Client*> gated_;
  std::int64_t flushed_us_{0};  // when the journal was last written
  bool busy_told_{false};  // to the journal
  std::vector<Client*> closing_;
  std::vector<Client*> movers_;  // of this turn
  std::int64_t long_cycles_{INT64_MAX};
  std::vector<std::uint64_t> resuming_;
  std::vector<std::uint64_t> paused_;
  std::vector<std::uint64_t> sync_waits_;  // clients in WAITAOF
  Lsn sync_wish_{0};                       // what those of this turn wait for
  std::vector<Delivery> deliveries_;       // of this worker's own dispatcher
  std::vector<Client*> monitors_;
  std::set<std::pair<std::int64_t, std::uint64_t>> deadlines_;  // wall-clock ms, client
  std::atomic<bool> wants_progress_{false};
  std::vector<std::pair<std::uint64_t, UnblockReason>> unblocking_;  // when no script runs
  std::int64_t expire_left_us_{0};
  bool within_{false};  // a turn within a request: clients are served that need no keys
  std::int64_t turn_began_us_{0};  // 0: nothing to do yet
  std::uint64_t commands_before_{0};  // the turn
  bool stopping_{false};

  // Last: their callbacks use what is above.
  Timer cron_timer_;
  Timer deadline_timer_;
  std::int64_t cron_hz_{0};  // 0: it rests
};

}  // namespace memoir
