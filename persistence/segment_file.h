// SegmentWriter: one segment while it is being written, from its preparation to its seal.
//
// It is prepared under a temporary name with its header on disk and its space allocated, gets its
// name with its first record and is sealed, cut to its length, when the next has taken over. Who
// may use it when is the journal's business; it has no lock.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "persistence/file.h"
#include "persistence/segment.h"

namespace memoir {

class SegmentWriter {
 public:
  struct Plan {
    std::string directory;  // the timeline's
    std::uint32_t timeline = 0;
    Bytes replication_id;
    std::int64_t created_us = 0;
    std::uint64_t serial = 0;  // of the process, from 1; names the temporary file
    std::uint64_t bytes = 0;   // to allocate
    Fill fill = Fill::kReserve;
  };

  // Writes header and space and syncs both. On failure nothing stays behind. On a disk without
  // that much space the segment gets less, but at least `bytes_min`.
  static Result<std::shared_ptr<SegmentWriter>> prepare(FileSystem& files, Plan plan,
                                                        std::uint64_t bytes_min);
  // Continues an existing segment behind its last frame.
  static Result<std::shared_ptr<SegmentWriter>> reopen(FileSystem& files, const std::string& path,
                                                       std::uint64_t serial, Lsn first_lsn,
                                                       std::uint64_t end, std::uint64_t salt);

  // Gives the prepared segment its name. The directory is to be synced.
  Status name(FileSystem& files, const std::string& directory, Lsn first_lsn);

  // Writes a frame behind the last; on failure the next attempt writes at the same place.
  Status append(const FrameHead& head, ByteView table, ByteView sessions, ByteView words);
  bool has_frames() const { return end_ > kSegmentHeaderBytes; }
  // Makes sure of space for `bytes` behind the header (prepared) or the last frame.
  Status reserve(std::uint64_t bytes, Fill fill = Fill::kReserve);
  // Bytes that fit into the allocated space.
  std::uint64_t room() const { return allocated_ > end_ ? allocated_ - end_ : 0; }

  File& file() { return *file_; }
  const std::string& path() const { return path_; }
  Lsn first_lsn() const { return first_lsn_; }
  std::uint64_t salt() const { return salt_; }
  std::uint64_t serial() const { return serial_; }
  std::uint64_t end() const { return end_; }

  // The offset up to which a sync() has succeeded, as the journal notes it.
  std::uint64_t synced_end() const { return synced_end_; }
  void set_synced_end(std::uint64_t end) { synced_end_ = end; }

 private:
  static Result<std::shared_ptr<SegmentWriter>> prepare_whole(FileSystem& files,
                                                              const Plan& plan);

  std::unique_ptr<File> file_;
  std::string path_;
  Lsn first_lsn_ = 0;
  std::uint64_t salt_ = 0;
  std::uint64_t serial_ = 0;
  std::uint64_t end_ = 0;
  std::uint64_t allocated_ = 0;
  std::uint64_t synced_end_ = 0;
};

// Copies the frames of [from, to) out of `sources` (ascending, from a segment's start each) into
// the prepared `target`, with every session declaration they need, and syncs it. Each frame is
// checked when read: kCorrupt if one cannot be read back.
Status rewrite_frames(FileSystem& files, const std::vector<SegmentFile>& sources, Lsn from, Lsn to,
                      SegmentWriter& target);

}  // namespace memoir
