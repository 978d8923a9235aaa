#include "persistence/timeline_snapshots.h"

namespace memoir {

TimelineStart describe_timeline(FileSystem& files, const Timeline& timeline) {
  TimelineStart start{.number = timeline.number,
                      .first_lsn = timeline.segments.front().first_lsn,
                      .replication_id = {}};
  // Damage there is for the reading of the journal to tell.
  auto first = SegmentReader::open(files, timeline.segments.front().path, kSegmentHeaderBytes);
  if (first) start.replication_id = Bytes((*first)->header().replication());
  return start;
}

bool belongs_to(const SnapshotOrigin& origin, Lsn lsn, const TimelineStart& timeline) {
  if (origin.lsn && *origin.lsn != lsn) return false;
  if (origin.timeline && *origin.timeline == timeline.number) return true;
  if (!origin.replication_id.empty()) return origin.replication_id == timeline.replication_id;
  return !origin.timeline && lsn == timeline.first_lsn;
}

Result<std::vector<SnapshotFile>> snapshots_of(FileSystem& files, const std::string& directory,
                                               const Timeline& timeline) {
  auto all = list_snapshots(files, directory);
  if (!all) return all;
  const TimelineStart start = describe_timeline(files, timeline);
  std::vector<SnapshotFile> owned;
  for (SnapshotFile& file : *all) {
    if (file.lsn < start.first_lsn) continue;
    auto origin = read_snapshot_origin(files, join_path(directory, file.name));
    if (origin && belongs_to(*origin, file.lsn, start)) owned.push_back(std::move(file));
  }
  return owned;
}

}  // namespace memoir
