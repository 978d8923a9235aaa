// Retention: what may go of a journal and its snapshots.
//
// Any moment within the retention time (and as far as the retention size allows) can be brought
// back: by the newest snapshot at or before it and the journal from there. So the snapshot that is
// kept for the horizon decides how far back the journal is kept; of those between it and the newest
// two, some are kept so that the horizon has steps to advance by. Nothing goes without a verified
// snapshot, nothing that a reader has pinned, and the oldest goes first.
//
// A pure function: SegmentArchive gives it the facts and carries out what it says.
#pragma once

#include <cstdint>
#include <vector>

#include "persistence/record.h"

namespace memoir {

struct RetentionOptions {
  std::int64_t time_us = 0;  // journal-retention-time; 0 for ever
  std::uint64_t bytes = 0;   // journal-retention-size; 0 without limit
};

// A snapshot that is known to be sound.
struct SnapshotFacts {
  Lsn lsn = 0;
  std::int64_t time_us = 0;
  std::uint32_t timeline = 0;
  bool operator==(const SnapshotFacts&) const = default;
};

struct SegmentFacts {
  std::uint32_t timeline = 0;
  Lsn first_lsn = 0;
  Lsn end_lsn = 0;  // of the last segment of an older timeline UINT64_MAX will do
  std::uint64_t bytes = 0;  // on disk, its index included
  std::int64_t last_time_us = 0;
};

struct RetentionFacts {
  std::uint32_t timeline = 0;            // the present one
  std::vector<SnapshotFacts> snapshots;  // of any timeline, in any order
  std::vector<SnapshotFacts> doubtful;   // found, but not known to be sound
  std::vector<SegmentFacts> segments;    // sealed ones, of any timeline, in any order
  std::vector<Lsn> pins;                 // of the present timeline: from there on somebody reads
  std::int64_t now_us = 0;
};

struct RetentionPlan {
  // Ascending by timeline and LSN: the order in which they are to go, snapshots first.
  std::vector<SnapshotFacts> snapshots;
  std::vector<SegmentFacts> segments;
};

RetentionPlan plan_retention(const RetentionFacts& facts, const RetentionOptions& options);

}  // namespace memoir
