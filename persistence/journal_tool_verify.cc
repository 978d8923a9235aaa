// memoir-journal verify: checks every byte.
#include <algorithm>

#include "persistence/journal_tool.h"
#include "persistence/journal_tool_snapshots.h"
#include "persistence/segment_index.h"
#include "persistence/timeline_reader.h"
#include "src/base/log.h"

namespace memoir::tool {

namespace {

// Counts records and checks that each is made of requests.
class Inspector final : public RecordSink {
 public:
  Status on_record(const RecordView& record) override {
    ++records;
    RequestCursor cursor(record.words);
    while (cursor.next(words_)) {
    }
    if (!cursor.failed() || (record.flags & kForeign) != 0) return ok;
    return Error(ErrorCode::kCorrupt,
                 fmt::format("the record at LSN {} is not made of requests", record.first));
  }
  std::uint64_t records = 0;

 private:
  std::vector<ByteView> words_;
};

constexpr const char* kClosed = "closed in good order";
constexpr const char* kOpen = "not closed: a running server or a crash";

void report(const TimelineReader& reader, Lsn first_lsn, std::uint64_t frames,
            std::uint64_t records, const char* end, std::size_t segments) {
  fmt::print("timeline {}: {} {}, LSN {} to {}, {} frames, {} records; {}\n",
             reader.timeline().number, segments, segments == 1 ? "segment" : "segments", first_lsn,
             reader.lsn(), frames, records, reader.torn() ? "a torn write at its end" : end);
  if (!reader.torn()) return;
  const TimelineReader::Place& torn = *reader.torn();
  fmt::print("  {} at offset {} (LSN {}): {}; {} frames behind it. None of that was ever synced; "
             "the server cuts it when it starts\n",
             torn.path, torn.offset, torn.lsn, torn.reason, torn.frames_behind);
}

// The indexes of the first `count` segments: those that are there must be sound and of their
// segment. One that is missing is made by the server.
int verify_indexes(FileSystem& files, const Timeline& timeline, std::size_t count) {
  int code = kWell;
  for (std::size_t i = 0; i < count; ++i) {
    const std::string path = index_path(timeline.segments[i]);
    if (!files.info(path)) continue;
    auto index = SegmentIndex::open(files, path);
    Status sound = index ? (*index)->verify() : Status(index.error());
    if (sound && (*index)->facts().first_lsn != timeline.segments[i].first_lsn) {
      sound = Error(ErrorCode::kCorrupt, "it belongs to another segment");
    }
    if (sound) continue;
    complain(fmt::format("{}: {}. Remove it: the server makes it again", path,
                         sound.error().text()));
    code = kDamaged;
  }
  return code;
}

int verify_timeline(FileSystem& files, const Timeline& timeline, Lsn until) {
  const Lsn first_lsn = timeline.segments.front().first_lsn;
  TimelineReader reader(files, timeline, first_lsn);
  Inspector inspector;
  FrameView frame;
  std::uint64_t frames = 0;
  bool closed = false;
  while (reader.lsn() < until) {
    auto more = reader.next(frame);
    if (!more) {
      complain(more.peek_error().text());
      return reader.damage() ? kDamaged : kFailed;
    }
    if (!*more) break;
    ++frames;
    closed = frame.head.count == 0;
    if (Status done = deliver_frame(frame, 0, UINT64_MAX, inspector); !done) {
      complain(fmt::format("{} before offset {}: {}", timeline.segments[reader.segment()].path,
                           reader.offset(), done.error().text()));
      return kDamaged;
    }
  }
  const bool one = until != std::numeric_limits<Lsn>::max();
  const int code = verify_indexes(files, timeline, one ? 1 : timeline.segments.size());
  report(reader, first_lsn, frames, inspector.records, one ? "sealed" : closed ? kClosed : kOpen,
         one ? 1 : timeline.segments.size());
  return code;
}

}  // namespace

int verify(FileSystem& files, const Options& options) {
  int code = kWell;
  for (const std::string& path : options.paths) {
    auto target = find_target(files, path);
    if (!target) {
      complain(target.peek_error().text());
      code = std::max(code, target.peek_error().code() == ErrorCode::kCorrupt ||
                                    target.peek_error().code() == ErrorCode::kTruncated
                                ? kDamaged
                                : kFailed);
      continue;
    }
    for (const Timeline& timeline : target->timelines) {
      code = std::max(code, verify_timeline(files, timeline, target->until));
    }
    if (!target->directory.empty()) {
      code = std::max(code, verify_snapshots(files, target->directory));
    }
  }
  return code;
}

}  // namespace memoir::tool
