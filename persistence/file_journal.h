// FileJournal: the journal on disk. FORMAT.md has the format, journal.h the promises.
//
// Three threads of its own: one syncs and, when the disk has failed, tries again; one prepares the
// next segment ahead and seals full ones; one, of low priority, works on sealed ones
// (SegmentArchive). Workers write their frames themselves in flush().
//
// Failures.  A write that fails leaves its frame in writing_; it is written again at the same
// offset. A sync that fails may have cost any page since the last good one, and a later sync would
// not tell. So the journal reads back every frame behind synced() (the page cache has them; hashes
// prove it), writes them into a new segment that begins at synced(), syncs that, gives it its
// name, removes segments it replaces and only then goes on. No copy of unsynced frames is kept in
// memory for it: at a gigabyte a second of everysec that would be one more gigabyte, for a case
// that is rare.
//
// Locks, in this order: write_mutex_ (segments, writing_, failure), append_mutex_ (pending_,
// position_; not used with one worker), wake_mutex_ (the threads). While state_ is kSyncFails
// nobody but the sync thread writes to segments, so that it can work without holding up workers.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "persistence/file.h"
#include "persistence/journal.h"
#include "persistence/pending.h"
#include "persistence/recovery.h"
#include "persistence/segment_archive.h"
#include "persistence/segment_file.h"
#include "persistence/sessions.h"
#include "src/base/clock.h"

namespace memoir {

enum class JournalThreads : bool {
  kNone,  // for simulations: work() does what the threads would
  kOwn,
};

struct FileJournalOptions {
  SyncMode mode = SyncMode::kEverySecond;
  Workers workers = Workers::kSeveral;
  JournalThreads threads = JournalThreads::kOwn;
  std::uint64_t segment_bytes = 64UL << 20;  // journal-segment-size
  // For a journal that does not exist yet: 40 hex digits, and where it begins. If a recovered
  // journal ends before first_lsn (a snapshot is ahead of it), a new timeline begins there.
  Bytes replication_id;
  Lsn first_lsn = 0;
  SegmentArchiveOptions archive;
};

class FileJournal final : public Journal {
 public:
  static constexpr std::uint64_t kSegmentBytesMin = 4096;
  static constexpr std::int64_t kRetryUs = 100'000;
  static constexpr std::int64_t kEverySecondUs = 1'000'000;
  // With `always`: how long after the last sync began the next may be put off.
  static constexpr std::int64_t kGroupUs = 1000;

  // Opens for appending what recover_journal() found. On return the journal is durable up to
  // position().
  static Result<std::unique_ptr<FileJournal>> open(FileSystem& files, const Clock& clock,
                                                   RecoveredJournal recovered,
                                                   FileJournalOptions options);
  // Stops the threads; what is not yet written is written if possible, without a sync. See close().
  ~FileJournal() override;

  Status writable(std::size_t bytes) override;
  Lsn append(const Record& record) override;
  void flush() override;
  void set_mode(SyncMode mode) override;
  void change_busy(int workers) override;
  Status sync_now() override;
  void request_sync(Lsn lsn) override;
  Status close() override;
  Status start_timeline(ByteView replication_id, Lsn first_lsn) override;
  Status change_replication_id(ByteView replication_id) override;
  Bytes replication_id() const override;
  JournalStats stats() const override;

  // journal-segment-size at run time; segments from the next one on have it.
  void set_segment_bytes(std::uint64_t bytes);
  // Sealed segments. Its settings may be changed at any time; wake_archive() makes it look at once.
  SegmentArchive& archive() { return *archive_; }
  void wake_archive();
  // The directory of the present timeline, for those who read the journal.
  std::string timeline_directory() const;

  // With JournalThreads::kNone: one round of what the threads do, without waiting.
  void work();

 protected:
  std::uint32_t register_session(SessionInfo info) override {
    return sessions_.open(std::move(info), written());
  }
  void close_session(std::uint32_t id) override { sessions_.close(id, position()); }

 private:
  using SegmentPtr = std::shared_ptr<SegmentWriter>;
  enum class State : std::uint8_t { kGood, kWriteFails, kSyncFails, kClosed };
  enum class SyncWhat : bool { kFullSegments, kEverything };
  // What one sync covers, noted under write_mutex_ before it begins.
  struct SyncPlan {
    std::vector<SegmentPtr> full;
    SegmentPtr active;  // null: full segments only
    std::uint64_t active_end = 0;
    std::uint64_t names = 0;  // names_changed_
    bool directory = false;   // is to be synced
    std::string path;         // the timeline's
    Lsn target = 0;    // synced() when it has succeeded
  };

  FileJournal(FileSystem& files, const Clock& clock, FileJournalOptions options);

  // file_journal.cc: opening, closing, taking records.
  Status continue_segment(const RecoveredJournal& recovered);
  Status tidy_older_timelines();
  Status begin_timeline(std::uint32_t number, ByteView replication_id, Lsn first_lsn);
  Status begin_segment(std::uint32_t number, const std::string& path, const Bytes& replication_id,
                       Lsn first_lsn);
  Status end_in_order();
  Status sync_up_to(Lsn target, std::uint64_t names);
  bool is_synced(Lsn target, std::uint64_t names) const {
    return synced() >= target && names_synced_ >= names;
  }
  void set_positions(Lsn lsn);

