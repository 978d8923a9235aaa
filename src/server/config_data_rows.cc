#include "src/server/config_fields.h"
#include "src/server/config_sections.h"
#include "src/server/config_special.h"

namespace memoir::config_fields {

namespace {

constexpr int policy(EvictionPolicy value) { return static_cast<int>(value); }

constexpr ConfigChoice kPolicies[] = {
    {"volatile-lru", policy(EvictionPolicy::kVolatileLru)},
    {"volatile-lfu", policy(EvictionPolicy::kVolatileLfu)},
    {"volatile-random", policy(EvictionPolicy::kVolatileRandom)},
    {"volatile-ttl", policy(EvictionPolicy::kVolatileTtl)},
    {"allkeys-lru", policy(EvictionPolicy::kAllKeysLru)},
    {"allkeys-lfu", policy(EvictionPolicy::kAllKeysLfu)},
    {"allkeys-random", policy(EvictionPolicy::kAllKeysRandom)},
    {"noeviction", policy(EvictionPolicy::kNoEviction)},
};
constexpr ConfigChoice kFsyncs[] = {{"everysec", static_cast<int>(AppendFsync::kEverySec)},
                                    {"always", static_cast<int>(AppendFsync::kAlways)},
                                    {"no", static_cast<int>(AppendFsync::kNo)}};
constexpr ConfigChoice kCompressions[] = {{"no", static_cast<int>(JournalCompression::kNo)},
                                          {"zstd", static_cast<int>(JournalCompression::kZstd)}};

constexpr ConfigRow kMemoryRows[] = {
    immutable(integer<&Config::databases>("databases", 1, kIntMax, "databases",
                                          "How many databases SELECT can choose from.")),
    number<&Config::maxmemory>(
        ConfigKind::kMemory, "maxmemory", 0, kWholeRange, "bytes",
        "Memory at which keys are evicted, or writes refused; 0 for no limit."),
    choice<&Config::maxmemory_policy>(
        "maxmemory-policy", kPolicies,
        "Which keys are evicted at maxmemory: the least recently (lru) or least frequently (lfu) "
        "used, "
        "any (random) or those that expire first (ttl); among all keys or those with an expiry "
        "(volatile); or none (noeviction)."),
    integer<&Config::maxmemory_samples>(
        "maxmemory-samples", 1, kIntMax, "keys",
        "How many keys are compared to find one to evict: more is closer to the ideal and slower."),
    integer<&Config::maxmemory_eviction_tenacity>(
        "maxmemory-eviction-tenacity", 0, 100, "",
        "How long evicting may delay a command: 0 hardly at all, 100 as long as it takes."),
    integer<&Config::lfu_log_factor>(
        "lfu-log-factor", 0, kIntMax, "",
        "How slowly the counter of accesses to a key grows under an lfu policy."),
    integer<&Config::lfu_decay_time>("lfu-decay-time", 0, kIntMax, "minutes",
                                     "Time without access that takes one off that counter; 0: "
                                     "never."),
    yes_no<&Config::lazyfree_lazy_eviction>("lazyfree-lazy-eviction",
                                            "Whether evicted values are freed in the background."),
    yes_no<&Config::lazyfree_lazy_expire>("lazyfree-lazy-expire",
                                          "Whether expired values are freed in the background."),
    yes_no<&Config::lazyfree_lazy_server_del>(
        "lazyfree-lazy-server-del",
        "Whether values that are overwritten (by RENAME, say) are freed in the background."),
    yes_no<&Config::lazyfree_lazy_user_del>("lazyfree-lazy-user-del",
        "Whether DEL does as UNLINK."),
    yes_no<&Config::lazyfree_lazy_user_flush>(
        "lazyfree-lazy-user-flush", "Whether FLUSHDB and FLUSHALL without option do as with "
        "ASYNC."),
    read_by(set_hz,
            integer<&Config::hz>(
                "hz", 0, kIntMax, "times a second",
                "How often background work (expiry, timeouts) is done; at least 1, at most 500.")),
    yes_no<&Config::dynamic_hz>("dynamic-hz", "Whether that rises with the number of clients."),
    integer<&Config::active_expire_effort>(
        "active-expire-effort", 1, 10, "",
        "How much time is spent on finding expired keys that nobody asks for."),
};

constexpr ConfigRow kEncodingRows[] = {
    alias("hash-max-ziplist-entries",
          integer<&Config::hash_max_listpack_entries>(
              "hash-max-listpack-entries", 0, kLongMax, "fields",
              "Hashes of up to this many fields are kept in a compact form.")),
    alias("hash-max-ziplist-value",
          memory<&Config::hash_max_listpack_value>(
              "hash-max-listpack-value", 0, "The longest field or value in a compact hash.")),
    integer<&Config::set_max_intset_entries>(
        "set-max-intset-entries", 0, kLongMax, "members",
        "Sets of up to this many integers are kept as a sorted array."),
    integer<&Config::set_max_listpack_entries>(
        "set-max-listpack-entries", 0, kLongMax, "members",
        "Other sets of up to this many members are kept in a compact form."),
    integer<&Config::set_max_listpack_value>("set-max-listpack-value", 0, kLongMax, "bytes",
                                             "The longest member of a compact set."),
    alias("zset-max-ziplist-entries",
          integer<&Config::zset_max_listpack_entries>(
              "zset-max-listpack-entries", 0, kLongMax, "members",
              "Sorted sets of up to this many members are kept in a compact form.")),
    alias("zset-max-ziplist-value",
          memory<&Config::zset_max_listpack_value>("zset-max-listpack-value", 0,
                                                   "The longest member of a compact sorted set.")),
    alias("list-max-ziplist-size",
          integer<&Config::list_max_listpack_size>(
              "list-max-listpack-size", -kIntMax - 1, kIntMax, "",
              "The size of a list's nodes: -1 to -5 for 4, 8, 16, 32, 64 kB; above 0 a number of "
              "elements.")),
    integer<&Config::list_compress_depth>(
        "list-compress-depth", 0, kIntMax, "nodes",
        "How many nodes at either end of a list are never compressed; 0 compresses none."),
    memory<&Config::hll_sparse_max_bytes>("hll-sparse-max-bytes", 0,
                                          "The longest sparse form of a HyperLogLog."),
    memory<&Config::stream_node_max_bytes>("stream-node-max-bytes", 0,
                                           "The size of a stream's nodes; 0 for no limit."),
    integer<&Config::stream_node_max_entries>("stream-node-max-entries", 0, kLongMax, "entries",
                                              "Entries in a stream's node; 0 for no limit."),
};

constexpr ConfigRow kJournalRows[] = {
    with(kDenyLoading,
         yes_no<&Config::appendonly>(
             "appendonly", "Whether changes are written to the journal. Without it the server is a "
                           "plain cache that forgets everything at its end.")),
    choice<&Config::appendfsync>(
        "appendfsync", kFsyncs,
        "When a reply may leave: always, once its change is on disk; everysec and no, once the "
        "kernel "
        "has it, so that only a crash of the machine loses changes: those of the last second, or "
        "whatever the kernel had not written yet."),
    memory<&Config::journal_segment_size>(
        "journal-segment-size", 1 << 20,
        "Size at which a segment of the journal is closed and the next one begun."),
    memory<&Config::journal_checkpoint_bytes>(
        "journal-checkpoint-bytes", 0,
        "A snapshot is taken when more than this was journaled since the last one, and more than "
        "that one's size, so that a start does not have to read more; 0 for never."),
    choice<&Config::journal_compression>("journal-compression", kCompressions,
                                         "How closed segments are compressed: no or zstd."),
    integer<&Config::journal_compression_level>(
        "journal-compression-level", 1, 19, "",
        "The level of zstd: higher ones take less space and more time."),
    integer<&Config::journal_retention_time>(
        "journal-retention-time", 0, kLongMax, "seconds",
        "How far back the journal is kept for reading the past; 0 for ever."),
    memory<&Config::journal_retention_size>(
        "journal-retention-size", 0,
        "How large the journal may be before its oldest segments go; 0 for no limit."),
};

constexpr ConfigRow kSnapshotRows[] = {
    with(kMultiWord | kAccumulates,
         special("save", get_save, set_save,
                 "Pairs of seconds and changes: a snapshot is taken when that many changes are "
                 "that "
                 "old. Empty for none.")),
    with(kProtectedConfig,
         text<&Config::dbfilename>("dbfilename",
                                   "The name of the newest snapshot: the file itself without a "
                                   "journal, which is read at the start then; a link with one.",
                                   check_db_filename)),
    immutable(text<&Config::appendfilename>(
        "appendfilename", "The base name of the AOF that is imported when there is no journal.",
        check_append_filename)),
    immutable(text<&Config::appenddirname>("appenddirname", "The directory of that AOF.",
                                           check_append_dirname)),
    yes_no<&Config::stop_writes_on_bgsave_error>(
        "stop-writes-on-bgsave-error",
        "Whether writes are refused while changes cannot be put on disk."),
    yes_no<&Config::aof_load_truncated>(
        "aof-load-truncated", "Whether an imported AOF with a torn end is taken up to there."),
    yes_no<&Config::rdbcompression>("rdbcompression",
        "Whether strings in RDB files are compressed."),
    immutable(yes_no<&Config::rdbchecksum>("rdbchecksum",
                                           "Whether RDB files carry a checksum, and it is "
                                           "compared.")),
};

}  // namespace

std::span<const ConfigRow> memory_rows() { return kMemoryRows; }
std::span<const ConfigRow> encoding_rows() { return kEncodingRows; }
std::span<const ConfigRow> journal_rows() { return kJournalRows; }
std::span<const ConfigRow> snapshot_rows() { return kSnapshotRows; }

}  // namespace memoir::config_fields
