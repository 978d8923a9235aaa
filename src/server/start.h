// Start: what a server makes of the directory it is started in.
//
// With a journal: the newest sound snapshot and the journal behind it (persistence/
// data_recovery.h). Where there is no journal yet, what a Redis server left is imported (its
// append-only files, else its dump.rdb), or what there is of snapshots; a snapshot of it is durable
// before the journal begins at its LSN, so that whenever the import ends early it is begun anew,
// and the imported files stay as they are. With `appendonly no`: the dump, if there is one.
//
// Runs on the loader's thread; the files are an interface, so all of it is tested in memory.
#pragma once

#include <memory>
#include <string>

#include "persistence/file_journal.h"
#include "persistence/snapshot_writer.h"
#include "src/server/data_loader.h"

namespace memoir {

struct StartSettings {
  std::string directory = ".";
  std::string dump_name = "dump.rdb";
  AofLocation append_only = {};
  bool load_truncated = true;  // aof-load-truncated
  LoadSettings load = {};
  // The replication id is that of a journal without a history.
  FileJournalOptions journal = {};
  // Of the snapshot that an import writes; directory, LSN, id and timeline are filled in.
  SnapshotSettings snapshot = {};
};

class Start {
 public:
  Start(const LoadTarget& target, StartSettings settings);

  // Fills the keyspace and opens the journal. The error's text is for the log; nothing has been
  // changed on disk then, but for what was torn.
  Result<std::unique_ptr<FileJournal>> with_journal();
  // `appendonly no`. What the dump says of its origin; nothing if there is none.
  Result<std::optional<RdbLoaded>> without_journal();

  // Whether without_journal() has anything to do.
  static bool has_dump(FileSystem& files, const std::string& directory, const std::string& name);

 private:
  struct Imported {
    Bytes replication_id;  // empty: none of its own
    Lsn lsn = 0;
  };
  Result<std::unique_ptr<FileJournal>> continue_journal(RecoveredData data);
  Result<std::unique_ptr<FileJournal>> begin_journal(RecoveredJournal nothing);
  Result<std::unique_ptr<FileJournal>> continue_snapshot(RecoveredJournal nothing);
  Result<std::unique_ptr<FileJournal>> open(RecoveredJournal recovered, Bytes replication_id,
                                            Lsn first_lsn);
  Result<std::unique_ptr<FileJournal>> conclude_import(RecoveredJournal nothing, Imported imported);
  Result<RdbLoaded> load_dump();
  DataRecoveryOptions recovery_options();
  std::string in_directory(const std::string& name) const {
    return join_path(settings_.directory, name);
  }

  const LoadTarget target_;
  const StartSettings settings_;
  DataLoader loader_;
};

}  // namespace memoir
