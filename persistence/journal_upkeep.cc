// FileJournal's threads: syncing, trying again after a failure, preparing and sealing segments.
#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <utility>

#include "persistence/file_journal.h"
#include "src/base/log.h"

namespace memoir {

namespace {
// On a disk that is nearly full smaller segments are not worth preparing ahead.
constexpr std::uint64_t kPreparedMin = 1UL << 20;
// Of the thread that packs and indexes: about a tenth of a processor where workers take the rest.
constexpr int kArchiveNice = 10;
constexpr std::int64_t kIdleUsMin = 10'000;
}  // namespace

// ---- failure -----------------------------------------------------------------------------------

// Under write_mutex_.
void FileJournal::fail(State state, const Error& error) {
  failure_ = error.text();
  if (state == State::kWriteFails) ++stats_.write_failures;
  if (state == State::kSyncFails) ++stats_.sync_failures;
  if (state_ == State::kGood) {
    log_warning("Journal: {} {} fails: {}. Writes are refused and it is tried again",
                state == State::kSyncFails ? "syncing" : "writing", active_->path(), failure_);
    last_retry_us_ = clock_.monotonic_us();
  }
  state_.store(state, std::memory_order_release);
}

// Under write_mutex_.
void FileJournal::recovered() {
  state_.store(State::kGood, std::memory_order_release);
  log_notice("Journal: writing works again; writes go on at LSN {}", written());
}

// Under write_mutex_.
Error FileJournal::refusal() const {
  if (state_ == State::kClosed) return Error("MISCONF The journal is closed");
  return Error("MISCONF Errors writing to the journal: " + failure_);
}

Error FileJournal::refusal_now() const {
  std::lock_guard lock(write_mutex_);
  return refusal();
}

void FileJournal::retry() {
  last_retry_us_ = clock_.monotonic_us();
  if (state_ == State::kSyncFails) {
    if (Status done = rewrite_unsynced(); !done) {
      std::lock_guard lock(write_mutex_);
      fail(State::kSyncFails, done.error());
      return;
    }
  }
  {
    std::lock_guard lock(write_mutex_);
    if (Status done = write_batch(); !done) {
      fail(State::kWriteFails, done.error());
      return;
    }
    recovered();
  }
  if (shared_) flush();
  tell_progress();
}

// After a failed sync: everything behind synced() goes into a new segment, from the page cache.
Status FileJournal::rewrite_unsynced() {
  const Lsn from = synced();
  if (stale_.empty()) {
    SegmentPtr target;
    if (Status done = prepare_rewritten(target); !done) return done;
    std::vector<SegmentFile> sources;
    for (const SegmentPtr& segment : full_) {
      sources.push_back({.first_lsn = segment->first_lsn(), .path = segment->path()});
    }
    sources.push_back({.first_lsn = active_->first_lsn(), .path = active_->path()});
    Status done = rewrite_frames(files_, sources, from, written(), *target);
    if (done) done = target->name(files_, timeline_path_, from);
    if (!done) {
      (void)files_.remove(target->path());
      return done;
    }
    std::lock_guard lock(write_mutex_);
    install_rewritten(target, from);
  }
  // Segments that begin behind `from` would come after the new one when the journal is read: they
  // must be gone before it gets further records.
  while (!stale_.empty()) {
    Status gone = files_.remove(stale_.back());
    if (!gone && gone.error().code() != ErrorCode::kNotFound) return gone;
    stale_.pop_back();
  }
  if (Status synced = files_.sync_directory(timeline_path_); !synced) return synced;
  std::lock_guard lock(write_mutex_);
  names_synced_ = names_changed_;
  active_->set_synced_end(active_->end());
  synced_.store(written(), std::memory_order_release);
  return ok;
}

Status FileJournal::prepare_rewritten(SegmentPtr& target) {
  std::lock_guard lock(write_mutex_);
  // The prepared segment is taken first: it has its space even where the disk is full.
  if (!next_) {
    if (Status prepared = prepare_now(kSegmentBytesMin); !prepared) return prepared;
  }
  target = std::exchange(next_, nullptr);
  return ok;
}

// Under write_mutex_. The new segment has its name; of the old ones, that which begins before
// `from` keeps what was synced, and the others are to go.
void FileJournal::install_rewritten(const SegmentPtr& target, Lsn from) {
  full_.push_back(active_);
  for (const SegmentPtr& old : full_) {
    if (old->path() == target->path()) continue;
    if (old->first_lsn() >= from) {
      stale_.push_back(old->path());
    } else {
      // Not vital: reading leaves aside what lies behind the next segment's begin.
      (void)old->file().truncate(old->synced_end());
    }
  }
  full_.clear();
  full_waiting_ = false;
  active_ = target;
  update_room();
}

void FileJournal::tell_progress() {
  if (listener_ != nullptr) listener_->on_progress(safe(), synced());
}

// ---- syncing -----------------------------------------------------------------------------------

FileJournal::SyncPlan FileJournal::plan_sync(SyncWhat what) {
  std::lock_guard lock(write_mutex_);
  SyncPlan plan;
  plan.full = full_;
  plan.names = names_changed_;
  plan.directory = plan.names != names_synced_;
  plan.path = timeline_path_;
  plan.target = active_->first_lsn();
  if (what == SyncWhat::kEverything) {
    plan.active = active_;
    plan.active_end = active_->end();
    plan.target = written();
  }
  full_waiting_ = false;
  return plan;
}

Status FileJournal::sync_files(const SyncPlan& plan) {
  for (const SegmentPtr& segment : plan.full) {
    if (Status done = segment->file().sync(); !done) return done;
  }
  if (plan.active) {
    if (Status done = plan.active->file().sync(); !done) return done;
  }
  if (!plan.directory) return ok;
  return files_.sync_directory(plan.path);
}

void FileJournal::finish_sync(const SyncPlan& plan) {
  std::lock_guard lock(write_mutex_);
  // Another timeline has begun meanwhile: its positions are not ours to move.
  if (plan.path != timeline_path_) return;
  ++stats_.syncs;
  names_synced_ = plan.names;
  if (plan.active) plan.active->set_synced_end(plan.active_end);
  if (plan.target > synced()) synced_.store(plan.target, std::memory_order_release);
  for (const SegmentPtr& segment : plan.full) {
    std::erase(full_, segment);
    unsealed_.push_back(segment);
  }
  if (!plan.full.empty()) wake_upkeep_thread();
}

void FileJournal::sync_step(SyncWhat what) {
  const SyncPlan plan = plan_sync(what);
  const std::int64_t begin = clock_.monotonic_us();
  last_sync_us_ = begin;
  const Status done = sync_files(plan);
  const std::int64_t took = clock_.monotonic_us() - begin;
  if (!done) {
    std::lock_guard lock(write_mutex_);
    fail(State::kSyncFails, done.error());
    return;
  }
  finish_sync(plan);
  {
    std::lock_guard lock(write_mutex_);
    stats_.last_sync_us = took;
    if (mode() == SyncMode::kEverySecond && took > kEverySecondUs) ++stats_.delayed_syncs;
  }
  tell_progress();
}

std::int64_t FileJournal::sync_due_us() const {
  const State state = state_.load(std::memory_order_acquire);
  if (state == State::kClosed) return -1;
  const std::int64_t now = clock_.monotonic_us();
  if (state != State::kGood) return std::max<std::int64_t>(0, last_retry_us_ + kRetryUs - now);
  const Lsn synced_lsn = synced();
  if (full_waiting_ || sync_wanted_ > synced_lsn) return 0;
  if (written_.load(std::memory_order_seq_cst) <= synced_lsn) return -1;
  switch (mode()) {
    case SyncMode::kAlways: return group_delay_us(now);
    case SyncMode::kEverySecond:
      return std::max<std::int64_t>(0, last_sync_us_ + kEverySecondUs - now);
    case SyncMode::kNo: return -1;
  }
  return -1;
}

// Each sync takes some processor time from the workers, so while one is busy and ever more clients
// come to wait, syncs keep a distance; once all have come to rest it begins (the idea of
// PostgreSQL's commit_delay, without its guess).
std::int64_t FileJournal::group_delay_us(std::int64_t now) const {
  if (busy_.load(std::memory_order_relaxed) == 0) return 0;
  return std::max<std::int64_t>(0, last_sync_us_ + kGroupUs - now);
}

void FileJournal::change_busy(int workers) {
  const int before = busy_.fetch_add(workers, std::memory_order_relaxed);
  if (before + workers == 0 && written() > synced()) wake_sync_thread(Wake::kAlways);
}

void FileJournal::sync_round() {
  if (state_ != State::kGood) {
    // What was written before the failure may be waited for.
    if (state_ == State::kWriteFails && written() > synced()) sync_step(SyncWhat::kEverything);
    retry();
    return;
  }
  const bool all = mode() != SyncMode::kNo || sync_wanted_ > synced();
  sync_step(all ? SyncWhat::kEverything : SyncWhat::kFullSegments);
}

// ---- segments ----------------------------------------------------------------------------------

void FileJournal::upkeep_step() {
  seal_full();
  prepare_next();
  tell_sealed();
}

// Sealed is what lies before the first segment that still has something to come.
void FileJournal::tell_sealed() {
  std::uint32_t timeline = 0;
  Lsn sealed = 0;
  {
    std::lock_guard lock(write_mutex_);
    timeline = timeline_;
    sealed = active_->first_lsn();
    for (const auto* segments : {&full_, &unsealed_}) {
      for (const SegmentPtr& segment : *segments) {
        sealed = std::min(sealed, segment->first_lsn());
      }
    }
  }
  archive_->set_sealed(timeline, sealed);
  wake_archive();
}

void FileJournal::seal_full() {
  std::vector<SegmentPtr> segments;
  {
    std::lock_guard lock(write_mutex_);
    segments.swap(unsealed_);
  }
  // Zeros behind the last frame only cost space, so a failure here is not one of the journal.
  for (const SegmentPtr& segment : segments) {
    Status done = segment->file().truncate(segment->end());
    if (done) done = segment->file().sync();
    if (!done) log_verbose("Journal: {} keeps its tail: {}", segment->path(), done.error().text());
  }
}

void FileJournal::prepare_next() {
  SegmentWriter::Plan wanted;
  {
    std::lock_guard lock(write_mutex_);
    if (next_ || state_ == State::kClosed || active_->room() >= segment_bytes_ / 2) {
      prepare_failed_ = false;
      return;
    }
    wanted = plan(fill());
  }
  auto prepared = SegmentWriter::prepare(files_, wanted, kPreparedMin);
  std::lock_guard lock(write_mutex_);
  const bool had_failed = prepare_failed_.exchange(!prepared);
  if (!prepared) {
    if (!had_failed) {
      log_warning("Journal: the next segment cannot be prepared: {}. It is tried again",
                  prepared.peek_error().text());
    }
    return;
  }
  if (next_ || state_ == State::kClosed || wanted.directory != timeline_path_ ||
      wanted.replication_id != replication_id_) {
    (void)files_.remove((*prepared)->path());
    return;
  }
  next_ = *std::move(prepared);
  if (had_failed) log_notice("Journal: the next segment is prepared");
  found_room();
}

// ---- threads -----------------------------------------------------------------------------------

void FileJournal::work() {
  if (sync_due_us() == 0) sync_round();
  upkeep_step();
  archive_->step();
}

void FileJournal::start_threads() {
  if (threads_ == JournalThreads::kNone) return;
  sync_thread_ = std::thread([this] { sync_loop(); });
  upkeep_thread_ = std::thread([this] { upkeep_loop(); });
  archive_thread_ = std::thread([this] { archive_loop(); });
}

void FileJournal::stop_threads() {
  {
    std::lock_guard lock(wake_mutex_);
    stopping_ = true;
    sync_wake_.notify_one();
    upkeep_wake_.notify_one();
    archive_wake_.notify_one();
    round_done_.notify_all();
  }
  if (archive_) archive_->stop();
  if (sync_thread_.joinable()) sync_thread_.join();
  if (upkeep_thread_.joinable()) upkeep_thread_.join();
  if (archive_thread_.joinable()) archive_thread_.join();
}

void FileJournal::sync_loop() {
  std::unique_lock lock(wake_mutex_);
  while (!stopping_) {
    std::int64_t due = sync_due_us();
    if (due < 0) {
      // Asked again after saying so: see note_written().
      sync_idle_.store(true, std::memory_order_seq_cst);
      due = sync_due_us();
      if (due < 0) sync_wake_.wait(lock);
      sync_idle_.store(false, std::memory_order_seq_cst);
      continue;
    }
    if (due > 0) {
      sync_wake_.wait_for(lock, std::chrono::microseconds(due));
      continue;
    }
    lock.unlock();
    sync_round();
    lock.lock();
    ++rounds_;
    round_done_.notify_all();
  }
}

void FileJournal::upkeep_loop() {
  std::unique_lock lock(wake_mutex_);
  while (!stopping_) {
    if (!upkeep_wanted_) {
      if (prepare_failed_) {
        upkeep_wake_.wait_for(lock, std::chrono::microseconds(kRetryUs));
      } else {
        upkeep_wake_.wait(lock, [this] { return upkeep_wanted_ || stopping_; });
      }
      if (stopping_) return;
    }
    upkeep_wanted_ = false;
    lock.unlock();
    upkeep_step();
    lock.lock();
  }
}

void FileJournal::archive_loop() {
  // Workers come first. With no right to say so it works all the same.
  (void)::setpriority(PRIO_PROCESS, 0, kArchiveNice);
  std::unique_lock lock(wake_mutex_);
  while (!stopping_) {
    archive_wanted_ = false;
    lock.unlock();
    const bool more = archive_->step();
    const std::int64_t idle = std::max<std::int64_t>(archive_->idle_us(), kIdleUsMin);
    lock.lock();
    if (more || stopping_) continue;
    archive_wake_.wait_for(lock, std::chrono::microseconds(idle),
                           [this] { return archive_wanted_ || stopping_; });
  }
}

void FileJournal::wake_archive() {
  if (threads_ == JournalThreads::kNone) return;
  std::lock_guard lock(wake_mutex_);
  archive_wanted_ = true;
  archive_wake_.notify_one();
}

void FileJournal::wake_sync_thread(Wake wake) {
  if (threads_ == JournalThreads::kNone) return;
  if (wake == Wake::kIfIdle && !sync_idle_.load(std::memory_order_seq_cst)) return;
  std::lock_guard lock(wake_mutex_);
  sync_wake_.notify_one();
}

void FileJournal::wake_upkeep_thread() {
  if (threads_ == JournalThreads::kNone) return;
  std::lock_guard lock(wake_mutex_);
  if (std::exchange(upkeep_wanted_, true)) return;
  upkeep_wake_.notify_one();
}

}  // namespace memoir
