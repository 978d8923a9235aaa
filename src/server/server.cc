#include "src/server/server.h"

#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>

#include "datatypes/registry.h"
#include "persistence/file_journal.h"
#include "src/base/log.h"
#include "src/base/random.h"
#include "src/acl/acl_rules.h"
#include "src/command/transaction.h"
#include "src/server/admin_rows.h"
#include "src/server/process.h"
#include "src/scripting/scripting_rows.h"
#include "src/server/server_rows.h"
#include "src/server/version.h"
#include "src/server/worker.h"

namespace memoir {
namespace {

// Descriptors kept for files, the loops and the other ends of pipes.
constexpr rlim_t kReservedDescriptors = 128;

SyncMode sync_mode(const Config& config) {
  switch (config.appendfsync) {
    case AppendFsync::kAlways: return SyncMode::kAlways;
    case AppendFsync::kNo: return SyncMode::kNo;
    case AppendFsync::kEverySec: break;
  }
  return SyncMode::kEverySecond;
}

EncodingLimits encoding_limits(const Config& c) {
  EncodingLimits limits;
  limits.hash_listpack_entries = static_cast<std::size_t>(c.hash_max_listpack_entries);
  limits.hash_listpack_value = static_cast<std::size_t>(c.hash_max_listpack_value);
  limits.set_intset_entries = static_cast<std::size_t>(c.set_max_intset_entries);
  limits.set_listpack_entries = static_cast<std::size_t>(c.set_max_listpack_entries);
  limits.set_listpack_value = static_cast<std::size_t>(c.set_max_listpack_value);
  limits.zset_listpack_entries = static_cast<std::size_t>(c.zset_max_listpack_entries);
  limits.zset_listpack_value = static_cast<std::size_t>(c.zset_max_listpack_value);
  limits.hll_sparse_bytes = static_cast<std::size_t>(c.hll_sparse_max_bytes);
  limits.list_listpack_size = static_cast<int>(c.list_max_listpack_size);
  limits.list_compress_depth = static_cast<int>(c.list_compress_depth);
  limits.stream_node_bytes = static_cast<std::size_t>(c.stream_node_max_bytes);
  limits.stream_node_entries = static_cast<std::int64_t>(c.stream_node_max_entries);
  return limits;
}

std::vector<std::span<const CommandSpec>> all_rows() {
  std::vector<std::span<const CommandSpec>> all;
  for (const auto commands : data_type_commands()) all.push_back(commands());
  for (const auto rows : {transaction_commands(), connection_commands(), client_commands(),
                          pubsub_commands(), server_commands(), config_commands(), info_commands(),
                          command_commands(), debug_commands(), acl_commands(),
                          command_log_commands(), latency_commands(), memory_commands(),
                          lolwut_commands(), migrate_commands(), snapshot_commands(),
                          eval_commands(),
                          script_commands(), function_commands()}) {
    all.push_back(rows);
  }
  return all;
}

}  // namespace

ServerHooks& hooks_of(Context& ctx) {
  Client* client = client_of(ctx);
  ASSERT(client);
  return client->worker().server();
}

Server::Server(Config config, ServerOptions options)
    : options_(std::move(options)),
      config_(std::move(config)),
      started_us_(clock_.now_us()),
      run_id_(random_hex(40)),
      keyspace_(static_cast<unsigned>(config_.current()->databases)),
      command_ids_(number_commands()),
      users_(command_ids_),
      scripting_(kRedisVersion),
      io_workers_(static_cast<unsigned>(
          std::clamp<std::int64_t>(config_.current()->io_threads, 1, kIoWorkersMax))),
      startup_memory_(allocated_bytes()) {
  const auto now = config_.current();
  // As many lanes, so that heavy clients alone may use the whole machine too.
  const unsigned workers = io_workers_ == 1 ? 1 : 2 * io_workers_;
  keyspace_.limits = encoding_limits(*now);
  keyspace_.rdb.compression = now->rdbcompression;
  idle_journal_ = make_null_journal(random_hex(40), 0,
                                    workers == 1 ? Workers::kOne : Workers::kSeveral);
  journal_ = idle_journal_.get();
  // No listener: it keeps nothing, so everything is safe as soon as it is appended.
  add_commands(*now);
  register_hooks();
  latency_.set_threshold_ms(now->latency_monitor_threshold);
  apply_limits(*now);
  apply_client_memory(*now);
  for (unsigned i = 0; i < workers; ++i) workers_.push_back(std::make_unique<Worker>(*this, i));
}

// Clients go before the journal that their sessions are known to.
Server::~Server() {
  if (loader_.joinable()) loader_.join();
  migrator_.reset();
  snapshots_.reset();
  close_listeners();
  signals_.clear();
  workers_.clear();
}

CommandIds Server::number_commands() {
  CommandIds ids;
  for (const auto rows : all_rows()) ids.add(rows);
  return ids;
}

Status Server::check_user(std::span<const Bytes> words) {
  const CommandIds ids = number_commands();
  auto rules = join_selectors(words.subspan(1));
  if (!rules) return Error("Unmatched parenthesis in an ACL selector");
  User user(ids, words.front(), 0, false);
  for (const Bytes& rule : *rules) {
    const RuleError error = user.apply(rule, false);
    if (error != RuleError::kNone && error != RuleError::kUnknown) {
      return Error(rule_error_text(error));
    }
  }
  return ok;
}

void Server::add_commands(const Config& config) {
  add_rows(config);
  command_ids_.bind(commands_, [&](const CommandSpec& copy) {
    return originals_.at(&copy);
  });
}

void Server::add_rows(const Config& config) {
  if (config.renamed_commands.empty()) {
    for (const auto rows : all_rows()) commands_.add(rows);
    return;
  }
  for (const auto rows : all_rows()) {
    for (const CommandSpec& row : rows) {
      const auto& renamed = config.renamed_commands;
      const auto found = std::ranges::find_if(renamed, [&](const RenamedCommand& each) {
        return equals_ignoring_case(each.name, row.name);
      });
      if (found == renamed.end()) {
        commands_.add({&row, 1});
      } else if (!found->new_name.empty()) {
        renamed_rows_.push_back(row);
        originals_[&renamed_rows_.back()] = &row;
        renamed_rows_.back().name = new_names_.emplace_back(to_lower(found->new_name)).c_str();
        commands_.add({&renamed_rows_.back(), 1});
      }
    }
  }
}

bool Server::knows_command(ByteView name) {
  return std::ranges::any_of(all_rows(), [&](std::span<const CommandSpec> rows) {
    return std::ranges::any_of(
        rows, [&](const CommandSpec& row) { return equals_ignoring_case(row.name, name); });
  });
}

void Server::each_worker(const std::function<void(Worker&)>& visit) {
  for (const auto& worker : workers_) visit(*worker);
}

// ---- configuration ------------------------------------------------------------------------------

void Server::register_hooks() {
  config_.on_change({"appendfsync"}, [this](const Config&, const Config& to) {
    journal().set_mode(sync_mode(to));
    return Status(ok);
  });
  config_.on_change({"appendonly"}, [this](const Config&, const Config& to) {
    return turn_journal(to.appendonly);
  });
  config_.on_change({"journal-segment-size"}, [this](const Config&, const Config& to) {
    if (file_journal_) {
      file_journal_->set_segment_bytes(static_cast<std::uint64_t>(to.journal_segment_size));
    }
    return Status(ok);
  });
  register_journal_hooks();
  config_.on_change({"latency-monitor-threshold"}, [this](const Config&, const Config& to) {
    latency_.set_threshold_ms(to.latency_monitor_threshold);
    return Status(ok);
  });
  config_.on_change({"requirepass"}, [this](const Config&, const Config& to) {
    users_.set_default_password(to.requirepass);
    return Status(ok);
  });
  config_.on_change({"maxmemory-clients", "maxmemory"}, [this](const Config&, const Config& to) {
    apply_client_memory(to);
    return Status(ok);
  });
  config_.on_change({"loglevel"}, [](const Config&, const Config& to) {
    set_log_level(to.loglevel);
    return Status(ok);
  });
  config_.on_change({"tls-port", "tls-cert-file", "tls-key-file", "tls-key-file-pass",
                     "tls-client-cert-file", "tls-client-key-file", "tls-client-key-file-pass",
                     "tls-dh-params-file", "tls-ca-cert-file", "tls-ca-cert-dir",
                     "tls-auth-clients", "tls-protocols", "tls-ciphers", "tls-ciphersuites",
                     "tls-prefer-server-ciphers", "tls-session-caching", "tls-session-cache-size",
                     "tls-session-cache-timeout"},
                    [this](const Config&, const Config& to) { return apply_tls(to); });
  config_.on_change({"port", "bind"}, [this](const Config& from, const Config& to) {
    return listen_elsewhere(from, to, Transport::kTcp);
  });
  config_.on_change({"tls-port", "bind"}, [this](const Config& from, const Config& to) {
    return listen_elsewhere(from, to, Transport::kTls);
  });
  load_delay_us_ = config_.current()->key_load_delay;
  config_.on_change({"key-load-delay"}, [this](const Config&, const Config& to) {
    load_delay_us_ = to.key_load_delay;
    return Status(ok);
  });
  config_.on_change({"oom-score-adj", "oom-score-adj-values"},
                    [](const Config&, const Config& to) { return set_oom_score(to); });
  config_.on_change({"proc-title-template"}, [this](const Config&, const Config& to) {
    set_process_title(to, options_.config_file);
    return Status(ok);
  });
  config_.on_change({"maxclients"}, [this](const Config&, const Config& to) {
    apply_limits(to);
    rlimit limit{};
    ::getrlimit(RLIMIT_NOFILE, &limit);
    if (limit.rlim_cur < static_cast<rlim_t>(to.maxclients) + kReservedDescriptors) {
      return Status(Error(
          "The operating system is not able to handle the specified number of clients"));
    }
    return Status(ok);
  });
  config_.on_change({"hash-max-listpack-entries", "hash-max-listpack-value",
                     "set-max-intset-entries", "set-max-listpack-entries",
                     "set-max-listpack-value", "zset-max-listpack-entries",
                     "zset-max-listpack-value", "list-max-listpack-size",
                     "list-compress-depth", "hll-sparse-max-bytes", "stream-node-max-bytes",
                     "stream-node-max-entries"},
                    [this](const Config&, const Config& to) {
                      keyspace_.limits = encoding_limits(to);
                      return Status(ok);
                    });
  config_.on_change({"rdbcompression"}, [this](const Config&, const Config& to) {
    keyspace_.rdb.compression = to.rdbcompression;
    return Status(ok);
  });
}

// Enough descriptors for maxclients, as far as the system grants them.
void Server::apply_limits(const Config& config) {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  const rlim_t wanted = static_cast<rlim_t>(config.maxclients) + kReservedDescriptors;
  if (limit.rlim_cur >= wanted) return;
  rlimit raised{wanted, std::max(limit.rlim_max, wanted)};
  if (::setrlimit(RLIMIT_NOFILE, &raised) == 0) return;
  raised = {std::min(limit.rlim_max, wanted), limit.rlim_max};
  ::setrlimit(RLIMIT_NOFILE, &raised);
  log_warning("You requested maxclients of {} requiring at least {} max file descriptors, but the "
              "system grants only {}.",
              config.maxclients, wanted, raised.rlim_cur);
}

bool Server::allows_protected(const CommandSpec& command, const ClientStatus& client) const {
  const auto config = config_.current();
  const ProtectedAction action = equals_ignoring_case(command.name, "debug")
                                     ? config->enable_debug_command
                                     : config->enable_module_command;
  return action == ProtectedAction::kYes || (action == ProtectedAction::kLocal && client.is_local);
}

bool Server::is_local(const Session& session) const {
  const auto* client = dynamic_cast<const Client*>(&session);
  return client && client->status().is_local;
}

// ---- running ------------------------------------------------------------------------------------

int Server::run() {
  const auto config = config_.current();
  const bool loads = config->appendonly ||
                     Start::has_dump(posix_file_system(), config->dir, config->dbfilename);
  loading_.store(loads, std::memory_order_release);
  // A loader is a second thread even where there is one worker.
  keyspace_.set_locking(worker_count() > 1 || loads);
  watch_signals();
  for (unsigned i = 1; i < worker_count(); ++i) {
    threads_.emplace_back([this, i] {
      name_thread(i < io_workers_ ? "worker " + std::to_string(i)
                                  : "lane " + std::to_string(i - io_workers_));
      workers_[i]->run();
    });
  }
  log_notice("Server initialized");
  if (loads) {
    start_loading();
  } else {
    ready();
  }
  workers_[0]->run();
  return end();
}

void Server::ready() {
  snapshots_->set_after_verified([this](Lsn) { after_snapshot(); });
  snapshots_->ready();
  if (!tcp_entrance_.listeners.empty()) log_notice("Ready to accept connections tcp");
  if (!tls_entrance_.listeners.empty()) log_notice("Ready to accept connections tls");
  if (unix_listener_) log_notice("Ready to accept connections unix");
  notify_supervisor("READY=1\nSTATUS=Ready to accept connections\n");
}

void Server::watch_signals() {
  ::signal(SIGHUP, SIG_IGN);
  ::signal(SIGPIPE, SIG_IGN);
  ::signal(SIGXFSZ, SIG_IGN);  // a file too large is an error of the write
  Loop& loop = workers_[0]->loop();
  for (const auto& [number, name] : {std::pair{SIGTERM, "SIGTERM"}, std::pair{SIGINT, "SIGINT"}}) {
    signals_.push_back(
        std::make_unique<SignalWatch>(loop, number, [this, name = name] { interrupted(name); }));
  }
}

void Server::interrupted(const char* name) {
  if (++interruptions_ > 1 && name == std::string_view("SIGINT")) {
    log_warning("You insist... exiting now.");
    std::_Exit(1);
  }
  log_warning("Received {} scheduling shutdown...", name);
  const auto config = config_.current();
  const unsigned flags = name == std::string_view("SIGINT") ? config->shutdown_on_sigint
                                                            : config->shutdown_on_sigterm;
  shut_down({.force = true,
             .save = (flags & kShutdownSave) != 0     ? ShutdownSave::kYes
                     : (flags & kShutdownNoSave) != 0 ? ShutdownSave::kNo
                                                      : ShutdownSave::kAsConfigured,
             .save_or_stay = (flags & kShutdownForce) == 0});
}

void Server::shut_down(Shutdown how) {
  workers_[0]->loop().post([this, how] {
    if (stopping_) return;
    log_notice("User requested shutdown...");
    // While loading there is nothing that is not on disk.
    const Status synced = loading() ? Status(ok) : journal().sync_now();
    if (!synced) {
      log_warning("The journal cannot be brought to disk: {}", synced.error().text());
      if (!how.force) {
        if (how.client == 0) return;
        Worker& worker = *workers_[how.worker];
        worker.loop().post([&worker, how] { worker.unblock(how.client, UnblockReason::kTimeout); });
        return;
      }
      exit_status_ = 1;
    }
    if (Status saved = save_before_end(how); !saved) {
      log_warning("Error trying to save the DB, can't exit.");
      log_warning("Errors trying to shut down the server. Check the logs for more information.");
      interruptions_ = 0;
      if (how.client == 0) return;
      Worker& worker = *workers_[how.worker];
      worker.loop().post([&worker, how] { worker.unblock(how.client, UnblockReason::kTimeout); });
      return;
    }
    notify_supervisor("STOPPING=1\n");
    stopping_ = true;
    close_listeners();
    each_worker([](Worker& worker) { worker.stop(); });
  });
}

bool Server::saves_at_end(const Shutdown& how) {
  if (loading() || how.save == ShutdownSave::kNo) return false;
  return how.save == ShutdownSave::kYes || !config_.current()->save.empty();
}

// Without a journal this is the last moment at which a failure can still prevent the end. With one
// nothing is lost then, and the snapshot is taken when all have stopped.
Status Server::save_before_end(const Shutdown& how) {
  if (keyspace_.busy()) return ok;  // with a script that ends with us
  snapshots_->call_off();
  save_at_end_ = saves_at_end(how);
  if (!save_at_end_ || config_.current()->appendonly) return ok;
  save_at_end_ = false;
  log_notice("Saving the final RDB snapshot before exiting.");
  Status saved = ok;
  {
    StripeSet all;
    all.add_all();
    const LockedStripes locked(keyspace_, all);
    saved = snapshots_->save_now();
  }
  if (saved || (how.force && !how.save_or_stay)) return ok;
  return saved;
}

void Server::save_at_end() {
  if (!save_at_end_ || !snapshots_->is_behind()) return;
  log_notice("Saving the final RDB snapshot before exiting.");
  if (Status saved = snapshots_->save_now(); !saved) {
    log_warning("There is no snapshot of the end, so the journal will be read.");
  }
}

int Server::end() {
  for (std::thread& thread : threads_) thread.join();
  threads_.clear();
  save_at_end();
  snapshots_.reset();
  migrator_.reset();
  if (loader_.joinable()) loader_.join();
  if (file_journal_ && !loading()) {
    log_notice("Calling fsync() on the journal.");
    if (Status closed = file_journal_->close(); !closed) {
      log_warning("The journal could not be closed in good order: {}", closed.error().text());
      exit_status_ = 1;
    }
  }
  const auto config = config_.current();
  if (!config->unixsocket.empty()) {
    log_notice("Removing the unix socket file.");
    ::unlink(config->unixsocket.c_str());
  }
  log_warning("Memoir is now ready to exit, bye bye...");
  return exit_status_;
}

void Server::on_progress(Lsn, Lsn synced) {
  if (latency_.enabled() && synced != synced_before_.exchange(synced) &&
      config_.current()->appendfsync == AppendFsync::kAlways) {
    latency_.add("aof-fsync-always", static_cast<std::int64_t>(journal().stats().last_sync_us),
                 clock_.now_us() / 1'000'000);
  }
  for (const auto& worker : workers_) {
    if (worker->take_progress_wish()) worker->loop().post([] {});
  }
}

// ---- pauses -------------------------------------------------------------------------------------

bool Server::pauses(const Client& client, std::span<const Word> words) {
  const PauseMode mode = pause_mode_.load(std::memory_order_relaxed);
  if (mode == PauseMode::kNone) return false;
  if (clock_.now_ms() >= pause_until_ms_.load(std::memory_order_relaxed)) return false;
  if (mode == PauseMode::kAll) return true;
  const auto may_write = [this](const CommandSpec& spec, std::span<const Word> request) {
    if (spec.access == Access::kWrite) return true;
    return spec.has(kMayReplicate) &&
           !declares_no_writes(scripting_, keyspace_, spec, request);
  };
  const CommandTable::Row* row = commands_.resolve(words);
  if (!row) return false;
  if (row->spec->arity.admits(words.size()) && may_write(*row->spec, words)) return true;
  // EXEC waits if anything in its queue would.
  return client.transaction.open && row->spec->has(kTransactionControl) &&
         std::ranges::any_of(client.transaction.queue, [&](const StoredRequest& request) {
           return may_write(*request.row->spec, request.words);
         });
}

void Server::pause(PauseMode mode, std::int64_t until_ms) {
  {
    const std::lock_guard lock(pause_mutex_);
    const bool over = clock_.now_ms() >= pause_until_ms_.load();
    if (over || until_ms > pause_until_ms_) pause_until_ms_ = until_ms;
    if (over || mode > pause_mode_) pause_mode_ = mode;
  }
  each_worker([](Worker& worker) { worker.loop().post([&worker] { worker.follow_pause(); }); });
}

void Server::unpause() {
  {
    const std::lock_guard lock(pause_mutex_);
    pause_mode_ = PauseMode::kNone;
    pause_until_ms_ = 0;
  }
  each_worker([](Worker& worker) { worker.loop().post([&worker] { worker.end_pause(); }); });
}

bool Server::pause_over(std::int64_t now_ms) {
  const std::lock_guard lock(pause_mutex_);
  if (now_ms < pause_until_ms_) return false;
  pause_mode_ = PauseMode::kNone;
  return true;
}

// ---- monitors -----------------------------------------------------------------------------------

void Server::change_monitors(unsigned worker, int by) {
  monitors_by_worker_[worker] += by;
  monitors_ += by;
  each_worker([this](Worker& each) {
    each.loop().post([this, &each] { each.dispatcher().settings.monitored = monitored(); });
  });
}

}  // namespace memoir