  // journal_writing.cc: frames into segments. Under write_mutex_.
  void take_pending();
  Status write_batch();
  Status write_frame(const PendingBatch::Frame& frame);
  Status roll(Lsn first_lsn);
  void note_written(const PendingBatch::Frame& frame);
  SegmentWriter::Plan plan(Fill fill);
  std::uint64_t room_in(const SegmentWriter& segment) const;
  Status prepare_now(std::uint64_t bytes_min);
  Fill fill() const;
  std::uint64_t slack() const;
  std::uint64_t room() const;
  void update_room();
  void found_room();
  Status ensure_room(std::uint64_t bytes);
  Status make_room(std::size_t bytes);
  void drop_next();

  // journal_upkeep.cc: failure and repair; the threads.
  void fail(State state, const Error& error);
  void recovered();
  Error refusal() const;
  Error refusal_now() const;
  void retry();
  Status rewrite_unsynced();
  Status prepare_rewritten(SegmentPtr& target);
  void install_rewritten(const SegmentPtr& target, Lsn from);
  void tell_progress();
  void sync_step(SyncWhat what);
  SyncPlan plan_sync(SyncWhat what);
  Status sync_files(const SyncPlan& plan);
  void finish_sync(const SyncPlan& plan);
  void upkeep_step();
  void prepare_next();
  void seal_full();
  void tell_sealed();
  // Microseconds until the sync thread has something to do; 0: now; negative: nothing in sight.
  std::int64_t sync_due_us() const;
  std::int64_t group_delay_us(std::int64_t now) const;
  void sync_round();
  void sync_loop();
  void upkeep_loop();
  void archive_loop();
  void start_threads();
  void stop_threads();
  enum class Wake : bool { kIfIdle, kAlways };
  void wake_sync_thread(Wake wake);
  void wake_upkeep_thread();

  FileSystem& files_;
  const Clock& clock_;
  const bool shared_;
  const JournalThreads threads_;
  std::unique_ptr<FileLock> lock_;
  std::string directory_;

  // What append() touches, on lines of its own.
  alignas(64) std::mutex append_mutex_;
  PendingBatch* pending_;
  // Words and table lines appended since the start, and how much of that the disk surely has room
  // for.
  std::atomic<std::uint64_t> spent_{0};
  alignas(64) std::atomic<std::uint64_t> room_limit_{0};
  std::atomic<State> state_{State::kGood};

  alignas(64) mutable std::mutex write_mutex_;
  PendingBatch batches_[2];
  PendingBatch* writing_;
  Bytes session_bytes_;              // of the frame being written
  Bytes table_bytes_;                // likewise
  std::uint64_t spent_written_ = 0;  // the part of spent_ that is written
  std::atomic<std::uint64_t> segment_bytes_;
  std::uint32_t timeline_ = 0;
  std::string timeline_path_;
  Bytes replication_id_;
  std::uint64_t next_serial_ = 1;
  SegmentPtr active_;
  SegmentPtr next_;                   // prepared
  std::vector<SegmentPtr> full_;      // not yet synced
  std::vector<SegmentPtr> unsealed_;  // synced, not yet cut to their length
  std::vector<std::string> stale_;    // replaced after a failed sync, to be removed
  // Counts new names, which are durable once the directory is synced.
  std::uint64_t names_changed_ = 0;
  bool closed_in_order_ = false;      // the file ends with a closing frame
  std::string failure_;               // the reason, while state_ is not kGood or there is no room
  bool no_room_ = false;
  std::int64_t room_tried_us_ = 0;
  std::uint64_t refused_bytes_ = UINT64_MAX;  // by the last refusal for want of room
  JournalStats stats_;

  SessionTable sessions_;

  std::atomic<std::uint64_t> names_synced_{0};
  std::atomic<bool> full_waiting_{false};
  std::atomic<bool> prepare_failed_{false};
  std::atomic<bool> sync_idle_{false};
  std::atomic<int> busy_{0};                    // workers, change_busy()
  std::atomic<Lsn> sync_wanted_{0};  // sync_now(), request_sync()
  std::atomic<std::int64_t> last_sync_us_{0};   // when the last one began
  std::atomic<std::int64_t> last_retry_us_{0};

  mutable std::mutex wake_mutex_;
  std::condition_variable sync_wake_;
  std::condition_variable upkeep_wake_;
  std::condition_variable round_done_;
  bool upkeep_wanted_ = false;
  bool stopping_ = false;
  std::uint64_t rounds_ = 0;  // of the sync thread
  std::thread sync_thread_;
  std::thread upkeep_thread_;

  std::unique_ptr<SegmentArchive> archive_;
  std::condition_variable archive_wake_;
  bool archive_wanted_ = false;
  std::thread archive_thread_;
};

}  // namespace memoir
