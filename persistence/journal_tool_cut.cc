// memoir-journal cut: takes back everything behind a moment.
#include "persistence/journal_cut.h"
#include "persistence/journal_tool.h"
#include "src/base/log.h"
#include "src/base/moment.h"

namespace memoir::tool {

namespace {

std::string described(const JournalPosition& at) {
  return at.time_us == 0 ? fmt::format("LSN {}", at.lsn)
                         : fmt::format("LSN {} ({})", at.lsn, format_time_us(at.time_us));
}

void tell(const Timeline& timeline, const JournalCut& cut) {
  fmt::print("Timeline {} ends at LSN {}; cut at that moment it ends at {}. {} records behind it "
             "go.\n",
             timeline.number, cut.end_lsn, described(cut.at), cut.records);
  for (std::size_t i = cut.segment + 1; i < timeline.segments.size(); ++i) {
    fmt::print("  {} goes as a whole\n", timeline.segments[i].path);
  }
  for (const SnapshotFile& file : cut.snapshots) {
    fmt::print("  {} goes: it is of a later moment\n", file.name);
  }
}

int cut_target(FileSystem& files, const Target& target, const Options& options) {
  const std::string data_directory = parent_path(target.directory);
  const Timeline& timeline = target.timelines.back();
  auto cut = plan_cut(files, data_directory, timeline, *options.at);
  if (!cut) {
    complain(cut.peek_error().text());
    return kFailed;
  }
  if (cut->records == 0 && cut->snapshots.empty()) {
    fmt::print("Nothing lies behind that moment: the journal ends at {}.\n", described(cut->at));
    return kWell;
  }
  tell(timeline, *cut);
  if (!options.yes) {
    fmt::print("Nothing has been changed. To do it: memoir-journal cut --yes --at WHEN PATH\n");
    return kDamaged;
  }
  if (Status done = carry_out_cut(files, data_directory, timeline, *cut); !done) {
    complain(done.error().text() + "; do it again to complete it");
    return kFailed;
  }
  fmt::print("Done. What was taken away is kept beside as *{}\n", kCutSuffix);
  return kWell;
}

}  // namespace

int cut(FileSystem& files, const Options& options) {
  if (!options.at) {
    complain("cut needs --at WHEN; see --help");
    return kFailed;
  }
  auto target = find_target(files, options.paths.front());
  if (!target) {
    complain(target.peek_error().text());
    return kFailed;
  }
  if (target->directory.empty()) {
    complain("cut takes a directory, since it must see segments and snapshots that follow");
    return kFailed;
  }
  auto lock = files.lock(join_path(target->directory, "lock"));
  if (!lock) {
    complain(lock.peek_error().text() + "; stop the server first");
    return kFailed;
  }
  return cut_target(files, *target, options);
}

}  // namespace memoir::tool
