#include "src/base/log.h"
#include "src/server/info.h"

#include <sys/resource.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>

#include "src/base/alloc.h"
#include "src/base/glob.h"
#include "src/base/number.h"
#include "src/server/config_rows.h"
#include "src/server/info_writer.h"
#include "src/server/version.h"

namespace memoir {

namespace {

struct SectionName {
  const char* name;
  std::uint32_t sections;
};
constexpr SectionName kSectionNames[] = {
    {"server", kInfoServer},           {"clients", kInfoClients},
    {"memory", kInfoMemory},           {"persistence", kInfoPersistence},
    {"stats", kInfoStats},             {"replication", kInfoReplication},
    {"cpu", kInfoCpu},                 {"modules", kInfoModules},
    {"module_list", kInfoModules},     {"commandstats", kInfoCommandStats},
    {"errorstats", kInfoErrorStats},   {"latencystats", kInfoLatencyStats},
    {"cluster", kInfoCluster},         {"keyspace", kInfoKeyspace},
    {"default", kInfoDefault},         {"all", kInfoAll},
    {"everything", kInfoAll},          {"debug", kInfoDebug},
};

// Characters that would break the format.
Bytes safe(ByteView text) {
  Bytes out(text);
  for (char& c : out) {
    if (ByteView("#:\n\r").find(c) != ByteView::npos) c = '_';
  }
  return out;
}

void write_server(const InfoSources& from, InfoWriter& to) {
  const ServerFigures& server = from.server;
  const std::int64_t uptime_s = (server.now_us - server.started_us) / 1'000'000;
  utsname system{};
  ::uname(&system);
  to.title("Server");
  to.add("redis_version", kRedisVersion);
  to.add("redis_git_sha1", "00000000");
  to.add("redis_git_dirty", 0);
  to.add("redis_build_id", "0000000000000000");
  to.add("redis_mode", "standalone");
  to.add("server_name", "memoir");
  to.add("memoir_version", kMemoirVersion);
  to.add("os", fmt::format("{} {} {}", system.sysname, system.release, system.machine));
  to.add("arch_bits", sizeof(void*) * 8);
  to.add("monotonic_clock", "POSIX clock_gettime");
  to.add("multiplexing_api", "epoll");
  to.add("atomicvar_api", "c11-builtin");
  to.add("gcc_version", fmt::format("{}.{}.{}", __GNUC__, __GNUC_MINOR__, __GNUC_PATCHLEVEL__));
  to.add("process_id", ::getpid());
  to.add("process_supervised", !server.supervised                                  ? "no"
                               : from.config->supervised == Supervised::kUpstart ? "upstart"
                               : from.config->supervised == Supervised::kSystemd ? "systemd"
                                                                                 : "unknown");
  to.add("run_id", server.run_id);
  to.add("tcp_port", from.config->port);
  to.add("server_time_usec", server.now_us);
  to.add("uptime_in_seconds", uptime_s);
  to.add("uptime_in_days", uptime_s / 86400);
  to.add("hz", from.config->hz);
  to.add("configured_hz", from.config->hz);
  to.add("lru_clock", (server.now_us / 1'000'000) & 0xffffff);
  to.add("executable", server.executable);
  to.add("config_file", server.config_file);
  to.add("io_threads_active", server.workers > 1 ? 1 : 0);
  to.add("io_threads", server.workers);
  if (server.shutdown_in_ms >= 0) to.add("shutdown_in_milliseconds", server.shutdown_in_ms);
  for (std::size_t i = 0; i < server.listeners.size(); ++i) {
    to.add(fmt::format("listener{}", i), server.listeners[i]);
  }
}

void write_clients(const InfoSources& from, InfoWriter& to) {
  const ClientFigures& clients = from.clients;
  to.title("Clients");
  to.add("connected_clients", clients.connected);
  to.add("cluster_connections", 0);
  to.add("maxclients", from.config->maxclients);
  to.add("client_recent_max_input_buffer", clients.recent_max_input_bytes);
  to.add("client_recent_max_output_buffer", clients.recent_max_output_bytes);
  to.add("blocked_clients", clients.blocked);
  to.add("tracking_clients", clients.tracking);
  to.add("clients_in_timeout_table", clients.with_timeout);
  to.add("total_blocking_keys", clients.blocking_keys);
  to.add("total_blocking_keys_on_nokey", clients.blocking_keys_on_no_key);
  to.add("clients_in_lanes", clients.in_lanes);
}

void write_replication(const InfoSources& from, InfoWriter& to) {
  const ReplicationFigures& replication = from.replication;
  to.title("Replication");
  to.add("role", "master");
  to.add("connected_slaves", 0);
  if (from.config->min_replicas_to_write && from.config->min_replicas_max_lag) {
    to.add("min_slaves_good_slaves", 0);
  }
  to.add("master_failover_state", "no-failover");
  to.add("master_replid", replication.replication_id);
  to.add("master_replid2", replication.second_replication_id);
  to.add("master_repl_offset", replication.offset);
  to.add("second_repl_offset", replication.second_offset);
  to.add("repl_backlog_active", replication.backlog_bytes ? 1 : 0);
  to.add("repl_backlog_size", from.config->repl_backlog_size);
  to.add("repl_backlog_first_byte_offset", replication.backlog_first);
  to.add("repl_backlog_histlen", replication.backlog_bytes);
}

void write_cpu(InfoWriter& to) {
  const auto seconds = [](const timeval& time) {
    return fmt::format("{}.{:06}", time.tv_sec, time.tv_usec);
  };
  rusage self{};
  rusage children{};
  rusage thread{};
  ::getrusage(RUSAGE_SELF, &self);
  ::getrusage(RUSAGE_CHILDREN, &children);
  ::getrusage(RUSAGE_THREAD, &thread);
  to.title("CPU");
  to.add("used_cpu_sys", seconds(self.ru_stime));
  to.add("used_cpu_user", seconds(self.ru_utime));
  to.add("used_cpu_sys_children", seconds(children.ru_stime));
  to.add("used_cpu_user_children", seconds(children.ru_utime));
  // Every thread serves clients: this is the one that answers.
  to.add("used_cpu_sys_main_thread", seconds(thread.ru_stime));
  to.add("used_cpu_user_main_thread", seconds(thread.ru_utime));
}

void write_command_stats(const InfoSources& from, InfoWriter& to) {
  to.title("Commandstats");
  for (const CommandFigures& command : from.commands) {
    if (!command.calls && !command.rejected && !command.failed) continue;
    const double each = command.calls ? static_cast<double>(command.microseconds) /
                                            static_cast<double>(command.calls)
                                      : 0.0;
    to.add("cmdstat_" + safe(command.name),
           fmt::format("calls={},usec={},usec_per_call={:.2f},rejected_calls={},failed_calls={}",
                       command.calls, command.microseconds, each, command.rejected,
                       command.failed));
  }
}

void write_error_stats(const InfoSources& from, InfoWriter& to) {
  to.title("Errorstats");
  for (const ErrorFigures& error : from.errors) {
    to.add("errorstat_" + safe(error.code), fmt::format("count={}", error.count));
  }
}

void write_latency_stats(const InfoSources& from, InfoWriter& to) {
  to.title("Latencystats");
  if (!from.config->latency_tracking) return;
  std::vector<Bytes> names;
  for (const double percentile : from.config->latency_tracking_info_percentiles) {
    char text[40];
    names.emplace_back(text, format_double(percentile, text));
  }
  for (const CommandFigures& command : from.commands) {
    if (command.percentiles.size() != names.size() || command.percentiles.empty()) continue;
    Bytes values;
    for (std::size_t i = 0; i < names.size(); ++i) {
      values += fmt::format("{}p{}={:.3f}", i ? "," : "", names[i], command.percentiles[i]);
    }
    to.add("latency_percentiles_usec_" + safe(command.name), values);
  }
}

void write_keyspace(const InfoSources& from, InfoWriter& to) {
  to.title("Keyspace");
  for (const DatabaseFigures& database : from.databases) {
    to.add(fmt::format("db{}", database.index),
           fmt::format("keys={},expires={},avg_ttl={},subexpiry={}", database.keys,
                       database.expires, database.average_ttl_ms,
                       database.keys_with_ending_members));
  }
}

}  // namespace

std::uint32_t info_sections(std::span<const Word> words) {
  if (words.empty()) return kInfoDefault;
  std::uint32_t sections = 0;
  for (const Word& word : words) {
    for (const SectionName& name : kSectionNames) {
      if (equals_ignoring_case(word.text, name.name)) sections |= name.sections;
    }
  }
  return sections;
}

void fill_process_figures(InfoSources& sources) {
  const auto page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
  sources.memory.used = allocated_bytes();
  sources.memory.peak = std::max(sources.memory.peak, sources.memory.used);
  sources.memory.system = static_cast<std::size_t>(::sysconf(_SC_PHYS_PAGES)) * page;
  std::size_t total = 0;
  std::size_t resident = 0;
  if (std::FILE* file = std::fopen("/proc/self/statm", "r")) {
    if (std::fscanf(file, "%zu %zu", &total, &resident) == 2) {
      sources.memory.resident = resident * page;
    }
    std::fclose(file);
  }
}

namespace {

void write_debug(const StatFigures& stats, InfoWriter& to) {
  to.title("Debug");
  to.add("eventloop_duration_aof_sum", stats.journal_us);
  to.add("eventloop_duration_cron_sum", stats.cron_us);
  to.add("eventloop_duration_max", stats.loop_us_max);
  to.add("eventloop_cmd_per_cycle_max", stats.loop_commands_max);
}

}  // namespace

Bytes info_text(const InfoSources& from, std::uint32_t sections) {
  InfoWriter to;
  if (sections & kInfoServer) write_server(from, to);
  if (sections & kInfoClients) write_clients(from, to);
  if (sections & kInfoMemory) write_memory(from, to);
  if (sections & kInfoPersistence) write_persistence(from, to);
  if (sections & kInfoStats) write_stats(from, to);
  if (sections & kInfoReplication) write_replication(from, to);
  if (sections & kInfoCpu) write_cpu(to);
  if (sections & kInfoModules) to.title("Modules");
  if (sections & kInfoCommandStats) write_command_stats(from, to);
  if (sections & kInfoErrorStats) write_error_stats(from, to);
  if (sections & kInfoLatencyStats) write_latency_stats(from, to);
  if (sections & kInfoCluster) {
    to.title("Cluster");
    to.add("cluster_enabled", 0);
  }
  if (sections & kInfoKeyspace) write_keyspace(from, to);
  if (sections & kInfoDebug) write_debug(from.stats, to);
  return std::move(to).text();
}

}  // namespace memoir
