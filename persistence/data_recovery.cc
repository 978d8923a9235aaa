#include "persistence/data_recovery.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "persistence/segment.h"
#include "persistence/timeline_snapshots.h"
#include "src/base/log.h"

namespace memoir {
namespace {

class DataRecovery {
 public:
  DataRecovery(FileSystem& files, const DataRecoveryOptions& options, DataSink& sink)
      : files_(files), options_(options), sink_(sink) {}

  Result<RecoveredData> run() {
    const std::string directory = journal_directory(options_.directory);
    auto lock = lock_journal(files_, directory);
    if (!lock) return lock.error();
    // A second round if the newest timeline turns out to have nothing in it.
    for (;;) {
      auto timelines = list_timelines(files_, directory);
      if (!timelines) return timelines.error();
      if (timelines->empty()) {
        RecoveredData none;
        none.journal.directory = directory;
        none.journal.lock = *std::move(lock);
        return none;
      }
      const TimelineStart present = describe_timeline(files_, timelines->back());
      auto start = choose(present);
      if (!start) return start.error();
      auto journal = recover_journal(files_, directory, *std::move(lock),
                                     {.from = start->value_or(0), .progress = options_.progress},
                                     sink_);
      if (!journal) return journal.error();
      if (Status applied = sink_.finish(); !applied) return std::move(applied).error();
      if (journal->found) return conclude(*std::move(journal), *start);
      sink_.clear();
      damaged_ = 0;
      *lock = std::move(journal->lock);
    }
  }

  // Loads the newest snapshot that is sound and `is_wanted`.
  template <class F>
  Result<std::optional<LoadedSnapshot>> load_newest(F&& is_wanted) {
    auto snapshots = list_snapshots(files_, options_.directory);
    if (!snapshots) return snapshots.error();
    for (auto at = snapshots->rbegin(); at != snapshots->rend(); ++at) {
      const std::string path = join_path(options_.directory, at->name);
      auto origin = read_snapshot_origin(files_, path);
      if (!origin) {
        leave_aside(*at, origin.peek_error());
        continue;
      }
      if (!is_wanted(*at, *origin)) continue;
      log_notice("Loading snapshot {}", at->name);
      Status loaded = sink_.load_snapshot(path, at->lsn);
      if (loaded) return std::optional(LoadedSnapshot{at->lsn, *std::move(origin)});
      if (options_.stop && *options_.stop) return std::move(loaded).error();
      sink_.clear();
      leave_aside(*at, loaded.error());
    }
    return std::optional<LoadedSnapshot>();
  }

  // Loads the snapshot to start from and returns its LSN; none: the journal alone is all there is.
  Result<std::optional<Lsn>> choose(const TimelineStart& present);

 private:
  void leave_aside(const SnapshotFile& file, const Error& why) {
    log_warning("Snapshot {} is damaged ({}): it is left aside for the one before it", file.name,
                why.text());
    if (damaged_++ == 0) newest_damaged_ = file;
  }

  Result<RecoveredData> conclude(RecoveredJournal journal, std::optional<Lsn> snapshot) {
    RecoveredData data{.journal = std::move(journal), .snapshot = snapshot, .end_lsn = 0};
    data.end_lsn = std::max(data.journal.end_lsn, snapshot.value_or(0));
    if (damaged_ > 0 && newest_damaged_.lsn > data.end_lsn) {
      return Error(ErrorCode::kCorrupt,
                   fmt::format("data incomplete: snapshot {} is damaged, and what else there is "
                               "ends at LSN {}, before it. To start with that, which is less than "
                               "what was saved, move the file out of {}",
                               newest_damaged_.name, data.end_lsn, options_.directory));
    }
    if (data.journal.end_lsn < data.end_lsn) {
      log_warning("The journal ends at LSN {}, before the snapshot: what followed was not on disk "
                  "when the machine stopped. Nothing is missing from the snapshot; a new timeline "
                  "begins at LSN {}",
                  data.journal.end_lsn, data.end_lsn);
    }
    return data;
  }

  FileSystem& files_;
  const DataRecoveryOptions& options_;
  DataSink& sink_;
  unsigned damaged_ = 0;
  SnapshotFile newest_damaged_;
};

Result<std::optional<Lsn>> DataRecovery::choose(const TimelineStart& present) {
  auto loaded = load_newest([&](const SnapshotFile& file, const SnapshotOrigin& origin) {
    if (!belongs_to(origin, file.lsn, present)) {
      log_notice("Snapshot {} is not used: it belongs to timeline {} of {}, the journal is "
                 "timeline {} of {}",
                 file.name, origin.timeline.value_or(0),
                 origin.replication_id.empty() ? "nobody" : origin.replication_id,
                 present.number, present.replication_id);
      return false;
    }
    if (file.lsn < present.first_lsn) {
      log_notice("Snapshot {} is not used: the journal begins behind it, at LSN {}", file.name,
                 present.first_lsn);
      return false;
    }
    return true;
  });
  if (!loaded) return loaded.error();
  if (*loaded) return std::optional(loaded->value().lsn);
  if (present.first_lsn == 0) {
    if (damaged_ > 0) log_warning("No snapshot can be used: the journal is read from its start");
    return std::optional<Lsn>();
  }
  return Error(ErrorCode::kNotFound,
               fmt::format("data incomplete: the journal's timeline {} begins at LSN {}, and "
                           "there is no sound snapshot of it at or behind that ({} damaged). "
                           "Missing is {} or a later one; put it back into {}, or look at what "
                           "there is with 'memoir-journal verify'",
                           present.number, present.first_lsn, damaged_,
                           snapshot_name(present.first_lsn), options_.directory));
}

}  // namespace

std::string journal_directory(const std::string& directory) {
  return join_path(directory, "journal");
}

Result<RecoveredData> recover_data(FileSystem& files, const DataRecoveryOptions& options,
                                   DataSink& sink) {
  return DataRecovery(files, options, sink).run();
}

Result<std::optional<Lsn>> load_snapshot_of(FileSystem& files, const DataRecoveryOptions& options,
                                            const Timeline& timeline, DataSink& sink) {
  return DataRecovery(files, options, sink).choose(describe_timeline(files, timeline));
}

Result<std::optional<LoadedSnapshot>> load_newest_snapshot(FileSystem& files,
                                                           const DataRecoveryOptions& options,
                                                           DataSink& sink) {
  return DataRecovery(files, options, sink)
      .load_newest([](const SnapshotFile& file, const SnapshotOrigin& origin) {
        return !origin.lsn || *origin.lsn == file.lsn;
      });
}

}  // namespace memoir
