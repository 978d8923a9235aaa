#include "persistence/file_journal.h"

#include <algorithm>

#include "persistence/segment_packer.h"
#include "src/base/log.h"

namespace memoir {

Result<std::unique_ptr<FileJournal>> FileJournal::open(FileSystem& files, const Clock& clock,
                                                       RecoveredJournal recovered,
                                                       FileJournalOptions options) {
  const Bytes wanted_id = options.replication_id;
  const Lsn first_lsn = options.first_lsn;
  const SegmentArchiveOptions archive = options.archive;
  std::unique_ptr<FileJournal> journal(new FileJournal(files, clock, std::move(options)));
  journal->lock_ = std::move(recovered.lock);
  journal->directory_ = recovered.directory;
  Status opened = ok;
  if (recovered.found && recovered.end_lsn >= first_lsn) {
    opened = journal->continue_segment(recovered);
  } else {
    const ByteView id = wanted_id.empty() ? ByteView(recovered.replication_id) : wanted_id;
    opened = journal->begin_timeline(recovered.found ? recovered.timeline + 1 : 1, id, first_lsn);
  }
  if (opened) opened = journal->tidy_older_timelines();
  if (!opened) {
    journal->state_ = State::kClosed;
    return std::move(opened).error();
  }
  journal->update_room();
  journal->archive_ =
      std::make_unique<SegmentArchive>(files, clock, journal->directory_, archive);
  journal->tell_sealed();
  journal->start_threads();
  return journal;
}

FileJournal::FileJournal(FileSystem& files, const Clock& clock, FileJournalOptions options)
    : files_(files),
      clock_(clock),
      shared_(options.workers == Workers::kSeveral),
      threads_(options.threads),
      pending_(&batches_[0]),
      writing_(&batches_[1]),
      segment_bytes_(std::max(options.segment_bytes, kSegmentBytesMin)) {
  mode_ = options.mode;
  last_sync_us_ = clock.monotonic_us();
}

FileJournal::~FileJournal() {
  stop_threads();
  if (state_ != State::kClosed) flush();
  if (next_) drop_next();
}

Status FileJournal::tidy_older_timelines() {
  auto timelines = list_timelines(files_, directory_);
  if (!timelines) return std::move(timelines).error();
  for (const Timeline& timeline : *timelines) {
    if (timeline.number >= timeline_) break;
    if (Status clean = remove_litter(files_, timeline.path); !clean) return clean;
  }
  return ok;
}

Status FileJournal::continue_segment(const RecoveredJournal& recovered) {
  timeline_ = recovered.timeline;
  timeline_path_ = join_path(directory_, timeline_name(timeline_));
  replication_id_ = recovered.replication_id;
  if (Status gone = remove_litter(files_, timeline_path_); !gone) return gone;
  Lsn packed_lsn = 0;
  if (parse_packed_name(base_name(recovered.segment_path), packed_lsn)) {
    // What came behind a packed segment is gone. That one stays as it is; another begins.
    return begin_segment(timeline_, timeline_path_, replication_id_, recovered.end_lsn);
  }
  auto segment = SegmentWriter::reopen(files_, recovered.segment_path, next_serial_++,
                                       recovered.segment_first_lsn, recovered.segment_end,
                                       recovered.salt);
  if (!segment) return segment.error();
  active_ = *std::move(segment);
  // Without space for the rest of the segment the journal opens all the same and refuses writes.
  if (active_->end() < segment_bytes_) {
    (void)active_->reserve(segment_bytes_ - active_->end(), fill());
  }
  // What was read may never have been synced, and is about to be called synced.
  if (Status synced = active_->file().sync(); !synced) {
    return Error(synced.error().code(), active_->path() + ": " + synced.error().text());
  }
  closed_in_order_ = recovered.closed;
  set_positions(recovered.end_lsn);
  return files_.sync_directory(timeline_path_);
}

Status FileJournal::begin_timeline(std::uint32_t number, ByteView replication_id, Lsn first_lsn) {
  if (replication_id.size() != kReplicationIdChars) {
    return Error(ErrorCode::kCorrupt, "a journal needs a replication id of 40 characters");
  }
  const std::string path = join_path(directory_, timeline_name(number));
  if (Status made = files_.create_directories(path); !made) return made;
  if (Status gone = remove_litter(files_, path); !gone) return gone;
  return begin_segment(number, path, Bytes(replication_id), first_lsn);
}

// The first segment of a journal that has none to continue.
Status FileJournal::begin_segment(std::uint32_t number, const std::string& path,
                                  const Bytes& replication_id, Lsn first_lsn) {
  SegmentWriter::Plan first = plan(fill());
  first.directory = path;
  first.timeline = number;
  first.replication_id = replication_id;
  first.bytes = std::min(first.bytes, files_.file_bytes_max());
  // On a disk that is all but full the journal opens and refuses writes, as continue_segment().
  auto segment = SegmentWriter::prepare(files_, first, kSegmentHeaderBytes);
  if (!segment) return segment.error();
  if (Status named = (*segment)->name(files_, path, first_lsn); !named) return named;
  if (Status synced = files_.sync_directory(path); !synced) return synced;
  timeline_ = number;
  timeline_path_ = path;
  replication_id_ = replication_id;
  active_ = *std::move(segment);
  closed_in_order_ = false;
  set_positions(first_lsn);
  return ok;
}

void FileJournal::set_positions(Lsn lsn) {
  position_ = lsn;
  written_ = lsn;
  synced_ = lsn;
  sync_wanted_ = 0;
}

Lsn FileJournal::append(const Record& record) {
  const std::size_t bytes = record_bytes(record);
  ASSERT(bytes > 0 && bytes <= kRecordBytesMax);
  std::unique_lock lock(append_mutex_, std::defer_lock);
  if (shared_) lock.lock();
  const Lsn begin = position_.load(std::memory_order_relaxed);
  pending_->add(record, bytes, begin);
  spent_.store(spent_.load(std::memory_order_relaxed) + bytes + kFrameEntryBytesMax,
               std::memory_order_relaxed);
  position_.store(begin + bytes, std::memory_order_release);
  return begin + bytes;
}

void FileJournal::flush() {
  const Lsn target = position();
  if (written() >= target || state_.load(std::memory_order_acquire) != State::kGood) return;
  {
    std::lock_guard lock(write_mutex_);
    if (written() >= target || state_ != State::kGood) return;
    take_pending();
    if (Status done = write_batch(); !done) fail(State::kWriteFails, done.error());
  }
  if (state_ != State::kGood || full_waiting_) {
    wake_sync_thread(Wake::kAlways);
  } else if (mode() != SyncMode::kNo) {
    wake_sync_thread(Wake::kIfIdle);
  }
  if (mode() != SyncMode::kAlways) tell_progress();
}

Status FileJournal::writable(std::size_t bytes) {
  if (state_.load(std::memory_order_relaxed) == State::kGood &&
      spent_.load(std::memory_order_relaxed) + bytes + slack() <=
          room_limit_.load(std::memory_order_relaxed)) {
    return ok;
  }
  return make_room(bytes);
}

void FileJournal::set_mode(SyncMode mode) {
  mode_.store(mode, std::memory_order_release);
  if (threads_ == JournalThreads::kOwn) wake_sync_thread(Wake::kAlways);
  // Looser than before: what was written is safe now.
  tell_progress();
}

void FileJournal::set_segment_bytes(std::uint64_t bytes) {
  segment_bytes_ = std::max(bytes, kSegmentBytesMin);
}

Status FileJournal::sync_now() {
  std::uint64_t names = 0;
  {
    std::lock_guard lock(write_mutex_);
    names = names_changed_;
  }
  return sync_up_to(position(), names);
}

void FileJournal::request_sync(Lsn lsn) {
  // What is not yet written cannot be synced, and the thread must not turn round for it.
  lsn = std::min(lsn, written());
  if (lsn <= synced() || lsn <= sync_wanted_) return;
  {
    std::lock_guard lock(wake_mutex_);
    sync_wanted_ = std::max<Lsn>(sync_wanted_, lsn);
  }
  wake_sync_thread(Wake::kAlways);
}

// Syncs are made by one thread only: the system tells an error to one caller, and another that
// syncs the same file at the same time would take its own success for the truth.
Status FileJournal::sync_up_to(Lsn target, std::uint64_t names) {
  for (;;) {
    flush();
    if (is_synced(target, names)) return ok;
    if (threads_ == JournalThreads::kNone) {
      if (state_ == State::kGood) sync_step(SyncWhat::kEverything);
    } else {
      std::unique_lock lock(wake_mutex_);
      if (!stopping_) {
        sync_wanted_ = std::max<Lsn>(sync_wanted_, target);
        const std::uint64_t before = rounds_;
        sync_wake_.notify_one();
        round_done_.wait(lock, [&] {
          return is_synced(target, names) || rounds_ != before || stopping_;
        });
      }
      if (stopping_) return Error("MISCONF The journal is closed");
    }
    if (is_synced(target, names)) return ok;
    if (state_ != State::kGood) return refusal_now();
  }
}

Status FileJournal::close() {
  if (state_ == State::kClosed) return ok;
  Status synced = sync_now();
  stop_threads();
  if (!synced) return synced;
  std::lock_guard lock(write_mutex_);
  Status ended = end_in_order();
  state_ = State::kClosed;
  drop_next();
  lock_.reset();
  return ended;
}

// The closing frame says that everything before it was synced, so that damage is never taken for a
// torn tail.
Status FileJournal::end_in_order() {
  if (active_->has_frames() && !closed_in_order_) {
    FrameHead head;
    head.first_lsn = written();
    head.synced_lsn = synced();
    head.time_us = clock_.now_us();
    seal_frame(head, active_->salt(), {}, {}, {});
    const std::uint64_t end = active_->end();
    Status done = active_->append(head, {}, {}, {});
    if (done) done = active_->file().sync();
    if (!done) {
      // The page cache may show what will never be on disk, and the next process would go on
      // behind it.
      (void)active_->file().truncate(end);
      return done;
    }
  }
  for (const SegmentPtr& segment : unsealed_) (void)segment->file().truncate(segment->end());
  unsealed_.clear();
  if (Status done = active_->file().truncate(active_->end()); !done) return done;
  return active_->file().sync();
}

Status FileJournal::start_timeline(ByteView replication_id, Lsn first_lsn) {
  if (Status synced = sync_now(); !synced) return synced;
  std::lock_guard lock(write_mutex_);
  drop_next();
  const SegmentPtr old = active_;
  Status begun = begin_timeline(timeline_ + 1, replication_id, first_lsn);
  if (!begun) return begun;
  unsealed_.push_back(old);
  update_room();
  wake_upkeep_thread();
  return ok;
}

Status FileJournal::change_replication_id(ByteView replication_id) {
  flush();
  {
    std::lock_guard lock(write_mutex_);
    if (state_ != State::kGood) return refusal();
    drop_next();
    const Bytes before = std::exchange(replication_id_, Bytes(replication_id));
    if (Status rolled = roll(written()); !rolled) {
      replication_id_ = before;
      return rolled;
    }
    update_room();
  }
  // Even if nothing was written since the last sync: the new segment's name is to be durable.
  return sync_now();
}

Bytes FileJournal::replication_id() const {
  std::lock_guard lock(write_mutex_);
  return replication_id_;
}

std::string FileJournal::timeline_directory() const {
  std::lock_guard lock(write_mutex_);
  return timeline_path_;
}

JournalStats FileJournal::stats() const {
  std::lock_guard lock(write_mutex_);
  JournalStats stats = stats_;
  stats.pending_bytes = position() - written();
  stats.segment_bytes = active_->end();
  stats.timeline = timeline_;
  stats.segment_first_lsn = active_->first_lsn();
  stats.failing = state_ != State::kGood || no_room_;
  return stats;
}

}  // namespace memoir
