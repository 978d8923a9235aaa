// SegmentArchive: what becomes of segments once they are sealed: packed, indexed, counted, and
// removed when retention is over.
//
// It finds its work by looking at the directory, so it goes on where a crash ended it: what was
// written aside is removed when the journal is opened (remove_litter), whatever has its final name
// is whole. Each step() is one piece of work; FileJournal runs them on a thread of low priority. A
// failure is logged once and tried again later; a segment that cannot be read is left alone.
//
// Thread-safe. step() and apply_retention() exclude each other.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "persistence/file.h"
#include "persistence/journal_pins.h"
#include "persistence/record_keys.h"
#include "persistence/retention.h"
#include "persistence/segment.h"
#include "persistence/segment_packer.h"
#include "src/base/clock.h"

namespace memoir {

// journal-compression; the level is zstd's.
struct JournalCompressionOptions {
  bool zstd = false;
  int level = 3;
  bool operator==(const JournalCompressionOptions&) const = default;
};

struct SegmentArchiveOptions {
  JournalCompressionOptions compression;
  RetentionOptions retention;
  std::string snapshot_directory;  // empty: there are none, and nothing is ever removed
  RecordKeys* keys = nullptr;      // null: no indexes; else it outlives the archive
};

// Figures for INFO, of all timelines.
struct ArchiveStats {
  std::uint64_t segments = 0;         // sealed
  std::uint64_t bytes = 0;            // of these on disk, without indexes
  std::uint64_t packed_segments = 0;  // compressed ones among them
  std::uint64_t packed_bytes = 0;     // of these on disk
  std::uint64_t unpacked_bytes = 0;   // what these would take uncompressed
  std::uint64_t indexed_segments = 0;
  std::uint64_t index_bytes = 0;
  std::uint64_t waiting_segments = 0;  // work is left to do on them
  std::uint64_t failures = 0;          // pieces of work that failed, since the start
  std::uint64_t removed_segments = 0;  // by retention, since the start
  std::uint64_t removed_snapshots = 0;
  Lsn oldest_lsn = 0;                  // of the present timeline; 0 if nothing is sealed
  std::int64_t oldest_time_us = 0;     // 0 if unknown
};

class SegmentArchive {
 public:
  static constexpr std::int64_t kRetryUs = 5'000'000;
  static constexpr std::int64_t kRetentionUs = 60'000'000;  // between two looks

  // `directory` is the journal's.
  SegmentArchive(FileSystem& files, const Clock& clock, std::string directory,
                 SegmentArchiveOptions options);

  void set_compression(JournalCompressionOptions compression);
  void set_retention(RetentionOptions retention);
  // Sealed are all segments of older timelines, and of `timeline` those that end at or before
  // `lsn`.
  void set_sealed(std::uint32_t timeline, Lsn lsn);

  // An index whose answer was an error is to be made again.
  void distrust_index(std::uint32_t timeline, Lsn first_lsn);

  // Does the next piece of work, if there is any; whether there may be more.
  bool step();
  // Ends the piece of work under way as if it had failed.
  void stop() { stopping_ = true; }
  // How long until there may be work again without anybody's doing.
  std::int64_t idle_us() const;

  // Removes what retention lets go. To be called after a snapshot has been verified, which its
  // index tells: snapshots without one do not count. Called by step() now and then.
  Status apply_retention();
  JournalPins& pins() { return pins_; }

  ArchiveStats stats() const;

 private:
  // What is known of a segment, so that it is looked into once.
  struct Known {
    bool packed = false;   // there is no more to pack
    bool indexed = false;
    bool bad = false;      // cannot be read
    std::uint64_t bytes = 0;
    std::uint64_t unpacked_bytes = 0;
    std::uint64_t index_bytes = 0;
    std::int64_t first_time_us = 0;
    std::int64_t last_time_us = INT64_MAX;  // not known, so never too old
  };
  struct Job {
    std::uint32_t timeline = 0;
    SegmentFile segment;
    Lsn limit = UINT64_MAX;
  };
  using Key = std::pair<std::uint32_t, Lsn>;

  // Under work_mutex_.
  Result<std::vector<Job>> sealed_segments();
  enum class Worked : std::uint8_t { kNothing, kSomething, kFailed };
  Worked work_on(const Job& job);
  Status look_at(const Job& job, Known& known);
  Result<bool> pack(const Job& job, Known& known);
  Result<std::optional<PackForm>> wanted_form(const Job& job);
  Result<bool> index(const Job& job, Known& known);
  bool index_is_good(const Job& job, Known& known);
  void failed(const Job& job, const Error& error, Known& known);
  void publish(const std::vector<Job>& jobs);
  void remove_distrusted(const std::vector<Key>& keys);

  // segment_retention.cc
  Status collect(const std::vector<Job>& jobs, RetentionFacts& facts);
  Status collect_snapshots(RetentionFacts& facts);
  Status remove_snapshots(const std::vector<SnapshotFacts>& snapshots);
  Status remove_segments(const std::vector<SegmentFacts>& segments);
  Status run_retention(const std::vector<Job>& jobs);

  FileSystem& files_;
  const Clock& clock_;
  const std::string directory_;
  const std::string snapshot_directory_;
  RecordKeys* const keys_;
  JournalPins pins_;
  std::atomic<bool> stopping_{false};

  std::mutex work_mutex_;
  std::map<Key, Known> known_;
  bool failing_ = false;  // the last failure has been told
  JournalCompressionOptions packed_with_;

  mutable std::mutex mutex_;  // of what follows; after work_mutex_
  JournalCompressionOptions compression_;
  RetentionOptions retention_;
  std::uint32_t timeline_ = 0;
  Lsn sealed_ = 0;
  std::vector<Key> distrusted_;
  bool changed_ = true;  // there may be work
  bool retention_due_ = true;
  std::int64_t retry_us_ = 0;
  std::int64_t retention_us_ = 0;  // when it was last applied
  ArchiveStats stats_;
};

}  // namespace memoir
