// DataLoader: brings files and records into the keyspace: what a start, an import and DEBUG RELOAD
// have in common. Files and records are loaded on all cores (rdb_loader.h, parallel_replayer.h).
//
// Nobody else may use the keyspace meanwhile, but for what is answered while loading. Owned by
// whoever loads; its figures are read by any thread.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>

#include "persistence/aof_reader.h"
#include "persistence/data_recovery.h"
#include "src/base/clock.h"
#include "src/command/parallel_replayer.h"
#include "src/scripting/scripting.h"
#include "src/server/rdb_loader.h"

namespace memoir {

// How far loading is, for INFO; any thread.
struct LoadFigures {
  std::atomic<std::uint64_t> total_bytes{0};
  std::atomic<std::uint64_t> loaded_bytes{0};
  std::atomic<std::uint64_t> used_memory{0};  // of the file's writer
  std::atomic<std::uint64_t> keys{0};         // of the last file
  std::atomic<std::uint64_t> expired_keys{0};
};

// What it works on and with; all of it outlives the loader.
struct LoadTarget {
  FileSystem& files;
  Keyspace& keyspace;
  const CommandTable& commands;
  Scripting& scripting;
  Journal& journal;  // keeps nothing
  const Clock& clock;
  LoadFigures& figures;
  const std::atomic<bool>& stop;                 // true ends the loading with an error
  const std::atomic<std::int64_t>& delay_us;     // key-load-delay
};

struct LoadSettings {
  unsigned threads = 1;
  RdbChecksum checksum = RdbChecksum::kYes;
  DispatchSettings dispatch = {};  // what of it concerns access clocks
};

class DataLoader final : public DataSink {
 public:
  DataLoader(const LoadTarget& target, const LoadSettings& settings);
  ~DataLoader() override;

  // Loads a file that stands for itself; logs what came of it.
  Result<RdbLoaded> load_file(const std::string& path, Overdue overdue,
                              Present present = Present::kRefuse);

  // --- DataSink: a snapshot that the journal goes on from, and the journal
  Status load_snapshot(const std::string& path, Lsn lsn) override;
  Status on_record(const RecordView& record) override;
  Status finish() override;
  void clear() override;
  // For DataRecoveryOptions::progress.
  void journal_progress(const RecoveryProgress& progress);

  // Imports a Redis append-only file.
  Result<AofSummary> load_append_only(const AofLocation& where, bool load_truncated);

  // One request, applied to the keyspace by its handler.
  Status apply(std::span<const ByteView> words, unsigned db, std::int64_t time_us);

  std::uint64_t records() const { return records_; }

 private:
  class AofSink;
  RdbLoadOptions rdb_options(Overdue overdue, Present present);
  ParallelReplayer& replayer();
  std::uint32_t access_of(const RdbKey& key) const;
  void note_progress(std::uint64_t loaded_bytes);

  const LoadTarget target_;
  const LoadSettings settings_;
  const std::int64_t started_us_;
  std::unique_ptr<DispatchHost> host_;
  Dispatcher dispatcher_;  // of requests that come one by one
  Session session_;
  std::unique_ptr<ParallelReplayer> replayer_;
  std::uint64_t records_ = 0;
  std::uint64_t snapshot_bytes_ = 0;  // loaded before the journal
  std::int64_t told_us_;              // when progress was last logged
};

}  // namespace memoir
