// Server: owns everything that lives as long as the process: configuration, keyspace, commands,
// journal, workers.
//
// Life: listen, recover the journal (clients that connect meanwhile are answered -LOADING), serve,
// stop in good order. The constructor and run() belong to the main thread, which is worker 0; what
// handlers call from other workers is thread-safe and says so.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "persistence/journal.h"
#include "persistence/segment_archive.h"
#include "src/acl/security_log.h"
#include "src/acl/users.h"
#include "src/base/clock.h"
#include "src/command/command_keys.h"
#include "src/command/command_table.h"
#include "src/net/listener.h"
#include "src/scripting/scripting.h"
#include "src/server/background.h"
#include "src/server/client_registry.h"
#include "src/server/command_log.h"
#include "src/server/config_store.h"
#include "src/server/info.h"
#include "src/server/latency.h"
#include "src/server/migrator.h"
#include "src/server/pubsub.h"
#include "src/server/server_hooks.h"
#include "src/server/snapshots.h"
#include "src/server/start.h"
#include "src/server/tracking.h"
#include "src/store/keyspace.h"

namespace memoir {

class Client;
class FileJournal;
class Worker;

enum class PauseMode : std::uint8_t { kNone, kWrites, kAll };

struct ServerOptions {
  std::string executable;
  std::string config_file;  // absolute; empty for none
  bool supervised = false;  // by systemd or upstart: the log names no terminal
};

class Server final : public ServerHooks, private JournalListener {
 public:
  Server(Config config, ServerOptions options);
  ~Server() override;

  // Whether rename-command names a command that there is.
  static bool knows_command(ByteView name);

  // What is wrong with the words behind `user` in a configuration file, the name first; commands
  // that are unknown are no mistake yet.
  static Status check_user(std::span<const Bytes> words);

  // Creates the configured users, or reads the ACL file; the error has been logged.
  Status load_users();
  // Opens the listening sockets; the error has been logged.
  Status listen();
  // Serves until shutdown. Returns the process's exit status.
  int run();

  // --- parts, all thread-safe or constant while workers run --------------------------------------
  Keyspace& keyspace() { return keyspace_; }
  const CommandTable& commands() const { return commands_; }
  Journal& journal() { return *journal_.load(std::memory_order_acquire); }
  ClientRegistry& clients() { return clients_; }
  PubSub& pubsub() { return pubsub_; }
  BroadcastTable& broadcasts() { return broadcasts_; }
  Background& background() { return background_; }
  CommandLog& command_log(CommandLogKind kind) {
    return command_logs_[static_cast<std::size_t>(kind)];
  }
  LatencyMonitor& latency() { return latency_; }
  // How long the runs of a row took, on all workers.
  LatencySummary latency_of(std::size_t row);
  Users& users() { return users_; }
  const Users& users() const { return users_; }
  SecurityLog& security_log() { return security_log_; }
  Migrator& migrator() { return *migrator_; }
  Snapshots& snapshots() { return *snapshots_; }
  Scripting& scripting() { return scripting_; }
  // Those that connections are given to come first, then the lanes: workers for clients whose
  // commands would keep others waiting. One worker has no lane.
  unsigned worker_count() const { return static_cast<unsigned>(workers_.size()); }
  unsigned io_worker_count() const { return io_workers_; }
  // The lane with the fewest clients. Any thread.
  Worker& emptiest_lane();
  Worker& worker(unsigned index) { return *workers_[index]; }
  const Clock& clock() const { return clock_; }

  // --- CLIENT PAUSE, any thread ------------------------------------------------------------------
  bool pausing() const { return pause_mode_.load(std::memory_order_relaxed) != PauseMode::kNone; }
  // Whether the request has to wait.
  bool pauses(const Client& client, std::span<const Word> words);
  // A pause only grows: in time, and from writes to all.
  void pause(PauseMode mode, std::int64_t until_ms);
  void unpause();
  // Ends the pause if its time is over; true if there is none now.
  bool pause_over(std::int64_t now_ms);

  // --- users, any thread -------------------------------------------------------------------------
  // Notes a refusal for ACL LOG and INFO. `client` is up to date.
  struct Refusal {
    Denial reason;
    Origin origin;
    Bytes object;
    Bytes user;
  };
  void note_refusal(const ClientStatus& client, Refusal refusal);
  // The error for a request that `user` may not run, noted.
  struct Request {
    Origin origin = Origin::kClient;
    bool queued = false;  // it was to be queued by MULTI
  };
  Error refuse(const ClientStatus& client, const User& user, const CommandTable::Row& row,
               std::span<const Word> words, Verdict verdict, Request request);
  // ACL LOAD and SAVE. The error's text is the reply's, without code word. Loading disconnects
  // clients of users that are gone or may hear less; what it returns is drop_subscribers()'s.
  Result<bool> load_acl_file(Client* asking);
  Status save_acl_file();
  // Disconnects all clients that match, the one that asks after its reply; returns how many.
  std::int64_t kill_clients(Client* asking,
                            const std::function<bool(const ClientStatus&)>& matches);
  // Disconnects clients that are subscribed to what their user, one of these, may hear no more.
  // True: other workers are still at it, and `asking` is unblocked when they have done it.
  bool drop_subscribers(std::span<const UserPointer> users, const Client& asking);

