// Recovery: reads the newest timeline of a journal into a sink and leaves it ready to be appended
// to.
//
// A torn tail, which only a crash can leave, is cut off with one log line. Damage anywhere else,
// and a missing segment, is an error that says where and changes nothing. TimelineReader decides
// which is which.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "persistence/file.h"
#include "persistence/record.h"
#include "persistence/segment.h"

namespace memoir {

struct RecoveryProgress {
  std::uint64_t bytes_read = 0;
  std::uint64_t bytes_total = 0;  // preallocated space included
  Lsn lsn = 0;
};

struct RecoveryOptions {
  // Records up to here are known already (a snapshot's LSN): they are not delivered.
  Lsn from = 0;
  // Called about every 16 MB.
  std::function<void(const RecoveryProgress&)> progress;
};

// What a journal was found to be; FileJournal::open() continues from it.
struct RecoveredJournal {
  std::string directory;
  std::unique_ptr<FileLock> lock;  // nobody else opens the journal meanwhile

  bool found = false;  // the rest is meaningful only if there is a journal
  std::uint32_t timeline = 0;
  Bytes replication_id;
  Lsn first_lsn = 0;  // of the oldest segment
  Lsn end_lsn = 0;    // of the last record
  bool closed = false;  // it ended in good order
  // The segment to continue.
  std::string segment_path;
  Lsn segment_first_lsn = 0;
  std::uint64_t segment_end = 0;  // offset behind its last frame
  std::uint64_t salt = 0;

  std::uint64_t frames = 0;
  std::uint64_t records = 0;      // delivered
  std::uint64_t torn_bytes = 0;   // cut off, zeros included
};

// Reads the journal in `directory` ("<dir>/journal"; it need not exist). Errors: kCorrupt for
// damage, kNotFound if the journal begins behind options.from, kIo, or the sink's own.
Result<RecoveredJournal> recover_journal(FileSystem& files, const std::string& directory,
                                         const RecoveryOptions& options, RecordSink& sink);

// The same in two steps, for who has to know what there is before it is read.
Result<std::unique_ptr<FileLock>> lock_journal(FileSystem& files, const std::string& directory);
Result<RecoveredJournal> recover_journal(FileSystem& files, const std::string& directory,
                                         std::unique_ptr<FileLock> lock,
                                         const RecoveryOptions& options, RecordSink& sink);

// Cuts the segment at `offset` and removes the segments behind it, from the last to the first.
// With a `suffix`, a copy of what is taken away stays beside it under the segment's name plus
// suffix.
Status cut_timeline(FileSystem& files, const Timeline& timeline, std::size_t segment,
                    std::uint64_t offset, const std::string& suffix);

}  // namespace memoir
