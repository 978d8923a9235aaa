#include "persistence/recovery.h"

#include <algorithm>
#include <utility>

#include "persistence/segment_index.h"
#include "persistence/segment_packer.h"
#include "persistence/timeline_reader.h"
#include "src/base/log.h"

namespace memoir {

namespace {

constexpr std::uint64_t kProgressBytes = 16UL << 20;
constexpr const char* kTornSuffix = ".torn";

Result<std::uint64_t> file_bytes(FileSystem& files, const std::string& path) {
  auto file = files.open(path, OpenMode::kRead);
  if (!file) return file.error();
  auto size = (*file)->size();
  if (!size) return Error(ErrorCode::kIo, path + ": " + size.peek_error().text());
  return size;
}

// Reads all frames into the sink and counts; reports progress on the way.
class Replay {
 public:
  Replay(FileSystem& files, TimelineReader& reader, const RecoveryOptions& options,
         RecordSink& sink)
      : files_(files), reader_(reader), options_(options), sink_(sink) {}

  Status run(RecoveredJournal& journal) {
    if (options_.progress) {
      if (Status status = measure(); !status) return status;
    }
    CountingSink counting(sink_, journal.records);
    FrameView frame;
    for (;;) {
      auto more = reader_.next(frame);
      if (!more) return more.error();
      if (!*more) return ok;
      ++journal.frames;
      journal.closed = frame.head.count == 0;
      const Status status = deliver_frame(frame, options_.from, UINT64_MAX, counting);
      if (!status) return status.error().clone();
      report();
    }
  }

 private:
  class CountingSink final : public RecordSink {
   public:
    CountingSink(RecordSink& sink, std::uint64_t& count) : sink_(sink), count_(count) {}
    void on_session(const SessionView& session) override { sink_.on_session(session); }
    Status on_record(const RecordView& record) override {
      ++count_;
      return sink_.on_record(record);
    }

   private:
    RecordSink& sink_;
    std::uint64_t& count_;
  };

  Status measure() {
    const auto& segments = reader_.timeline().segments;
    for (std::size_t i = reader_.segment(); i < segments.size(); ++i) {
      const auto bytes = segment_bytes(files_, segments[i]);
      if (!bytes) return bytes.peek_error().clone();
      sizes_.push_back(*bytes);
      total_ += *bytes;
    }
    first_segment_ = reader_.segment();
    return ok;
  }

  void report() {
    if (!options_.progress) return;
    for (; counted_ < reader_.segment() - first_segment_; ++counted_) before_ += sizes_[counted_];
    const std::uint64_t read = before_ + reader_.offset();
    if (read < reported_ + kProgressBytes) return;
    reported_ = read;
    options_.progress({.bytes_read = read, .bytes_total = total_, .lsn = reader_.lsn()});
  }

