// SessionTable: who the session numbers of a journal are, and in which segment each has been
// declared.
//
// A segment must be readable by itself, so the first record of a session in each segment comes
// with the session's declaration. A number is used again once all records that may name it are
// written. Thread-safe.
#pragma once

#include <cstdint>
#include <deque>
#include <mutex>
#include <span>
#include <vector>

#include "persistence/journal.h"
#include "persistence/record.h"

namespace memoir {

class SessionTable {
 public:
  // A number for the session, 1 or more. `written` tells which closed numbers are free again.
  std::uint32_t open(SessionInfo info, Lsn written);
  // `position` is the end of the last record that may name it.
  void close(std::uint32_t id, Lsn position);

  // Appends to `out` the declarations that `entries` need in the segment with that serial number,
  // which counts from 1. To be followed by commit() once they are written, or by undo().
  void declare(std::span<const FrameEntry> entries, std::uint64_t segment, Bytes& out);
  void commit() { fresh_.clear(); }
  void undo();

 private:
  struct Slot {
    SessionInfo info;
    std::uint64_t declared_in = 0;
  };
  struct Closed {
    Lsn position;
    std::uint32_t id;
  };

  std::mutex mutex_;
  std::vector<Slot> slots_;  // number - 1 is the index
  std::deque<Closed> closed_;
  std::vector<std::uint32_t> fresh_;  // declared by the last declare(); the writer's own
};

}  // namespace memoir
