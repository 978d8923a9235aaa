// PendingBatch: records that have been appended and not yet written, in the form in which they
// will be.
//
// The words lie back to back in one arena, the record table beside it, already divided into
// frames. A journal has two and swaps them, so in steady state an append is two copies and
// allocates nothing. Not thread-safe.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "persistence/record.h"

namespace memoir {

class PendingBatch {
 public:
  struct Frame {
    Lsn first_lsn;
    std::int64_t time_us;
    std::span<const FrameEntry> entries;
    ByteView words;
  };

  // `bytes` is what Journal::record_bytes() says, `lsn` where the record begins.
  void add(const Record& record, std::size_t bytes, Lsn lsn) {
    if (cuts_.empty() || !fits(record, bytes)) {
      cuts_.push_back({.entry = entries_.size(),
                       .words = words_.size(),
                       .lsn = lsn,
                       .time_us = record.time_us});
    }
    const std::int64_t delay = record.time_us - cuts_.back().time_us;
    entries_.push_back({.bytes = static_cast<std::uint32_t>(bytes),
                        .delay_us = static_cast<std::int32_t>(delay),
                        .session = record.session,
                        .db = record.db,
                        .flags = record.flags});
    if (bytes == record.words.size()) {
      words_.append(record.words);
    } else {
      add_pieces(record);
    }
  }

  bool empty() const { return cuts_.empty(); }
  std::size_t frames() const { return cuts_.size(); }
  Frame frame(std::size_t index) const;
  // Which frame is to be written next; kept across retries.
  std::size_t next_frame() const { return next_frame_; }
  void frame_written() { ++next_frame_; }
  // Empties the batch; memory far beyond what it just held is given back.
  void clear();

 private:
  struct Cut {
    std::size_t entry;
    std::size_t words;
    Lsn lsn;
    std::int64_t time_us;
  };

  bool fits(const Record& record, std::size_t bytes) const {
    const Cut& cut = cuts_.back();
    const std::int64_t delay = record.time_us - cut.time_us;
    // A frame's length has 32 bits: a record that could take it beyond begins a frame of its own.
    return words_.size() - cut.words < kFrameWordsBytes && bytes < kFrameWordsBytes &&
           delay >= INT32_MIN && delay <= INT32_MAX;
  }
  void add_pieces(const Record& record);

  Bytes words_;
  std::vector<FrameEntry> entries_;
  std::vector<Cut> cuts_;
  std::size_t next_frame_ = 0;
};

// The form in which a record of db n != 0 stands in the stream adds this many bytes.
std::size_t select_bytes(std::uint16_t db);

}  // namespace memoir
