// Cutting a journal at a moment: everything behind it goes, snapshots of later moments included.
//
// What is taken away stays beside it under a further suffix, so the way back is a few renames. The
// order makes a crash harmless at every step: later snapshots first (without them a start only
// reads more journal), then later segments from the last to the first, then the segment in which
// the moment lies, replaced at once. A cut that was interrupted is done by doing it again.
//
// What is written from then on differs from what was there, so the journal gets another replication
// id: a replica that has seen more than the cut left cannot take it for the same history.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "persistence/journal_position.h"
#include "persistence/segment.h"
#include "persistence/snapshot_file.h"

namespace memoir {

inline constexpr const char* kCutSuffix = ".cut";

// What a cut takes away.
struct JournalCut {
  JournalPosition at;
  Lsn end_lsn = 0;             // of the journal now
  std::uint64_t records = 0;   // behind the moment
  std::size_t segment = 0;     // the one that becomes the last
  std::vector<SnapshotFile> snapshots;  // of later moments
};

// Looks what a cut at `moment` would do, and whether what is left can be started from: kNotFound
// if not. Damage of the journal before the moment is an error, behind it not.
Result<JournalCut> plan_cut(FileSystem& files, const std::string& data_directory,
                            const Timeline& timeline, const Moment& moment);

// Does it. Nobody else may have the journal open: the caller holds its lock.
Status carry_out_cut(FileSystem& files, const std::string& data_directory,
                     const Timeline& timeline, const JournalCut& cut);

}  // namespace memoir
