// The index beside a snapshot: where in the file each key's record begins, and where the file may
// be cut between keys. It is made from the finished file, in the pass that verifies it.
//
//   snapshot-<LSN>.index := head blocks buckets entries                      see FORMAT.md
//
// Keys are found by XXH3 with seed 0: a bucket holds the entries of a range of hashes, some 200, so
// a lookup takes two short reads however large the snapshot is. The index is a help and never the
// truth: whoever follows an offset finds the key's own bytes there and compares them.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "persistence/file.h"
#include "persistence/record.h"
#include "src/base/bytes.h"
#include "src/base/result.h"

namespace memoir {

// A place in the snapshot where a key's record begins (its expiry or the like, else its type), with
// the database that is selected there.
struct SnapshotBlock {
  std::uint64_t offset = 0;
  std::uint32_t db = 0;
  std::uint32_t keys = 0;  // from here to the next block
};
static_assert(sizeof(SnapshotBlock) == 16);

inline constexpr std::uint64_t kSnapshotIndexMagic = 0x3158'4449'5352'4D4D;  // "MMRSIDX1" on disk
inline constexpr std::uint32_t kSnapshotIndexVersion = 1;

// As on disk, followed by blocks, buckets and entries without gaps; `hash` is XXH3 of the bytes
// before it.
struct SnapshotIndexHead {
  std::uint64_t magic = kSnapshotIndexMagic;
  std::uint32_t version = kSnapshotIndexVersion;
  std::uint32_t reserved = 0;
  Lsn lsn = 0;
  std::uint64_t snapshot_bytes = 0;  // of the file it belongs to
  std::uint64_t keys_end = 0;        // offset in the snapshot behind the last key's record
  std::uint64_t keys = 0;            // how many entries
  std::uint64_t blocks = 0;
  std::uint64_t buckets = 0;         // one more stands in the file, the end
  std::uint64_t blocks_hash = 0;
  std::uint64_t buckets_hash = 0;
  std::uint64_t hash = 0;
};
static_assert(sizeof(SnapshotIndexHead) == 88);

class SnapshotIndex {
 public:
  // Opens the index of a snapshot; kCorrupt if it is not sound, kNotFound if there is none.
  static Result<std::unique_ptr<SnapshotIndex>> open(FileSystem& files, const std::string& path);

  const SnapshotIndexHead& head() const { return head_; }
  const std::vector<SnapshotBlock>& blocks() const { return blocks_; }
  // Where records of the key may begin; none: it is not in the snapshot. More than one only if
  // other keys have the same hash.
  Result<std::vector<std::uint64_t>> find(std::uint32_t db, ByteView key);

 private:
  SnapshotIndex() = default;

  std::unique_ptr<File> file_;
  SnapshotIndexHead head_;
  std::vector<SnapshotBlock> blocks_;
};

struct SnapshotCheck {
  std::string path;          // of the snapshot
  std::string index_path;    // where the index goes; empty: it is only verified
  Lsn lsn = 0;
  bool checksum = true;      // false: whatever the file says of its checksum
  // Asked between pieces of the file; true ends the work with an error.
  std::function<bool()> stop;
};
struct SnapshotCheckResult {
  std::uint64_t keys = 0;
  std::uint64_t bytes = 0;
};

// Reads a snapshot from its first byte to its last: its structure and its checksum, without making
// values; and writes its index (under a temporary name, synced, renamed). Memory does not grow with
// the file but for 4 bytes a kilobyte. kTruncated, kCorrupt or kUnsupported with the place in the
// text.
Result<SnapshotCheckResult> check_snapshot(FileSystem& files, const SnapshotCheck& check);

}  // namespace memoir
