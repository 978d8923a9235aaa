#include "src/store/snapshot_walk.h"

#include <algorithm>
#include <optional>
#include <thread>

#include "src/base/cycles.h"
#include "src/base/prefetch.h"

namespace memoir {
namespace {

// For how long a stripe is held at a time, but for a bucket with large values.
constexpr double kSliceUs = 40;
// How many buckets ahead entries are brought into the cache.
constexpr unsigned kBucketsAhead = 3;
// What writers have saved is written out of turn beyond this.
constexpr std::size_t kPendingBytesMax = 4UL << 20;

void prefetch_entries(const Bucket* bucket) {
  for (const std::uint64_t word : bucket->items) {
    prefetch_line(reinterpret_cast<const void*>(word & ((1ULL << 48) - 1)));
  }
}

Entry* entry_in(TableItem item) { return static_cast<Entry*>(item.pointer); }

}  // namespace

// Locks a stripe for a slice, unless nobody else is there. Before that it lets those go first who
// wait for it: the lock is taken again right after it was given back, and the mutex would let
// whoever runs win against those who have yet to wake up.
class SnapshotWalk::Guard {
 public:
  Guard(SnapshotWalk& walk, unsigned stripe)
      : began_(cycles_now()), cycles_(walk.slice_cycles_) {
    if (walk.locking_ == WalkLocking::kNone) return;
    lock(walk, stripe);
  }
  // The stripe where a value lies, which may be another by the time it is locked.
  Guard(SnapshotWalk& walk, const PartialValue& partial)
      : began_(cycles_now()), cycles_(walk.slice_cycles_) {
    if (walk.locking_ == WalkLocking::kNone) return;
    for (;;) {
      const unsigned stripe = partial.stripe.load();
      lock(walk, stripe);
      if (partial.stripe.load() == stripe) return;
      locked_.reset();
    }
  }

  // Whether the stripe was held for long enough, or somebody wants it.
  bool is_over() const {
    return cycles_now() - began_ > cycles_ ||
           (stripe_ && stripe_->waiting.load(std::memory_order_relaxed) != 0);
  }

  void lock(SnapshotWalk& walk, unsigned stripe) {
    stripe_ = &walk.keyspace_.stripe(stripe);
    for (int i = 0; i < kYieldsMax && stripe_->waiting.load(std::memory_order_relaxed); ++i) {
      std::this_thread::yield();
    }
    locked_.emplace(walk.keyspace_);
    locked_->lock_one(stripe);
    began_ = cycles_now();
  }

  void unlock() {
    stripe_ = nullptr;
    locked_.reset();
  }

