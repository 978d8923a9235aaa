// Segment: one file of the journal, named after the LSN at which it begins; and where segments
// live.
//
//   <dir>/journal/<timeline, 8 digits>/<first LSN, 20 digits>.journal
//                                      <first LSN, 20 digits>.journal.zst    compressed
//
// A segment is a header and frames; behind the last frame the file may go on with zeros. The
// header is on disk before the file gets its name, so a bad header is damage, never a torn write.
// SegmentReader reads one segment front to back in pieces of megabytes, checking every hash.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "persistence/file.h"
#include "persistence/record.h"

namespace memoir {

inline constexpr std::uint64_t kSegmentMagic = 0x314C'4E52'4A52'4D4D;  // "MMRJRNL1" on disk
inline constexpr std::uint32_t kSegmentVersion = 2;
inline constexpr std::size_t kSegmentHeaderBytes = 128;
inline constexpr std::size_t kReplicationIdChars = 40;

// SegmentHeader::form, as on disk.
inline constexpr std::uint32_t kFormWritten = 0;  // a frame is a group commit
inline constexpr std::uint32_t kFormMerged = 1;   // segment_packer.h has been here

// As on disk; `hash` is XXH3 of the bytes before it.
struct SegmentHeader {
  std::uint64_t magic = kSegmentMagic;
  std::uint32_t version = kSegmentVersion;
  std::uint32_t timeline = 0;
  std::int64_t created_us = 0;
  std::uint64_t salt = 0;  // random; goes into every frame's hash
  char replication_id[kReplicationIdChars] = {};
  std::uint32_t form = kFormWritten;
  char reserved[44] = {};
  std::uint64_t hash = 0;

  ByteView replication() const { return {replication_id, kReplicationIdChars}; }
};
static_assert(sizeof(SegmentHeader) == kSegmentHeaderBytes);

// A header with a fresh salt and its hash.
SegmentHeader make_segment_header(std::uint32_t timeline, ByteView replication_id,
                                  std::int64_t created_us);
// Computes the hash of a header that was changed.
void seal_header(SegmentHeader& header);
// kTruncated, kCorrupt, or kUnsupported for a version this build does not know.
Result<SegmentHeader> decode_segment_header(ByteView in);
ByteView bytes_of(const SegmentHeader& header);

std::string segment_name(Lsn first_lsn);
bool parse_segment_name(std::string_view name, Lsn& first_lsn);
std::string packed_name(Lsn first_lsn);
bool parse_packed_name(std::string_view name, Lsn& first_lsn);
std::string timeline_name(std::uint32_t timeline);
bool parse_timeline_name(std::string_view name, std::uint32_t& timeline);

class PackedFile;

struct SegmentFile {
  Lsn first_lsn = 0;
  std::string path;
  bool packed = false;  // a PackedFile
};
struct Timeline {
  std::uint32_t number = 0;
  std::string path;
  std::vector<SegmentFile> segments;  // ascending
};

// The timelines of a journal directory that have segments, ascending; none if there is no such
// directory.
Result<std::vector<Timeline>> list_timelines(FileSystem& files, const std::string& directory);
// The segments in a timeline's directory. Where a segment has both forms, as packing leaves it for
// a moment, the plain one.
Result<Timeline> list_segments(FileSystem& files, const std::string& path, std::uint32_t number);

class SegmentReader {
 public:
  static constexpr std::size_t kBufferBytes = 4UL << 20;

  enum class Outcome : std::uint8_t {
    kFrame,   // here is the next frame
    kEnd,     // nothing but zeros up to the end of the file
    kDamage,  // something else; reason() tells what
  };
  // What is found behind a bad place.
  struct Later {
    std::uint64_t frames = 0;     // sound heads
    std::uint64_t first_offset = 0;
    Lsn first_lsn = 0;
    Lsn synced_lsn = 0;           // the highest that any of them claims
  };

  // By the path's name a plain or a packed segment. kNotFound, kIo; kTruncated or kCorrupt for a
  // bad header.
  static Result<std::unique_ptr<SegmentReader>> open(FileSystem& files, const std::string& path,
                                                     std::size_t buffer_bytes = kBufferBytes);
  // A packed segment under whatever name.
  static Result<std::unique_ptr<SegmentReader>> open_packed(
      FileSystem& files, const std::string& path, std::size_t buffer_bytes = kBufferBytes);

  const SegmentHeader& header() const { return header_; }
  const std::string& path() const { return path_; }
  // Null for a plain segment. Offsets are those of the plain segment in both.
  PackedFile* packed() const { return packed_; }

  // The next frame. Its views live until the next call. kIo if reading fails.
  Result<Outcome> next(FrameView& frame);
  const std::string& reason() const { return reason_; }
  // Where the next frame begins, or would: behind the last one returned.
  std::uint64_t offset() const { return offset_; }
  // Continues from there.
  void seek(std::uint64_t offset) { offset_ = offset; }
  // The (plain) segment's length now.
  Result<std::uint64_t> size() const;

  enum class First : bool { kIsBad, kMayBeSound };
  // Looks for frames from offset() on, where next() may have found a bad place.
  Result<Later> look_ahead(First first);

 private:
  SegmentReader(std::unique_ptr<File> file, std::string path, std::size_t buffer_bytes)
      : file_(std::move(file)), path_(std::move(path)), buffer_bytes_(buffer_bytes) {}

  Status read_header();
  Result<ByteView> view(std::uint64_t offset, std::size_t need);
  Result<bool> zeros_from(std::uint64_t offset);
  Result<Outcome> damage(const Error& why);
  Error read_error(const Error& error) const;

  std::unique_ptr<File> file_;
  PackedFile* packed_ = nullptr;  // file_, if it is one
  std::string path_;
  std::size_t buffer_bytes_;
  SegmentHeader header_;
  std::uint64_t offset_ = kSegmentHeaderBytes;
  std::string reason_;

  // The window of the file in memory: [window_offset_, window_offset_ + window_bytes_).
  std::unique_ptr<char[]> window_;
  std::size_t window_capacity_ = 0;
  std::uint64_t window_offset_ = 0;
  std::size_t window_bytes_ = 0;
};

// How long the plain segment is, in whichever form it is on disk.
Result<std::uint64_t> segment_bytes(FileSystem& files, const SegmentFile& segment);

// Whether the file is empty or holds nothing but zeros.
Result<bool> is_blank_file(FileSystem& files, const std::string& path);

}  // namespace memoir
