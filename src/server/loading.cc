// Loading: data come into memory on threads of their own, while the workers already answer what can
// be answered without data. When they are there, each worker takes over the journal on its own
// thread; only then do writes begin.
#include "persistence/file.h"
#include "persistence/file_journal.h"
#include "src/base/log.h"
#include "src/base/random.h"
#include "src/server/process.h"
#include "src/server/server.h"
#include "src/server/version.h"
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
    log_warning("{}", recovered.error().text());
    log_warning("Fatal error loading the DB, check server logs. Exiting.");
    std::_Exit(1);  // nothing has been changed, so there is nothing to end in good order
  }
  each_worker([this](Worker& worker) {
    worker.loop().post([this, &worker] {
      if (file_journal_) worker.use_journal(*file_journal_);
      if (not_yet_loaded_.fetch_sub(1) > 1) return;
      workers_[0]->loop().post([this] { finish_loading(); });
    });
  });
}

LoadTarget Server::load_target() {
  return {.files = posix_file_system(),
          .keyspace = keyspace_,
          .commands = commands_,
          .scripting = scripting_,
          .journal = *idle_journal_,
          .clock = clock_,
          .figures = load_figures_,
          .stop = stopping_,
          .delay_us = load_delay_us_};
}

StartSettings Server::start_settings() {
  const auto config = config_.current();
  StartSettings settings;
  settings.directory = config->dir;
  settings.dump_name = config->dbfilename;
  settings.append_only = {.directory = config->dir,
                          .append_directory = config->appenddirname,
                          .file_name = config->appendfilename};
  settings.load_truncated = config->aof_load_truncated;
  settings.load.threads = loading_threads();
  settings.load.checksum = config->rdbchecksum ? RdbChecksum::kYes : RdbChecksum::kNo;
  DispatchSettings& dispatch = settings.load.dispatch;
  dispatch.maxmemory_policy = config->maxmemory_policy;
  dispatch.lfu_log_factor = static_cast<unsigned>(config->lfu_log_factor);
  dispatch.lfu_decay_minutes = static_cast<unsigned>(config->lfu_decay_time);
  settings.journal.mode = sync_mode_of(config->appendfsync);
  settings.journal.workers = worker_count() == 1 ? Workers::kOne : Workers::kSeveral;
  settings.journal.segment_bytes = static_cast<std::uint64_t>(config->journal_segment_size);
  settings.journal.replication_id = random_hex(kReplicationIdChars);
  settings.journal.archive = archive_options(*config);
  settings.snapshot.server_version = Bytes(kRedisVersion);
  settings.snapshot.now_s = clock_.now_us() / 1'000'000;
  settings.snapshot.used_memory = allocated_bytes();
  settings.snapshot.compression =
      config->rdbcompression ? RdbCompression::kYes : RdbCompression::kNo;
  settings.snapshot.checksum = settings.load.checksum;
  return settings;
}

Status Server::recover() {
  Start start(load_target(), start_settings());
  if (!config_.current()->appendonly) {
    auto loaded = start.without_journal();
    if (!loaded) return loaded.error();
    return ok;
  }
  auto journal = start.with_journal();
  if (!journal) return journal.error();
  file_journal_ = *std::move(journal);
  file_journal_->set_listener(this);
  return ok;
}

void Server::finish_loading() {
  if (stopping_) return;
  // Several workers are all in the journal's hands now, and none has run a command that needs data.
  if (file_journal_) {
    file_journal_->set_mode(sync_mode_of(config_.current()->appendfsync));  // may be another now
    journal_ = file_journal_.get();
  }
  if (worker_count() == 1) keyspace_.set_locking(false);
  log_notice("Data are loaded: {:.3f} seconds",
             static_cast<double>(clock_.now_us() - loading_started_us_) / 1e6);
  loading_.store(false, std::memory_order_release);
  apply_archive_options(*config_.current());  // they may have been changed meanwhile
  ready();
}

}  // namespace memoir