  FileSystem& files_;
  TimelineReader& reader_;
  const RecoveryOptions& options_;
  RecordSink& sink_;
  std::vector<std::uint64_t> sizes_;
  std::uint64_t total_ = 0;
  std::size_t first_segment_ = 0;
  std::size_t counted_ = 0;
  std::uint64_t before_ = 0;
  std::uint64_t reported_ = 0;
};

Status cut_torn_tail(FileSystem& files, const TimelineReader& reader, RecoveredJournal& journal) {
  const TimelineReader::Place& torn = *reader.torn();
  const auto bytes = file_bytes(files, torn.path);
  if (!bytes) return bytes.peek_error().clone();
  journal.torn_bytes = *bytes - torn.offset;
  // Sound frames behind the torn place were written and never synced. They cannot be applied, since
  // something before them is gone; a copy is kept for those who want to look.
  const bool keep = torn.frames_behind > 0;
  log_warning("Journal {}: cut at offset {} (LSN {}): {}{}", torn.path, torn.offset, torn.lsn,
              torn.reason,
              keep ? fmt::format("; {} later frames that were not synced are kept in *{}",
                                 torn.frames_behind, kTornSuffix)
                   : "");
  return cut_timeline(files, reader.timeline(), torn.segment, torn.offset, keep ? kTornSuffix : "");
}

Status check_start(const Timeline& timeline, Lsn from) {
  const SegmentFile& first = timeline.segments.front();
  if (first.first_lsn <= from) return ok;
  return Error(ErrorCode::kNotFound,
               fmt::format("journal incomplete: {} begins at LSN {}, but the data on hand ends at "
                           "LSN {}. An earlier segment or a snapshot is missing",
                           first.path, first.first_lsn, from));
}

Status replay_timeline(FileSystem& files, Timeline timeline, const RecoveryOptions& options,
                       RecordSink& sink, RecoveredJournal& journal) {
  if (Status status = check_start(timeline, options.from); !status) return status;
  journal.timeline = timeline.number;
  journal.first_lsn = timeline.segments.front().first_lsn;
  TimelineReader reader(files, std::move(timeline), options.from);
  if (Status status = Replay(files, reader, options, sink).run(journal); !status) return status;

  std::size_t segment = reader.segment();
  std::uint64_t offset = reader.offset();
  if (reader.torn()) {
    if (Status status = cut_torn_tail(files, reader, journal); !status) return status;
    if (reader.torn()->offset == 0) {
      // The last segment was blank and is gone; the one before it is the last now.
      if (reader.previous_offset() == 0) return ok;
      --segment;
      offset = reader.previous_offset();
      Status cut = cut_timeline(files, reader.timeline(), segment, offset, "");
      if (!cut) return cut;
    }
  }
  const SegmentFile& last = reader.timeline().segments[segment];
  auto again = SegmentReader::open(files, last.path, kSegmentHeaderBytes);
  if (!again) return again.error();
  journal.found = true;
  journal.replication_id = Bytes((*again)->header().replication());
  journal.salt = (*again)->header().salt;
  journal.end_lsn = reader.lsn();
  journal.segment_path = last.path;
  journal.segment_first_lsn = last.first_lsn;
  journal.segment_end = offset;
  return ok;
}

// A packed segment that is cut becomes a plain one again.
Status cut_packed(FileSystem& files, const SegmentFile& segment, std::uint64_t offset,
                  const std::string& suffix) {
  const auto bytes = segment_bytes(files, segment);
  if (!bytes) return bytes.peek_error().clone();
  if (offset >= *bytes) return ok;
  if (!suffix.empty()) {
    Status kept = copy_file(files, segment.path, 0, segment.path + suffix);
    if (!kept) return kept;
  }
  return unpack_segment(files, segment, offset);
}

}  // namespace

Status cut_timeline(FileSystem& files, const Timeline& timeline, std::size_t segment,
                    std::uint64_t offset, const std::string& suffix) {
  const auto& segments = timeline.segments;
  if (Status clean = remove_litter(files, timeline.path); !clean) return clean;
  for (std::size_t i = segments.size(); i-- > segment + (offset == 0 ? 0 : 1);) {
    const std::string& path = segments[i].path;
    (void)files.remove(index_path(segments[i]));
    Status gone = suffix.empty() ? files.remove(path) : files.rename(path, path + suffix);
    if (!gone) return gone;
  }
  if (Status synced = files.sync_directory(timeline.path); !synced) return synced;
  if (offset == 0) return ok;
  (void)files.remove(index_path(segments[segment]));
  if (segments[segment].packed) return cut_packed(files, segments[segment], offset, suffix);

  const std::string& path = segments[segment].path;
  if (!suffix.empty()) {
    if (Status kept = copy_file(files, path, 0, path + suffix); !kept) return kept;
  }
  auto file = files.open(path, OpenMode::kWrite);
  if (!file) return file.error();
  Status cut = (*file)->truncate(offset);
  if (cut) cut = (*file)->sync();
  if (!cut) return Error(cut.error().code(), path + ": " + cut.error().text());
  return ok;
}

Result<std::unique_ptr<FileLock>> lock_journal(FileSystem& files, const std::string& directory) {
  if (Status made = files.create_directories(directory); !made) return std::move(made).error();
  return files.lock(join_path(directory, "lock"));
}

Result<RecoveredJournal> recover_journal(FileSystem& files, const std::string& directory,
                                         const RecoveryOptions& options, RecordSink& sink) {
  auto lock = lock_journal(files, directory);
  if (!lock) return lock.error();
  return recover_journal(files, directory, *std::move(lock), options, sink);
}

Result<RecoveredJournal> recover_journal(FileSystem& files, const std::string& directory,
                                         std::unique_ptr<FileLock> lock,
                                         const RecoveryOptions& options, RecordSink& sink) {
  RecoveredJournal journal;
  journal.directory = directory;
  journal.lock = std::move(lock);

  auto timelines = list_timelines(files, directory);
  if (!timelines) return timelines.error();
  if (timelines->empty()) return journal;
  Status status =
      replay_timeline(files, std::move(timelines->back()), options, sink, journal);
  if (!status) return std::move(status).error();
  return journal;
}

}  // namespace memoir
