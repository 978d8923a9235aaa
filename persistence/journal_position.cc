#include "persistence/journal_position.h"

#include "persistence/timeline_reader.h"
#include "src/base/log.h"

namespace memoir {
namespace {

constexpr std::size_t kProbeBytes = 64UL << 10;

bool is_behind(const Moment& moment, Lsn lsn, std::int64_t time_us) {
  return moment.kind == Moment::Kind::kLsn ? lsn > moment.lsn : time_us > moment.time_us;
}

// Takes records up to the first that is behind the moment.
class Search final : public RecordSink {
 public:
  Search(const Moment& moment, JournalPosition& found) : moment_(moment), found_(found) {}

  Status on_record(const RecordView& record) override {
    if (is_behind(moment_, record.lsn, record.time_us)) {
      over_ = true;
      return Error(ErrorCode::kReply, "that is far enough");
    }
    found_ = {.lsn = record.lsn, .time_us = record.time_us, .at_end = false};
    return ok;
  }
  bool over() const { return over_; }

 private:
  const Moment& moment_;
  JournalPosition& found_;
  bool over_ = false;
};

// The last segment that begins before the moment, by its first frame.
Result<std::size_t> find_segment(FileSystem& files, const Timeline& timeline,
                                 const Moment& moment) {
  std::size_t low = 0;
  for (std::size_t high = timeline.segments.size(); high - low > 1;) {
    const std::size_t middle = low + (high - low) / 2;
    const Lsn first = timeline.segments[middle].first_lsn;
    bool behind = first > moment.lsn;
    if (moment.kind == Moment::Kind::kTime) {
      TimelineReader reader(files, timeline, first, kProbeBytes);
      FrameView frame;
      auto more = reader.next(frame);
      if (!more) return more.error();
      behind = !*more || frame.head.time_us > moment.time_us;
    }
    (behind ? high : low) = middle;
  }
  return low;
}

// A frame's records may be a little older than it, so the search begins a segment earlier.
Result<JournalPosition> search_from(FileSystem& files, const Timeline& timeline,
                                    const Moment& moment, std::size_t segment) {
  JournalPosition found{.lsn = timeline.segments[segment].first_lsn};
  TimelineReader reader(files, timeline, found.lsn);
  Search search(moment, found);
  FrameView frame;
  for (;;) {
    auto more = reader.next(frame);
    if (!more) return more.error();
    if (!*more) break;
    Status given = deliver_frame(frame, 0, std::numeric_limits<Lsn>::max(), search);
    if (search.over()) return found;
    if (!given) return std::move(given).error();
  }
  found.at_end = true;
  return found;
}

}  // namespace

Result<JournalPosition> find_position(FileSystem& files, const Timeline& timeline,
                                      const Moment& moment) {
  auto segment = find_segment(files, timeline, moment);
  if (!segment) return segment.error();
  auto found = search_from(files, timeline, moment, *segment > 0 ? *segment - 1 : 0);
  if (!found) return found;
  const Lsn first = timeline.segments.front().first_lsn;
  const bool before = moment.kind == Moment::Kind::kLsn ? moment.lsn < first
                                                        : found->time_us == 0 && !found->at_end;
  if (before && first > 0) {
    return Error(ErrorCode::kNotFound,
                 fmt::format("the journal begins behind that moment, at LSN {}", first));
  }
  return found;
}

}  // namespace memoir
