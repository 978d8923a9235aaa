// Journal: where every change goes, in one order, before anybody is told of it.
//
// Workers append() records while they hold the stripes' locks, so journal order is a serial order
// of the commands; at the end of a loop turn they flush(): the first to come writes everything
// appended so far as one frame. A reply may leave once safe() has reached the LSN it depends on.
// safe() follows the mode: synced() with `always`, written() with `everysec` and `no`.
//
//   position()  end of the last record appended       >=
//   written()   the kernel has all records up to here >=
//   synced()    the disk has them
//
// A failing disk loses nothing that was taken: frames stay pending and are written again;
// meanwhile writable() gives the error that writes are to be answered with, and safe() stands
// still. Readers never need it.
//
// Thread-safe, but for set_listener() (before the first append) and, in a journal for one worker,
// append() and flush(), which belong to that worker.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <utility>

#include "persistence/record.h"
#include "src/base/bytes.h"
#include "src/base/result.h"

namespace memoir {

enum class SyncMode : std::uint8_t { kAlways, kEverySecond, kNo };  // appendfsync

// Told of progress, by whichever thread made it (a worker in flush(), or the journal's own). Calls
// may overlap and arrive late: take the maximum, or ask the journal. Must not call back into
// append() or flush(); a server posts to its workers, whose next turn ends with flush() as every
// turn does.
class JournalListener {
 public:
  virtual ~JournalListener() = default;
  // safe() or synced() has advanced.
  virtual void on_progress(Lsn safe, Lsn synced) = 0;
  // Words of the stream that are now written, in order and without gaps: [first, first +
  // words.size()). For the replication feed; called in flush() or by the journal's thread, one
  // call at a time. The view lives during the call.
  virtual void on_words(Lsn first, ByteView words) {
    (void)first;
    (void)words;
  }
};

struct SessionInfo {
  Bytes user;
  Bytes address;
  Bytes client_name;
};

// Figures for INFO and METRICS.
struct JournalStats {
  std::uint64_t frames = 0;         // written since the start
  std::uint64_t syncs = 0;          // good ones since the start
  std::uint64_t sync_failures = 0;
  std::uint64_t write_failures = 0;  // retries included
  std::uint64_t delayed_syncs = 0;  // everysec: syncs that were due while another ran
  std::int64_t last_sync_us = 0;    // how long the last one took
  std::uint64_t pending_bytes = 0;  // appended and not yet written
  std::uint64_t segment_bytes = 0;  // length of the segment being written
  std::uint32_t timeline = 0;
  Lsn segment_first_lsn = 0;
  bool failing = false;             // writes or syncs fail at present
};

class Journal {
 public:
  // Who makes changes: a client's user, address and name, declared in each segment before the
  // first record that names it. Open one when a connection first writes and again when its user or
  // name changes. The handle must not outlive the journal.
  class Session {
   public:
    Session() = default;
    Session(Session&& other) noexcept
        : journal_(std::exchange(other.journal_, nullptr)), id_(std::exchange(other.id_, 0)) {}
    Session& operator=(Session&& other) noexcept {
      std::swap(journal_, other.journal_);
      std::swap(id_, other.id_);
      return *this;
    }
    ~Session() {
      if (journal_ != nullptr) journal_->close_session(id_);
    }
    explicit operator bool() const { return journal_ != nullptr; }
    bool is_of(const Journal& journal) const { return journal_ == &journal; }
    // For Record::session; 0 for a default-constructed one.
    std::uint32_t id() const { return id_; }

   private:
    friend class Journal;
    Session(Journal* journal, std::uint32_t id) : journal_(journal), id_(id) {}
    Journal* journal_ = nullptr;
    std::uint32_t id_ = 0;
  };

  virtual ~Journal() = default;
  Journal() = default;
  Journal(const Journal&) = delete;
  Journal& operator=(const Journal&) = delete;

  // Ok if a record of `bytes` can be taken: to be asked before a command changes anything.
  // Otherwise the reply for the client: "MISCONF Errors writing to the journal: No space left on
  // device".
  virtual Status writable(std::size_t bytes) = 0;

  // Takes a record and returns the LSN of its end. Adds the SELECTs a record for another database
  // than 0 needs. At most kRecordBytesMax. Does not fail and does no I/O.
  virtual Lsn append(const Record& record) = 0;
  // The length in the stream that append() would give the record.
  static std::size_t record_bytes(const Record& record);

  // Writes what has been appended. On return written() has reached what position() was at the
  // call, unless the disk fails.
  virtual void flush() = 0;

  Lsn position() const { return position_.load(std::memory_order_acquire); }
  Lsn written() const { return written_.load(std::memory_order_acquire); }
  Lsn synced() const { return synced_.load(std::memory_order_acquire); }
  // Up to where replies may leave.
  Lsn safe() const { return mode() == SyncMode::kAlways ? synced() : written(); }

  // A hint of workers: +1 from one that is about to append more very soon, -1 when it has come to
  // rest. While any is busy a journal may put a sync off a little, so that it serves more clients.
  virtual void change_busy(int workers) { (void)workers; }

  SyncMode mode() const { return mode_.load(std::memory_order_acquire); }
  // At run time, at any moment. To `always`: records appended from now on wait for their sync.
  virtual void set_mode(SyncMode mode) = 0;

  // Flushes and returns when all that was appended before the call is on disk, in every mode; or
  // the error that prevents it.
  virtual Status sync_now() = 0;
  // Asks for the sync of what is written before `lsn`, in every mode, without waiting for it.
  virtual void request_sync(Lsn lsn) { (void)lsn; }
  // Ends in good order: everything synced, the file cut to its length. Nothing may be appended
  // afterwards.
  virtual Status close() = 0;

  Session open_session(SessionInfo info) {
    return Session(this, register_session(std::move(info)));
  }

  // Begins a new timeline at `first_lsn` with another replication id: after a full resync from a
  // primary. What was appended before is flushed and synced first. Durable on return. No append()
  // may run meanwhile.
  virtual Status start_timeline(ByteView replication_id, Lsn first_lsn) = 0;
  // Goes on at the present position under another replication id: after a promotion.
  virtual Status change_replication_id(ByteView replication_id) = 0;
  // 40 hex digits.
  virtual Bytes replication_id() const = 0;

  virtual JournalStats stats() const = 0;

  // Null for none. Before the first append.
  void set_listener(JournalListener* listener) { listener_ = listener; }

 protected:
  virtual std::uint32_t register_session(SessionInfo info) = 0;
  virtual void close_session(std::uint32_t id) = 0;

  // The four positions, each written by whoever makes that progress.
  std::atomic<Lsn> position_{0};
  std::atomic<Lsn> written_{0};
  std::atomic<Lsn> synced_{0};
  std::atomic<SyncMode> mode_{SyncMode::kEverySecond};
  JournalListener* listener_ = nullptr;
};

enum class Workers : bool { kOne, kSeveral };

// `appendonly no`: a journal that keeps nothing. Everything is safe at once; positions advance all
// the same, and the listener gets the words at flush().
std::unique_ptr<Journal> make_null_journal(Bytes replication_id, Lsn position, Workers workers);

}  // namespace memoir
