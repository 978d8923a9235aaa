// TimelineReader: the frames of one timeline in LSN order, across its segments, with every check
// there is.
//
// It decides what is a torn tail and what is damage. Every frame's head says what was surely on
// disk when it was written (synced_lsn), so a bad place at LSN x is a torn write exactly if no
// frame found behind it, in this segment or a later one, claims that more than x was synced:
// unsynced writes may survive a loss of power in any subset. Otherwise something that was promised
// is gone, and that is an error for a person to look at.
//
// A packed segment was whole when it got its name: whatever is wrong with it is damage.
//
// Where a later segment begins at x, whatever the segment before it holds from x on is left aside:
// after a failed sync the journal writes what was unsynced anew into such a segment.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "persistence/segment.h"

namespace memoir {

class TimelineReader {
 public:
  // A place at which reading cannot go on.
  struct Place {
    std::size_t segment = 0;  // index into timeline().segments
    std::string path;
    std::uint64_t offset = 0;
    Lsn lsn = 0;
    std::string reason;
    std::uint64_t frames_behind = 0;  // sound ones, which are lost with it
  };

  // Reads from the segment that holds `from`, which is at or behind the first segment's LSN.
  TimelineReader(FileSystem& files, Timeline timeline, Lsn from,
                 std::size_t buffer_bytes = SegmentReader::kBufferBytes);

  // The next frame, or nothing at the end. kCorrupt for damage, with a text that says where; kIo.
  Result<bool> next(FrameView& frame);

  const Timeline& timeline() const { return timeline_; }
  // The end of the last frame.
  Lsn lsn() const { return lsn_; }
  // The segment being read and the offset behind its last frame.
  std::size_t segment() const { return index_; }
  std::uint64_t offset() const { return reader_ ? reader_->offset() : 0; }
  // The offset behind the last frame of the segment before, if reading came through it.
  std::uint64_t previous_offset() const { return previous_offset_; }

  // After the end: the torn tail, if there is one.
  const std::optional<Place>& torn() const { return torn_; }
  // After kCorrupt: where.
  const std::optional<Place>& damage() const { return damage_; }

 private:
  Result<bool> open_segment();
  Result<std::unique_ptr<SegmentReader>> open_either_form(const SegmentFile& segment);
  Result<bool> accept(const FrameView& frame, Lsn limit);
  Result<bool> bad_place(const std::string& reason);
  Result<bool> bad_header(const Error& error);
  Result<bool> damaged(Place place, const std::string& behind);
  Lsn limit() const;

  FileSystem& files_;
  Timeline timeline_;
  std::size_t buffer_bytes_;
  std::size_t index_ = 0;
  Lsn lsn_ = 0;
  std::uint64_t previous_offset_ = 0;
  std::unique_ptr<SegmentReader> reader_;
  bool ended_ = false;
  std::optional<Place> torn_;
  std::optional<Place> damage_;
};

}  // namespace memoir
