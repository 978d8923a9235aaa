// CONFIG SET appendonly: the journal is begun, or left, while the server runs.
//
// All stripes are locked, so no record is being made. To begin, everything there is becomes a
// snapshot, durable before the journal's new timeline starts at its LSN: whenever this fails or is
// cut short, what the directory held before is what it holds. (The journal of an earlier time stays
// readable, as an older timeline.) Without a journal the server goes on as one that was started so;
// the files stay, and a later start that is told to use them finds the data of that moment.
#include <algorithm>

#include "persistence/data_recovery.h"
#include "persistence/file_journal.h"
#include "src/base/alloc.h"
#include "src/base/log.h"
#include "src/base/random.h"
#include "src/server/server.h"
#include "src/server/worker.h"

namespace memoir {

Status Server::turn_journal(bool on) {
  if (loading() || on == journal_is_on()) return ok;
  Status done = on ? begin_journal() : leave_journal();
  if (done) return ok;
  log_warning("The journal cannot be turned {}: {}", on ? "on" : "off", done.error().text());
  return on ? Error("Unable to turn on AOF. Check server logs.")
            : Error("Unable to turn off AOF. Check server logs.");
}

void Server::use_journal(Journal& journal) {
  journal_ = &journal;
  each_worker([&](Worker& worker) { worker.dispatcher().use_journal(journal); });
}

Status Server::begin_journal() {
  const std::string directory = config_.current()->dir;
  auto snapshots = list_snapshots(posix_file_system(), directory);
  if (!snapshots) return snapshots.error();
  StartSettings settings = start_settings();
  SnapshotSettings& snapshot = settings.snapshot;
  const Lsn here = journal().position();
  // Above everything that lies here, so that the next start finds this to be the newest.
  snapshot.lsn = std::max<Lsn>(here, 1);
  if (!snapshots->empty()) snapshot.lsn = std::max(snapshot.lsn, snapshots->back().lsn + 1);
  if (file_journal_) snapshot.lsn = std::max(snapshot.lsn, file_journal_->position());
  const bool same_history = snapshot.lsn == here;
  snapshot.replication_id =
      same_history ? journal().replication_id() : random_hex(kReplicationIdChars);

  RecoveredJournal before;
  before.directory = journal_directory(directory);
  if (file_journal_) {
    snapshot.timeline = file_journal_->stats().timeline + 1;
  } else {
    auto lock = lock_journal(posix_file_system(), before.directory);
    if (!lock) return lock.error();
    before.lock = *std::move(lock);
    auto timelines = list_timelines(posix_file_system(), before.directory);
    if (!timelines) return timelines.error();
    before.found = !timelines->empty();
    if (before.found) before.timeline = timelines->back().number;
    snapshot.timeline = before.timeline + 1;
  }
  snapshot.directory = directory;
  snapshot.link_name = config_.current()->dbfilename;
  scripting_.libraries.each(
      [&](const Library& library) { snapshot.functions.push_back(library.payload); });
  Status saved = save_snapshot(posix_file_system(), keyspace_, snapshot);
  if (!saved) return saved;
  return open_journal_at(std::move(before), std::move(settings));
}

Status Server::open_journal_at(RecoveredJournal before, StartSettings settings) {
  const SnapshotSettings& snapshot = settings.snapshot;
  if (file_journal_) {
    Status begun = file_journal_->start_timeline(snapshot.replication_id, snapshot.lsn);
    if (!begun) return begun;
    file_journal_->set_mode(settings.journal.mode);
  } else {
    FileJournalOptions options = settings.journal;
    options.replication_id = snapshot.replication_id;
    options.first_lsn = snapshot.lsn;
    auto opened = FileJournal::open(posix_file_system(), clock_, std::move(before),
                                    std::move(options));
    if (!opened) return opened.error();
    file_journal_ = *std::move(opened);
    file_journal_->set_listener(this);
  }
  keyspace_.advance_position(snapshot.lsn);
  use_journal(*file_journal_);
  log_notice("The journal is on: timeline {}, from LSN {} on", snapshot.timeline, snapshot.lsn);
  return ok;
}

Status Server::leave_journal() {
  if (Status synced = file_journal_->sync_now(); !synced) return synced;
  former_journals_.push_back(std::move(idle_journal_));
  idle_journal_ = make_null_journal(file_journal_->replication_id(), file_journal_->position(),
                                    worker_count() == 1 ? Workers::kOne : Workers::kSeveral);
  use_journal(*idle_journal_);
  log_notice("The journal is off: it ends at LSN {}", file_journal_->position());
  return ok;
}

}  // namespace memoir
