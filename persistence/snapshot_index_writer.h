// SnapshotIndexWriter: sorts the keys of a snapshot by their hashes and writes its index.
//
// Keys come in the order of the file. Some megabytes of them are sorted in memory; where there are
// more, sorted runs go to a temporary file and are merged at the end, so memory stays bounded.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "persistence/snapshot_index.h"

namespace memoir {

// An entry of the index as on disk: where the record of a key with this hash begins.
struct SnapshotIndexEntry {
  static constexpr unsigned kOffsetBits = 48;
  std::uint64_t hash;
  std::uint64_t place;  // db << 48 | offset

  std::uint64_t offset() const { return place & ((std::uint64_t{1} << kOffsetBits) - 1); }
  std::uint32_t db() const { return static_cast<std::uint32_t>(place >> kOffsetBits); }
  auto operator<=>(const SnapshotIndexEntry&) const = default;
};
static_assert(sizeof(SnapshotIndexEntry) == 16);

// The bucket as on disk: its first entry's number, and XXH3 of its entries.
struct SnapshotIndexBucket {
  std::uint64_t first;
  std::uint64_t hash;
};

// Which of `buckets` buckets has a hash.
std::uint64_t snapshot_index_bucket(std::uint64_t hash, std::uint64_t buckets);

class SnapshotIndexWriter {
 public:
  // How many entries are kept in memory: 16 MB of them.
  static constexpr std::size_t kEntriesInMemory = std::size_t{1} << 20;

  SnapshotIndexWriter(FileSystem& files, std::string path,
                      std::size_t entries_in_memory = kEntriesInMemory);
  // Removes what it has written, unless finish() was good.
  ~SnapshotIndexWriter();
  SnapshotIndexWriter(const SnapshotIndexWriter&) = delete;
  SnapshotIndexWriter& operator=(const SnapshotIndexWriter&) = delete;

  // A key whose record begins at `offset`, higher than those before.
  Status add(std::uint32_t db, ByteView key, std::uint64_t offset);
  // Fills `head`'s counts and hashes and brings the index to disk under its name.
  Status finish(SnapshotIndexHead head);

 private:
  class Output;
  class Merge;

  Status spill();
  Status write_entries(File& file, const SnapshotIndexHead& head,
                       std::vector<SnapshotIndexBucket>& buckets);

  FileSystem& files_;
  const std::string path_;
  const std::string temporary_;
  const std::string runs_path_;
  const std::size_t entries_in_memory_;
  std::vector<SnapshotIndexEntry> entries_;
  std::unique_ptr<File> runs_;
  std::vector<std::uint64_t> run_sizes_;  // in entries
  std::uint64_t spilled_{0};
  std::vector<SnapshotBlock> blocks_;
  bool created_{false};
};

}  // namespace memoir
