// Config: every directive of the configuration as a plain typed field that holds its default.
//
// A Config is a value: read from a file and the command line at start, afterwards only replaced as
// a whole by ConfigStore (config_store.h), which publishes immutable snapshots. What a directive is
// called, how it is read, its range and its unit are in its row (config_rows.h), and nowhere else.
// Memory is in bytes; times are in the unit their name says, or seconds where Redis's directive has
// none in its name.
//
// Directives of Redis that mean nothing here (kNoEffect rows) live in `inert`, as text.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <utility>
#include <vector>

#include "src/base/bytes.h"
#include "src/base/log.h"
#include "src/command/dispatcher.h"
#include "src/net/tls.h"

namespace memoir {

enum class AppendFsync : std::uint8_t { kEverySec, kAlways, kNo };
enum class Supervised : std::uint8_t { kNo, kUpstart, kSystemd, kAuto };
enum class OomScoreAdj : std::uint8_t { kNo, kRelative, kAbsolute };
enum class ProtectedAction : std::uint8_t { kNo, kYes, kLocal };  // who may do it
enum class JournalCompression : std::uint8_t { kNo, kZstd };

// shutdown-on-sigint and -sigterm: bits; 0 is "default".
enum ShutdownFlag : unsigned {
  kShutdownSave = 1,
  kShutdownNoSave = 2,
  kShutdownNow = 4,
  kShutdownForce = 8,
};

// The classes that client-output-buffer-limit tells apart.
enum class ClientClass : std::uint8_t { kNormal, kReplica, kPubSub };

struct OutputBufferLimit {
  std::uint64_t hard_bytes = 0;  // 0: no limit
  std::uint64_t soft_bytes = 0;
  std::int64_t soft_seconds = 0;
  bool operator==(const OutputBufferLimit&) const = default;
};

struct SavePoint {
  std::int64_t seconds;
  std::int64_t changes;
  bool operator==(const SavePoint&) const = default;
};

struct RenamedCommand {
  Bytes name;
  Bytes new_name;  // empty: the command is taken away
};

// The machine's cores, 1 to 16.
std::int64_t default_io_threads();

struct Config {
  // --- network ---
  std::vector<Bytes> bind{"*", "-::*"};
  std::int64_t port = 6379;  // 0: no TCP
  Bytes unixsocket;          // path; empty: none
  std::int64_t unixsocketperm = 0;
  std::int64_t tcp_backlog = 511;
  std::int64_t tcp_keepalive = 300;
  std::int64_t timeout = 0;  // seconds of idleness; 0: never
  std::int64_t maxclients = 10000;
  bool protected_mode = true;
  Bytes requirepass;
  std::int64_t io_threads = default_io_threads();
  std::int64_t heavy_command_time = 1000;  // microseconds; 0: clients never move
  bool move_clients = false;
  std::int64_t socket_mark_id = 0;
  bool repl_disable_tcp_nodelay = false;
  std::array<OutputBufferLimit, 3> client_output_buffer_limits{  // by ClientClass
      {{}, {256UL << 20, 64UL << 20, 60}, {32UL << 20, 8UL << 20, 60}}};
  std::int64_t client_query_buffer_limit = 1LL << 30;
  std::int64_t proto_max_bulk_len = 512LL << 20;
  std::int64_t maxmemory_clients = 0;  // bytes; negative: percent of maxmemory
  std::int64_t tracking_table_max_keys = 1'000'000;

  // --- TLS ---
  std::int64_t tls_port = 0;  // 0: none
  Bytes tls_cert_file, tls_key_file, tls_key_file_pass;
  Bytes tls_client_cert_file, tls_client_key_file, tls_client_key_file_pass;
  Bytes tls_dh_params_file;
  Bytes tls_ca_cert_file, tls_ca_cert_dir;
  TlsSettings::Peers tls_auth_clients = TlsSettings::Peers::kKnown;
  bool tls_replication = false;
  Bytes tls_protocols, tls_ciphers, tls_ciphersuites;
  bool tls_prefer_server_ciphers = false;
  bool tls_session_caching = true;
  std::int64_t tls_session_cache_size = 20480;
  std::int64_t tls_session_cache_timeout = 300;

  // --- process ---
  bool daemonize = false;
  Bytes pidfile;
  Bytes logfile;  // empty: standard output
  LogLevel loglevel = LogLevel::kNotice;
  bool syslog_enabled = false;
  Bytes syslog_ident = "memoir";
  int syslog_facility = 16 << 3;  // LOG_LOCAL0
  Supervised supervised = Supervised::kNo;
  bool set_proc_title = true;
  std::int64_t key_load_delay = 0;
  std::int64_t rdb_key_save_delay = 0;
  OomScoreAdj oom_score_adj = OomScoreAdj::kNo;
  std::array<std::int64_t, 3> oom_score_adj_values{0, 200, 800};  // primary, replica, child
  Bytes proc_title_template = "{title} {listen-addr} {server-mode}";
  bool crash_log_enabled = true;
  std::int64_t shutdown_timeout = 10;
  unsigned shutdown_on_sigint = 0;   // ShutdownFlag
  unsigned shutdown_on_sigterm = 0;  // ShutdownFlag
  Bytes dir = ".";                   // the absolute path, once the file is read
  Bytes locale_collate;

