#include "persistence/journal_tool_snapshots.h"

#include <optional>

#include "persistence/snapshot_index.h"
#include "persistence/timeline_snapshots.h"
#include "src/base/log.h"

namespace memoir::tool {

namespace {

// Why a start does not use a sound snapshot; empty if it may.
std::string unfit(FileSystem& files, const std::string& path, Lsn lsn,
                  const TimelineStart& timeline) {
  auto origin = read_snapshot_origin(files, path);
  if (!origin) return origin.peek_error().text();
  if (!belongs_to(*origin, lsn, timeline)) return "it belongs to another timeline";
  if (lsn < timeline.first_lsn) return "the journal begins behind it";
  return {};
}

}  // namespace

int verify_snapshots(FileSystem& files, const std::string& journal_directory) {
  const std::string directory = parent_path(journal_directory);
  auto timelines = list_timelines(files, journal_directory);
  auto snapshots = list_snapshots(files, directory);
  if (!timelines || !snapshots) {
    complain((timelines ? snapshots.peek_error() : timelines.peek_error()).text());
    return kFailed;
  }
  int code = kWell;
  std::optional<SnapshotFile> chosen;
  const TimelineStart timeline = describe_timeline(files, timelines->back());
  for (const SnapshotFile& file : *snapshots) {
    const std::string path = join_path(directory, file.name);
    SnapshotCheck check;
    check.path = path;
    check.lsn = file.lsn;
    auto sound = check_snapshot(files, check);
    if (!sound) {
      complain(fmt::format("{}: {}", path, sound.peek_error().text()));
      code = kDamaged;
      continue;
    }
    const std::string why_not = unfit(files, path, file.lsn, timeline);
    fmt::print("{}: LSN {}, {} keys, {} bytes; sound{}\n", file.name, file.lsn, sound->keys,
               sound->bytes, why_not.empty() ? "" : ", but not used at a start: " + why_not);
    if (why_not.empty()) chosen = file;
  }
  if (chosen) {
    fmt::print("A start uses {} and the journal behind LSN {}\n", chosen->name, chosen->lsn);
  } else if (timeline.first_lsn == 0) {
    fmt::print("A start uses the journal from its beginning\n");
  } else {
    complain(fmt::format("the journal begins at LSN {}, and there is no sound snapshot of that "
                         "moment or a later one: a server cannot start from this",
                         timeline.first_lsn));
    code = kDamaged;
  }
  return code;
}

}  // namespace memoir::tool
