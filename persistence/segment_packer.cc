#include "persistence/segment_packer.h"

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "persistence/frame_merger.h"
#include "persistence/packed_file.h"
#include "persistence/segment_index.h"
#include "src/base/hash.h"
#include "src/base/log.h"

namespace memoir {

namespace {

constexpr std::string_view kAsideSuffix = ".tmp";
constexpr std::size_t kReadBytes = 1UL << 20;
constexpr std::uint64_t kMix = 0x9E37'79B9'7F4A'7C15;

// What a segment says, in one number: every record with its place, time, database, flags and the
// session behind it, however it is divided into frames.
class Digest final : public RecordSink {
 public:
  void on_session(const SessionView& session) override {
    Bytes text;
    append_session(text, session);
    sessions_[session.id] = hash_on_disk(text);
  }
  Status on_record(const RecordView& record) override {
    const auto session = sessions_.find(record.session);
    add(hash_on_disk(record.words));
    add(record.first);
    add(static_cast<std::uint64_t>(record.time_us));
    add(session == sessions_.end() ? 0 : session->second);
    add((std::uint64_t{record.session} << 32) | (std::uint64_t{record.db} << 16) | record.flags);
    return ok;
  }
  std::uint64_t value() const { return value_; }

 private:
  void add(std::uint64_t part) {
    value_ = (value_ ^ part) * kMix;
    value_ ^= value_ >> 29;
  }
  std::uint64_t value_ = 0;
  std::map<std::uint32_t, std::uint64_t> sessions_;
};

class Both final : public RecordSink {
 public:
  Both(RecordSink& first, RecordSink& second) : first_(first), second_(second) {}
  void on_session(const SessionView& session) override {
    first_.on_session(session);
    second_.on_session(session);
  }
  Status on_record(const RecordView& record) override {
    if (Status done = first_.on_record(record); !done) return done;
    return second_.on_record(record);
  }

 private:
  RecordSink& first_;
  RecordSink& second_;
};

// Where the bytes of the new segment go.
class Target final : public FrameSink {
 public:
  Target(File& file, Lsn first_lsn, PackForm form, int level)
      : file_(file), form_(form), packed_(file, first_lsn, level) {}

  void begin(ByteView header) { front_ = Bytes(header); }

  Status on_frame(ByteView frame, Lsn first_lsn, std::int64_t time_us) override {
    if (Status done = write(frame, first_lsn, time_us); !done) return done;
    const std::uint64_t end = form_ == PackForm::kZstd ? packed_.bytes() : end_;
    if (end < synced_ + kGentleSyncBytes) return ok;
    synced_ = end;
    return file_.sync();
  }

  // Returns how long the file is.
  Result<std::uint64_t> finish(Lsn end_lsn) {
    if (form_ == PackForm::kZstd) {
      if (Status done = packed_.finish(end_lsn); !done) return std::move(done).error();
      end_ = packed_.bytes();
    }
    if (Status done = file_.sync(); !done) return std::move(done).error();
    return end_;
  }

 private:
  Status write(ByteView frame, Lsn first_lsn, std::int64_t time_us) {
    if (form_ == PackForm::kZstd) {
      if (front_.empty()) return packed_.add_block(frame, first_lsn, time_us);
      const Bytes block = std::exchange(front_, Bytes()).append(frame);
      return packed_.add_block(block, first_lsn, time_us);
    }
    const ByteView parts[] = {front_, frame};
    Status done = file_.write(end_, parts);
    end_ += front_.size() + frame.size();
    front_.clear();
    return done;
  }

