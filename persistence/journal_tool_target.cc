// What a path on the command line of memoir-journal means.
#include <algorithm>

#include "persistence/journal_tool.h"
#include "src/base/log.h"

namespace memoir::tool {

namespace {

Result<Target> single_segment(FileSystem& files, const std::string& path) {
  Lsn first_lsn = 0;
  const bool packed = parse_packed_name(base_name(path), first_lsn);
  if (!packed && !parse_segment_name(base_name(path), first_lsn)) {
    return Error(ErrorCode::kNotFound,
                 path + " is not a segment: its name is not 20 digits and '.journal'");
  }
  auto reader = SegmentReader::open(files, path, kSegmentHeaderBytes);
  if (!reader) return Error(reader.peek_error().code(), path + ": " + reader.peek_error().text());
  Target target{.directory = "",
                .timelines = {{.number = (*reader)->header().timeline,
                               .path = parent_path(path),
                               .segments = {{.first_lsn = first_lsn,
                                             .path = path,
                                             .packed = packed}}}}};
  // The segments that follow tell whether its end is damaged or torn.
  auto siblings = list_segments(files, parent_path(path), target.timelines[0].number);
  if (!siblings) return siblings.error();
  for (const SegmentFile& later : siblings->segments) {
    if (later.first_lsn <= first_lsn) continue;
    target.until = std::min(target.until, later.first_lsn);
    target.timelines[0].segments.push_back(later);
  }
  return target;
}

}  // namespace

Result<Target> find_target(FileSystem& files, const std::string& path) {
  const auto known = files.info(path);
  if (!known) return known.peek_error().clone();
  if (!known->is_directory) return single_segment(files, path);
  std::uint32_t number = 0;
  if (parse_timeline_name(base_name(path), number)) {
    auto timeline = list_segments(files, path, number);
    if (!timeline) return timeline.error();
    if (timeline->segments.empty()) return Error(ErrorCode::kNotFound, path + ": no segments");
    Target target;
    target.directory = parent_path(path);
    target.timelines.push_back(*std::move(timeline));
    return target;
  }
  for (const std::string& directory : {path, join_path(path, "journal")}) {
    auto timelines = list_timelines(files, directory);
    if (!timelines) return timelines.error();
    if (timelines->empty()) continue;
    Target target;
    target.directory = directory;
    target.timelines = *std::move(timelines);
    return target;
  }
  return Error(ErrorCode::kNotFound,
               path + ": no journal here (a journal is 'journal/<8 digits>/<20 digits>.journal')");
}

const Timeline* find_timeline(const Target& target, const Options& options) {
  if (!options.timeline) return &target.timelines.back();
  for (const Timeline& timeline : target.timelines) {
    if (timeline.number == *options.timeline) return &timeline;
  }
  complain(fmt::format("there is no timeline {}", *options.timeline));
  return nullptr;
}

}  // namespace memoir::tool
