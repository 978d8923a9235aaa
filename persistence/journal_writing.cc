// FileJournal's way of frames into segments, and of making sure that there is room for them.
#include <algorithm>
#include <utility>

#include "persistence/file_journal.h"
#include "src/base/log.h"

namespace memoir {

namespace {
constexpr std::uint64_t kSlackMax = 64UL << 10;
constexpr std::uint64_t kSlackMin = 512;
}  // namespace

// Room kept free for frame heads, session declarations and records of workers that asked at the
// same time.
std::uint64_t FileJournal::slack() const {
  return std::clamp(segment_bytes_.load(std::memory_order_relaxed) / 16, kSlackMin, kSlackMax);
}

// Only `always` waits for its syncs, so only there it pays to write every block beforehand.
Fill FileJournal::fill() const {
  return mode() == SyncMode::kAlways ? Fill::kZeros : Fill::kReserve;
}

SegmentWriter::Plan FileJournal::plan(Fill how) {
  return {.directory = timeline_path_,
          .timeline = timeline_,
          .replication_id = replication_id_,
          .created_us = clock_.now_us(),
          .serial = next_serial_++,
          .bytes = segment_bytes_,
          .fill = how};
}

void FileJournal::take_pending() {
  std::unique_lock lock(append_mutex_, std::defer_lock);
  if (shared_) lock.lock();
  std::swap(pending_, writing_);
}

Status FileJournal::write_batch() {
  Status done = ok;
  while (done && writing_->next_frame() < writing_->frames()) {
    const PendingBatch::Frame frame = writing_->frame(writing_->next_frame());
    done = write_frame(frame);
    if (!done) break;
    writing_->frame_written();
    note_written(frame);
  }
  if (done) writing_->clear();
  update_room();
  return done;
}

Status FileJournal::write_frame(const PendingBatch::Frame& frame) {
  session_bytes_.clear();
  sessions_.declare(frame.entries, active_->serial(), session_bytes_);
  table_bytes_.clear();
  append_table(table_bytes_, frame.entries);
  const std::uint64_t bytes =
      kFrameHeadBytes + table_bytes_.size() + session_bytes_.size() + frame.words.size();
  // Beyond what is allocated only where nothing else is: the disk may have no more.
  const bool fits = bytes <= room_in(*active_) ||
                    (!next_ && active_->end() + bytes <= segment_bytes_);
  if (!fits && active_->has_frames()) {
    sessions_.undo();
    if (Status rolled = roll(frame.first_lsn); !rolled) return rolled;
    session_bytes_.clear();
    sessions_.declare(frame.entries, active_->serial(), session_bytes_);
  }
  FrameHead head;
  head.count = static_cast<std::uint32_t>(frame.entries.size());
  head.first_lsn = frame.first_lsn;
  head.synced_lsn = synced();
  head.time_us = frame.time_us;
  seal_frame(head, active_->salt(), table_bytes_, session_bytes_, frame.words);
  Status written = active_->append(head, table_bytes_, session_bytes_, frame.words);
  if (written) {
    sessions_.commit();
  } else {
    sessions_.undo();
  }
  return written;
}

// The next segment becomes the active one, under the name that `first_lsn` gives it.
Status FileJournal::roll(Lsn first_lsn) {
  if (!next_) {
    if (Status prepared = prepare_now(kSegmentBytesMin); !prepared) return prepared;
  }
  if (Status named = next_->name(files_, timeline_path_, first_lsn); !named) return named;
  if (active_->has_frames()) full_.push_back(std::move(active_));
  active_ = std::exchange(next_, nullptr);
  ++names_changed_;
  full_waiting_ = true;
  return ok;
}

void FileJournal::note_written(const PendingBatch::Frame& frame) {
  spent_written_ += frame.words.size() + frame.entries.size() * kFrameEntryBytesMax;
  ++stats_.frames;
  closed_in_order_ = false;
  // In one order with sync_idle_: either the sync thread sees this or we see that it sleeps.
  written_.store(frame.first_lsn + frame.words.size(), std::memory_order_seq_cst);
  if (listener_ != nullptr) listener_->on_words(frame.first_lsn, frame.words);
  // Half a segment is left to prepare the next one in.
  if (!next_ && !prepare_failed_ && active_->room() < segment_bytes_ / 2) wake_upkeep_thread();
}

// Bytes that can surely be written behind the segment's last frame.
std::uint64_t FileJournal::room_in(const SegmentWriter& segment) const {
  const std::uint64_t longest = files_.file_bytes_max();
  return longest > segment.end() ? std::min(segment.room(), longest - segment.end()) : 0;
}

// A next segment, of the usual length if the disk has the space, of `bytes_min` at least.
Status FileJournal::prepare_now(std::uint64_t bytes_min) {
  auto prepared = SegmentWriter::prepare(files_, plan(Fill::kReserve), bytes_min);
  if (!prepared) return prepared.error();
  next_ = *std::move(prepared);
  return ok;
}

std::uint64_t FileJournal::room() const { return room_in(next_ ? *next_ : *active_); }

void FileJournal::update_room() {
  room_limit_.store(no_room_ ? 0 : spent_written_ + room(), std::memory_order_relaxed);
}

// The slow side of writable(): more room is needed than is known to be there. A disk without room
// for a small record is full: all writes are refused until it has some again. A large one is
// refused by itself.
Status FileJournal::make_room(std::size_t bytes) {
  if (bytes > kRecordBytesMax - 2 * kSelectBytesMax) {
    return Error("ERR the change is too large for one journal record");
  }
  std::lock_guard lock(write_mutex_);
  if (state_ != State::kGood) return refusal();
  const std::int64_t now = clock_.monotonic_us();
  if ((no_room_ || bytes >= refused_bytes_) && now < room_tried_us_ + kRetryUs) return refusal();
  room_tried_us_ = now;
  if (Status done = ensure_room(no_room_ ? std::max<std::uint64_t>(bytes, slack()) : bytes);
      !done) {
    failure_ = done.error().text();
    refused_bytes_ = bytes;
    if (bytes <= slack() && !std::exchange(no_room_, true)) {
      log_warning("Journal: no room for further records: {}. Writes are refused until there is",
                  failure_);
    }
    update_room();
    return refusal();
  }
  found_room();
  return ok;
}

void FileJournal::found_room() {
  refused_bytes_ = UINT64_MAX;
  if (std::exchange(no_room_, false)) log_notice("Journal: there is room again; writes go on");
  update_room();
}

Status FileJournal::ensure_room(std::uint64_t bytes) {
  const std::uint64_t need =
      spent_.load(std::memory_order_relaxed) - spent_written_ + bytes + 2 * slack();
  if (need <= room()) return ok;
  if (!next_) {
    if (Status prepared = prepare_now(need + kSegmentHeaderBytes); !prepared) return prepared;
  }
  Status reserved = next_->reserve(need);
  if (reserved && need > room()) return Error("File too large");
  return reserved;
}

void FileJournal::drop_next() {
  if (!next_) return;
  (void)files_.remove(next_->path());
  next_ = nullptr;
}

}  // namespace memoir
