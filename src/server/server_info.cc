// The server's figures for INFO, and what is counted now and then.
#include <unistd.h>

#include <algorithm>
#include <numeric>

#include "persistence/file_journal.h"
#include "src/base/alloc.h"
#include "src/base/cycles.h"
#include "src/base/random.h"
#include "src/server/server.h"
#include "src/server/worker.h"

namespace memoir {
namespace {

constexpr std::int64_t kRateIntervalUs = 100'000;

std::uint64_t read(const std::atomic<std::uint64_t>& counter) {
  return counter.load(std::memory_order_relaxed);
}

void clear(std::atomic<std::uint64_t>& counter) { counter.store(0, std::memory_order_relaxed); }

}  // namespace

// ---- now and then -------------------------------------------------------------------------------

void Server::Rate::sample(std::uint64_t now, double seconds) {
  // A reset of the counters makes them smaller.
  const std::uint64_t grown = now >= last ? now - last : 0;
  per_second[next] = static_cast<double>(grown) / seconds;
  next = (next + 1) % kSamples;
  last = now;
}

double Server::Rate::average() const {
  return std::accumulate(per_second.begin(), per_second.end(), 0.0) / kSamples;
}

void Server::cron() {
  snapshots_->cron();
  const std::size_t used = allocated_bytes();
  if (used > peak_memory_) peak_memory_ = used;
  const std::int64_t now_us = clock_.monotonic_us();
  if (now_us - rates_sampled_us_ < kRateIntervalUs) return;
  std::uint64_t commands = 0, input = 0, output = 0, turns = 0, turn_us = 0;
  each_worker([&](Worker& worker) {
    commands += read(worker.stats().commands);
    input += read(worker.stats().input_bytes);
    output += read(worker.stats().output_bytes);
    turns += read(worker.stats().turns);
    turn_us += read(worker.stats().turn_us);
  });
  const double seconds = static_cast<double>(now_us - rates_sampled_us_) / 1e6;
  rates_sampled_us_ = now_us;
  const std::lock_guard lock(rates_mutex_);
  command_rate_.sample(commands, seconds);
  input_rate_.sample(input, seconds);
  output_rate_.sample(output, seconds);
  turn_rate_.sample(turns, seconds);
  turn_us_rate_.sample(turn_us, seconds);
}

void Server::reset_stats() {
  each_worker([](Worker& worker) { worker.reset_stats(); });
  clear(connections_);
  clear(rejected_);
  clear(query_limit_disconnections_);
  clear(output_limit_disconnections_);
  security_log_.reset_counts();
  clear(evicted_clients_);
  background_.reset_stats();
  scripting_.scripts.reset_stats();
  peak_memory_ = allocated_bytes();
}

void Server::set_active_expire(bool on) {
  active_expire_ = on;
  each_worker([on](Worker& worker) {
    worker.loop().post([&worker, on] { worker.dispatcher().settings.active_expire = on; });
  });
}

Status Server::change_replication_id() {
  return journal().change_replication_id(random_hex(40));
}

// ---- INFO ---------------------------------------------------------------------------------------

void Server::fill_info(std::uint32_t sections, InfoSources& sources) {
  sources.config = config_.current();
  sources.server.run_id = run_id_;
  sources.server.executable = options_.executable;
  sources.server.config_file = options_.config_file;
  sources.server.now_us = clock_.now_us();
  sources.server.started_us = started_us_;
  sources.server.workers = io_worker_count();
  sources.server.supervised = options_.supervised;
  sources.server.listeners = listener_lines();
  fill_process_figures(sources);
  peak_memory_ = std::max(peak_memory_.load(), sources.memory.used);
  sources.memory.peak = peak_memory_;
  sources.memory.startup = startup_memory_;
  fill_clients(sources);
  fill_stats(sources);
  fill_persistence(sources);
  if (sections & (kInfoCommandStats | kInfoLatencyStats | kInfoErrorStats)) {
    fill_commands(sections, sources);
  }
}

void Server::fill_clients(InfoSources& sources) {
  const std::int64_t now_us = clock_.monotonic_us();
  constexpr std::int64_t kRecentUs = 8'000'000;
  clients_.each([&](const ClientStatus& status) {
    ++sources.clients.connected;
    if (now_us - status.active_us > kRecentUs) return;
    ClientFigures& c = sources.clients;
    c.recent_max_input_bytes = std::max<std::size_t>(c.recent_max_input_bytes, status.query_bytes);
    c.recent_max_output_bytes =
        std::max<std::size_t>(c.recent_max_output_bytes, status.output_memory);
  });
  sources.memory.clients = clients_.memory();
  sources.clients.tracking = static_cast<std::size_t>(tracking_clients());
  each_worker([&](Worker& worker) {
    sources.clients.blocked += read(worker.stats().blocked);
    if (worker.is_lane()) sources.clients.in_lanes += worker.client_count();
  });
  sources.memory.overhead = startup_memory_ + sources.memory.clients;
}

void Server::fill_stats(InfoSources& sources) {
  StatFigures& stats = sources.stats;
  each_worker([&](Worker& worker) {
    const WorkerStats& own = worker.stats();
    stats.commands += read(own.commands);
    stats.input_bytes += read(own.input_bytes);
    stats.output_bytes += read(own.output_bytes);
    stats.reads += read(own.reads);
    stats.writes += read(own.writes);
    stats.error_replies += read(own.errors);
    stats.loop_turns += read(own.turns);
    stats.loop_us += read(own.turn_us);
    stats.loop_us_max = std::max(stats.loop_us_max, read(own.turn_us_max));
    stats.loop_commands_max = std::max(stats.loop_commands_max, read(own.turn_commands_max));
    stats.journal_us += read(own.journal_us);
    stats.cron_us += read(own.cron_us);
    const KeyspaceStats& keys = worker.keyspace_stats();
    stats.keyspace_hits += read(keys.hits);
    stats.keyspace_misses += read(keys.misses);
    stats.expired_members += read(keys.expired_members);
    stats.expired_keys += read(keys.expired);
    stats.evicted_keys += read(keys.evicted);
  });
  stats.loop_command_us = command_us();
  stats.evicted_scripts = scripting_.scripts.evicted();
  stats.connections = read(connections_);
  stats.rejected_connections = read(rejected_);
  stats.query_limit_disconnections = read(query_limit_disconnections_);
  stats.output_limit_disconnections = read(output_limit_disconnections_);
  stats.denied_auth = security_log_.count(Denial::kAuth);
  stats.denied_commands = security_log_.count(Denial::kCommand);
  stats.denied_keys = security_log_.count(Denial::kKey);
  stats.denied_channels = security_log_.count(Denial::kChannel);
  stats.migration_connections = migrator_->cached_connections();
  stats.evicted_clients = read(evicted_clients_);
  stats.tracked_keys = read(keyspace_.tracked().keys);
  stats.tracked_items = read(keyspace_.tracked().items);
  stats.tracked_prefixes = broadcasts_.prefixes();
  stats.channels = pubsub_.count(Topic::kChannel);
  stats.patterns = pubsub_.count(Topic::kPattern);
  stats.shard_channels = pubsub_.count(Topic::kShardChannel);
  MemoryFigures& memory = sources.memory;
  memory.scripts_vm = scripting_.vm_memory(ScriptKind::kEval);
  memory.scripts_cache = scripting_.scripts.memory_usage();
  memory.scripts = scripting_.scripts.size();
  memory.functions_vm = scripting_.vm_memory(ScriptKind::kFunction);
  memory.functions_cache = scripting_.libraries.memory_usage();
  memory.functions = scripting_.libraries.function_count();
  memory.libraries = scripting_.libraries.library_count();
  sources.memory.lazy_free_pending = background_.pending();
  sources.memory.lazy_freed = background_.freed();
  const std::lock_guard lock(rates_mutex_);
  stats.commands_per_second = static_cast<std::uint64_t>(command_rate_.average());
  stats.input_kb_per_second = input_rate_.average() / 1024;
  stats.output_kb_per_second = output_rate_.average() / 1024;
  // Of one loop, as they are all alike.
  const double turns = turn_rate_.average();
  stats.loop_turns_per_second = static_cast<std::uint64_t>(turns / io_worker_count());
  if (turns > 0) {
    stats.loop_turn_us = static_cast<std::uint64_t>(turn_us_rate_.average() / turns);
  }
}

// The time all commands have taken.
std::uint64_t Server::command_us() {
  std::uint64_t cycles = 0;
  each_worker([&](Worker& worker) {
    for (const CommandStats& stats : worker.command_stats()) cycles += read(stats.cycles);
  });
  return static_cast<std::uint64_t>(static_cast<double>(cycles) / cycles_per_us());
}

void Server::fill_persistence(InfoSources& sources) {
  PersistenceFigures& p = sources.persistence;
  p.loading = loading();
  p.loading_started_s = loading_started_us_.load() / 1'000'000;
  p.loading_total_bytes = read(load_figures_.total_bytes);
  p.loading_loaded_bytes = read(load_figures_.loaded_bytes);
  p.loading_used_memory = read(load_figures_.used_memory);
  p.last_load_keys = read(load_figures_.keys);
  p.last_load_keys_expired = read(load_figures_.expired_keys);
  snapshots_->fill(p);
  p.journal_on = sources.config->appendonly;
  Journal& now = journal();
  p.journal = now.stats();
  p.journal_lsn = now.position();
  p.journal_written_lsn = now.written();
  p.journal_synced_lsn = now.synced();
  p.journal_writes_good = !p.journal.failing;
  fill_archive(p);
  sources.memory.journal_buffer = p.journal.pending_bytes;
  sources.replication.replication_id = now.replication_id();
  sources.replication.offset = now.position();
}

LatencySummary Server::latency_of(std::size_t row) {
  LatencySummary summary;
  each_worker([&](Worker& worker) {
    if (const LatencyHistogram* histogram = worker.latency(row)) summary.add(*histogram);
  });
  return summary;
}

void Server::fill_percentiles(std::size_t row, const Config& config, CommandFigures& figures) {
  const LatencySummary latency = latency_of(row);
  if (latency.total() == 0) return;
  for (const double percent : config.latency_tracking_info_percentiles) {
    figures.percentiles.push_back(latency.percentile_us(percent, cycles_per_us()));
  }
}

void Server::fill_commands(std::uint32_t sections, InfoSources& sources) {
  for (std::size_t i = 0; i < commands_.size(); ++i) {
    CommandFigures figures;
    std::uint64_t cycles = 0;
    each_worker([&](Worker& worker) {
      const CommandStats& stats = worker.command_stats()[i];
      figures.calls += read(stats.calls);
      figures.rejected += read(stats.rejected);
      figures.failed += read(stats.failed);
      cycles += read(stats.cycles);
    });
    if (figures.calls + figures.rejected == 0) continue;
    figures.name = CommandTable::full_name(commands_.row(i));
    figures.microseconds =
        static_cast<std::uint64_t>(static_cast<double>(cycles) / cycles_per_us());
    if (sections & kInfoLatencyStats) fill_percentiles(i, *sources.config, figures);
    sources.commands.push_back(std::move(figures));
  }
  std::map<Bytes, std::uint64_t> errors;
  each_worker([&](Worker& worker) {
    worker.each_error([&](const Bytes& code, std::uint64_t count) { errors[code] += count; });
  });
  for (const auto& [code, count] : errors) sources.errors.push_back({code, count});
}

}  // namespace memoir
