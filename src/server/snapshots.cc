#include "src/server/snapshots.h"

#include <algorithm>
#include <chrono>

#include "persistence/snapshot_index.h"
#include "src/base/alloc.h"
#include "src/base/log.h"
#include "src/server/process.h"
#include "src/server/server.h"
#include "src/server/version.h"
#include "src/server/worker.h"

namespace memoir {
namespace {

// As Redis: save points try again after this.
constexpr std::int64_t kRetryDelayS = 5;
constexpr std::chrono::milliseconds kSyncPoll(1);
constexpr std::chrono::milliseconds kDelayStep(10);

// How long a snapshot's file is; 0 if that cannot be told.
std::uint64_t bytes_of_file(const std::string& path) {
  const auto file = posix_file_system().open(path, OpenMode::kRead);
  if (!file) return 0;
  const auto size = (*file)->size();
  return size ? *size : 0;
}

std::uint64_t bytes_of(const SnapshotSettings& settings) {
  const bool journal = settings.has_journal;
  return bytes_of_file(join_path(settings.directory,
                                 journal ? snapshot_name(settings.lsn) : settings.link_name));
}

}  // namespace

// One snapshot on its way.
struct Snapshots::Job {
  SnapshotSettings settings;
  std::shared_ptr<SnapshotWalk> walk;
  std::uint64_t changes = 0;  // counted at the cut
  Why why = Why::kRequest;
};

Snapshots::Snapshots(Server& server) : server_(server) {}

Snapshots::~Snapshots() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    called_off_ = true;
  }
  changed_.notify_all();
  if (thread_.joinable()) thread_.join();
}

void Snapshots::ready() {
  last_save_s_ = server_.clock().now_us() / 1'000'000;
  saved_changes_ = changes();
  const auto config = server_.config().current();
  if (Status removed = remove_temporary_snapshots(posix_file_system(), config->dir); !removed) {
    log_warning("Files of an interrupted snapshot could not be removed: {}",
                removed.error().text());
  }
  const auto found = list_snapshots(posix_file_system(), config->dir);
  if (found && !found->empty()) {
    saved_lsn_ = found->back().lsn;
    saved_bytes_ = bytes_of_file(join_path(config->dir, found->back().name));
    const std::string index = join_path(config->dir, snapshot_index_name(saved_lsn_));
    if (!posix_file_system().info(index)) {
      to_verify_ = std::make_unique<SnapshotSettings>();
      to_verify_->directory = config->dir;
      to_verify_->lsn = saved_lsn_;
    }
  }
  thread_ = std::thread([this] { work(); });
}

std::uint64_t Snapshots::changes() {
  std::uint64_t count = 0;
  for (unsigned i = 0; i < server_.worker_count(); ++i) {
    count += server_.worker(i).keyspace_stats().changes.load(std::memory_order_relaxed);
  }
  return count;
}

bool Snapshots::is_behind() {
  if (server_.config().current()->appendonly) return server_.journal().position() != saved_lsn_;
  return changes() != saved_changes_;
}

// ---- what a snapshot says of itself; all stripes are locked -------------------------------------

SnapshotSettings Snapshots::settings() {
  const auto config = server_.config().current();
  SnapshotSettings settings;
  settings.directory = config->dir;
  settings.link_name = config->dbfilename;
  settings.has_journal = config->appendonly;
  settings.lsn = server_.journal().position();
  settings.replication_id = server_.journal().replication_id();
  settings.timeline = server_.journal().stats().timeline;
  settings.server_version = kRedisVersion;
  settings.now_s = server_.clock().now_us() / 1'000'000;
  settings.used_memory = allocated_bytes();
  settings.compression = config->rdbcompression ? RdbCompression::kYes : RdbCompression::kNo;
  settings.checksum = config->rdbchecksum ? RdbChecksum::kYes : RdbChecksum::kNo;
  settings.style.now_ms = server_.clock().now_us() / 1000;
  settings.style.lfu_decay_minutes = static_cast<unsigned>(config->lfu_decay_time);
  if (uses_lfu(config->maxmemory_policy)) {
    settings.style.access = RdbAccess::kFrequency;
  } else if (uses_lru(config->maxmemory_policy)) {
    settings.style.access = RdbAccess::kIdle;
  }
  server_.scripting().libraries.each(
      [&](const Library& library) { settings.functions.push_back(library.payload); });
  return settings;
}

