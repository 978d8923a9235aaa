#include "persistence/journal_cut.h"

#include <algorithm>
#include <limits>

#include "persistence/segment_index.h"
#include "persistence/timeline_reader.h"
#include "persistence/timeline_snapshots.h"
#include "src/base/clock.h"
#include "src/base/log.h"
#include "src/base/random.h"

namespace memoir {
namespace {

constexpr const char* kTemporarySuffix = ".tmp";

// The frames of a segment up to an LSN, in a new file.
class SegmentRewriter {
 public:
  SegmentRewriter(File& file, std::uint32_t timeline)
      : file_(file),
        header_(make_segment_header(timeline, random_hex(kReplicationIdChars),
                                    SystemClock().now_us())) {}

  Status write(FileSystem& files, const Timeline& timeline, Lsn first_lsn, Lsn end_lsn) {
    if (Status written = append(bytes_of(header_)); !written) return written;
    TimelineReader reader(files, timeline, first_lsn);
    FrameView frame;
    std::int64_t time_us = header_.created_us;
    while (reader.lsn() < end_lsn) {
      auto more = reader.next(frame);
      if (!more) return more.error();
      if (!*more) break;
      if (frame.head.count == 0) continue;
      time_us = frame.head.time_us;
      if (Status written = copy(frame, end_lsn); !written) return written;
    }
    // It ends in good order, so whatever follows was never part of it.
    FrameHead end{.count = 0, .first_lsn = end_lsn, .synced_lsn = end_lsn, .time_us = time_us};
    entries_.clear();
    if (Status written = append_frame(end, {}, {}); !written) return written;
    return file_.sync();
  }

 private:
  Status copy(const FrameView& frame, Lsn end_lsn) {
    entries_.clear();
    std::size_t words_bytes = 0;
    TableCursor table(frame.table);
    for (FrameEntry entry; table.next(entry);) {
      if (frame.head.first_lsn + words_bytes + entry.bytes > end_lsn) break;
      words_bytes += entry.bytes;
      entries_.push_back(entry);
    }
    FrameHead head{.count = static_cast<std::uint32_t>(entries_.size()),
                   .first_lsn = frame.head.first_lsn,
                   .synced_lsn = frame.head.synced_lsn,
                   .time_us = frame.head.time_us};
    return append_frame(head, frame.sessions, frame.words.substr(0, words_bytes));
  }

  // A frame of what entries_ holds.
  Status append_frame(FrameHead head, ByteView sessions, ByteView words) {
    table_.clear();
    append_table(table_, entries_);
    seal_frame(head, header_.salt, table_, sessions, words);
    const ByteView parts[] = {
        {reinterpret_cast<const char*>(&head), sizeof(head)},
        table_, sessions, words};
    for (const ByteView part : parts) {
      if (Status written = append(part); !written) return written;
    }
    return ok;
  }

  Status append(ByteView bytes) {
    Status written = file_.write(offset_, bytes);
    offset_ += bytes.size();
    return written;
  }

