// Recovery of the data of a directory that has a journal: the newest sound snapshot of its newest
// timeline, then the journal behind it.
//
// A snapshot that is damaged, in its head or found so while it is loaded, is left aside with a log
// line and the one before it taken, with more journal; without any, a journal that goes back to LSN
// 0 is read alone. (A timeline that begins at LSN 0 begins with nothing, every other one with a
// snapshot: FORMAT.md.) Whatever would give less than what was acknowledged is an error that says
// what is missing.
//
// A snapshot may be ahead of the journal, whose unsynced end a loss of power took: then it is the
// truth, and FileJournal::open() begins a new timeline at its LSN.
#pragma once

#include <atomic>
#include <functional>
#include <optional>
#include <string>

#include "persistence/file.h"
#include "persistence/recovery.h"
#include "persistence/snapshot_file.h"

namespace memoir {

// Takes what recovery finds.
class DataSink : public RecordSink {
 public:
  // Loads a snapshot's file into memory that is empty. After an error some of it may be there.
  virtual Status load_snapshot(const std::string& path, Lsn lsn) = 0;
  // Empties memory again.
  virtual void clear() = 0;
  // All records have been given; ok if all of them have been applied.
  virtual Status finish() { return ok; }
};

struct DataRecoveryOptions {
  std::string directory;  // where snapshots are, and the folder "journal"
  std::function<void(const RecoveryProgress&)> progress = {};
  // Set: an error of load_snapshot() is no damage, and recovery ends with it.
  const std::atomic<bool>* stop = nullptr;
};

struct RecoveredData {
  RecoveredJournal journal;     // not found: there is none yet, and nothing has been loaded
  std::optional<Lsn> snapshot;  // from which it started
  Lsn end_lsn = 0;              // of all that was recovered
};

// Errors: kNotFound if the data are not complete, kCorrupt for damage, kIo, or the sink's own.
Result<RecoveredData> recover_data(FileSystem& files, const DataRecoveryOptions& options,
                                   DataSink& sink);

// For a journal that is open: loads the snapshot that a timeline is to be read from, and returns
// its LSN; nothing: it is to be read from its beginning.
Result<std::optional<Lsn>> load_snapshot_of(FileSystem& files, const DataRecoveryOptions& options,
                                            const Timeline& timeline, DataSink& sink);

// The newest sound snapshot alone, for a directory whose journal is missing. Nothing: there is
// none.
struct LoadedSnapshot {
  Lsn lsn = 0;
  SnapshotOrigin origin;
};
Result<std::optional<LoadedSnapshot>> load_newest_snapshot(FileSystem& files,
                                                           const DataRecoveryOptions& options,
                                                           DataSink& sink);

// "<dir>/journal"
std::string journal_directory(const std::string& directory);

}  // namespace memoir