// ---- beginning ----------------------------------------------------------------------------------

bool Snapshots::begin(Why why) {
  State idle = State::kIdle;
  if (!state_.compare_exchange_strong(idle, State::kWanted)) return false;
  why_ = why;
  called_off_ = stopping_.load();
  began_us_ = server_.clock().now_us();
  last_try_s_ = server_.clock().now_us() / 1'000'000;
  if (why == Why::kRewrite) {
    rewrites_.fetch_add(1);
    log_notice("Background append only file rewriting started: a snapshot is what the journal is "
               "rewritten to");
  } else {
    log_notice("Background saving started");
  }
  post();
  return true;
}

bool Snapshots::begin_or_schedule(Why why) {
  if (begin(why)) return true;
  scheduled_why_ = why;
  scheduled_ = true;
  return false;
}

void Snapshots::post() {
  server_.worker(0).loop().post([this] { try_cut(); });
}

// Between two requests, or it waits for the next look (cron).
void Snapshots::try_cut() {
  Worker& worker = server_.worker(0);
  if (state_ != State::kWanted || worker.within_request() || server_.keyspace().busy()) return;
  if (called_off_) {
    state_ = State::kIdle;
    return;
  }
  Keyspace& keyspace = server_.keyspace();
  if (!keyspace.locking()) {
    keyspace.set_locking(true);
    locks_added_ = true;
  }
  auto job = std::make_unique<Job>();
  job->why = why_;
  {
    StripeSet all;
    all.add_all();
    const LockedStripes locked(keyspace, all);
    job->settings = settings();
    job->changes = changes();
    job->walk = std::make_shared<SnapshotWalk>(keyspace, job->settings.compression,
                                               job->settings.style, WalkLocking::kBesideOthers);
    job->walk->cut();
  }
  {
    const std::lock_guard lock(mutex_);
    state_ = State::kWriting;
    walk_ = job->walk;
    job_ = std::move(job);
  }
  changed_.notify_all();
}

void Snapshots::try_unlock() {
  Worker& worker = server_.worker(0);
  if (!locks_added_ || saving() || worker.within_request() || server_.keyspace().busy()) return;
  locks_added_ = false;
  server_.keyspace().set_locking(false);
}

void Snapshots::cron() {
  if (server_.loading()) return;
  if (state_ == State::kWanted) try_cut();
  if (saving()) return;
  try_unlock();
  if (scheduled_.exchange(false)) {
    begin(scheduled_why_);
    return;
  }
  const auto config = server_.config().current();
  if (due_by_save_points(*config)) {
    begin(Why::kSavePoint);
  } else if (due_by_journal(*config)) {
    begin(Why::kCheckpoint);
  }
}

bool Snapshots::due_by_save_points(const Config& config) {
  const std::int64_t now_s = server_.clock().now_us() / 1'000'000;
  if (!last_good_ && now_s - last_try_s_ <= kRetryDelayS) return false;
  const auto changed = static_cast<std::int64_t>(changes() - saved_changes_);
  for (const SavePoint& point : config.save) {
    if (changed < point.changes || now_s - last_save_s_ <= point.seconds) continue;
    log_notice("{} changes in {} seconds. Saving...", point.changes, point.seconds);
    return true;
  }
  return false;
}

// Reading so much journal takes longer than reading the snapshot.
bool Snapshots::due_by_journal(const Config& config) {
  if (!config.appendonly || config.journal_checkpoint_bytes == 0) return false;
  const std::int64_t now_s = server_.clock().now_us() / 1'000'000;
  if (!last_good_ && now_s - last_try_s_ <= kRetryDelayS) return false;
  const std::uint64_t journaled = server_.journal().position() - saved_lsn_;
  const auto least = static_cast<std::uint64_t>(config.journal_checkpoint_bytes);
  if (journaled <= std::max(least, saved_bytes_.load())) return false;
  log_notice("{} MB journaled since the last snapshot. Saving...", journaled >> 20);
  return true;
}