  File& file_;
  SegmentHeader header_;
  std::uint64_t offset_ = 0;
  std::vector<FrameEntry> entries_;
  Bytes table_;
};

// How much lies behind the moment; up to damage, if there is some.
class Behind final : public RecordSink {
 public:
  Status on_record(const RecordView& record) override {
    ++records;
    end_lsn = record.lsn;
    return ok;
  }
  std::uint64_t records = 0;
  Lsn end_lsn = 0;
};

Status count_behind(FileSystem& files, const Timeline& timeline, JournalCut& cut) {
  TimelineReader reader(files, timeline, timeline.segments[cut.segment].first_lsn);
  Behind behind;
  behind.end_lsn = cut.at.lsn;
  FrameView frame;
  for (;;) {
    auto more = reader.next(frame);
    if (!more && !reader.damage()) return more.error();
    if (!more || !*more) break;
    Status given = deliver_frame(frame, cut.at.lsn, std::numeric_limits<Lsn>::max(), behind);
    if (!given) return given;
  }
  cut.records = behind.records;
  cut.end_lsn = behind.end_lsn;
  return ok;
}

Status set_aside(FileSystem& files, const std::string& path) {
  Status moved = files.rename(path, path + kCutSuffix);
  if (!moved && moved.error().code() == ErrorCode::kNotFound) return ok;
  return moved;
}

}  // namespace

Result<JournalCut> plan_cut(FileSystem& files, const std::string& data_directory,
                            const Timeline& timeline, const Moment& moment) {
  auto at = find_position(files, timeline, moment);
  if (!at) return at.error();
  JournalCut cut{.at = *at, .snapshots = {}};
  const auto& segments = timeline.segments;
  while (cut.segment + 1 < segments.size() && segments[cut.segment + 1].first_lsn < at->lsn) {
    ++cut.segment;
  }
  if (Status counted = count_behind(files, timeline, cut); !counted) {
    return std::move(counted).error();
  }
  auto snapshots = list_snapshots(files, data_directory);
  if (!snapshots) return snapshots.error();
  std::ranges::copy_if(*snapshots, std::back_inserter(cut.snapshots),
                       [&](const SnapshotFile& file) { return file.lsn > at->lsn; });
  auto owned = snapshots_of(files, data_directory, timeline);
  if (!owned) return owned.error();
  const bool starts = segments.front().first_lsn == 0 ||
                      (!owned->empty() && owned->front().lsn <= at->lsn);
  if (starts) return cut;
  return Error(ErrorCode::kNotFound,
               fmt::format("the journal begins at LSN {}, and no snapshot lies between that and "
                           "LSN {}: nothing would be left to start from",
                           segments.front().first_lsn, at->lsn));
}

Status carry_out_cut(FileSystem& files, const std::string& data_directory,
                     const Timeline& timeline, const JournalCut& cut) {
  for (auto at = cut.snapshots.rbegin(); at != cut.snapshots.rend(); ++at) {
    const std::string index = join_path(data_directory, snapshot_index_name(at->lsn));
    if (Status moved = set_aside(files, index); !moved) return moved;
    if (Status moved = set_aside(files, join_path(data_directory, at->name)); !moved) return moved;
  }
  if (Status synced = files.sync_directory(data_directory); !synced) return synced;

  const auto& segments = timeline.segments;
  for (std::size_t i = segments.size(); i-- > cut.segment + 1;) {
    (void)files.remove(index_path(segments[i]));  // can be made again
    if (Status moved = set_aside(files, segments[i].path); !moved) return moved;
    if (Status synced = files.sync_directory(timeline.path); !synced) return synced;
  }

  const SegmentFile& last = segments[cut.segment];
  const std::string path = join_path(timeline.path, segment_name(last.first_lsn));
  const std::string temporary = path + kTemporarySuffix;
  auto file = files.open(temporary, OpenMode::kCreate);
  if (!file) return file.error();
  // The later segments have gone, so the timeline ends with this one.
  Timeline left = timeline;
  left.segments.resize(cut.segment + 1);
  SegmentRewriter rewriter(**file, timeline.number);
  if (Status written = rewriter.write(files, left, last.first_lsn, cut.at.lsn); !written) {
    return written;
  }
  (void)files.remove(index_path(last));
  if (!last.packed) {
    if (Status kept = copy_file(files, path, 0, path + kCutSuffix); !kept) return kept;
  }
  if (Status moved = files.rename(temporary, path); !moved) return moved;
  if (Status synced = files.sync_directory(timeline.path); !synced) return synced;
  if (!last.packed) return ok;
  // Where a segment has both forms, the plain one counts: so this can come last.
  if (Status moved = set_aside(files, last.path); !moved) return moved;
  return files.sync_directory(timeline.path);
}

}  // namespace memoir
