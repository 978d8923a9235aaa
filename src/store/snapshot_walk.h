// SnapshotWalk: all keys as they were at one moment, written while everybody goes on changing them.
//
// The moment is cut(), for which all stripes are locked. Then one thread walks through database
// after database, stripe after stripe, along hash space (run()): some buckets under the stripe's
// lock, then their records go out without it. A writer that comes first to a bucket not yet walked
// over saves that bucket before it changes it (before_change), into a buffer of its stripe and
// database, which the walk writes out in its turn.
//
// Whether a bucket is saved its version tells: at or above the cut's mark (Keyspace::cut_versions)
// it was changed since, hence saved. Splits of segments carry versions along exactly, where old
// and new buckets do not align the segment is saved before it grows, and none is merged meanwhile.
//
// - Tables that are flushed are handed over and walked without locks.
// - A collection with many members is saved in parts, in the same way (partial_value.h).
// - Databases are meant by what they are, so SWAPDB changes nothing.
//
// cut() and end() are called with all stripes locked, run() by one thread.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <unordered_map>
#include <vector>

#include "src/store/keyspace.h"
#include "src/store/partial_value.h"
#include "src/store/rdb_entry.h"
#include "src/store/rdb_writer.h"
#include "src/store/record_buffer.h"

namespace memoir {

enum class WalkLocking : bool {
  kNone,     // whoever calls run() holds all stripes until it is over: nobody changes anything
  kBesideOthers,  // others go on
};

class SnapshotWalk final : public ChangeObserver {
 public:
  SnapshotWalk(Keyspace& keyspace, RdbCompression compression, const RdbEntryStyle& style,
               WalkLocking locking);
  // Not before end(), if there was a cut.
  ~SnapshotWalk() override;
  SnapshotWalk(const SnapshotWalk&) = delete;
  SnapshotWalk& operator=(const SnapshotWalk&) = delete;

  void cut();
  // Writes every database: its number and sizes, then its records. False if `stop` said so, which
  // is asked between slices.
  bool run(RdbWriter& out, const std::function<bool()>& stop);
  // Ends the observation, be everything saved or not.
  void end();

  // For tests: a stripe is held for one bucket only.
  void step_by_buckets() { slice_cycles_ = 0; }

  // Any thread.
  std::uint64_t keys_total() const { return keys_total_.load(std::memory_order_relaxed); }
  std::uint64_t keys_done() const { return keys_done_.load(std::memory_order_relaxed); }
  // What writers have saved and the walk has not yet written, in bytes; its maximum.
  std::size_t pending_bytes_max() const { return pending_max_.load(std::memory_order_relaxed); }
  // The type of value that needs the newest version of the format.
  RdbType newest() const { return newest_; }

  // --- ChangeObserver
  void before_change(unsigned physical_db, std::uint64_t hash, ByteView key, const Entry* entry,
                     Bucket* bucket) override;
  void before_growth(unsigned physical_db, std::uint64_t hash) override;
  FlushWish before_flush(unsigned physical_db, unsigned stripe, Shard& shard) override;
  void before_undoable_flush(unsigned physical_db, unsigned stripe) override;
  bool before_free(Object* object) override;
  void moved(const Object* object, unsigned physical_db, unsigned stripe) override;

 private:
  static constexpr unsigned kNotThere = ~0U;

  struct CutDatabase {
    unsigned number;
    unsigned physical;
    std::uint64_t keys;
    std::uint64_t expiring;
  };
  // A database's part in a stripe, under the stripe's lock but for what says otherwise.
  struct Part {
    enum class State : std::uint8_t { kWaiting, kWalking, kDone };
    State state = State::kWaiting;
    std::uint64_t cursor = 0;                 // all before is saved
    std::unique_ptr<RecordBuffer> saved;      // by writers
    std::vector<PartialValue*> partials;      // met by writers, and not yet written
    std::unique_ptr<Shard> flushed;           // the tables of the cut, if they were flushed
    std::atomic<bool> has_saved{false};       // any thread: a hint
  };

  class Guard;

  Part& part(unsigned database, unsigned stripe) { return parts_[database * kStripes + stripe]; }
  // Whether a bucket that is about to change has to be saved.
  bool must_save(const Part& part, const Bucket* bucket, std::uint64_t cursor) const;
  void save_bucket(Part& part, Bucket* bucket, unsigned physical_db, unsigned stripe);
  bool is_partial(const Entry& entry) const;
  PartialValue* watch(const Entry& entry, unsigned physical_db, unsigned stripe);
  PartialValue* find_partial(const Object* object);
  bool any_partial_in(unsigned physical_db, unsigned stripe);

  bool walk_part(unsigned database, unsigned stripe);
  bool gather(Part& part, const EntryTable& table, const Guard& guard, unsigned physical_db,
              unsigned stripe);
  void write_slice();
  void write_partial(PartialValue& partial);
  void take_saved(Part& part);
  void drain(unsigned database);
  void limit_pending();
  void select(unsigned database);
  void flush_buffer(RecordBuffer& buffer);
  void note_pending(std::size_t bytes);

  Keyspace& keyspace_;
  const RdbEntryStyle style_;
  const WalkLocking locking_;
  std::uint64_t slice_cycles_;
  Lsn mark_{0};
  std::vector<CutDatabase> databases_;
  std::vector<unsigned> index_of_physical_;  // in databases_, or kNotThere
  std::unique_ptr<Part[]> parts_;

  std::mutex partials_mutex_;  // for the two that follow; taken under stripes' locks
  std::unordered_map<const Object*, PartialValue*> partials_;  // those that are watched
  std::vector<std::unique_ptr<PartialValue>> all_partials_;
  std::vector<std::unique_ptr<Shard>> attic_;  // flushed tables with values that are still watched
  std::atomic<std::size_t> watched_{0};

  // Of the walking thread.
  RdbWriter* out_{nullptr};
  const std::function<bool()>* stop_{nullptr};
  unsigned database_{0};       // being written
  unsigned selected_{kNotThere};
  RecordBuffer slice_;
  std::unique_ptr<RecordBuffer> taken_;  // from writers; empty between slices
  std::vector<PartialValue*> met_;  // in the slice; to be written behind it
  RdbType newest_{RdbType::kString};

  std::atomic<std::uint64_t> keys_total_{0};
  std::atomic<std::uint64_t> keys_done_{0};
  std::atomic<std::size_t> pending_{0};
  std::atomic<std::size_t> pending_max_{0};
};

}  // namespace memoir
