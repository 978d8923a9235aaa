// Snapshot files: how they are named, found, and what they say of their origin.
//
// A snapshot is a plain RDB that holds the keyspace as it was when the journal stood at one LSN:
// "snapshot-<LSN, 20 digits>.rdb" in the server's directory, beside it "snapshot-<LSN>.index" with
// the place of each key in it. Both are written under a temporary name, synced, and renamed, so a
// file under its final name is whole unless the disk has damaged it.
//
// AUX fields tell where it belongs: Redis's "repl-id" and "repl-offset" (the LSN), and
// "memoir-timeline".
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "persistence/file.h"
#include "persistence/record.h"
#include "src/base/bytes.h"
#include "src/base/result.h"

namespace memoir {

inline constexpr std::string_view kAuxReplicationId = "repl-id";
inline constexpr std::string_view kAuxLsn = "repl-offset";
inline constexpr std::string_view kAuxTimeline = "memoir-timeline";
inline constexpr std::string_view kAuxCreated = "ctime";

struct SnapshotFile {
  std::string name;  // without the directory
  Lsn lsn = 0;
};

std::string snapshot_name(Lsn lsn);
std::string snapshot_index_name(Lsn lsn);
bool parse_snapshot_name(std::string_view name, Lsn& lsn);

// What an RDB file says of where it comes from, in the fields before its first key.
struct SnapshotOrigin {
  Bytes replication_id;               // empty: not said
  std::optional<Lsn> lsn;
  std::optional<std::uint32_t> timeline;
  std::int64_t created_s = 0;  // Unix time; 0: not said
};

// Reads the head of a file alone. kCorrupt, kTruncated or kUnsupported if it is no RDB.
Result<SnapshotOrigin> read_snapshot_origin(FileSystem& files, const std::string& path);

// The snapshots in a directory, the oldest first, by their names alone. Temporary files are none.
Result<std::vector<SnapshotFile>> list_snapshots(FileSystem& files, const std::string& directory);

}  // namespace memoir