  // --- ending ------------------------------------------------------------------------------------
  enum class ShutdownSave : std::uint8_t { kAsConfigured, kYes, kNo };
  struct Shutdown {
    bool force = false;
    ShutdownSave save = ShutdownSave::kAsConfigured;
    bool save_or_stay = false;  // even with `force`, which is for the journal then
    std::uint64_t client = 0;  // who asked, for the error
    unsigned worker = 0;
  };
  // Any thread. On failure the client is unblocked with an error.
  void shut_down(Shutdown how);

  // --- monitors, any thread ----------------------------------------------------------------------
  bool monitored() const { return monitors_.load(std::memory_order_relaxed) > 0; }
  void change_monitors(unsigned worker, int by);
  void feed_monitors(Worker& from, const Session& session, std::span<const Word> words,
                     Origin origin, std::int64_t now_us);

  void count_query_limit_disconnection() {
    query_limit_disconnections_.fetch_add(1, std::memory_order_relaxed);
  }
  void count_output_limit_disconnection() {
    output_limit_disconnections_.fetch_add(1, std::memory_order_relaxed);
  }
  void change_tracking_clients(int by) { tracking_clients_ += by; }
  int tracking_clients() const { return tracking_clients_.load(std::memory_order_relaxed); }
  // Disconnects the largest clients while all of them together take more than maxmemory-clients.
  // Asked by each worker at the end of its turn.
  void limit_client_memory(Worker& worker) {
    const std::size_t most = client_memory_max_.load(std::memory_order_relaxed);
    if (most > 0 && clients_.memory() > most) [[unlikely]] evict_clients(worker, most);
  }
  bool active_expire() const { return active_expire_.load(std::memory_order_relaxed); }
  bool allows_protected(const CommandSpec& command, const ClientStatus& client) const;

  // Worker 0, some times a second.
  void cron();

  // --- ServerHooks -------------------------------------------------------------------------------
  ConfigStore& config() override { return config_; }
  const Bytes& config_file() const override { return options_.config_file; }
  Config config_to_write() override;
  bool loading() const override { return loading_.load(std::memory_order_acquire); }
  bool is_local(const Session& session) const override;
  void reset_stats() override;
  void fill_info(std::uint32_t sections, InfoSources& sources) override;
  Status reload(Context& ctx, Reload how) override;
  void allow_all_commands_in_scripts(bool yes) override { scripting_.allow_all_commands(yes); }
  void set_active_expire(bool on) override;
  Status change_replication_id() override;

 private:
  // Figures of the last 1.6 seconds, for "instantaneous" ones.
  struct Rate {
    static constexpr std::size_t kSamples = 16;
    std::array<double, kSamples> per_second{};
    std::size_t next = 0;
    std::uint64_t last = 0;
    void sample(std::uint64_t now, double seconds);
    double average() const;
  };

  void add_commands(const Config& config);
  void add_rows(const Config& config);
  static CommandIds number_commands();
  void register_hooks();
  void apply_limits(const Config& config);
  void apply_client_memory(const Config& config);
  void evict_clients(Worker& worker, std::size_t most);
  // Where connections of a kind come in.
  enum class Transport : std::uint8_t { kTcp, kTls };
  struct Entrance {
    std::vector<int> descriptors;  // of the listeners, which are worker 0's
    std::vector<std::unique_ptr<Listener>> listeners;
  };
  Entrance& entrance(Transport transport) {
    return transport == Transport::kTls ? tls_entrance_ : tcp_entrance_;
  }
  Result<std::vector<Socket>> open_sockets(const Config& config, Transport transport);
  void listen_on(std::vector<Socket> sockets, Transport transport);
  Status listen_elsewhere(const Config& from, const Config& to, Transport transport);
  Status apply_tls(const Config& config);
  void close_listeners();
  std::vector<Bytes> listener_lines() const;
  void accept(Socket socket, Transport transport);
  void refuse(const Socket& socket, ByteView error);
  void watch_signals();
  void interrupted(const char* name);

