#include "src/server/config_fields.h"
#include "src/server/config_sections.h"
#include "src/server/config_special.h"

namespace memoir::config_fields {

namespace {

constexpr ConfigChoice kDisklessLoads[] = {{"disabled", 0}, {"on-empty-db", 1}, {"swapdb", 2}};
constexpr ConfigChoice kErrorBehaviors[] = {{"ignore", 0}, {"panic", 1}, {"panic-on-replicas", 2}};
constexpr ConfigChoice kEndpoints[] = {{"ip", 0}, {"hostname", 1}, {"unknown-endpoint", 2}};
constexpr ConfigChoice kSanitize[] = {{"no", 0}, {"yes", 1}, {"clients", 2}};

constexpr ConfigRow checked(ConfigCheck check, ConfigRow row) {
  row.check = check;
  return row;
}
constexpr ConfigRow later(ConfigRow row) { return with(kNoEffect, row); }

constexpr ConfigRow kReplicationRows[] = {
    alias("slaveof",
          with(kImmutable | kMultiWord | kNoEffect,
               special("replicaof", get_replicaof, set_replicaof,
                       "Host and port of the primary to copy; empty for a primary."))),
    later(with(kSensitive, text<&Config::masteruser>("masteruser",
        "The user name at the primary."))),
    later(with(kSensitive, text<&Config::masterauth>("masterauth",
        "The password at the primary."))),
    later(alias("slave-serve-stale-data",
                yes_no<&Config::replica_serve_stale_data>(
                    "replica-serve-stale-data",
                    "Whether a replica answers while it has lost its primary."))),
    later(alias("slave-read-only", yes_no<&Config::replica_read_only>(
                                       "replica-read-only", "Whether a replica refuses writes."))),
    later(alias("slave-priority",
                integer<&Config::replica_priority>(
                    "replica-priority", 0, kIntMax, "",
                    "Sentinel promotes the replica with the lowest; 0 for never."))),
    later(alias("slave-announce-ip", text<&Config::replica_announce_ip>(
                                         "replica-announce-ip",
                                         "The address a replica tells its primary; empty for the "
                                         "connection's."))),
    later(alias("slave-announce-port",
                integer<&Config::replica_announce_port>(
                    "replica-announce-port", 0, 65535, "",
                    "The port a replica tells its primary; 0 for its own."))),
    later(yes_no<&Config::replica_announced>("replica-announced",
                                             "Whether Sentinel reports this replica.")),
    later(alias("slave-ignore-maxmemory",
                yes_no<&Config::replica_ignore_maxmemory>(
                    "replica-ignore-maxmemory", "Whether a replica leaves eviction to its "
                    "primary."))),
    later(alias("slave-lazy-flush",
                yes_no<&Config::replica_lazy_flush>(
                    "replica-lazy-flush",
                    "Whether a replica frees its old data in the background before a full copy."))),
    later(integer<&Config::repl_timeout>("repl-timeout", 1, kIntMax, "seconds",
                                         "Silence after which a replication link is given up.")),
    later(alias("repl-ping-slave-period",
                integer<&Config::repl_ping_replica_period>(
                    "repl-ping-replica-period", 1, kIntMax, "seconds",
                    "How often a primary pings its replicas."))),
    later(yes_no<&Config::repl_disable_tcp_nodelay>(
        "repl-disable-tcp-nodelay", "Whether replication traffic is gathered into fewer packets.")),
    later(memory<&Config::repl_backlog_size>(
        "repl-backlog-size", 1, "Memory for what a replica that returns has missed.")),
    later(integer<&Config::repl_backlog_ttl>(
        "repl-backlog-ttl", 0, kLongMax, "seconds",
        "How long that is kept without any replica; 0 for ever.")),
    later(alias("min-slaves-to-write",
                integer<&Config::min_replicas_to_write>(
                    "min-replicas-to-write", 0, kIntMax, "replicas",
                    "Writes are refused with fewer connected replicas than this."))),
    later(alias("min-slaves-max-lag",
                integer<&Config::min_replicas_max_lag>(
                    "min-replicas-max-lag", 0, kIntMax, "seconds",
                    "A replica silent for longer does not count for that."))),
    later(integer<&Config::min_replicas_to_ack>(
        "min-replicas-to-ack", 0, kIntMax, "replicas",
        "A write's reply leaves when this many replicas have the write.")),
    inert_yes_no("repl-diskless-sync", "yes", "Full copies go straight into the socket."),
    inert_integer("repl-diskless-sync-delay", "5", 0, kIntMax, "seconds",
                  "How long a full copy waits for further replicas."),
    inert_integer("repl-diskless-sync-max-replicas", "0", 0, kIntMax, "replicas",
                  "How many replicas end that wait."),
    with(kDenyLoading, inert_choice("repl-diskless-load", "disabled", kDisklessLoads,
                                    "How a full copy is received.")),
    inert_yes_no("rdb-del-sync-files", "no", "No files are left by full copies."),
    inert_yes_no("replica-ignore-disk-write-errors",
        "no", "A replica goes on when its disk fails."),
    inert_choice("propagation-error-behavior", "ignore", kErrorBehaviors,
                 "What a replica does when a change fails."),
};

constexpr ConfigRow kClusterRows[] = {
    immutable(inert_yes_no("cluster-enabled", "no", "Whether the server is a node of a cluster.")),
    immutable(inert_text("cluster-config-file", "nodes.conf", "The cluster's state.")),
    inert_integer("cluster-node-timeout", "15000", 0, kLongMax, "milliseconds",
                  "Silence after which a node counts as failed."),
    immutable(inert_integer("cluster-port", "0", 0, 65535, "", "The port of the cluster's bus.")),
    alias("cluster-slave-validity-factor",
          inert_integer("cluster-replica-validity-factor", "10", 0, kIntMax, "",
                        "How old a replica's data may be for it to be promoted.")),
    inert_integer("cluster-migration-barrier", "1", 0, kIntMax, "replicas",
                  "Replicas a primary keeps when one moves to another."),
    inert_yes_no("cluster-allow-replica-migration", "yes", "Replicas may move to other primaries."),
    inert_yes_no("cluster-require-full-coverage",
        "yes", "Refuse requests while slots are not served."),
    alias("cluster-slave-no-failover",
          inert_yes_no("cluster-replica-no-failover",
              "no", "A replica never tries to be promoted.")),
    inert_yes_no("cluster-allow-reads-when-down", "no", "Reads while the cluster is down."),
    inert_yes_no("cluster-allow-pubsubshard-when-down", "yes",
                 "Sharded publishing while the cluster is down."),
    inert_memory("cluster-link-sendbuf-limit", "0", 0, "Memory of a link's send buffer."),
    inert_text("cluster-announce-ip", "", "The address told to other nodes."),
    checked(check_host_name,
            inert_text("cluster-announce-hostname", "", "The host name told to clients.")),
    checked(check_node_name,
            inert_text("cluster-announce-human-nodename", "", "The name shown in logs.")),
    inert_integer("cluster-announce-port", "0", 0, 65535, "", "The port told to other nodes."),
    inert_integer("cluster-announce-tls-port", "0", 0, 65535, "", "The TLS port told to them."),
    inert_integer("cluster-announce-bus-port", "0", 0, 65535, "", "The bus port told to them."),
    inert_choice("cluster-preferred-endpoint-type", "ip", kEndpoints,
                 "What clients are redirected to."),
    with(kHidden, inert_integer("cluster-ping-interval", "0", 0, kLongMax, "milliseconds",
                                "How often nodes are pinged.")),
};

constexpr ConfigRow kInertRows[] = {
    immutable(inert_yes_no("always-show-logo", "no", "There is no logo.")),
    inert_yes_no("activerehashing", "yes", "Tables grow in small steps always."),
    inert_yes_no("activedefrag", "no", "The allocator keeps fragmentation low by itself."),
    inert_memory("active-defrag-ignore-bytes", "104857600", 1, "See activedefrag."),
    inert_integer("active-defrag-threshold-lower", "10", 0, 1000, "percent", "See activedefrag."),
    inert_integer("active-defrag-threshold-upper", "100", 0, 1000, "percent", "See activedefrag."),
    inert_integer("active-defrag-cycle-min", "1", 1, 99, "percent", "See activedefrag."),
    inert_integer("active-defrag-cycle-max", "25", 1, 99, "percent", "See activedefrag."),
    inert_integer("active-defrag-max-scan-fields", "1000", 1, kLongMax, "fields",
                  "See activedefrag."),
    inert_yes_no("jemalloc-bg-thread", "yes", "There is no jemalloc."),
    inert_yes_no("aof-rewrite-incremental-fsync", "yes", "See auto-aof-rewrite-percentage."),
    inert_yes_no("rdb-save-incremental-fsync", "yes", "Snapshots are always synced in steps."),
    inert_yes_no("no-appendfsync-on-rewrite", "no", "See auto-aof-rewrite-percentage."),
    inert_yes_no("aof-use-rdb-preamble", "yes",
                 "The journal has no preamble; snapshots are RDB files."),
    inert_yes_no("aof-timestamp-enabled", "no",
                 "The journal has the time of every change, and so has what memoir-journal "
                 "exports."),
    inert_integer("auto-aof-rewrite-percentage", "100", 0, kIntMax, "percent",
                  "The journal is never rewritten: snapshots keep starts short, see "
                  "journal-checkpoint-bytes."),
    inert_memory("auto-aof-rewrite-min-size", "67108864", 0,
                 "See auto-aof-rewrite-percentage."),
    inert_yes_no("crash-memcheck-enabled", "yes", "Memory is not tested after a crash."),
    inert_choice("sanitize-dump-payload", "no", kSanitize, "RESTORE checks everything always."),
    immutable(inert_yes_no("disable-thp",
        "yes", "There is no fork that huge pages would slow down.")),
    immutable(inert_text("server_cpulist", "", "Threads run on all of the process's cores.")),
    immutable(inert_text("bio_cpulist", "", "See server_cpulist.")),
    immutable(inert_text("aof_rewrite_cpulist", "", "See server_cpulist.")),
    immutable(inert_text("bgsave_cpulist", "", "See server_cpulist.")),
    inert_text("ignore-warnings", "", "There are no such warnings."),
    with(kHidden, inert_yes_no("use-exit-on-panic", "no", "For tests of Redis.")),
    with(kHidden, inert_yes_no("aof-disable-auto-gc", "no", "For tests of Redis.")),
    with(kHidden, inert_integer("watchdog-period", "0", 0, kIntMax, "milliseconds",
                                "For tests of Redis.")),
    with(kHidden, [] {
      ConfigRow row = inert_memory("loading-process-events-interval-bytes", "2097152", 1024,
                                   "For tests of Redis.");
      row.kind = ConfigKind::kInteger;
      row.max = kIntMax;
      return row;
    }()),
};

}  // namespace

std::span<const ConfigRow> replication_rows() { return kReplicationRows; }
std::span<const ConfigRow> cluster_rows() { return kClusterRows; }
std::span<const ConfigRow> inert_rows() { return kInertRows; }

}  // namespace memoir::config_fields