  File& file_;
  PackForm form_;
  PackedWriter packed_;
  Bytes front_;
  std::uint64_t end_ = 0;
  std::uint64_t synced_ = 0;
};

// Reads the frames of a segment up to `limit` into the sink; returns where they end.
Result<Lsn> read_segment(SegmentReader& reader, Lsn first_lsn, Lsn limit, RecordSink& sink,
                         const std::atomic<bool>* stop) {
  Lsn lsn = first_lsn;
  FrameView frame;
  while (lsn < limit) {
    if (stop != nullptr && *stop) return Error(ErrorCode::kIo, "the journal is closing");
    auto outcome = reader.next(frame);
    if (!outcome) return outcome.error();
    if (*outcome == SegmentReader::Outcome::kEnd && limit == UINT64_MAX) return lsn;
    if (*outcome != SegmentReader::Outcome::kFrame || frame.head.first_lsn != lsn ||
        frame.head.end_lsn() > limit) {
      return Error(ErrorCode::kCorrupt,
                   fmt::format("{} cannot be read on from offset {} (LSN {})", reader.path(),
                               reader.offset(), lsn));
    }
    if (Status done = deliver_frame(frame, 0, UINT64_MAX, sink); !done) {
      return std::move(done).error();
    }
    lsn = frame.head.end_lsn();
  }
  return lsn;
}

Error with_path(const std::string& path, const Error& error) {
  return Error(error.code(), path + ": " + error.text());
}

struct Written {
  std::uint64_t digest = 0;
  Lsn end_lsn = 0;
  std::uint64_t bytes_before = 0;
  std::uint64_t bytes_after = 0;
};

Result<Written> write_aside(FileSystem& files, const SegmentFile& segment, Lsn limit,
                            PackForm form, int level, const std::string& aside,
                             const std::atomic<bool>* stop) {
  auto reader = SegmentReader::open(files, segment.path, kReadBytes);
  if (!reader) return with_path(segment.path, reader.peek_error());
  auto file = files.open(aside, OpenMode::kCreate);
  if (!file) return file.error();
  SegmentHeader header = (*reader)->header();
  header.form = kFormMerged;
  seal_header(header);
  Target target(**file, segment.first_lsn, form, level);
  target.begin(bytes_of(header));
  FrameMerger merger(header.salt, kPackedFrameBytes, target);
  Digest digest;
  Both both(digest, merger);
  auto end_lsn = read_segment(**reader, segment.first_lsn, limit, both, stop);
  if (!end_lsn) return end_lsn.error();
  if (*end_lsn == segment.first_lsn) {
    return Error(ErrorCode::kNotFound, segment.path + ": there are no records in it");
  }
  if (Status done = merger.finish(); !done) return with_path(aside, done.error());
  auto bytes = target.finish(*end_lsn);
  if (!bytes) return with_path(aside, bytes.peek_error());
  auto before = (*reader)->size();
  if (!before) return before.error();
  return Written{.digest = digest.value(),
                 .end_lsn = *end_lsn,
                 .bytes_before = *before,
                 .bytes_after = *bytes};
}

// Reads the new file from its begin to its end.
Status check_aside(FileSystem& files, const SegmentFile& segment, PackForm form,
                   const std::string& aside, const Written& written,
                   const std::atomic<bool>* stop) {
  auto reader = form == PackForm::kZstd ? SegmentReader::open_packed(files, aside, kReadBytes)
                                        : SegmentReader::open(files, aside, kReadBytes);
  if (!reader) return with_path(aside, reader.peek_error());
  Digest digest;
  auto end_lsn = read_segment(**reader, segment.first_lsn, UINT64_MAX, digest, stop);
  if (!end_lsn) return Error(end_lsn.peek_error().clone());
  if (*end_lsn != written.end_lsn || digest.value() != written.digest) {
    return Error(ErrorCode::kCorrupt, aside + " does not read back as it was written");
  }
  return ok;
}

// The plain segment's name whatever form it has.
std::string plain_path(const SegmentFile& segment) {
  return join_path(parent_path(segment.path), segment_name(segment.first_lsn));
}

}  // namespace

Result<PackedSegment> pack_segment(FileSystem& files, const SegmentFile& segment, Lsn limit,
                                   PackForm form, int level,
                                   const std::atomic<bool>* stop) {
  const std::string directory = parent_path(segment.path);
  const std::string name =
      form == PackForm::kZstd ? packed_name(segment.first_lsn) : segment_name(segment.first_lsn);
  const std::string path = join_path(directory, name);
  const std::string aside = path + std::string(kAsideSuffix);
  auto written = write_aside(files, segment, limit, form, level, aside, stop);
  Status done = ok;
  if (!written) done = written.error();
  if (done) done = check_aside(files, segment, form, aside, *written, stop);
  if (done) done = files.rename(aside, path);
  if (!done) {
    (void)files.remove(aside);
    return std::move(done).error();
  }
  if (done = files.sync_directory(directory); !done) return std::move(done).error();
  if (path != segment.path) {
    if (done = files.remove(segment.path); !done) return std::move(done).error();
    if (done = files.sync_directory(directory); !done) return std::move(done).error();
  }
  return PackedSegment{.path = path,
                       .bytes_before = written->bytes_before,
                       .bytes_after = written->bytes_after};
}

Status unpack_segment(FileSystem& files, const SegmentFile& segment, std::uint64_t offset) {
  const std::string path = plain_path(segment);
  const std::string aside = path + std::string(kAsideSuffix);
  {
    auto source = PackedFile::open(files, segment.path);
    if (!source) return with_path(segment.path, source.peek_error());
    auto target = files.open(aside, OpenMode::kCreate);
    if (!target) return target.error();
    Bytes buffer(kReadBytes, '\0');
    for (std::uint64_t at = 0; at < offset;) {
      const std::size_t wanted = std::min<std::uint64_t>(buffer.size(), offset - at);
      const auto got = (*source)->read(at, buffer.data(), wanted);
      if (!got) return with_path(segment.path, got.peek_error());
      if (*got == 0) break;
      const Status done = (*target)->write(at, ByteView(buffer).substr(0, *got));
      if (!done) return with_path(aside, done.error());
      at += *got;
    }
    if (Status done = (*target)->sync(); !done) return with_path(aside, done.error());
  }
  const std::string directory = parent_path(segment.path);
  if (Status done = files.rename(aside, path); !done) return done;
  if (Status done = files.sync_directory(directory); !done) return done;
  if (Status done = files.remove(segment.path); !done) return done;
  return files.sync_directory(directory);
}

Status remove_litter(FileSystem& files, const std::string& directory) {
  auto entries = files.list(directory);
  if (!entries) return entries.error();
  std::set<std::string> names;
  for (const DirectoryEntry& entry : *entries) names.insert(entry.name);
  for (const DirectoryEntry& entry : *entries) {
    Lsn lsn = 0;
    const bool twin = parse_packed_name(entry.name, lsn) && names.contains(segment_name(lsn));
    const bool orphan = parse_index_name(entry.name, lsn) &&
                        !names.contains(segment_name(lsn)) && !names.contains(packed_name(lsn));
    const bool litter = twin || orphan || entry.name.ends_with(kAsideSuffix);
    if (entry.is_directory || !litter) continue;
    if (Status gone = files.remove(join_path(directory, entry.name)); !gone) return gone;
  }
  return ok;
}

}  // namespace memoir
