// Which snapshots a timeline of the journal owns: those that are one of its own moments.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "persistence/segment.h"
#include "persistence/snapshot_file.h"

namespace memoir {

// A timeline, and who it was to other servers when it began.
struct TimelineStart {
  std::uint32_t number = 0;
  Lsn first_lsn = 0;
  Bytes replication_id;  // empty if its first segment cannot be read
};

TimelineStart describe_timeline(FileSystem& files, const Timeline& timeline);

// Whether a snapshot is one of the timeline's own moments. The same id and offset mean the same
// data wherever they were written, so a timeline that began at a snapshot of an older one owns it;
// and a file that does not tell is what the timeline began with, if it is where that begins.
bool belongs_to(const SnapshotOrigin& origin, Lsn lsn, const TimelineStart& timeline);

// The snapshots in `directory` that the timeline owns and whose journal is there, the oldest first;
// those whose head cannot be read are left out.
Result<std::vector<SnapshotFile>> snapshots_of(FileSystem& files, const std::string& directory,
                                               const Timeline& timeline);

}  // namespace memoir