 private:
  static constexpr int kYieldsMax = 1000;
  Stripe* stripe_{nullptr};
  std::uint64_t began_;
  const std::uint64_t cycles_;
  std::optional<LockedStripes> locked_;
};

SnapshotWalk::SnapshotWalk(Keyspace& keyspace, RdbCompression compression,
                           const RdbEntryStyle& style, WalkLocking locking)
    : keyspace_(keyspace),
      style_(style),
      locking_(locking),
      slice_cycles_(static_cast<std::uint64_t>(cycles_per_us() * kSliceUs)),
      slice_(compression),
      taken_(std::make_unique<RecordBuffer>(RdbCompression::kNo)) {}

SnapshotWalk::~SnapshotWalk() {
  ASSERT(keyspace_.observer() != this);
  for (unsigned i = 0; parts_ && i < databases_.size() * kStripes; ++i) {
    if (parts_[i].flushed) free_entries(*parts_[i].flushed);
  }
  for (const auto& shard : attic_) free_entries(*shard);
}

void SnapshotWalk::cut() {
  mark_ = keyspace_.cut_versions();
  index_of_physical_.assign(keyspace_.databases(), kNotThere);
  std::uint64_t total = 0;
  for (unsigned number = 0; number < keyspace_.databases(); ++number) {
    CutDatabase database{.number = number,
                         .physical = keyspace_.physical(number),
                         .keys = 0,
                         .expiring = 0};
    for (unsigned i = 0; i < kStripes; ++i) {
      const Shard& shard = keyspace_.shard(i, database.physical);
      database.keys += shard.keys.size();
      database.expiring += shard.expires.size();
    }
    if (database.keys == 0) continue;
    total += database.keys;
    index_of_physical_[database.physical] = static_cast<unsigned>(databases_.size());
    databases_.push_back(database);
  }
  keys_total_ = total;
  parts_ = std::make_unique<Part[]>(databases_.size() * kStripes);
  if (locking_ == WalkLocking::kBesideOthers) keyspace_.set_observer(this);
}

void SnapshotWalk::end() {
  if (keyspace_.observer() == this) keyspace_.set_observer(nullptr);
  const std::lock_guard lock(partials_mutex_);
  for (const auto& partial : all_partials_) partial->abandon();
  partials_.clear();
}

// ---- by those who change something --------------------------------------------------------------

bool SnapshotWalk::must_save(const Part& part, const Bucket* bucket, std::uint64_t cursor) const {
  if (bucket->version() >= mark_) return false;
  return part.state == Part::State::kWaiting || cursor >= part.cursor;
}

void SnapshotWalk::before_change(unsigned physical_db, std::uint64_t hash, ByteView,
                                 const Entry*, Bucket* bucket) {
  const unsigned database = index_of_physical_[physical_db];
  if (database == kNotThere || bucket == nullptr) return;
  const unsigned stripe = stripe_of(hash);
  Part& where = part(database, stripe);
  if (where.state == Part::State::kDone || where.flushed) return;
  if (!must_save(where, bucket, EntryTable::cursor_of(hash))) return;
  save_bucket(where, bucket, physical_db, stripe);
}

bool SnapshotWalk::is_partial(const Entry& entry) const {
  return !entry.is_string() && locking_ == WalkLocking::kBesideOthers &&
         entry.object()->has_parts();
}

void SnapshotWalk::save_bucket(Part& part, Bucket* bucket, unsigned physical_db,
                               unsigned stripe) {
  if (!part.saved) part.saved = std::make_unique<RecordBuffer>(RdbCompression::kNo);
  const std::size_t before = part.saved->bytes();
  EntryTable::visit_bucket(bucket, [&](TableItem item) {
    const Entry& entry = *entry_in(item);
    if (is_partial(entry)) {
      part.partials.push_back(watch(entry, physical_db, stripe));
    } else {
      part.saved->add(entry, style_);
    }
  });
  bucket->set_version(mark_);
  part.has_saved.store(true, std::memory_order_relaxed);
  note_pending(part.saved->bytes() - before);
}

void SnapshotWalk::note_pending(std::size_t bytes) {
  const std::size_t now = pending_.fetch_add(bytes, std::memory_order_relaxed) + bytes;
  if (now > pending_max_.load(std::memory_order_relaxed)) pending_max_ = now;
}

void SnapshotWalk::before_growth(unsigned physical_db, std::uint64_t hash) {
  const unsigned database = index_of_physical_[physical_db];
  if (database == kNotThere) return;
  const unsigned stripe = stripe_of(hash);
  Part& where = part(database, stripe);
  if (where.state == Part::State::kDone || where.flushed) return;
  const EntryTable& table = keyspace_.shard(stripe, physical_db).keys;
  table.each_neighbour(hash, [&](Bucket* bucket, std::uint64_t cursor) {
    if (must_save(where, bucket, cursor)) save_bucket(where, bucket, physical_db, stripe);
  });
}

ChangeObserver::FlushWish SnapshotWalk::before_flush(unsigned physical_db, unsigned stripe,
                                                     Shard& shard) {
  const unsigned database = index_of_physical_[physical_db];
  if (database != kNotThere) {
    Part& where = part(database, stripe);
    if (where.state != Part::State::kDone && !where.flushed) {
      where.flushed = std::make_unique<Shard>(std::move(shard));
      return FlushWish::kTaken;
    }
  }
  if (!any_partial_in(physical_db, stripe)) return FlushWish::kNothing;
  const std::lock_guard lock(partials_mutex_);
  attic_.push_back(std::make_unique<Shard>(std::move(shard)));
  return FlushWish::kTaken;
}

// What becomes of the tables is not for us to say: whatever is watched in them is saved now.
void SnapshotWalk::before_undoable_flush(unsigned physical_db, unsigned stripe) {
  if (watched_ == 0) return;
  const std::lock_guard lock(partials_mutex_);
  for (const auto& partial : all_partials_) {
    if (!partial->object() || partial->physical != physical_db || partial->stripe != stripe) {
      continue;
    }
    partials_.erase(partial->object());
    partial->finish();
  }
}

bool SnapshotWalk::before_free(Object* object) {
  PartialValue* const partial = find_partial(object);
  if (!partial) return false;
  partial->adopt(object);
  return true;
}

void SnapshotWalk::moved(const Object* object, unsigned physical_db, unsigned stripe) {
  PartialValue* const partial = find_partial(object);
  if (!partial) return;
  partial->physical = physical_db;
  partial->stripe = stripe;
}

PartialValue* SnapshotWalk::watch(const Entry& entry, unsigned physical_db, unsigned stripe) {
  auto partial = std::make_unique<PartialValue>(entry, style_, mark_, physical_db, stripe);
  PartialValue* const raw = partial.get();
  const std::lock_guard lock(partials_mutex_);
  all_partials_.push_back(std::move(partial));
  partials_[raw->object()] = raw;
  ++watched_;
  return raw;
}

PartialValue* SnapshotWalk::find_partial(const Object* object) {
  if (watched_ == 0) return nullptr;
  const std::lock_guard lock(partials_mutex_);
  const auto found = partials_.find(object);
  return found == partials_.end() ? nullptr : found->second;
}

bool SnapshotWalk::any_partial_in(unsigned physical_db, unsigned stripe) {
  if (watched_ == 0) return false;
  const std::lock_guard lock(partials_mutex_);
  return std::ranges::any_of(partials_, [&](const auto& each) {
    return each.second->physical == physical_db && each.second->stripe == stripe;
  });
}

// ---- by the walking thread ----------------------------------------------------------------------

bool SnapshotWalk::run(RdbWriter& out, const std::function<bool()>& stop) {
  out_ = &out;
  stop_ = &stop;
  for (database_ = 0; database_ < databases_.size(); ++database_) {
    select(database_);
    const CutDatabase& database = databases_[database_];
    out.opcode(RdbOpcode::kResizeDb);
    out.length(database.keys);
    out.length(database.expiring);
    for (unsigned stripe = 0; stripe < kStripes; ++stripe) {
      if (!walk_part(database_, stripe)) return false;
    }
  }
  return true;
}

void SnapshotWalk::select(unsigned database) {
  if (selected_ == database) return;
  selected_ = database;
  out_->opcode(RdbOpcode::kSelectDb);
  out_->length(databases_[database].number);
}

bool SnapshotWalk::walk_part(unsigned database, unsigned stripe) {
  const unsigned physical = databases_[database].physical;
  Part& here = part(database, stripe);
  for (bool more = true; more;) {
    {
      Guard guard(*this, stripe);
      here.state = Part::State::kWalking;
      take_saved(here);
      const bool is_ours = here.flushed != nullptr;
      if (is_ours) guard.unlock();  // nobody else knows these tables
      const Shard& shard = is_ours ? *here.flushed : keyspace_.shard(stripe, physical);
      more = !shard.keys.empty() && gather(here, shard.keys, guard, physical, stripe);
      if (!more) {
        if (is_ours) guard.lock(*this, stripe);
        here.state = Part::State::kDone;
      }
    }
    write_slice();
    limit_pending();
    if ((*stop_)()) return false;
  }
  if (here.flushed && watched_ == 0) {
    free_entries(*here.flushed);
    here.flushed.reset();
  }
  return true;
}

// Takes what writers have saved, to be written with the slice.
void SnapshotWalk::take_saved(Part& part) {
  if (part.saved && !part.saved->empty()) {
    pending_.fetch_sub(part.saved->bytes(), std::memory_order_relaxed);
    taken_ = std::move(part.saved);
  }
  met_.insert(met_.end(), part.partials.begin(), part.partials.end());
  part.partials.clear();
  part.has_saved.store(false, std::memory_order_relaxed);
}

// Saves buckets for the time of a slice; false if none is left.
bool SnapshotWalk::gather(Part& part, const EntryTable& table, const Guard& guard,
                          unsigned physical_db, unsigned stripe) {
  TableStep step = table.step_at(part.cursor);
  for (unsigned i = 0; i < std::min(kBucketsAhead, step.behind + 1); ++i) {
    prefetch_entries(step.home + i);
  }
  for (;;) {
    if (step.behind >= kBucketsAhead) prefetch_entries(step.home + kBucketsAhead);
    if (step.home->version() < mark_) {
      EntryTable::visit_bucket(step.home, [&](TableItem item) {
        const Entry& entry = *entry_in(item);
        if (is_partial(entry)) {
          met_.push_back(watch(entry, physical_db, stripe));
        } else {
          slice_.add(entry, style_);
        }
      });
    }
    part.cursor = step.next;
    if (step.next == 0) return false;
    if (guard.is_over()) return true;
    step = table.step_at(step.next);
  }
}

void SnapshotWalk::flush_buffer(RecordBuffer& buffer) {
  if (buffer.empty()) return;
  keys_done_.fetch_add(buffer.keys(), std::memory_order_relaxed);
  if (rdb_version_for(buffer.newest()) > rdb_version_for(newest_)) {
    newest_ = buffer.newest();
  }
  buffer.move_to(*out_);
}

void SnapshotWalk::write_slice() {
  flush_buffer(*taken_);
  flush_buffer(slice_);
  for (PartialValue* const partial : met_) write_partial(*partial);
  met_.clear();
}

void SnapshotWalk::write_partial(PartialValue& partial) {
  auto early = std::make_unique<RecordBuffer>(RdbCompression::kNo);
  for (bool more = true; more;) {
    {
      const Guard guard(*this, partial);
      const Object* const object = partial.object();
      more = partial.gather(early, slice_, [&] { return guard.is_over(); });
      if (!more) {
        const std::lock_guard lock(partials_mutex_);
        if (object) partials_.erase(object);
        --watched_;
      }
    }
    flush_buffer(*early);
    flush_buffer(slice_);
    if ((*stop_)()) return;
  }
  keys_done_.fetch_add(1, std::memory_order_relaxed);
  // If it was removed meanwhile it goes now.
  const std::lock_guard lock(partials_mutex_);
  std::erase_if(all_partials_, [&](const auto& each) { return each.get() == &partial; });
}

// Writes what writers have saved in a database, in any stripe.
void SnapshotWalk::drain(unsigned database) {
  for (unsigned stripe = 0; stripe < kStripes; ++stripe) {
    Part& where = part(database, stripe);
    if (!where.has_saved.load(std::memory_order_relaxed)) continue;
    {
      const Guard guard(*this, stripe);
      if (!where.saved || where.saved->empty()) continue;
      pending_.fetch_sub(where.saved->bytes(), std::memory_order_relaxed);
      taken_ = std::move(where.saved);
    }
    select(database);
    flush_buffer(*taken_);
  }
}

// Bounds the memory that writers' pre-images take. What belongs to databases whose turn has not
// come gets a section of its own, as the format allows.
void SnapshotWalk::limit_pending() {
  if (pending_.load(std::memory_order_relaxed) < kPendingBytesMax) return;
  for (unsigned database = database_; database < databases_.size(); ++database) drain(database);
  select(database_);
}

}  // namespace memoir
