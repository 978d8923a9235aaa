#include "persistence/segment_file.h"

#include <map>
#include <set>

#include "src/base/log.h"

namespace memoir {

namespace {

constexpr std::string_view kPreparedPrefix = "prepared-";
constexpr std::string_view kPreparedSuffix = ".tmp";
constexpr std::uint64_t kZeroedAtOnceBytes = 1UL << 20;

// Zeros go to disk piece by piece, so that the syncs others wait for do not queue behind all of
// them.
Status allocate_gently(File& file, std::uint64_t offset, std::uint64_t bytes, Fill fill) {
  Status done = file.allocate(offset, bytes, Fill::kReserve);
  if (fill == Fill::kReserve) return done;
  while (done && bytes > 0) {
    const std::uint64_t step = std::min(bytes, kZeroedAtOnceBytes);
    done = file.allocate(offset, step, Fill::kZeros);
    if (done) done = file.sync();
    offset += step;
    bytes -= step;
  }
  return done;
}

Status fill_prepared(SegmentWriter& segment, const SegmentHeader& header, std::uint64_t bytes,
                     Fill fill) {
  Status done = segment.file().write(0, bytes_of(header));
  if (done && bytes > kSegmentHeaderBytes) {
    done = allocate_gently(segment.file(), kSegmentHeaderBytes, bytes - kSegmentHeaderBytes, fill);
  }
  if (done) done = segment.file().sync();
  return done;
}

}  // namespace

Result<std::shared_ptr<SegmentWriter>> SegmentWriter::prepare(FileSystem& files, Plan plan,
                                                              std::uint64_t bytes_min) {
  // Such a limit is somebody's wish to see it kept, not to see more files.
  if (plan.bytes > files.file_bytes_max()) return Error(ErrorCode::kNoSpace, "File too large");
  for (;; plan.bytes = std::max(plan.bytes / 2, bytes_min)) {
    auto segment = prepare_whole(files, plan);
    if (segment || plan.bytes <= bytes_min) return segment;
    if (segment.peek_error().code() != ErrorCode::kNoSpace) return segment;
  }
}

Result<std::shared_ptr<SegmentWriter>> SegmentWriter::prepare_whole(FileSystem& files,
                                                                    const Plan& plan) {
  auto segment = std::make_shared<SegmentWriter>();
  segment->path_ = join_path(plan.directory, fmt::format("{}{}{}", kPreparedPrefix, plan.serial,
                                                         kPreparedSuffix));
  auto file = files.open(segment->path_, OpenMode::kCreate);
  if (!file) return file.error();
  segment->file_ = *std::move(file);
  const SegmentHeader header =
      make_segment_header(plan.timeline, plan.replication_id, plan.created_us);
  if (Status done = fill_prepared(*segment, header, plan.bytes, plan.fill); !done) {
    (void)files.remove(segment->path_);
    return std::move(done).error();
  }
  segment->salt_ = header.salt;
  segment->serial_ = plan.serial;
  segment->end_ = kSegmentHeaderBytes;
  segment->allocated_ = std::max<std::uint64_t>(plan.bytes, kSegmentHeaderBytes);
  segment->synced_end_ = kSegmentHeaderBytes;
  return segment;
}

Result<std::shared_ptr<SegmentWriter>> SegmentWriter::reopen(FileSystem& files,
                                                             const std::string& path,
                                                             std::uint64_t serial, Lsn first_lsn,
                                                             std::uint64_t end,
                                                             std::uint64_t salt) {
  auto segment = std::make_shared<SegmentWriter>();
  auto file = files.open(path, OpenMode::kWrite);
  if (!file) return file.error();
  segment->file_ = *std::move(file);
  const auto size = segment->file_->size();
  if (!size) return Error(ErrorCode::kIo, path + ": " + size.peek_error().text());
  segment->path_ = path;
  segment->first_lsn_ = first_lsn;
  segment->salt_ = salt;
  segment->serial_ = serial;
  segment->end_ = end;
  segment->allocated_ = *size;
  segment->synced_end_ = end;
  return segment;
}

Status SegmentWriter::name(FileSystem& files, const std::string& directory, Lsn first_lsn) {
  const std::string path = join_path(directory, segment_name(first_lsn));
  if (Status renamed = files.rename(path_, path); !renamed) return renamed;
  path_ = path;
  first_lsn_ = first_lsn;
  return ok;
}

Status SegmentWriter::append(const FrameHead& head, ByteView table, ByteView sessions,
                             ByteView words) {
  const ByteView parts[] = {ByteView(reinterpret_cast<const char*>(&head), sizeof(head)), table,
                            sessions, words};
  if (Status written = file_->write(end_, parts); !written) return written;
  end_ += kFrameHeadBytes + head.body_bytes();
  return ok;
}

Status SegmentWriter::reserve(std::uint64_t bytes, Fill fill) {
  if (room() >= bytes) return ok;
  const std::uint64_t from = std::max(allocated_, end_);
  const std::uint64_t to = end_ + bytes;
  if (Status done = allocate_gently(*file_, from, to - from, fill); !done) return done;
  allocated_ = to;
  return ok;
}

namespace {

// Collects declarations and gives those again that a frame needs in its new segment.
class Declarations final : public RecordSink {
 public:
  void on_session(const SessionView& session) override {
    Bytes& bytes = known_[session.id];
    bytes.clear();
    append_session(bytes, session);
    declared_.erase(session.id);
  }
  Status on_record(const RecordView&) override { return ok; }

  Bytes needed_by(const FrameView& frame) {
    Bytes out;
    TableCursor table(frame.table);
    FrameEntry entry;
    while (table.next(entry)) {
      const auto found = known_.find(entry.session);
      if (found == known_.end() || !declared_.insert(entry.session).second) continue;
      out.append(found->second);
    }
    return out;
  }

 private:
  std::map<std::uint32_t, Bytes> known_;
  std::set<std::uint32_t> declared_;
};

Status move_frame(const FrameView& frame, Declarations& declarations, SegmentWriter& target) {
  const Bytes sessions = declarations.needed_by(frame);
  FrameHead head = frame.head;
  seal_frame(head, target.salt(), frame.table, sessions, frame.words);
  return target.append(head, frame.table, sessions, frame.words);
}

Status rewrite_source(SegmentReader& reader, Lsn from, Lsn to, Declarations& declarations,
                      Lsn& next, SegmentWriter& target) {
  FrameView frame;
  while (next < to) {
    auto outcome = reader.next(frame);
    if (!outcome) return outcome.error();
    if (*outcome != SegmentReader::Outcome::kFrame) return ok;
    Status status = deliver_sessions(frame.sessions, declarations);
    if (!status) return status;
    if (frame.head.first_lsn < from || frame.head.count == 0) continue;
    if (frame.head.first_lsn != next) return ok;
    if (status = move_frame(frame, declarations, target); !status) return status;
    next = frame.head.end_lsn();
  }
  return ok;
}

}  // namespace

Status rewrite_frames(FileSystem& files, const std::vector<SegmentFile>& sources, Lsn from, Lsn to,
                      SegmentWriter& target) {
  Lsn next = from;
  for (const SegmentFile& source : sources) {
    auto reader = SegmentReader::open(files, source.path);
    if (!reader) return reader.error();
    Declarations declarations;
    Status status = rewrite_source(**reader, from, to, declarations, next, target);
    if (!status) return status;
  }
  if (next != to) {
    return Error(ErrorCode::kCorrupt,
                 fmt::format("records from LSN {} to {} cannot be read back", next, to));
  }
  return target.file().sync();
}

}  // namespace memoir
