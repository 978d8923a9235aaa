// A timeline of the journal as an append-only file that Redis 7 loads: a snapshot as its base, the
// records behind that as its increment, with the times of the records as annotations.
//
// What Redis 7.0 does not know is translated or left out (aof_translation.h, rdb_downgrade.h); a
// record for which neither can be done ends the export with an error that tells how to go on.
#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <string>

#include "persistence/segment.h"

namespace memoir {

struct AofExportOptions {
  std::string data_directory;  // where the snapshots are
  Lsn to = std::numeric_limits<Lsn>::max();  // nothing behind it
  std::string output;  // a directory, made if need be; "appendonlydir" is made in it
};

struct AofExportSummary {
  std::string directory;        // the appendonlydir
  std::optional<Lsn> snapshot;  // of the base; none: it is empty
  Lsn end_lsn = 0;
  std::uint64_t keys = 0;       // in the base
  std::uint64_t records = 0;    // in the increment
  std::uint64_t requests = 0;   // of those
  std::uint64_t times_left_out = 0;  // ends of fields and members, which Redis 7 does not know
};

// Errors: kUnsupported for a record without counterpart, kNotFound if there is nothing to begin
// from, kIo if the output is there already or cannot be written, TimelineReader's.
Result<AofExportSummary> export_append_only(FileSystem& files, const Timeline& timeline,
                                            const AofExportOptions& options);

}  // namespace memoir