  // --- keyspace ---
  std::int64_t databases = 16;
  std::uint64_t maxmemory = 0;  // bytes; 0: no limit
  EvictionPolicy maxmemory_policy = EvictionPolicy::kNoEviction;
  std::int64_t maxmemory_samples = 5;
  std::int64_t maxmemory_eviction_tenacity = 10;
  std::int64_t lfu_log_factor = 10;
  std::int64_t lfu_decay_time = 1;  // minutes
  bool lazyfree_lazy_eviction = false;
  bool lazyfree_lazy_expire = false;
  bool lazyfree_lazy_server_del = false;
  bool lazyfree_lazy_user_del = false;
  bool lazyfree_lazy_user_flush = false;
  std::int64_t hz = 10;
  bool dynamic_hz = true;
  std::int64_t active_expire_effort = 1;
  // EventClass bits, with kEventKeyspace and kEventKeyevent
  std::uint32_t notify_keyspace_events = 0;

  // --- encodings ---
  std::int64_t hash_max_listpack_entries = 512;
  std::int64_t hash_max_listpack_value = 64;
  std::int64_t set_max_intset_entries = 512;
  std::int64_t set_max_listpack_entries = 128;
  std::int64_t set_max_listpack_value = 64;
  std::int64_t zset_max_listpack_entries = 128;
  std::int64_t zset_max_listpack_value = 64;
  std::int64_t list_max_listpack_size = -2;
  std::int64_t list_compress_depth = 0;
  std::int64_t hll_sparse_max_bytes = 3000;
  std::int64_t stream_node_max_bytes = 4096;
  std::int64_t stream_node_max_entries = 100;

  // --- persistence ---
  bool appendonly = true;
  AppendFsync appendfsync = AppendFsync::kEverySec;
  std::int64_t journal_segment_size = 64LL << 20;
  std::int64_t journal_checkpoint_bytes = 512LL << 20;  // 0: no snapshots for its sake
  JournalCompression journal_compression = JournalCompression::kNo;
  std::int64_t journal_compression_level = 3;
  std::int64_t journal_retention_time = 7LL * 24 * 3600;  // seconds; 0: for ever
  std::int64_t journal_retention_size = 20LL << 30;       // bytes; 0: no limit
  std::vector<SavePoint> save{{3600, 1}, {300, 100}, {60, 10000}};
  Bytes dbfilename = "dump.rdb";
  Bytes appendfilename = "appendonly.aof";
  Bytes appenddirname = "appendonlydir";
  bool stop_writes_on_bgsave_error = true;
  bool aof_load_truncated = true;
  bool rdbcompression = true;
  bool rdbchecksum = true;

  // --- replication ---
  Bytes replicaof_host;  // empty: a primary
  std::int64_t replicaof_port = 0;
  Bytes masteruser;
  Bytes masterauth;
  bool replica_serve_stale_data = true;
  bool replica_read_only = true;
  std::int64_t replica_priority = 100;
  Bytes replica_announce_ip;
  std::int64_t replica_announce_port = 0;
  bool replica_announced = true;
  bool replica_ignore_maxmemory = true;
  bool replica_lazy_flush = false;
  std::int64_t repl_timeout = 60;
  std::int64_t repl_ping_replica_period = 10;
  std::int64_t repl_backlog_size = 1LL << 20;
  std::int64_t repl_backlog_ttl = 3600;
  std::int64_t min_replicas_to_write = 0;
  std::int64_t min_replicas_max_lag = 10;
  std::int64_t min_replicas_to_ack = 0;

  // --- observing ---
  std::int64_t slowlog_log_slower_than = 10000;  // µs; -1: off
  std::int64_t slowlog_max_len = 128;
  std::int64_t commandlog_request_larger_than = 1 << 20;  // bytes; -1: off
  std::int64_t commandlog_large_request_max_len = 128;
  std::int64_t commandlog_reply_larger_than = 1 << 20;  // bytes; -1: off
  std::int64_t commandlog_large_reply_max_len = 128;
  std::int64_t latency_monitor_threshold = 0;  // ms; 0: off
  bool latency_tracking = true;
  std::vector<double> latency_tracking_info_percentiles{50, 99, 99.9};
  std::int64_t busy_reply_threshold = 5000;  // ms

  // --- access ---
  Bytes aclfile;
  std::int64_t acllog_max_len = 128;
  bool acl_pubsub_default_all = false;  // acl-pubsub-default: allchannels rather than resetchannels
  ProtectedAction enable_debug_command = ProtectedAction::kNo;
  ProtectedAction enable_protected_configs = ProtectedAction::kNo;
  ProtectedAction enable_module_command = ProtectedAction::kNo;

  // Directives that mean nothing here, by name, where they differ from their default.
  std::map<Bytes, Bytes, std::less<>> inert;

  // --- from the file and command line only; no CONFIG GET ---
  std::vector<RenamedCommand> renamed_commands;
  std::vector<std::vector<Bytes>> users;    // the words behind `user`
  std::vector<std::vector<Bytes>> modules;  // the words behind `loadmodule`
};

}  // namespace memoir
