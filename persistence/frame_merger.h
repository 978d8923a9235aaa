// FrameMerger: gathers records into frames of a wished size that can be read by themselves.
//
// Not thread-safe; does no I/O.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <vector>

#include "persistence/record.h"

namespace memoir {

// Gets the bytes of one whole frame, the LSN it begins at and the time of its first record.
class FrameSink {
 public:
  virtual ~FrameSink() = default;
  virtual Status on_frame(ByteView frame, Lsn first_lsn, std::int64_t time_us) = 0;
};

class FrameMerger final : public RecordSink {
 public:
  // Frames of the segment with `salt`, cut at the first record boundary behind `words_bytes`.
  FrameMerger(std::uint64_t salt, std::size_t words_bytes, FrameSink& sink)
      : salt_(salt), words_bytes_(words_bytes), sink_(sink) {}

  void on_session(const SessionView& session) override;
  Status on_record(const RecordView& record) override;
  // What is left, as the last frame.
  Status finish();

 private:
  bool fits(const RecordView& record) const;

  const std::uint64_t salt_;
  const std::size_t words_bytes_;
  FrameSink& sink_;
  std::map<std::uint32_t, Bytes> known_;  // the declarations in force
  std::set<std::uint32_t> declared_;      // in the present frame
  Status flushed_ = ok;                   // of a frame that a declaration has ended
  Lsn first_lsn_ = 0;
  std::int64_t time_us_ = 0;
  std::vector<FrameEntry> entries_;
  Bytes sessions_;
  Bytes words_;
  Bytes table_;
  Bytes frame_;
};

}  // namespace memoir
