#include "src/server/start.h"

#include <algorithm>
#include <utility>

#include "src/base/log.h"

namespace memoir {
namespace {

double seconds_since(const Clock& clock, std::int64_t began_us) {
  return static_cast<double>(clock.monotonic_us() - began_us) / 1e6;
}

bool is_replication_id(ByteView text) {
  return text.size() == kReplicationIdChars &&
         text.find_first_not_of("0123456789abcdef") == ByteView::npos;
}

}  // namespace

Start::Start(const LoadTarget& target, StartSettings settings)
    : target_(target), settings_(std::move(settings)), loader_(target_, settings_.load) {}

bool Start::has_dump(FileSystem& files, const std::string& directory, const std::string& name) {
  auto found = files.info(join_path(directory, name));
  return found && !found->is_directory;
}

DataRecoveryOptions Start::recovery_options() {
  return {.directory = settings_.directory,
          .progress = [this](const RecoveryProgress& at) { loader_.journal_progress(at); },
          .stop = &target_.stop};
}

Result<std::unique_ptr<FileJournal>> Start::with_journal() {
  auto data = recover_data(target_.files, recovery_options(), loader_);
  if (!data) return data.error();
  // Only now: the journal's lock, which is held, tells that no other server writes here.
  if (Status gone = remove_temporary_snapshots(target_.files, settings_.directory); !gone) {
    log_warning("Unfinished snapshots stay where they are: {}", gone.error().text());
  }
  if (data->journal.found) return continue_journal(*std::move(data));
  return begin_journal(std::move(data->journal));
}

Result<std::unique_ptr<FileJournal>> Start::open(RecoveredJournal recovered, Bytes replication_id,
                                                 Lsn first_lsn) {
  FileJournalOptions options = settings_.journal;
  options.replication_id = std::move(replication_id);
  options.first_lsn = first_lsn;
  auto journal = FileJournal::open(target_.files, target_.clock, std::move(recovered),
                                   std::move(options));
  if (journal) {
    target_.keyspace.advance_position(std::max(first_lsn, (*journal)->position()));
  }
  return journal;
}

Result<std::unique_ptr<FileJournal>> Start::continue_journal(RecoveredData data) {
  if (has_dump(target_.files, settings_.directory, settings_.dump_name)) {
    log_notice("{} is not read: the journal and its snapshots have the data", settings_.dump_name);
  }
  const std::string from = data.snapshot ? fmt::format("snapshot {} and ", *data.snapshot) : "";
  const Lsn end_lsn = data.end_lsn;
  auto journal = open(std::move(data.journal), {}, end_lsn);
  if (journal) {
    log_notice("DB loaded from {}the journal: {} records, up to LSN {}", from, loader_.records(),
               end_lsn);
  }
  return journal;
}

// ---- there is no journal yet --------------------------------------------------------------------

Result<std::unique_ptr<FileJournal>> Start::begin_journal(RecoveredJournal nothing) {
  AofLocation where = settings_.append_only;
  where.directory = settings_.directory;
  auto exists = append_only_exists(target_.files, where);
  if (!exists) return exists.error();
  if (*exists) {
    log_notice("There is no journal: importing the append-only file in {}", where.append_directory);
    const std::int64_t began_us = target_.clock.monotonic_us();
    auto imported = loader_.load_append_only(where, settings_.load_truncated);
    if (!imported) return imported.error();
    log_notice("DB loaded from append only file: {:.3f} seconds",
               seconds_since(target_.clock, began_us));
    return conclude_import(std::move(nothing), {});
  }
  if (has_dump(target_.files, settings_.directory, settings_.dump_name)) {
    log_notice("There is no journal: importing {}", settings_.dump_name);
    auto loaded = load_dump();
    if (!loaded) return loaded.error();
    return conclude_import(std::move(nothing), {.replication_id = loaded->replication_id,
                                                .lsn = loaded->lsn.value_or(0)});
  }
  return continue_snapshot(std::move(nothing));
}

Result<RdbLoaded> Start::load_dump() {
  return loader_.load_file(in_directory(settings_.dump_name), Overdue::kDrop);
}

// A directory of snapshots without a journal.
Result<std::unique_ptr<FileJournal>> Start::continue_snapshot(RecoveredJournal nothing) {
  auto snapshots = list_snapshots(target_.files, settings_.directory);
  if (!snapshots) return snapshots.error();
  if (snapshots->empty()) return open(std::move(nothing), settings_.journal.replication_id, 0);
  auto loaded = load_newest_snapshot(target_.files, recovery_options(), loader_);
  if (!loaded) return loaded.error();
  if (!*loaded) {
    return Error(ErrorCode::kCorrupt,
                 fmt::format("there is no journal, and none of the {} snapshots in {} is sound",
                             snapshots->size(), settings_.directory));
  }
  const LoadedSnapshot& snapshot = **loaded;
  log_warning("There is no journal: the data are those of {}. If there were later changes, they "
              "were in {}",
              snapshot_name(snapshot.lsn), journal_directory(settings_.directory));
  const bool has_id = is_replication_id(snapshot.origin.replication_id);
  return open(std::move(nothing),
              has_id ? snapshot.origin.replication_id : settings_.journal.replication_id,
              snapshot.lsn);
}

// Imported data become a snapshot, with which the journal then begins. Its LSN is above those of
// all snapshots that lie here already, so that it is the newest whatever they are; with such, the
// journal is another history and has another id. It is never 0: a timeline that begins there begins
// with nothing.
Result<std::unique_ptr<FileJournal>> Start::conclude_import(RecoveredJournal nothing,
                                                            Imported imported) {
  auto others = list_snapshots(target_.files, settings_.directory);
  if (!others) return others.error();
  Lsn lsn = std::max<Lsn>(imported.lsn, 1);
  if (!others->empty()) lsn = std::max(lsn, others->back().lsn + 1);
  const bool same_history = others->empty() && is_replication_id(imported.replication_id);
  const Bytes id = same_history ? imported.replication_id : settings_.journal.replication_id;

  SnapshotSettings snapshot = settings_.snapshot;
  snapshot.directory = settings_.directory;
  snapshot.link_name.clear();  // what was imported stays as it is
  snapshot.has_journal = true;
  snapshot.lsn = lsn;
  snapshot.replication_id = id;
  snapshot.timeline = 1;
  target_.scripting.libraries.each(
      [&](const Library& library) { snapshot.functions.push_back(library.payload); });
  const std::int64_t began_us = target_.clock.monotonic_us();
  if (Status saved = save_snapshot(target_.files, target_.keyspace, snapshot); !saved) {
    return Error(saved.error().code(),
                 "the snapshot of what was imported cannot be written: " + saved.error().text());
  }
  log_notice("Imported data are on disk as {}: {:.3f} seconds; the journal begins there",
             snapshot_name(lsn), seconds_since(target_.clock, began_us));
  return open(std::move(nothing), id, lsn);
}

// ---- without a journal --------------------------------------------------------------------------

Result<std::optional<RdbLoaded>> Start::without_journal() {
  if (!has_dump(target_.files, settings_.directory, settings_.dump_name)) {
    return std::optional<RdbLoaded>();
  }
  auto loaded = load_dump();
  if (!loaded) return loaded.error();
  return std::optional(*std::move(loaded));
}

}  // namespace memoir
