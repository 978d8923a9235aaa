// Where a moment lies in a timeline: the end of the last record that is not behind it.
//
// Records lie in the order of their LSNs; their times may go back by the little that clocks of
// several threads differ. So a time means: everything before the first record that is later.
#pragma once

#include <cstdint>
#include <limits>

#include "persistence/segment.h"
#include "src/base/moment.h"

namespace memoir {

struct JournalPosition {
  Lsn lsn = 0;               // a record's end, or the timeline's beginning
  std::int64_t time_us = 0;  // of that record; 0: it is the beginning
  bool at_end = false;       // no record is behind it
};

// Errors: kNotFound if the moment is before the timeline's beginning and that is not the beginning
// of everything; TimelineReader's.
Result<JournalPosition> find_position(FileSystem& files, const Timeline& timeline,
                                      const Moment& moment);

}  // namespace memoir