// ---- the thread ---------------------------------------------------------------------------------

void Snapshots::work() {
  name_thread("snapshots");
  std::unique_lock lock(mutex_);
  for (;;) {
    changed_.wait(lock, [this] { return stopping_ || job_ || to_verify_; });
    if (job_) {
      const std::unique_ptr<Job> job = std::move(job_);
      lock.unlock();
      write(*job);
      lock.lock();
    } else if (stopping_) {
      return;
    } else {
      const auto settings = std::move(to_verify_);
      lock.unlock();
      verify(*settings);
      lock.lock();
    }
  }
}

void Snapshots::write(Job& job) {
  bool ended = false;
  const Status done = write_file(job, ended);
  if (!ended) end_walk(job);
  finished(job, done);
}

// `ended`: whether the walk has let go of the keyspace.
Status Snapshots::write_file(Job& job, bool& ended) {
  auto file = SnapshotFileWriter::create(posix_file_system(), job.settings);
  if (!file) return file.error();
  std::uint64_t delayed = 0;
  const Status walked = (*file)->write(*job.walk, [&] { return delay(job, delayed); });
  end_walk(job);
  ended = true;
  if (!walked) return Error(walked.error().clone());
  if (Status synced = (*file)->finish(); !synced) return synced;
  if (Status synced = wait_until_synced(job.settings.lsn); !synced) return synced;
  if (Status published = (*file)->publish(); !published) return published;
  log_notice("DB saved on disk");
  succeeded(job.settings, job.changes, (*file)->bytes());
  return ok;
}

void Snapshots::end_walk(Job& job) {
  last_pending_max_ = job.walk->pending_bytes_max();
  StripeSet all;
  all.add_all();
  const LockedStripes locked(server_.keyspace(), all);
  job.walk->end();
}

// rdb-key-save-delay, for tests: as much time a key. True: the snapshot is called off.
bool Snapshots::delay(const Job& job, std::uint64_t& delayed) {
  const std::int64_t us = server_.config().current()->rdb_key_save_delay;
  if (us == 0) return called_off_;
  const std::uint64_t done = job.walk->keys_done();
  const std::uint64_t keys = done - std::exchange(delayed, done);
  auto left = std::chrono::microseconds(us > 0 ? static_cast<std::int64_t>(keys) * us
                                               : static_cast<std::int64_t>(keys) / -us);
  while (left.count() > 0 && !called_off_) {
    const auto step = std::min<std::chrono::microseconds>(left, kDelayStep);
    std::this_thread::sleep_for(step);
    left -= step;
    if (server_.config().current()->rdb_key_save_delay == 0) break;
  }
  return called_off_;
}

// A snapshot must not be ahead of the journal.
Status Snapshots::wait_until_synced(Lsn lsn) {
  Journal& journal = server_.journal();
  if (!server_.config().current()->appendonly) return ok;
  while (journal.synced() < lsn) {
    if (called_off_) return Error(ErrorCode::kIo, "it was called off");
    journal.request_sync(lsn);
    std::this_thread::sleep_for(kSyncPoll);
  }
  return ok;
}

void Snapshots::finished(const Job& job, const Status& done) {
  const std::int64_t took_s = (server_.clock().now_us() - began_us_) / 1'000'000;
  const bool rewrite = job.why == Why::kRewrite;
  (rewrite ? last_rewrite_took_s_ : last_took_s_) = took_s;
  if (rewrite) failed_rewrites_ = done ? 0 : failed_rewrites_ + 1;
  if (done) {
    log_notice("{}", rewrite ? "Background AOF rewrite finished successfully"
                             : "Background saving terminated with success");
  } else if (called_off_) {
    log_warning("Background saving was called off");
  } else {
    log_warning("Background saving error: {}", done.error().text());
    last_good_ = false;
  }
  {
    const std::lock_guard lock(mutex_);
    walk_.reset();
    if (done && job.settings.has_journal) {
      to_verify_ = std::make_unique<SnapshotSettings>(job.settings);
    }
    state_ = State::kIdle;
  }
  changed_.notify_all();
  tell_workers();
  if (!stopping_) server_.worker(0).loop().post([this] { cron(); });
}

