// Packing: a sealed segment is written anew with larger frames, so that a frame's head and record
// table cost next to nothing, and compressed if so configured.
//
// A frame on disk is a group commit, which under light load is a single record. Packed frames hold
// about 256 KB of records and declare every session they name, so each can be read by itself. LSNs,
// times, sessions and words stay what they were; only the frames' bounds and synced_lsn (now: their
// own begin) differ.
//
// The new file is written aside, synced, read back and compared record by record with the old one,
// renamed, the directory synced, and only then the old one removed. Where both forms are found, the
// plain one counts (list_segments).
#pragma once

#include <atomic>
#include <cstdint>
#include <string>

#include "persistence/file.h"
#include "persistence/segment.h"

namespace memoir {

inline constexpr std::size_t kPackedFrameBytes = 256UL << 10;

enum class PackForm : std::uint8_t {
  kMerged,  // "<LSN>.journal", larger frames
  kZstd,    // "<LSN>.journal.zst"
};

struct PackedSegment {
  std::string path;
  std::uint64_t bytes_before = 0;
  std::uint64_t bytes_after = 0;
};

// Packs the plain segment `segment`, which ends where the next one begins: at `limit`, or with its
// file if that is UINT64_MAX. kCorrupt if it cannot be read to its end; on any error the segment
// stays as it was and nothing stays beside it, save where removing fails, too. It ends with an
// error soon after `stop` becomes true.
Result<PackedSegment> pack_segment(FileSystem& files, const SegmentFile& segment, Lsn limit,
                                   PackForm form, int level,
                                   const std::atomic<bool>* stop = nullptr);

// Writes a packed segment's bytes up to `offset` of the segment as a plain segment in its place.
Status unpack_segment(FileSystem& files, const SegmentFile& segment, std::uint64_t offset);

// Removes what was being written aside when the process ended, packed files beside the plain
// segments they were to replace, and indexes whose segment is gone. Nobody may be at work in the
// directory.
Status remove_litter(FileSystem& files, const std::string& directory);

}  // namespace memoir
