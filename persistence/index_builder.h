// Builds the index of a sealed segment by reading it from its begin to its end.
//
// Memory is bounded: a segment of many references is read several times, each time for a part of
// the key space. The index is written aside, synced, renamed, the directory synced.
#pragma once

#include <atomic>
#include <cstdint>

#include "persistence/record_keys.h"
#include "persistence/segment.h"

namespace memoir {

// As much of a segment as is indexed in one pass over it.
inline constexpr std::uint64_t kIndexPassBytes = 64UL << 20;

struct IndexBuildOptions {
  const std::atomic<bool>* stop = nullptr;  // ends it with an error soon after it becomes true
  std::uint64_t pass_bytes = kIndexPassBytes;
};

// `limit`: where the next segment begins, or UINT64_MAX: the segment ends with its file. kCorrupt
// if it cannot be read to its end, kNotFound if there are no records in it; nothing stays behind
// then.
Status build_index(FileSystem& files, const SegmentFile& segment, Lsn limit, RecordKeys& keys,
                   IndexBuildOptions options = {});

}  // namespace memoir
