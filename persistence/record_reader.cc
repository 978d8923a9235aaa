#include "persistence/record_reader.h"

#include <algorithm>

#include "persistence/packed_file.h"
#include "src/base/log.h"

namespace memoir {

namespace {

// A frame and what stands around it; most are smaller.
constexpr std::size_t kBufferBytes = 512UL << 10;

// The first moment later than a given one.
class Later final : public RecordSink {
 public:
  explicit Later(std::int64_t time_us) : time_us_(time_us) {}
  Status on_record(const RecordView& record) override {
    if (!found && record.time_us > time_us_) {
      found = true;
      first = record.first;
    }
    return ok;
  }
  bool found = false;
  Lsn first = 0;

 private:
  std::int64_t time_us_;
};

}  // namespace

Result<std::unique_ptr<RecordReader>> RecordReader::open(FileSystem& files,
                                                         const SegmentFile& segment,
                                                         const SegmentIndex* index) {
  auto reader = SegmentReader::open(files, segment.path, kBufferBytes);
  if (!reader) return reader.error();
  const auto bytes = (*reader)->size();
  if (!bytes) return bytes.peek_error().clone();
  const std::uint64_t salt = (*reader)->header().salt;
  std::unique_ptr<RecordReader> records(
      new RecordReader(*std::move(reader), segment.first_lsn, index));
  records->places_fit_ = index != nullptr && index->facts().segment_bytes == *bytes &&
                         index->facts().salt == salt;
  return records;
}

// To the last frame that is known to begin at or before `lsn`.
void RecordReader::seek(Lsn lsn) {
  std::uint64_t offset = kSegmentHeaderBytes;
  if (places_fit_) {
    offset = index_->place_of(lsn).offset;
  } else if (const PackedFile* packed = reader_->packed()) {
    const std::size_t block = packed->block_of(lsn);
    // The first block has the segment's header in front.
    if (block != 0 && block < packed->blocks().size()) {
      offset = packed->blocks()[block].image_offset;
    }
  }
  const bool on_the_way = has_frame_ && frame_.head.first_lsn <= lsn && reader_->offset() > offset;
  if (!on_the_way) reader_->seek(offset);
}

Result<bool> RecordReader::next() {
  has_frame_ = false;
  auto outcome = reader_->next(frame_);
  if (!outcome) return outcome.error();
  if (*outcome == SegmentReader::Outcome::kDamage) {
    return Error(ErrorCode::kCorrupt, fmt::format("{} at offset {}: {}", reader_->path(),
                                                  reader_->offset(), reader_->reason()));
  }
  has_frame_ = *outcome == SegmentReader::Outcome::kFrame;
  return has_frame_;
}

Status RecordReader::read(Lsn first, RecordSink& sink) {
  const auto holds = [&] {
    return has_frame_ && frame_.head.first_lsn <= first && first < frame_.head.end_lsn();
  };
  if (!holds()) {
    seek(first);
    while (!holds()) {
      auto more = next();
      if (!more) return std::move(more).error();
      if (!*more || frame_.head.first_lsn > first) {
        return Error(ErrorCode::kNotFound, fmt::format("no record begins at LSN {}", first));
      }
    }
  }
  if (index_ != nullptr) {
    if (Status done = index_->sessions_before(frame_.head.first_lsn, sink); !done) return done;
  }
  if (Status done = deliver_sessions(frame_.sessions, sink); !done) return done;
  return deliver_record(frame_, first, sink);
}

Result<Lsn> RecordReader::position_at(std::int64_t time_us) {
  Lsn end = first_lsn_;
  reader_->seek(kSegmentHeaderBytes);
  has_frame_ = false;
  if (places_fit_) {
    const IndexPlace& place = index_->place_at(time_us);
    end = place.lsn;
    reader_->seek(place.offset);
  }
  for (;;) {
    auto more = next();
    if (!more) return more.error();
    if (!*more) return end;
    Later later(time_us);
    if (Status done = deliver_frame(frame_, 0, UINT64_MAX, later); !done) {
      return std::move(done).error();
    }
    if (later.found) return later.first;
    end = frame_.head.end_lsn();
  }
}

}  // namespace memoir
