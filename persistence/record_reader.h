// RecordReader: single records of a sealed segment, by LSN, and the place of a moment in it.
//
// With an index, or in a packed segment, it reads the frame a record lies in and no other; without
// either it reads on from where it stands, or from the segment's begin. Not thread-safe.
#pragma once

#include <cstdint>
#include <memory>

#include "persistence/segment.h"
#include "persistence/segment_index.h"

namespace memoir {

class RecordReader {
 public:
  // `index` may be null; else it outlives the reader. Errors as SegmentReader::open().
  static Result<std::unique_ptr<RecordReader>> open(FileSystem& files, const SegmentFile& segment,
                                                    const SegmentIndex* index);

  // Gives the record that begins at `first`, and before it the declarations of sessions that may
  // concern it. kNotFound if none begins there; kCorrupt; kIo.
  Status read(Lsn first, RecordSink& sink);
  // The end of the last record before the first that is later than `time_us`: how far the segment
  // has come at that moment. Its begin if all are later.
  Result<Lsn> position_at(std::int64_t time_us);

 private:
  RecordReader(std::unique_ptr<SegmentReader> reader, Lsn first_lsn, const SegmentIndex* index)
      : reader_(std::move(reader)), first_lsn_(first_lsn), index_(index) {}

  Result<bool> next();
  void seek(Lsn lsn);

  std::unique_ptr<SegmentReader> reader_;
  Lsn first_lsn_;
  const SegmentIndex* index_;
  bool places_fit_ = false;  // the index was made from this form of the segment
  bool has_frame_ = false;   // frame_ is the last that was read
  FrameView frame_;
};

}  // namespace memoir
