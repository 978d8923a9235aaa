// INFO: the server's figures as text, with Redis's sections and field names.
//
// The server fills InfoSources with what it knows; info_text() only writes it down, so it needs no
// server to be tested. Figures that Redis has and Memoir cannot have (forks, defragmentation) are
// written as constants.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "persistence/journal.h"
#include "persistence/segment_archive.h"
#include "protocol/request_parser.h"
#include "src/server/config.h"

namespace memoir {

enum InfoSection : std::uint32_t {
  kInfoServer = 1U << 0,
  kInfoClients = 1U << 1,
  kInfoMemory = 1U << 2,
  kInfoPersistence = 1U << 3,
  kInfoStats = 1U << 4,
  kInfoReplication = 1U << 5,
  kInfoCpu = 1U << 6,
  kInfoModules = 1U << 7,
  kInfoCommandStats = 1U << 8,
  kInfoErrorStats = 1U << 9,
  kInfoLatencyStats = 1U << 10,
  kInfoCluster = 1U << 11,
  kInfoKeyspace = 1U << 12,
  kInfoAll = (1U << 13) - 1,
  kInfoDebug = 1U << 13,  // by its name only
  kInfoDefault = kInfoAll & ~(kInfoCommandStats | kInfoLatencyStats),
};

// The sections that INFO's words ask for (none: the default ones); unknown words ask for nothing.
std::uint32_t info_sections(std::span<const Word> words);

struct ServerFigures {
  Bytes run_id;
  Bytes executable;
  Bytes config_file;
  std::int64_t now_us = 0;
  std::int64_t started_us = 0;
  unsigned workers = 1;
  bool supervised = false;
  std::int64_t shutdown_in_ms = -1;  // -1: no shutdown under way
  std::vector<Bytes> listeners;      // "name=tcp,bind=127.0.0.1,port=6379"
};

struct ClientFigures {
  std::size_t connected = 0;
  std::size_t recent_max_input_bytes = 0;
  std::size_t recent_max_output_bytes = 0;
  std::size_t blocked = 0;
  std::size_t in_lanes = 0;  // served apart, for their commands are heavy
  std::size_t tracking = 0;
  std::size_t with_timeout = 0;
  std::size_t blocking_keys = 0;
  std::size_t blocking_keys_on_no_key = 0;
};

struct MemoryFigures {
  std::size_t used = 0;  // bytes, all of them
  std::size_t peak = 0;
  std::size_t resident = 0;
  std::size_t startup = 0;
  std::size_t overhead = 0;  // what is not keys and values, startup included
  std::size_t system = 0;
  std::size_t clients = 0;
  std::size_t journal_buffer = 0;
  std::size_t scripts_vm = 0;
  std::size_t scripts_cache = 0;
  std::size_t scripts = 0;    // how many are cached
  std::size_t functions = 0;  // how many
  std::size_t libraries = 0;
  std::size_t functions_vm = 0;
  std::size_t functions_cache = 0;
  std::size_t lazy_free_pending = 0;
  std::size_t lazy_freed = 0;
};

struct PersistenceFigures {
  bool loading = false;
  std::int64_t loading_started_s = 0;
  std::uint64_t loading_total_bytes = 0;
  std::uint64_t loading_loaded_bytes = 0;
  std::uint64_t loading_used_memory = 0;  // of the writer of the file being loaded
  std::uint64_t changes_since_save = 0;
  bool saving = false;
  std::int64_t last_save_s = 0;  // Unix time
  bool last_save_good = true;
  std::int64_t last_save_took_s = -1;
  std::int64_t current_save_took_s = -1;
  std::uint64_t saves = 0;
  bool rewriting = false;              // what is being saved is BGREWRITEAOF's
  bool rewrite_scheduled = false;
  std::uint64_t rewrites = 0;
  std::uint64_t failed_rewrites = 0;  // since the last good one
  std::int64_t last_rewrite_took_s = -1;
  std::int64_t current_rewrite_took_s = -1;
  std::uint64_t snapshot_bytes = 0;  // of the newest
  std::uint64_t save_keys_done = 0;    // of the one under way
  std::uint64_t save_keys_total = 0;
  std::size_t save_extra_bytes = 0;    // memory it took for what writers changed meanwhile, at most
  std::size_t last_save_extra_bytes = 0;
  std::uint64_t last_load_keys_expired = 0;
  std::uint64_t last_load_keys = 0;
  bool journal_on = false;
  bool journal_writes_good = true;
  std::uint64_t journal_bytes = 0;  // all segments
  Lsn journal_lsn = 0;
  Lsn journal_written_lsn = 0;
  Lsn journal_synced_lsn = 0;
  Lsn journal_first_lsn = 0;  // the oldest that can still be read
  std::uint64_t journal_segments = 0;
  JournalStats journal;
  ArchiveStats archive;
};

struct StatFigures {
  std::uint64_t connections = 0;
  std::uint64_t commands = 0;
  std::uint64_t commands_per_second = 0;
  std::uint64_t input_bytes = 0;
  std::uint64_t output_bytes = 0;
  double input_kb_per_second = 0;
  double output_kb_per_second = 0;
  std::uint64_t rejected_connections = 0;
  std::uint64_t query_limit_disconnections = 0;
  std::uint64_t output_limit_disconnections = 0;
  std::uint64_t full_syncs = 0;
  std::uint64_t partial_syncs = 0;
  std::uint64_t refused_partial_syncs = 0;
  std::uint64_t expired_members = 0;
  std::uint64_t expired_keys = 0;
  std::uint64_t expire_cycle_ms = 0;
  std::uint64_t evicted_keys = 0;
  std::uint64_t evicted_clients = 0;
  std::uint64_t evicted_scripts = 0;
  std::uint64_t keyspace_hits = 0;
  std::uint64_t keyspace_misses = 0;
  std::size_t channels = 0;
  std::size_t patterns = 0;
  std::size_t shard_channels = 0;
  std::uint64_t tracked_keys = 0;
  std::uint64_t tracked_items = 0;
  std::uint64_t tracked_prefixes = 0;
  std::uint64_t error_replies = 0;
  std::uint64_t reads = 0;   // system calls
  std::uint64_t writes = 0;
  std::uint64_t loop_turns = 0;
  std::uint64_t loop_us = 0;
  std::uint64_t loop_command_us = 0;
  std::uint64_t loop_turns_per_second = 0;
  std::uint64_t loop_turn_us = 0;
  std::uint64_t loop_us_max = 0;
  std::uint64_t loop_commands_max = 0;
  std::uint64_t journal_us = 0;
  std::uint64_t cron_us = 0;
  std::uint64_t denied_auth = 0;
  std::uint64_t denied_commands = 0;
  std::uint64_t denied_keys = 0;
  std::uint64_t denied_channels = 0;
  std::uint64_t migration_connections = 0;  // cached, to targets of MIGRATE
};

struct ReplicationFigures {
  Bytes replication_id;
  Bytes second_replication_id = Bytes(40, '0');
  std::uint64_t offset = 0;
  std::int64_t second_offset = -1;
  std::uint64_t backlog_first = 0;
  std::uint64_t backlog_bytes = 0;
};

struct CommandFigures {
  Bytes name;  // "config|get"
  std::uint64_t calls = 0;
  std::uint64_t microseconds = 0;
  std::uint64_t rejected = 0;
  std::uint64_t failed = 0;
  // Microseconds at each of latency-tracking-info-percentiles; empty: not tracked.
  std::vector<double> percentiles;
};

struct ErrorFigures {
  Bytes code;  // "WRONGTYPE"
  std::uint64_t count = 0;
};

struct DatabaseFigures {
  unsigned index = 0;
  std::uint64_t keys = 0;
  std::uint64_t expires = 0;
  std::int64_t average_ttl_ms = 0;
  std::uint64_t keys_with_ending_members = 0;
};

struct InfoSources {
  std::shared_ptr<const Config> config;
  ServerFigures server;
  ClientFigures clients;
  MemoryFigures memory;
  PersistenceFigures persistence;
  StatFigures stats;
  ReplicationFigures replication;
  std::vector<CommandFigures> commands;
  std::vector<ErrorFigures> errors;  // ascending by code
  std::vector<DatabaseFigures> databases;  // those that are not empty
};

// What the operating system and the allocator tell: used, resident and system memory.
void fill_process_figures(InfoSources& sources);

Bytes info_text(const InfoSources& sources, std::uint32_t sections);

// "1.50M".
Bytes human_bytes(std::uint64_t bytes);

}  // namespace memoir