  void start_loading();
  void load();
  Status recover();
  bool journal_is_on() const { return file_journal_ && journal_.load() == file_journal_.get(); }
  Status turn_journal(bool on);
  void use_journal(Journal& journal);
  Status begin_journal();
  Status open_journal_at(RecoveredJournal before, StartSettings settings);
  Status leave_journal();
  LoadTarget load_target();
  StartSettings start_settings();
  void finish_loading();
  void ready();
  void stop_workers();
  bool saves_at_end(const Shutdown& how);
  Status save_before_end(const Shutdown& how);
  void save_at_end();
  int end();
  Status rebuild(Reload how);
  Status load_again(DataLoader& loader, Reload how);

  void on_progress(Lsn safe, Lsn synced) override;

  void fill_clients(InfoSources& sources);
  void fill_stats(InfoSources& sources);
  std::uint64_t command_us();
  void fill_persistence(InfoSources& sources);
  void fill_commands(std::uint32_t sections, InfoSources& sources);
  void fill_percentiles(std::size_t row, const Config& config, CommandFigures& figures);
  void each_worker(const std::function<void(Worker&)>& visit);

  // server_journal.cc
  SegmentArchiveOptions archive_options(const Config& config);
  void register_journal_hooks();
  void apply_archive_options(const Config& config);
  void after_snapshot();
  void fill_archive(PersistenceFigures& figures);

  const ServerOptions options_;
  SystemClock clock_;
  ConfigStore config_;
  const std::int64_t started_us_;
  const Bytes run_id_;
  Keyspace keyspace_;
  std::deque<Bytes> new_names_;          // of renamed commands
  std::deque<CommandSpec> renamed_rows_;  // copies under their new names
  std::map<const CommandSpec*, const CommandSpec*> originals_;  // of those copies
  CommandTable commands_;
  CommandKeys record_keys_{commands_};  // for the journal's indexes
  CommandIds command_ids_;
  Users users_;
  SecurityLog security_log_;
  ClientRegistry clients_;
  PubSub pubsub_;
  BroadcastTable broadcasts_;
  std::array<CommandLog, kCommandLogKinds> command_logs_;  // by CommandLogKind
  LatencyMonitor latency_;
  Scripting scripting_;
  Background background_;
  std::unique_ptr<Migrator> migrator_ = std::make_unique<Migrator>();
  std::unique_ptr<Snapshots> snapshots_ = std::make_unique<Snapshots>(*this);

  std::unique_ptr<Journal> idle_journal_;  // while loading, and with `appendonly no`
  std::vector<std::unique_ptr<Journal>> former_journals_;  // clients' sessions may be theirs
  std::unique_ptr<FileJournal> file_journal_;
  std::atomic<Journal*> journal_{nullptr};  // the one in use
  std::thread loader_;
  std::atomic<bool> loading_{false};
  LoadFigures load_figures_;
  std::atomic<std::int64_t> loading_started_us_{0};
  std::atomic<unsigned> not_yet_loaded_{0};  // workers
  std::atomic<std::int64_t> load_delay_us_{0};

  std::vector<std::unique_ptr<Worker>> workers_;
  std::vector<std::thread> threads_;
  const unsigned io_workers_;
  unsigned next_worker_{0};

  std::mutex listening_mutex_;
  Entrance tcp_entrance_;
  Entrance tls_entrance_;
  std::shared_ptr<const TlsContext> tls_context_;  // null without tls-port; under the mutex
  std::unique_ptr<Listener> unix_listener_;
  std::vector<std::unique_ptr<SignalWatch>> signals_;

  std::mutex reload_mutex_;
  std::mutex pause_mutex_;
  std::atomic<PauseMode> pause_mode_{PauseMode::kNone};
  std::atomic<std::int64_t> pause_until_ms_{0};

  std::atomic<bool> stopping_{false};
  std::atomic<Lsn> synced_before_{0};  // for the latency monitor
  std::atomic<int> monitors_{0};
  std::array<std::atomic<int>, kWorkersMax> monitors_by_worker_{};
  std::atomic<bool> active_expire_{true};
  std::atomic<std::uint64_t> connections_{0};
  std::atomic<std::uint64_t> rejected_{0};
  std::atomic<std::uint64_t> query_limit_disconnections_{0};
  std::atomic<std::uint64_t> output_limit_disconnections_{0};
  std::atomic<std::uint64_t> evicted_clients_{0};
  std::atomic<int> tracking_clients_{0};
  std::atomic<std::size_t> client_memory_max_{0};  // maxmemory-clients in bytes; 0: no limit
  std::mutex client_eviction_mutex_;
  std::int64_t no_client_eviction_until_us_{0};
  std::atomic<std::size_t> peak_memory_{0};
  const std::size_t startup_memory_;
  std::mutex rates_mutex_;
  Rate command_rate_, input_rate_, output_rate_, turn_rate_, turn_us_rate_;
  std::int64_t rates_sampled_us_{0};
  int interruptions_{0};
  bool save_at_end_{false};
  int exit_status_{0};
};

}  // namespace memoir