void Snapshots::succeeded(const SnapshotSettings& of, std::uint64_t changes_then,
                          std::uint64_t bytes) {
  saved_changes_ = changes_then;
  saved_lsn_ = of.lsn;
  saved_bytes_ = bytes;
  last_save_s_ = server_.clock().now_us() / 1'000'000;
  last_good_ = true;
  saves_.fetch_add(1);
}

void Snapshots::tell_workers() {
  if (stopping_) return;
  for (unsigned i = 0; i < server_.worker_count(); ++i) {
    Worker& worker = server_.worker(i);
    worker.loop().post([&worker] { worker.follow_snapshots(); });
  }
}

// Nothing older may go before this was good.
void Snapshots::verify(const SnapshotSettings& settings) {
  const auto interrupted = [this] {
    if (stopping_) return true;
    const std::lock_guard lock(mutex_);
    return job_ != nullptr;
  };
  const SnapshotCheck check{.path = join_path(settings.directory, snapshot_name(settings.lsn)),
                            .index_path =
                                join_path(settings.directory, snapshot_index_name(settings.lsn)),
                            .lsn = settings.lsn,
                            .checksum = settings.checksum == RdbChecksum::kYes,
                            .stop = interrupted};
  const auto checked = check_snapshot(posix_file_system(), check);
  if (!checked) {
    if (interrupted()) return;
    log_warning("The snapshot that was written cannot be read back: {}",
                checked.peek_error().text());
    last_good_ = false;
    tell_workers();
    return;
  }
  log_notice("Snapshot {} verified: {} keys, {} MB", settings.lsn, checked->keys,
             checked->bytes >> 20);
  if (after_verified_) after_verified_(settings.lsn);
}

// ---- in place -----------------------------------------------------------------------------------

Status Snapshots::save_now() {
  const SnapshotSettings now = settings();
  const std::uint64_t changes_now = changes();
  last_try_s_ = server_.clock().now_us() / 1'000'000;
  if (now.has_journal) {
    if (Status synced = server_.journal().sync_now(); !synced) return synced;
  }
  if (Status saved = save_snapshot(posix_file_system(), server_.keyspace(), now); !saved) {
    last_good_ = false;
    log_warning("Error trying to save the DB: {}", saved.error().text());
    tell_workers();
    return saved;
  }
  log_notice("DB saved on disk");
  succeeded(now, changes_now, bytes_of(now));
  if (now.has_journal) {
    const std::lock_guard lock(mutex_);
    to_verify_ = std::make_unique<SnapshotSettings>(now);
  }
  changed_.notify_all();
  tell_workers();
  return ok;
}

void Snapshots::call_off() {
  scheduled_ = false;
  called_off_ = true;
  State wanted = State::kWanted;
  state_.compare_exchange_strong(wanted, State::kIdle);
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return state_ != State::kWriting; });
}

// ---- figures ------------------------------------------------------------------------------------

void Snapshots::fill(PersistenceFigures& p) {
  p.saving = saving();
  p.rewriting = p.saving && why_ == Why::kRewrite;
  p.last_save_s = last_save_s_;
  p.last_save_good = last_good_;
  p.last_save_took_s = last_took_s_;
  p.saves = saves_;
  p.rewrite_scheduled = scheduled_ && scheduled_why_ == Why::kRewrite;
  p.rewrites = rewrites_;
  p.failed_rewrites = failed_rewrites_;
  p.last_rewrite_took_s = last_rewrite_took_s_;
  p.snapshot_bytes = saved_bytes_;
  p.last_save_extra_bytes = last_pending_max_;
  const std::uint64_t now = changes();
  const std::uint64_t saved = saved_changes_;
  p.changes_since_save = now > saved ? now - saved : 0;
  if (!p.saving) return;
  (p.rewriting ? p.current_rewrite_took_s : p.current_save_took_s) =
      (server_.clock().now_us() - began_us_) / 1'000'000;
  const std::lock_guard lock(mutex_);
  if (!walk_) return;
  p.save_keys_done = walk_->keys_done();
  p.save_keys_total = walk_->keys_total();
  p.save_extra_bytes = walk_->pending_bytes_max();
}

}  // namespace memoir
