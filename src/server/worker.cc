#include "src/server/worker.h"

#include <algorithm>

#include "src/base/cycles.h"
#include "src/base/log.h"
#include "src/base/number.h"
#include "src/base/random.h"
#include "src/server/redaction.h"
#include "src/command/interlude.h"
#include "src/server/server.h"

namespace memoir {
namespace {

// Active expiry works in slices of this length, so that requests wait no longer for it.
constexpr std::int64_t kExpireSliceUs = 1000;
// Kinds of errors that are counted apart, as in Redis.
constexpr std::size_t kErrorKindsMax = 128;

// From which figures on a run is of interest to one of the logs or the latency monitor.
void set_notable(const Config& c, DispatchSettings& settings) {
  std::int64_t us = c.slowlog_log_slower_than >= 0 ? c.slowlog_log_slower_than : INT64_MAX;
  if (c.latency_monitor_threshold > 0) {
    constexpr std::int64_t kMost = INT64_MAX / 1000;
    us = std::min(us, std::min(c.latency_monitor_threshold, kMost) * 1000);
  }
  const double cycles = static_cast<double>(us) * cycles_per_us();
  settings.notable_cycles = cycles < 9e18 ? static_cast<std::uint64_t>(cycles) : UINT64_MAX;
  const auto bytes = [](std::int64_t limit) {
    return limit < 0 ? SIZE_MAX : static_cast<std::size_t>(limit);
  };
  settings.notable_request_bytes = bytes(c.commandlog_request_larger_than);
  settings.notable_reply_bytes = bytes(c.commandlog_reply_larger_than);
}

}  // namespace

Worker::Worker(Server& server, unsigned index)
    : server_(server),
      config_store_(server.config()),
      users_(server.users()),
      index_(index),
      scripts_(server.scripting()),
      subscriptions_(server.pubsub(), index),
      invalidator_(*this),
      cron_timer_(loop_, [this] { cron(); }),
      deadline_timer_(loop_, [this] { deadlines_due(); }) {
  clock_.refresh();
  use_journal(server.journal());
  follow_config();
  loop_.set_end_of_turn([this] { end_of_turn(); });
}

Worker::~Worker() {
  while (!clients_.empty()) destroy(*clients_.begin()->second);
}

void Worker::use_journal(Journal& journal) {
  for (auto& [id, client] : clients_) client->journal_session = {};
  former_dispatcher_ = std::move(dispatcher_);
  dispatcher_ = std::make_unique<Dispatcher>(server_.keyspace(), server_.commands(), journal,
                                             clock_, *this, system_random());
  shared_dispatcher_ = dispatcher_.get();
  if (config_) dispatcher_->settings = dispatch_settings();
}

void Worker::run() {
  server_.keyspace().set_waiter(this);
  loop_.run();
  server_.keyspace().set_waiter(nullptr);
  for (auto& [id, client] : clients_) client->close();
  destroy_closed();
}

void Worker::stop() {
  loop_.post([this] {
    stopping_ = true;
    loop_.stop();
  });
}

// ---- configuration ------------------------------------------------------------------------------

void Worker::take_config() {
  config_version_ = config_store_.version();
  const bool same_order =
      config_ && config_->locale_collate == config_store_.current()->locale_collate;
  config_ = config_store_.current();
  if (!same_order) collation_ = std::make_shared<Collation>(config_->locale_collate.c_str());
  request_limits_.bulk_bytes_max = static_cast<std::size_t>(config_->proto_max_bulk_len);
  request_limits_.query_buffer_max = static_cast<std::size_t>(config_->client_query_buffer_limit);
  dispatcher_->settings = dispatch_settings();
  const bool watched = config_->heavy_command_time > 0 && server_.io_worker_count() > 1;
  long_cycles_ = watched ? static_cast<std::int64_t>(
                               static_cast<double>(config_->heavy_command_time) * cycles_per_us())
                         : INT64_MAX;
  if (config_->hz != cron_hz_) start_cron();
}

void Worker::start_cron() {
  cron_hz_ = config_->hz;
  const std::chrono::milliseconds interval(1000 / cron_hz_);
  cron_timer_.start(interval, interval);
}

DispatchSettings Worker::dispatch_settings() const {
  const Config& c = *config_;
  DispatchSettings settings;
  settings.events_wanted = c.notify_keyspace_events;
  settings.maxmemory = c.maxmemory;
  settings.maxmemory_policy = c.maxmemory_policy;
  settings.maxmemory_samples = static_cast<unsigned>(c.maxmemory_samples);
  settings.string_bytes_max = static_cast<std::size_t>(c.proto_max_bulk_len);
  settings.lfu_log_factor = static_cast<unsigned>(c.lfu_log_factor);
  settings.lfu_decay_minutes = static_cast<unsigned>(c.lfu_decay_time);
  settings.lazyfree_eviction = c.lazyfree_lazy_eviction;
  settings.lazyfree_expire = c.lazyfree_lazy_expire;
  settings.lazyfree_server_del = c.lazyfree_lazy_server_del;
  settings.lazyfree_user_del = c.lazyfree_lazy_user_del;
  settings.lazyfree_user_flush = c.lazyfree_lazy_user_flush;
  settings.active_expire = server_.active_expire();
  settings.expiry = expiry_mode();
  settings.active_expire_effort = static_cast<unsigned>(c.active_expire_effort);
  settings.latency_tracking = c.latency_tracking;
  set_notable(c, settings);
  settings.busy_reply_threshold_ms = c.busy_reply_threshold;
  settings.monitored = server_.monitored();
  settings.snapshots_failing = refuses_writes();
  settings.collation = collation_;
  return settings;
}

bool Worker::refuses_writes() const { return server_.snapshots().refuses_writes(*config_); }

// ---- clients ------------------------------------------------------------------------------------

void Worker::add_client(Socket socket, std::shared_ptr<ClientStatus> status,
                        std::unique_ptr<TlsStream> tls) {
  if (stopping_) return;
  clock_.refresh();
  follow_config();
  auto client =
      std::make_unique<Client>(*this, std::move(socket), std::move(status), std::move(tls));
  server_.clients().add(client->status_);
  join_roster(std::move(client));
}

void Worker::join_roster(std::unique_ptr<Client> client) {
  client->roster_place_ = roster_.size();
  roster_.push_back(client.get());
  clients_.emplace(client->identity.id, std::move(client));
  KeyspaceStats::bump(stats_.clients);
}

void Worker::leave_roster(Client& client) {
  Client* const last = roster_.back();
  last->roster_place_ = client.roster_place_;
  roster_[client.roster_place_] = last;
  roster_.pop_back();
  stats_.clients.fetch_sub(1, std::memory_order_relaxed);
}

Client* Worker::find_client(std::uint64_t id) {
  const auto found = clients_.find(id);
  return found == clients_.end() || found->second->closed() ? nullptr : found->second.get();
}

void Worker::kill(std::uint64_t id) {
  if (Client* client = find_client(id)) return client->close();
  follow(id, [id](Worker& to) { to.kill(id); });
}

void Worker::unblock(std::uint64_t id, UnblockReason reason) {
  Client* client = find_client(id);
  if (!client) {
    follow(id, [id, reason](Worker& to) { to.unblock(id, reason); });
    return;
  }
  if (within_) {  // to withdraw its request needs stripes
    unblocking_.emplace_back(id, reason);
    return;
  }
  client->status().unblocking.store(false, std::memory_order_relaxed);
  if (client->blocked() != Blocked::kNot && client->blocked() != Blocked::kByPause) {
    client->end_wait(reason);
  }
}

void Worker::publish_statuses() {
  for (Client* client : touched_) client->publish_status();
}

void Worker::destroy_closed() {
  // Destroying does not close others, but stay on the safe side of iterators.
  for (std::size_t i = 0; i < closing_.size(); ++i) destroy(*closing_[i]);
  closing_.clear();
}

void Worker::destroy(Client& client) {
  if (client.parked_) dispatcher_->withdraw(client.parked_);
  if (client.blocked() != Blocked::kNot) not_waiting(client);
  dispatcher_->discard(client);
  dispatcher_->unwatch(client);
  subscriptions_.unsubscribe_all(client);
  invalidator_.turn_off(client);
  remove_monitor(client);
  server_.clients().account(client.status(), 0);
  if (client.touched_) std::erase(touched_, &client);
  if (client.gated_) std::erase(gated_, &client);
  server_.clients().remove(client.identity.id);
  server_.clients().left();
  leave_roster(client);
  clients_.erase(client.identity.id);
}

// ---- the end of a turn --------------------------------------------------------------------------

void Worker::end_of_turn() {
  if (within_) {
    write_journal(true);
    return send_outputs();
  }
  if (stopping_) loop_.stop();  // the order may have come within a request
  for (const auto& [id, reason] : std::exchange(unblocking_, {})) unblock(id, reason);
  run_waiting();
  if (expire_left_us_ > 0) expire_slice();
  limit_tracking_table();
  invalidator_.end_turn();
  const bool active = !touched_.empty();
  write_journal(active);
  send_outputs();
  server_.limit_client_memory(*this);
  if (!movers_.empty()) hand_over_movers();
  if (busy_told_ && active) loop_.do_not_wait();
  if (!active) tell_busy(false);
  if (!closing_.empty()) destroy_closed();
  if (!resuming_.empty() || !deliveries_.empty()) loop_.do_not_wait();
  if (turn_began_us_ != 0) count_turn();
}

void Worker::count_turn() {
  const auto raise = [](std::atomic<std::uint64_t>& most, std::uint64_t value) {
    if (value > most.load(std::memory_order_relaxed)) most.store(value, std::memory_order_relaxed);
  };
  clock_.refresh();
  const auto us =
      static_cast<std::uint64_t>(clock_.cached_monotonic_us() - std::exchange(turn_began_us_, 0));
  KeyspaceStats::bump(stats_.turns);
  KeyspaceStats::bump(stats_.turn_us, us);
  raise(stats_.turn_us_max, us);
  const std::uint64_t commands = stats_.commands.load(std::memory_order_relaxed);
  const std::uint64_t before = std::exchange(commands_before_, commands);
  if (commands > before) raise(stats_.turn_commands_max, commands - before);
}

void Worker::limit_tracking_table() {
  constexpr std::int64_t kBudgetUs = 500;
  const auto most = static_cast<std::uint64_t>(config_->tracking_table_max_keys);
  Keyspace& keyspace = server_.keyspace();
  if (most == 0 || keyspace.tracked().keys.load(std::memory_order_relaxed) <= most) return;
  if (keyspace.busy()) return;  // a long script has all stripes
  if (!dispatcher_->limit_tracked(most, kBudgetUs)) loop_.do_not_wait();
}

// Where replies wait for a sync anyway, turns that follow each other at once share a frame.
void Worker::write_journal(bool active) {
  constexpr std::int64_t kGatherUs = 400;
  Journal& journal = dispatcher_->journal();
  if (journal.written() < journal.position()) {
    const bool always = journal.mode() == SyncMode::kAlways;
    if (always) tell_busy(true);
    const std::int64_t now_us = clock_.cached_monotonic_us();
    if (always && active && sync_wish_ == 0 && now_us - flushed_us_ < kGatherUs) return;
    flushed_us_ = now_us;
    const std::int64_t began_us = clock_.monotonic_us();
    journal.flush();
    const std::int64_t taken_us = clock_.monotonic_us() - began_us;
    KeyspaceStats::bump(stats_.journal_us, static_cast<std::uint64_t>(taken_us));
    server_.latency().add("aof-write", taken_us, clock_.now_us() / 1'000'000);
  }
  if (sync_wish_ > 0) journal.request_sync(std::exchange(sync_wish_, 0));
}

// Requests that go on after a wait. What they set going in turn is for the next round; a chain of
// clients that wake each other must not hold up the rest for ever.
void Worker::run_waiting() {
  constexpr int kRounds = 8;
  for (int i = 0; i < kRounds && (!deliveries_.empty() || !resuming_.empty()); ++i) {
    clock_.refresh();
    for (Delivery& delivery : std::exchange(deliveries_, {})) {
      accept_delivery(std::move(delivery));
    }
    for (const std::uint64_t id : std::exchange(resuming_, {})) {
      if (Client* client = find_client(id)) client->resume();
    }
  }
}

void Worker::send_outputs() {
  const Lsn safe = this->safe();
  if (!gated_.empty()) release_gated(safe);
  // finish_turn() may close clients but touches none.
  const bool all_move = config_->move_clients && server_.worker_count() > 1;
  std::size_t kept = 0;
  for (std::size_t i = 0; i < touched_.size(); ++i) {
    Client& client = *touched_[i];
    if (client.running_) {  // this is a turn within its request
      touched_[kept++] = &client;
      continue;
    }
    client.finish_turn(safe);
    const bool arrived = std::exchange(client.arrived_, false);
    if (client.load_.wish() != LoadWatch::Wish::kStay || all_move) [[unlikely]] {
      if (!within_ && !arrived) movers_.push_back(&client);
    }
    if (client.gated_by() != 0 && !client.gated_) {
      client.gated_ = true;
      gated_.push_back(&client);
    }
  }
  touched_.resize(kept);
  if (!sync_waits_.empty()) end_sync_waits();
  if (!gated_.empty() || !sync_waits_.empty()) watch_journal(safe);
}

// After a turn that wrote something to be synced the worker looks once more, without waiting,
// whether there is more to do, until there is not, and tells the journal both: a sync serves all
// who come meanwhile.
void Worker::tell_busy(bool busy) {
  if (busy == busy_told_) return;
  busy_told_ = busy;
  dispatcher_->journal().change_busy(busy ? 1 : -1);
}

// Clients whose held output may leave now are treated as if they had done something.
void Worker::release_gated(Lsn safe) {
  std::erase_if(gated_, [&](Client* client) {
    if (client->gated_by() > safe) return false;
    client->gated_ = false;
    touch(*client);
    return true;
  });
}

// Asks the journal's listener for a wake-up, and looks again: the progress may have been made in
// between.
void Worker::watch_journal(Lsn safe) {
  wants_progress_.store(true);
  const Journal& journal = dispatcher_->journal();
  bool again = journal.safe() > safe && !gated_.empty();
  for (const std::uint64_t id : sync_waits_) {
    const Client* client = find_client(id);
    again |= !client || client->awaited_sync() <= journal.synced();
  }
  if (again) loop_.do_not_wait();
}

void Worker::end_sync_waits() {
  const Lsn synced = dispatcher_->journal().synced();
  for (const std::uint64_t id : std::vector<std::uint64_t>(sync_waits_)) {
    Client* client = find_client(id);
    if (client && client->awaited_sync() <= synced) client->end_wait(UnblockReason::kTimeout);
  }
}

// ---- waiting clients ----------------------------------------------------------------------------

void Worker::resume_later(Client& client) {
  if (client.resuming_) return;
  client.resuming_ = true;
  resuming_.push_back(client.identity.id);
}

void Worker::waiting(Client& client) {
  KeyspaceStats::bump(stats_.blocked);
  if (client.blocked() == Blocked::kOnSync) sync_waits_.push_back(client.identity.id);
  sync_wish_ = std::max(sync_wish_, client.awaited_sync());
  if (client.deadline_ms() == 0) return;
  deadlines_.emplace(client.deadline_ms(), client.identity.id);
  if (deadlines_.begin()->second == client.identity.id) arm_deadlines();
}

void Worker::not_waiting(Client& client) {
  stats_.blocked.fetch_sub(1, std::memory_order_relaxed);
  if (client.blocked() == Blocked::kByPause) {
    std::erase(paused_, client.identity.id);
    return;
  }
  if (client.blocked() == Blocked::kOnSync) std::erase(sync_waits_, client.identity.id);
  if (client.deadline_ms() != 0) deadlines_.erase({client.deadline_ms(), client.identity.id});
}

void Worker::arm_deadlines() {
  if (deadlines_.empty()) return deadline_timer_.stop();
  const std::int64_t left_ms = deadlines_.begin()->first - clock_.now_ms();
  deadline_timer_.start(std::chrono::milliseconds(std::max<std::int64_t>(left_ms, 0)));
}

void Worker::deadlines_due() {
  if (within_) return;  // afterwards
  clock_.refresh();
  const std::int64_t now_ms = clock_.now_ms();
  while (!deadlines_.empty() && deadlines_.begin()->first <= now_ms) {
    const auto due = *deadlines_.begin();
    Client* client = find_client(due.second);
    // If the reply is on its way the client stays blocked until it comes, without a deadline.
    if (!client || !client->end_wait(UnblockReason::kTimeout)) deadlines_.erase(due);
  }
  arm_deadlines();
}

// During a pause nothing changes, so keys whose time comes are hidden only.
ExpiryMode Worker::expiry_mode() const {
  return server_.pausing() ? ExpiryMode::kHide : ExpiryMode::kDelete;
}

void Worker::follow_pause() { dispatcher_->settings.expiry = expiry_mode(); }

void Worker::end_pause() {
  follow_pause();
  for (const std::uint64_t id : std::exchange(paused_, {})) {
    Client* client = find_client(id);
    if (!client || client->blocked() != Blocked::kByPause) continue;
    stats_.blocked.fetch_sub(1, std::memory_order_relaxed);
    client->unblock();
  }
}

void Worker::write_wait_result(const Client& client, TimeoutReply on_timeout, ReplyWriter& reply) {
  switch (client.blocked()) {
    case Blocked::kOnKeys:
      return write_timeout_reply(on_timeout, reply);
    case Blocked::kOnReplicas:
      return reply.integer(0);
    case Blocked::kOnSync:
    case Blocked::kOnSyncAndReplicas:
      reply.array(2);
      reply.integer(dispatcher_->journal().synced() >= client.awaited_sync() ? 1 : 0);
      return reply.integer(0);
    case Blocked::kOnWorkers:
      return reply.ok();
    case Blocked::kOnShutdown:
      return reply.error("ERR Errors trying to SHUTDOWN. Check logs.");
    case Blocked::kOnMigration:
    case Blocked::kByPause:
    case Blocked::kNot:
      return;
  }
}

Lsn Worker::run_again(Session& session, const StoredRequest& request, ReplyWriter& reply) {
  clock_.refresh();
  follow_config();
  return dispatcher_->run_again(session, request, reply).lsn;
}

void Worker::accept_delivery(Delivery&& delivery) {
  Client* client = find_client(delivery.client);
  if (client) client->deliver(std::move(delivery.reply), delivery.lsn);
}

// ---- the dispatcher's host ----------------------------------------------------------------------

Status Worker::admit(Session& session, const CommandTable::Row& row,
                     std::span<const Word> words) {
  if (&session != current_) return ok;
  Client& client = *current_;
  client.set_command(row);
  if (client.unrestricted() && client.rights_version() == users_.version() &&
      client.subscriptions().total() == 0 && !server_.loading() && !row.spec->has(kProtected) &&
      !server_.keyspace().busy()) [[likely]] {
    return ok;
  }
  return refuse_special(client, row, words);
}

Status Worker::refuse_special(Client& client, const CommandTable::Row& row,
                              std::span<const Word> words) {
  const CommandSpec& spec = *row.spec;
  const CommandSpec& command = row.parent ? *row.parent : spec;
  if (spec.has(kProtected) && !server_.allows_protected(command, client.status())) {
    return Error(fmt::format(
        "ERR {} command not allowed. If the enable-{}-command option is set to \"local\", you can "
        "run it from a local connection, otherwise you need to set this option in the "
        "configuration file, and then restart the server.",
        to_upper(command.name), command.name));
  }
  client.follow_rights();
  if (!client.logged_in() && !spec.has(kNoAuth)) return Error("NOAUTH Authentication required.");
  if (Status permitted = permit(client, row, words, Origin::kClient); !permitted) return permitted;
  if (client.in_subscriber_mode() && !spec.has(kSubscriberMode)) {
    return Error("ERR Can't execute '" + CommandTable::full_name(row) +
                 "': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are allowed in "
                 "this context");
  }
  if (server_.loading() && !spec.has(kLoading)) {
    return Error("LOADING Redis is loading the dataset in memory");
  }
  if (server_.keyspace().busy() && !spec.has(kAllowBusy)) return busy_error();
  return ok;
}

void Worker::notify(const KeyEvent& event, Lsn lsn) {
  const std::string db = std::to_string(event.db);
  const std::uint32_t wanted = dispatcher_->settings.events_wanted;
  if (wanted & kEventKeyspace) {
    publish(Topic::kChannel, "__keyspace@" + db + "__:" + event.key, event.name, lsn);
  }
  if (wanted & kEventKeyevent) {
    publish(Topic::kChannel, "__keyevent@" + db + "__:" + event.name, event.key, lsn);
  }
}

std::size_t Worker::publish(Topic topic, ByteView channel, ByteView text, Lsn lsn) {
  const PubSub::Audience audience = server_.pubsub().audience(topic, channel);
  if (audience.receivers == 0) return 0;
  WorkerSet others = audience.workers;
  others.reset(index_);
  if (others.any()) {
    const auto message =
        std::make_shared<const Published>(Published{topic, Bytes(channel), Bytes(text), lsn});
    for (unsigned i = 0; i < server_.worker_count(); ++i) {
      if (!others.test(i)) continue;
      Worker& worker = server_.worker(i);
      worker.loop().post([&worker, message] {
        worker.clock().refresh();
        worker.subscriptions().deliver(message->topic, message->channel, message->text,
                                       message->lsn);
      });
    }
  }
  if (audience.workers.test(index_)) subscriptions_.deliver(topic, channel, text, lsn);
  return audience.receivers;
}

void Worker::parked(Session&, const std::shared_ptr<Parked>& parked) {
  parked->worker = index_;
  if (!current_) return;
  parked->rights = current_->rights_version();
  current_->block_on_keys(parked);
}

void Worker::deliver(const std::shared_ptr<Parked>& parked, OutputBuffer&& reply, Lsn lsn) {
  Delivery delivery{parked->identity.id, std::move(reply), lsn};
  if (parked->worker == index_) {
    deliveries_.push_back(std::move(delivery));
    return;
  }
  Worker& worker = server_.worker(parked->worker);
  worker.loop().post([&worker, delivery = std::move(delivery)]() mutable {
    worker.clock().refresh();
    worker.accept_delivery(std::move(delivery));
  });
}

void Worker::invalidate(std::vector<Invalidation>&& invalidations, std::uint64_t source,
                        Lsn lsn) {
  invalidator_.invalidate(std::move(invalidations), source, lsn);
}

void Worker::free_later(std::vector<std::unique_ptr<Object>>&& garbage) {
  server_.background().free_later(std::move(garbage));
}

void Worker::failed(ByteView error) {
  KeyspaceStats::bump(stats_.errors);
  const ByteView code = error.substr(0, error.find(' '));
  const std::lock_guard lock(errors_mutex_);
  const auto found = errors_.find(code);
  if (found != errors_.end()) {
    ++found->second;
  } else if (errors_.size() < kErrorKindsMax) {
    errors_.emplace(code, 1);
  }
}

void Worker::each_error(const std::function<void(const Bytes&, std::uint64_t)>& visit) const {
  const std::lock_guard lock(errors_mutex_);
  for (const auto& [code, count] : errors_) visit(code, count);
}

void Worker::reset_stats() {
  const auto clear = [](std::atomic<std::uint64_t>& counter) {
    counter.store(0, std::memory_order_relaxed);
  };
  for (auto* counter : {&stats_.commands, &stats_.input_bytes, &stats_.output_bytes, &stats_.reads,
                        &stats_.writes, &stats_.errors, &stats_.turns, &stats_.turn_us,
                        &stats_.turn_us_max, &stats_.turn_commands_max, &stats_.journal_us,
                        &stats_.cron_us}) {
    clear(*counter);
  }
  Dispatcher& dispatcher = *shared_dispatcher_.load();
  KeyspaceStats& keys = dispatcher.stats();
  for (auto* counter :
       {&keys.hits, &keys.misses, &keys.expired, &keys.expired_members, &keys.evicted}) {
    clear(*counter);
  }
  for (CommandStats& stats : dispatcher.command_stats()) {
    for (auto* counter : {&stats.calls, &stats.cycles, &stats.rejected, &stats.failed}) {
      clear(*counter);
    }
  }
  for (std::size_t i = 0; i < server_.commands().size(); ++i) {
    if (LatencyHistogram* histogram = dispatcher.latency(i)) histogram->clear();
  }
  const std::lock_guard lock(errors_mutex_);
  errors_.clear();
}

void Worker::evicted(std::int64_t us) {
  server_.latency().add("eviction-cycle", us, clock_.now_us() / 1'000'000);
}

void Worker::notable(Session& session, const CommandTable::Row& row, std::span<const Word> words,
                     const RunFigures& figures) {
  server_.latency().add(row.spec->has(kFast) ? "fast-command" : "command", figures.us,
                        clock_.now_us() / 1'000'000);
  if (row.spec->has(kSkipSlowlog)) return;
  const Config& c = *config_;
  const struct {
    CommandLogKind kind;
    std::int64_t value, limit, entries_max;
  } logs[] = {
      {CommandLogKind::kSlow, figures.us, c.slowlog_log_slower_than, c.slowlog_max_len},
      {CommandLogKind::kLargeRequest, static_cast<std::int64_t>(figures.request_bytes),
       c.commandlog_request_larger_than, c.commandlog_large_request_max_len},
      {CommandLogKind::kLargeReply, static_cast<std::int64_t>(figures.reply_bytes),
       c.commandlog_reply_larger_than, c.commandlog_large_reply_max_len},
  };
  std::vector<Word> copy;
  for (const auto& log : logs) {
    if (log.limit < 0 || log.value < log.limit || log.entries_max == 0) continue;
    const Sender sender = sender_of(session);
    server_.command_log(log.kind).add(redacted(row, words, copy), log.value, sender.address,
                                      sender.name, clock_.now_us(),
                                      static_cast<std::size_t>(log.entries_max));
  }
}

// A parked request runs in a session that knows only its client's number.
Worker::Sender Worker::sender_of(Session& session) const {
  if (session.caller) return {};  // a script's command, as in Redis
  if (session.proxied_journal_session == 0 && client_behind(session)) {
    return {session.address(), session.client_name()};
  }
  Sender sender;
  if (const auto status = server_.clients().find(session.identity.id)) {
    server_.clients().locked([&] { sender = {status->peer, status->name}; });
  }
  return sender;
}

// ---- monitors -----------------------------------------------------------------------------------

void Worker::add_monitor(Client& client) {
  if (std::ranges::find(monitors_, &client) != monitors_.end()) return;
  monitors_.push_back(&client);
  server_.change_monitors(index_, +1);
}

void Worker::remove_monitor(Client& client) {
  if (std::erase(monitors_, &client) > 0) server_.change_monitors(index_, -1);
}

void Worker::monitor(Session& session, std::span<const Word> words, Origin origin) {
  server_.feed_monitors(*this, session, words, origin, clock_.now_us());
}

void Worker::feed_monitors(const SharedBytes& line) {
  for (Client* client : monitors_) client->push(line, 0);
}

// ---- beside a script ----------------------------------------------------------------------------

Error Worker::busy_error() const { return server_.scripting().busy_error(); }

bool Worker::waits_for_script(const Client& client, std::span<const Word> words) const {
  if (server_.keyspace().locked_by_this_thread()) return false;
  const CommandTable::Row* row = server_.commands().resolve(words);
  if (!row || !row->spec->has(kAllowBusy)) return false;  // refused, or answered by the script
  return row->spec->locks != Locks::kNone || !client.watched.empty();
}

// One turn in the midst of a request: of the script that runs here, or of one that waits for
// stripes that a script on another worker holds. What needs stripes or ends clients is left for
// later.
void Worker::serve_within(std::chrono::milliseconds wait) {
  if (within_) return;
  within_ = true;
  Client* const running = std::exchange(current_, nullptr);
  {
    const Dispatcher::Interlude aside(*dispatcher_);
    clock_.refresh();
    loop_.run_within(wait);
  }
  current_ = running;
  within_ = false;
  arm_deadlines();
  if (!closing_.empty() || !resuming_.empty() || !unblocking_.empty()) loop_.do_not_wait();
}

void Worker::while_waiting() {
  constexpr std::chrono::milliseconds kInterval(10);
  // Out of the loop (at the end), or within a turn like this one, there is nobody to serve.
  if (within_ || stopping_) return;
  serve_within(kInterval);
}

// ---- now and then -------------------------------------------------------------------------------

void Worker::cron() {
  if (is_lane() && clients_.empty()) {  // until one comes
    cron_timer_.stop();
    cron_hz_ = 0;
    return;
  }
  refresh_clock();
  const std::int64_t began_us = clock_.cached_monotonic_us();
  follow_config();
  clients_cron(began_us);
  if (server_.pausing() && server_.pause_over(clock_.now_ms())) end_pause();
  if (!server_.pausing() && !paused_.empty()) end_pause();
  follow_pause();
  const bool open = !server_.loading() && !server_.keyspace().busy();
  if (open) start_expiry();
  if (index_ == 0) {
    // Where no command does: the limit was lowered, or other memory has grown.
    constexpr std::int64_t kEvictionUs = 1000;
    if (open) dispatcher_->evict_some(kEvictionUs);
    server_.cron();
  }
  KeyspaceStats::bump(stats_.cron_us, static_cast<std::uint64_t>(clock_.monotonic_us() - began_us));
}

void Worker::clients_cron(std::int64_t now_us) {
  constexpr std::size_t kClientsMin = 5;
  const auto share = roster_.size() / static_cast<std::size_t>(cron_hz_) + 1;
  std::size_t count = std::min(std::max(share, kClientsMin), roster_.size());
  for (; count > 0; --count) {
    if (roster_next_ >= roster_.size()) roster_next_ = 0;
    roster_[roster_next_++]->cron(now_us);
  }
}

// As in Redis a quarter of the time at most, more by active-expire-effort.
void Worker::start_expiry() {
  if (!dispatcher_->settings.active_expire || server_.pausing() || is_lane()) return;
  const std::int64_t percent = 25 + 2 * (config_->active_expire_effort - 1);
  expire_left_us_ = 1'000'000 / cron_hz_ * percent / 100;
}

void Worker::expire_slice() {
  const std::int64_t slice_us = std::min(expire_left_us_, kExpireSliceUs);
  const LatencyWatch watch(server_.latency(), clock_, "expire-cycle");
  const std::size_t expired = dispatcher_->expire_some(index_, server_.io_worker_count(), slice_us);
  expire_left_us_ = expired > 0 ? expire_left_us_ - slice_us : 0;
  if (expire_left_us_ > 0) loop_.do_not_wait();
}

}  // namespace memoir
