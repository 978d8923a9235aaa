// memoir-journal repair: cuts a journal at its first damage.
#include <optional>

#include "persistence/journal_tool.h"
#include "persistence/recovery.h"
#include "persistence/timeline_reader.h"
#include "src/base/log.h"

namespace memoir::tool {

namespace {

// The first place of the timeline that cannot be read, damage or torn; nothing if all is well.
Result<std::optional<TimelineReader::Place>> first_bad_place(FileSystem& files,
                                                             const Timeline& timeline) {
  TimelineReader reader(files, timeline, timeline.segments.front().first_lsn);
  FrameView frame;
  for (;;) {
    auto more = reader.next(frame);
    if (!more && reader.damage()) return reader.damage();
    if (!more) return more.error();
    if (!*more) return reader.torn();
  }
}

int cut(FileSystem& files, const Timeline& timeline, const TimelineReader::Place& place,
        bool confirmed) {
  const std::size_t later = timeline.segments.size() - place.segment - 1;
  fmt::print("{} is bad at offset {} (LSN {}): {}\n", place.path, place.offset, place.lsn,
             place.reason);
  fmt::print("Repair cuts the journal there: it then ends at LSN {}. The database loses {} sound "
             "frames behind that place, those of {} later segments included.\n",
             place.lsn, place.frames_behind, later);
  if (!confirmed) {
    fmt::print("Nothing has been changed. To do it: memoir-journal repair --yes PATH\n");
    return kDamaged;
  }
  if (Status done = cut_timeline(files, timeline, place.segment, place.offset, ".damaged"); !done) {
    complain(done.error().text());
    return kFailed;
  }
  fmt::print("Done. What was taken away is kept in {} as *.damaged\n", timeline.path);
  return kWell;
}

}  // namespace

int repair(FileSystem& files, const Options& options) {
  auto target = find_target(files, options.paths.front());
  if (!target) {
    complain(target.peek_error().text());
    return kFailed;
  }
  if (target->directory.empty()) {
    complain("repair takes a directory, since it must see the segments that follow");
    return kFailed;
  }
  auto lock = files.lock(join_path(target->directory, "lock"));
  if (!lock) {
    complain(lock.peek_error().text() + "; stop the server first");
    return kFailed;
  }
  const Timeline& timeline = target->timelines.back();
  auto place = first_bad_place(files, timeline);
  if (!place) {
    complain(place.peek_error().text());
    return kFailed;
  }
  if (*place) return cut(files, timeline, **place, options.yes);
  fmt::print("Timeline {} is sound: there is nothing to repair.\n", timeline.number);
  return kWell;
}

}  // namespace memoir::tool
