// Loading: the journal is read on a thread of its own, while the workers already answer what can be
// answered without data. When it is through, each worker takes over the journal on its own thread;
// only then do writes begin.
#include "persistence/file.h"
#include "persistence/file_journal.h"
#include "persistence/recovery.h"
#include "src/base/log.h"
#include "src/base/random.h"
#include "src/server/process.h"
#include "src/server/replayer.h"
#include "src/server/server.h"
#include "src/server/worker.h"

namespace memoir {
namespace {

SyncMode sync_mode_of(AppendFsync fsync) {
  if (fsync == AppendFsync::kAlways) return SyncMode::kAlways;
  return fsync == AppendFsync::kNo ? SyncMode::kNo : SyncMode::kEverySecond;
}

}  // namespace

void Server::start_loading() {
  loading_started_us_ = clock_.now_us();
  not_yet_loaded_ = worker_count();
  loader_ = std::thread([this] { load(); });
}

void Server::load() {
  name_thread("loader");
  if (Status recovered = recover(); !recovered) {
    if (stopping_) return;
    log_warning("Fatal error loading the journal: {}. Exiting.", recovered.error().text());
    std::_Exit(1);  // nothing has been changed, so there is nothing to end in good order
  }
  each_worker([this](Worker& worker) {
    worker.loop().post([this, &worker] {
      worker.use_journal(*file_journal_);
      if (not_yet_loaded_.fetch_sub(1) > 1) return;
      workers_[0]->loop().post([this] { finish_loading(); });
    });
  });
}

Status Server::recover() {
  const auto config = config_.current();
  const std::string directory = join_path(config->dir, "journal");
  RecoveryOptions options;
  options.progress = [this](const RecoveryProgress& progress) {
    loading_bytes_ = progress.bytes_read;
    loading_total_bytes_ = progress.bytes_total;
  };
  Replayer replayer(keyspace_, commands_, *idle_journal_, clock_, scripting_, stopping_,
                    load_delay_us_);
  auto recovered = recover_journal(posix_file_system(), directory, options, replayer);
  if (!recovered) return recovered.error();
  const Lsn end_lsn = recovered->end_lsn;
  const std::uint64_t records = recovered->records;
  FileJournalOptions journal_options;
  journal_options.mode = sync_mode_of(config->appendfsync);
  journal_options.workers = worker_count() == 1 ? Workers::kOne : Workers::kSeveral;
  journal_options.segment_bytes = static_cast<std::uint64_t>(config->journal_segment_size);
  journal_options.replication_id = random_hex(40);
  journal_options.archive = archive_options(*config);
  auto journal = FileJournal::open(posix_file_system(), clock_, *std::move(recovered),
                                   std::move(journal_options));
  if (!journal) return journal.error();
  file_journal_ = *std::move(journal);
  file_journal_->set_listener(this);
  keyspace_.advance_position(std::max(end_lsn, file_journal_->position()));
  log_notice("DB loaded from the journal: {} records in {:.3f} seconds, up to {}", records,
             static_cast<double>(clock_.now_us() - loading_started_us_) / 1e6, end_lsn);
  return ok;
}

void Server::finish_loading() {
  if (stopping_) return;
  // Several workers are all in the journal's hands now, and none has run a command that needs data.
  journal_ = file_journal_.get();
  if (worker_count() == 1) keyspace_.set_locking(false);
  loading_.store(false, std::memory_order_release);
  ready();
}

}  // namespace memoir
