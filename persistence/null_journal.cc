// The journal of `appendonly no`: positions advance, words go to the replication feed, nothing is
// kept.
#include <memory>
#include <mutex>

#include "persistence/journal.h"
#include "persistence/pending.h"

namespace memoir {

namespace {

class NullJournal final : public Journal {
 public:
  NullJournal(Bytes replication_id, Lsn position, Workers workers)
      : shared_(workers == Workers::kSeveral), replication_id_(std::move(replication_id)) {
    set_positions(position);
  }

  Status writable(std::size_t bytes) override {
    if (bytes <= kRecordBytesMax - kSelectBytesMax * 2) return ok;
    return Error("ERR the change is too large for one journal record");
  }

  Lsn append(const Record& record) override {
    const std::size_t bytes = record_bytes(record);
    std::unique_lock lock(append_mutex_, std::defer_lock);
    if (shared_) lock.lock();
    const Lsn begin = position_.load(std::memory_order_relaxed);
    if (listener_ == nullptr) {
      set_positions(begin + bytes);
      return begin + bytes;
    }
    pending_.add(record, bytes, begin);
    position_.store(begin + bytes, std::memory_order_release);
    return begin + bytes;
  }

  void flush() override {
    // Without a listener every append is its own flush; another thread may see it half done.
    if (listener_ == nullptr) return;
    const Lsn target = position();
    if (written() >= target) return;
    {
      std::lock_guard writing_lock(write_mutex_);
      if (written() >= target) return;
      {
        std::unique_lock lock(append_mutex_, std::defer_lock);
        if (shared_) lock.lock();
        std::swap(pending_, writing_);
      }
      for (std::size_t i = 0; i < writing_.frames(); ++i) {
        const PendingBatch::Frame frame = writing_.frame(i);
        listener_->on_words(frame.first_lsn, frame.words);
        written_.store(frame.first_lsn + frame.words.size(), std::memory_order_release);
        synced_.store(frame.first_lsn + frame.words.size(), std::memory_order_release);
      }
      writing_.clear();
    }
    listener_->on_progress(safe(), synced());
  }

  void set_mode(SyncMode mode) override { mode_.store(mode, std::memory_order_release); }
  Status sync_now() override {
    flush();
    return ok;
  }
  Status close() override { return sync_now(); }

  Status start_timeline(ByteView replication_id, Lsn first_lsn) override {
    flush();
    set_positions(first_lsn);
    return change_replication_id(replication_id);
  }
  Status change_replication_id(ByteView replication_id) override {
    std::lock_guard lock(id_mutex_);
    replication_id_ = Bytes(replication_id);
    return ok;
  }
  Bytes replication_id() const override {
    std::lock_guard lock(id_mutex_);
    return replication_id_;
  }
  JournalStats stats() const override {
    JournalStats stats;
    stats.pending_bytes = position() - written();
    return stats;
  }

 protected:
  // Nobody reads sessions back; the number only has to be one.
  std::uint32_t register_session(SessionInfo) override { return 1; }
  void close_session(std::uint32_t) override {}

 private:
  void set_positions(Lsn lsn) {
    position_.store(lsn, std::memory_order_release);
    written_.store(lsn, std::memory_order_release);
    synced_.store(lsn, std::memory_order_release);
  }

  const bool shared_;
  std::mutex append_mutex_;  // pending_ and position_
  std::mutex write_mutex_;   // writing_; taken before append_mutex_
  PendingBatch pending_;
  PendingBatch writing_;
  mutable std::mutex id_mutex_;
  Bytes replication_id_;
};

}  // namespace

std::unique_ptr<Journal> make_null_journal(Bytes replication_id, Lsn position, Workers workers) {
  return std::make_unique<NullJournal>(std::move(replication_id), position, workers);
}

}  // namespace memoir
