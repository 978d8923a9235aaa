#include "persistence/timeline_reader.h"

#include <algorithm>

#include "src/base/log.h"

namespace memoir {

TimelineReader::TimelineReader(FileSystem& files, Timeline timeline, Lsn from,
                               std::size_t buffer_bytes)
    : files_(files), timeline_(std::move(timeline)), buffer_bytes_(buffer_bytes) {
  const auto& segments = timeline_.segments;
  while (index_ + 1 < segments.size() && segments[index_ + 1].first_lsn <= from) ++index_;
  if (!segments.empty()) lsn_ = segments[index_].first_lsn;
}

// Where the next segment begins.
Lsn TimelineReader::limit() const {
  const auto& segments = timeline_.segments;
  return index_ + 1 < segments.size() ? segments[index_ + 1].first_lsn : UINT64_MAX;
}

Result<bool> TimelineReader::next(FrameView& frame) {
  while (!ended_ && index_ < timeline_.segments.size()) {
    if (lsn_ == limit() && index_ + 1 < timeline_.segments.size()) {
      ++index_;
      previous_offset_ = offset();
      reader_.reset();
    }
    if (!reader_) {
      auto opened = open_segment();
      if (!opened) return opened;
      if (!*opened) return false;
    }
    auto outcome = reader_->next(frame);
    if (!outcome) return outcome.error();
    switch (*outcome) {
      case SegmentReader::Outcome::kFrame: return accept(frame, limit());
      case SegmentReader::Outcome::kDamage: return bad_place(reader_->reason());
      case SegmentReader::Outcome::kEnd: break;
    }
    if (limit() != UINT64_MAX) {
      return bad_place(fmt::format("the segment ends; the next one begins at LSN {}", limit()));
    }
    ended_ = true;
  }
  return false;
}

// A segment may have been packed since it was listed.
Result<std::unique_ptr<SegmentReader>> TimelineReader::open_either_form(
    const SegmentFile& segment) {
  auto reader = SegmentReader::open(files_, segment.path, buffer_bytes_);
  if (reader || reader.peek_error().code() != ErrorCode::kNotFound) return reader;
  const std::string other =
      segment.packed ? segment_name(segment.first_lsn) : packed_name(segment.first_lsn);
  auto again = SegmentReader::open(files_, join_path(parent_path(segment.path), other),
                                   buffer_bytes_);
  if (!again && again.peek_error().code() == ErrorCode::kNotFound) return reader;
  return again;
}

Result<bool> TimelineReader::open_segment() {
  auto reader = open_either_form(timeline_.segments[index_]);
  if (!reader) {
    const Error error = reader.error();
    if (error.code() == ErrorCode::kTruncated || error.code() == ErrorCode::kCorrupt ||
        error.code() == ErrorCode::kUnsupported) {
      return bad_header(error);
    }
    return error.clone();
  }
  if ((*reader)->header().timeline != timeline_.number) {
    return bad_header(Error(ErrorCode::kCorrupt,
                            fmt::format("the segment belongs to timeline {}",
                                        (*reader)->header().timeline)));
  }
  reader_ = *std::move(reader);
  return true;
}

Result<bool> TimelineReader::accept(const FrameView& frame, Lsn limit) {
  const FrameHead& head = frame.head;
  const std::uint64_t frame_bytes = kFrameHeadBytes + head.body_bytes();
  if (head.first_lsn == lsn_ && head.end_lsn() <= limit) {
    lsn_ = head.end_lsn();
    return true;
  }
  reader_->seek(reader_->offset() - frame_bytes);
  if (head.first_lsn != lsn_) {
    return bad_place(fmt::format("a frame for LSN {} where LSN {} is expected",
                                 head.first_lsn, lsn_));
  }
  return bad_place(fmt::format("a frame up to LSN {}, but the next segment begins at LSN {}",
                               head.end_lsn(), limit));
}

// A segment gets its name only once its header is on disk, so this is damage; but for the last
// segment of a file system that forgets contents and keeps names, where nothing was ever in it.
Result<bool> TimelineReader::bad_header(const Error& error) {
  const std::string& path = timeline_.segments[index_].path;
  if (error.code() == ErrorCode::kUnsupported) {
    return Error(ErrorCode::kUnsupported, path + ": " + error.text());
  }
  Place place{.segment = index_,
              .path = path,
              .offset = 0,
              .lsn = lsn_,
              .reason = error.text(),
              .frames_behind = 0};
  if (index_ + 1 == timeline_.segments.size()) {
    auto blank = is_blank_file(files_, path);
    if (!blank) return blank.error();
    if (*blank) {
      place.reason = "the segment is empty";
      torn_ = std::move(place);
      ended_ = true;
      return false;
    }
  }
  return damaged(std::move(place), "");
}

Result<bool> TimelineReader::bad_place(const std::string& reason) {
  Place place{.segment = index_,
              .path = timeline_.segments[index_].path,
              .offset = reader_->offset(),
              .lsn = lsn_,
              .reason = reason,
              .frames_behind = 0};
  auto later = reader_->look_ahead(SegmentReader::First::kIsBad);
  if (!later) return later.error();
  // What is wrong with a packed segment is damage.
  Lsn synced_lsn = reader_->packed() != nullptr ? lsn_ + 1 : later->synced_lsn;
  place.frames_behind = later->frames;
  for (std::size_t i = index_ + 1; i < timeline_.segments.size(); ++i) {
    auto reader = open_either_form(timeline_.segments[i]);
    if (!reader) {
      if (reader.peek_error().code() == ErrorCode::kIo) return reader.error();
      continue;
    }
    auto more = (*reader)->look_ahead(SegmentReader::First::kMayBeSound);
    if (!more) return more.error();
    place.frames_behind += more->frames;
    synced_lsn = std::max(synced_lsn, more->synced_lsn);
  }
  if (synced_lsn > lsn_) {
    return damaged(std::move(place),
                   fmt::format("; the journal was whole up to LSN {} at least", synced_lsn));
  }
  torn_ = std::move(place);
  ended_ = true;
  return false;
}

Result<bool> TimelineReader::damaged(Place place, const std::string& behind) {
  Error error(ErrorCode::kCorrupt,
              fmt::format("journal damaged: {} at offset {} (LSN {}): {}{}. Look at it with "
                          "'memoir-journal verify' and cut it there with 'memoir-journal repair'",
                          place.path, place.offset, place.lsn, place.reason, behind));
  damage_ = std::move(place);
  ended_ = true;
  return error;
}

}  // namespace memoir
