// INFO's longest sections: memory, persistence, stats.
#include <algorithm>

#include "src/base/number.h"
#include "src/server/config_rows.h"
#include "src/server/info.h"
#include "src/server/info_writer.h"

namespace memoir {

namespace {

double ratio(double part, double whole) { return whole > 0 ? part / whole : 0; }

void add_human(InfoWriter& to, ByteView name, std::uint64_t bytes) {
  to.add(name, bytes);
  to.add(Bytes(name) + "_human", human_bytes(bytes));
}

std::int64_t difference(std::size_t a, std::size_t b) {
  return static_cast<std::int64_t>(a) - static_cast<std::int64_t>(b);
}

void write_script_memory(const MemoryFigures& memory, InfoWriter& to) {
  add_human(to, "used_memory_lua", memory.scripts_vm);
  to.add("used_memory_vm_eval", memory.scripts_vm);
  to.add("used_memory_scripts_eval", memory.scripts_cache);
  to.add("number_of_cached_scripts", memory.scripts);
  to.add("number_of_functions", memory.functions);
  to.add("number_of_libraries", memory.libraries);
  to.add("used_memory_vm_functions", memory.functions_vm);
  add_human(to, "used_memory_vm_total", memory.scripts_vm + memory.functions_vm);
  to.add("used_memory_functions", memory.functions_cache);
  add_human(to, "used_memory_scripts", memory.scripts_cache + memory.functions_cache);
}

// One allocator, so what is allocated and what is resident say it all.
void write_fragmentation(const MemoryFigures& memory, InfoWriter& to) {
  const double rss = ratio(static_cast<double>(memory.resident), static_cast<double>(memory.used));
  to.add_fraction("allocator_frag_ratio", 1.0);
  to.add("allocator_frag_bytes", 0);
  to.add_fraction("allocator_rss_ratio", rss);
  to.add("allocator_rss_bytes", difference(memory.resident, memory.used));
  to.add_fraction("rss_overhead_ratio", 1.0);
  to.add("rss_overhead_bytes", 0);
  to.add_fraction("mem_fragmentation_ratio", rss);
  to.add("mem_fragmentation_bytes", difference(memory.resident, memory.used));
}

}  // namespace

Bytes human_bytes(std::uint64_t bytes) {
  static constexpr char kUnits[] = "BKMGTP";
  if (bytes < 1024) return fmt::format("{}B", bytes);
  auto value = static_cast<double>(bytes);
  std::size_t unit = 0;
  std::uint64_t limit = 1;
  while (unit < 5 && bytes / limit >= 1024) {
    limit *= 1024;
    ++unit;
  }
  value /= static_cast<double>(limit);
  return fmt::format("{:.2f}{}", value, kUnits[unit]);
}

void write_memory(const InfoSources& from, InfoWriter& to) {
  const MemoryFigures& memory = from.memory;
  const std::size_t peak = std::max(memory.peak, memory.used);
  const std::size_t dataset = memory.used > memory.overhead ? memory.used - memory.overhead : 0;
  const std::size_t net = memory.used > memory.startup ? memory.used - memory.startup : 0;
  const auto percent = [](std::size_t part, std::size_t whole) {
    return std::min(100.0, 100 * ratio(static_cast<double>(part), static_cast<double>(whole)));
  };
  to.title("Memory");
  add_human(to, "used_memory", memory.used);
  add_human(to, "used_memory_rss", memory.resident);
  add_human(to, "used_memory_peak", peak);
  to.add_fraction("used_memory_peak_perc", percent(memory.used, peak), "%");
  to.add("used_memory_overhead", memory.overhead);
  to.add("used_memory_startup", memory.startup);
  to.add("used_memory_dataset", dataset);
  to.add_fraction("used_memory_dataset_perc", percent(dataset, net), "%");
  to.add("allocator_allocated", memory.used);
  to.add("allocator_active", memory.used);
  to.add("allocator_resident", memory.resident);
  add_human(to, "total_system_memory", memory.system);
  write_script_memory(memory, to);
  add_human(to, "maxmemory", from.config->maxmemory);
  const ConfigRow* policy = find_config_row("maxmemory-policy");
  to.add("maxmemory_policy", policy->get(*policy, *from.config));
  write_fragmentation(memory, to);
  to.add("mem_not_counted_for_evict", memory.journal_buffer);
  to.add("mem_replication_backlog", 0);
  to.add("mem_total_replication_buffers", 0);
  to.add("mem_clients_slaves", 0);
  to.add("mem_clients_normal", memory.clients);
  to.add("mem_cluster_links", 0);
  to.add("mem_aof_buffer", memory.journal_buffer);
  to.add("mem_allocator", "mimalloc");
  to.add("active_defrag_running", 0);
  to.add("lazyfree_pending_objects", memory.lazy_free_pending);
  to.add("lazyfreed_objects", memory.lazy_freed);
}

namespace {

void write_loading(const PersistenceFigures& persistence, std::int64_t now_s, InfoWriter& to) {
  const auto loaded = static_cast<double>(persistence.loading_loaded_bytes);
  const auto total = static_cast<double>(persistence.loading_total_bytes);
  const auto elapsed = static_cast<double>(now_s - persistence.loading_started_s);
  to.add("loading_start_time", persistence.loading_started_s);
  to.add("loading_total_bytes", persistence.loading_total_bytes);
  to.add("loading_rdb_used_mem", persistence.loading_used_memory);
  to.add("loading_loaded_bytes", persistence.loading_loaded_bytes);
  to.add_fraction("loading_loaded_perc", 100 * ratio(loaded, total));
  const double left = elapsed < 1 ? 1 : elapsed * std::max(0.0, total - loaded) / (loaded + 1);
  to.add("loading_eta_seconds", static_cast<std::int64_t>(left));
}

void write_journal(const PersistenceFigures& persistence, InfoWriter& to) {
  to.add("aof_current_size", persistence.journal_bytes);
  to.add("aof_base_size", persistence.snapshot_bytes);
  to.add("aof_pending_rewrite", 0);
  to.add("aof_buffer_length", persistence.journal.pending_bytes);
  to.add("aof_pending_bio_fsync",
         persistence.journal_written_lsn > persistence.journal_synced_lsn ? 1 : 0);
  to.add("aof_delayed_fsync", persistence.journal.delayed_syncs);
  to.add("journal_lsn", persistence.journal_lsn);
  to.add("journal_written_lsn", persistence.journal_written_lsn);
  to.add("journal_synced_lsn", persistence.journal_synced_lsn);
  to.add("journal_first_lsn", persistence.journal_first_lsn);
  to.add("journal_timeline", persistence.journal.timeline);
  to.add("journal_segments", persistence.journal_segments);
  to.add("journal_first_time", persistence.archive.oldest_time_us / 1'000'000);
  to.add("journal_disk_bytes", persistence.journal_bytes + persistence.archive.index_bytes);
  to.add("journal_compressed_segments", persistence.archive.packed_segments);
  to.add("journal_compressed_bytes", persistence.archive.packed_bytes);
  to.add("journal_uncompressed_bytes", persistence.archive.unpacked_bytes);
  to.add("journal_indexed_segments", persistence.archive.indexed_segments);
  to.add("journal_index_bytes", persistence.archive.index_bytes);
  to.add("journal_waiting_segments", persistence.archive.waiting_segments);
  to.add("journal_removed_segments", persistence.archive.removed_segments);
  to.add("journal_removed_snapshots", persistence.archive.removed_snapshots);
  to.add("journal_segment_first_lsn", persistence.journal.segment_first_lsn);
  to.add("journal_segment_bytes", persistence.journal.segment_bytes);
  to.add("journal_frames", persistence.journal.frames);
  to.add("journal_syncs", persistence.journal.syncs);
  to.add("journal_sync_failures", persistence.journal.sync_failures);
  to.add("journal_write_failures", persistence.journal.write_failures);
  to.add("journal_last_sync_usec", persistence.journal.last_sync_us);
}

}  // namespace

void write_persistence(const InfoSources& from, InfoWriter& to) {
  const PersistenceFigures& persistence = from.persistence;
  const auto verdict = [](bool good) { return good ? "ok" : "err"; };
  to.title("Persistence");
  to.add("loading", persistence.loading ? 1 : 0);
  to.add("async_loading", 0);
  // There is no fork; these are the pre-images of what changed meanwhile.
  to.add("current_cow_peak", persistence.save_extra_bytes);
  to.add("current_cow_size", persistence.save_extra_bytes);
  to.add("current_cow_size_age", 0);
  to.add_fraction("current_fork_perc",
                  100 * ratio(static_cast<double>(persistence.save_keys_done),
                              static_cast<double>(persistence.save_keys_total)));
  to.add("current_save_keys_processed", persistence.save_keys_done);
  to.add("current_save_keys_total", persistence.save_keys_total);
  to.add("rdb_changes_since_last_save", persistence.changes_since_save);
  to.add("rdb_bgsave_in_progress", persistence.saving && !persistence.rewriting ? 1 : 0);
  to.add("rdb_last_save_time", persistence.last_save_s);
  to.add("rdb_last_bgsave_status", verdict(persistence.last_save_good));
  to.add("rdb_last_bgsave_time_sec", persistence.last_save_took_s);
  to.add("rdb_current_bgsave_time_sec", persistence.current_save_took_s);
  to.add("rdb_saves", persistence.saves);
  to.add("rdb_last_cow_size", persistence.last_save_extra_bytes);
  to.add("rdb_last_load_keys_expired", persistence.last_load_keys_expired);
  to.add("rdb_last_load_keys_loaded", persistence.last_load_keys);
  to.add("aof_enabled", persistence.journal_on ? 1 : 0);
  to.add("aof_rewrite_in_progress", persistence.rewriting ? 1 : 0);
  to.add("aof_rewrite_scheduled", persistence.rewrite_scheduled ? 1 : 0);
  to.add("aof_last_rewrite_time_sec", persistence.last_rewrite_took_s);
  to.add("aof_current_rewrite_time_sec", persistence.current_rewrite_took_s);
  to.add("aof_last_bgrewrite_status", verdict(persistence.failed_rewrites == 0));
  to.add("aof_rewrites", persistence.rewrites);
  to.add("aof_rewrites_consecutive_failures", persistence.failed_rewrites);
  to.add("aof_last_write_status", verdict(persistence.journal_writes_good));
  to.add("aof_last_cow_size", persistence.last_save_extra_bytes);
  to.add("module_fork_in_progress", 0);
  to.add("module_fork_last_cow_size", 0);
  if (persistence.journal_on) write_journal(persistence, to);
  if (persistence.loading) write_loading(persistence, from.server.now_us / 1'000'000, to);
}

namespace {

void write_unknown_here(InfoWriter& to, std::initializer_list<const char*> names) {
  for (const char* name : names) to.add(name, 0);
}

void write_loop(const StatFigures& stats, InfoWriter& to) {
  to.add("total_reads_processed", stats.reads);
  to.add("total_writes_processed", stats.writes);
  to.add("io_threaded_reads_processed", stats.reads);
  to.add("io_threaded_writes_processed", stats.writes);
  to.add("client_query_buffer_limit_disconnections", stats.query_limit_disconnections);
  to.add("client_output_buffer_limit_disconnections", stats.output_limit_disconnections);
  write_unknown_here(to, {"reply_buffer_shrinks", "reply_buffer_expands"});
  to.add("eventloop_cycles", stats.loop_turns);
  to.add("eventloop_duration_sum", stats.loop_us);
  to.add("eventloop_duration_cmd_sum", stats.loop_command_us);
  to.add("instantaneous_eventloop_cycles_per_sec", stats.loop_turns_per_second);
  to.add("instantaneous_eventloop_duration_usec", stats.loop_turn_us);
  to.add("acl_access_denied_auth", stats.denied_auth);
  to.add("acl_access_denied_cmd", stats.denied_commands);
  to.add("acl_access_denied_key", stats.denied_keys);
  to.add("acl_access_denied_channel", stats.denied_channels);
}

}  // namespace

void write_stats(const InfoSources& from, InfoWriter& to) {
  const StatFigures& stats = from.stats;
  to.title("Stats");
  to.add("total_connections_received", stats.connections);
  to.add("total_commands_processed", stats.commands);
  to.add("instantaneous_ops_per_sec", stats.commands_per_second);
  to.add("total_net_input_bytes", stats.input_bytes);
  to.add("total_net_output_bytes", stats.output_bytes);
  write_unknown_here(to, {"total_net_repl_input_bytes", "total_net_repl_output_bytes"});
  to.add_fraction("instantaneous_input_kbps", stats.input_kb_per_second);
  to.add_fraction("instantaneous_output_kbps", stats.output_kb_per_second);
  to.add_fraction("instantaneous_input_repl_kbps", 0);
  to.add_fraction("instantaneous_output_repl_kbps", 0);
  to.add("rejected_connections", stats.rejected_connections);
  to.add("sync_full", stats.full_syncs);
  to.add("sync_partial_ok", stats.partial_syncs);
  to.add("sync_partial_err", stats.refused_partial_syncs);
  to.add("expired_subkeys", stats.expired_members);
  to.add("expired_keys", stats.expired_keys);
  to.add_fraction("expired_stale_perc", 0);
  to.add("expired_time_cap_reached_count", 0);
  to.add("expire_cycle_cpu_milliseconds", stats.expire_cycle_ms);
  to.add("evicted_keys", stats.evicted_keys);
  to.add("evicted_clients", stats.evicted_clients);
  to.add("evicted_scripts", stats.evicted_scripts);
  write_unknown_here(to, {"total_eviction_exceeded_time", "current_eviction_exceeded_time"});
  to.add("keyspace_hits", stats.keyspace_hits);
  to.add("keyspace_misses", stats.keyspace_misses);
  to.add("pubsub_channels", stats.channels);
  to.add("pubsub_patterns", stats.patterns);
  to.add("pubsubshard_channels", stats.shard_channels);
  write_unknown_here(to, {"latest_fork_usec", "total_forks"});
  to.add("migrate_cached_sockets", stats.migration_connections);
  write_unknown_here(to, {"slave_expires_tracked_keys", "active_defrag_hits",
                          "active_defrag_misses", "active_defrag_key_hits",
                          "active_defrag_key_misses", "total_active_defrag_time",
                          "current_active_defrag_time"});
  to.add("tracking_total_keys", stats.tracked_keys);
  to.add("tracking_total_items", stats.tracked_items);
  to.add("tracking_total_prefixes", stats.tracked_prefixes);
  to.add("unexpected_error_replies", 0);
  to.add("total_error_replies", stats.error_replies);
  to.add("dump_payload_sanitizations", 0);
  write_loop(stats, to);
}

}  // namespace memoir
