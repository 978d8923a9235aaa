#include "src/command/parallel_replayer.h"

#include <algorithm>

#include "src/base/log.h"
#include "src/base/prefetch.h"
#include "src/base/random.h"
#include "src/command/load_delay.h"
#include "src/command/replay_batch.h"

namespace memoir {
namespace {

constexpr unsigned kThreadsMax = 16;
constexpr std::size_t kBatchRecords = 4096;
// Batches under way for each thread: one being worked on, one to go on with.
constexpr std::size_t kBatchesEach = 3;

}  // namespace

struct ParallelReplayer::Batch {
  enum class State : std::uint8_t { kWhole, kBeingTakenApart, kReady };
  std::uint64_t number = 0;
  State state = State::kWhole;
  ReplayBatch records;
};

// What one thread applies records with.
class ParallelReplayer::Applier {
 public:
  Applier(unsigned number, Keyspace& keyspace, const CommandTable& commands, Journal& journal,
          const Clock& clock, const ParallelReplayOptions& options)
      : number_(number),
        keyspace_(keyspace),
        stop_(options.stop),
        delay_(options.delay_us),
        host_(options.make_host()),
        dispatcher_(keyspace, commands, journal, clock, *host_, system_random()) {
    dispatcher_.settings = options.settings;
    session_.identity.may_block = false;
  }

  unsigned number() const { return number_; }

  Status apply_part(const ReplayBatch& batch, std::span<const std::uint32_t> records) {
    constexpr std::size_t kAhead = 24;
    for (std::size_t at = 0; at < records.size(); at += kAhead) {
      const auto window = records.subspan(at, std::min(kAhead, records.size() - at));
      fetch_ahead(batch, window);
      for (const std::uint32_t index : window) {
        if (Status applied = apply(batch, batch.record(index)); !applied) return applied;
      }
    }
    return ok;
  }

  Status apply_alone(const ReplayBatch& batch, const ReplayBatch::Run& run) {
    for (std::uint32_t i = run.first; i < run.last; ++i) {
      if (Status applied = apply(batch, batch.record(i)); !applied) return applied;
    }
    return ok;
  }

 private:
  Status apply(const ReplayBatch& batch, const ReplayBatch::Record& record) {
    if (stop_ && stop_->load(std::memory_order_relaxed)) [[unlikely]] {
      return Error(ErrorCode::kIo, "the server is stopping");
    }
    if (record.db >= keyspace_.databases()) {
      return Error(ErrorCode::kCorrupt,
                   fmt::format("the record that ends at {} is of database {}, and there are {}",
                               record.lsn, record.db, keyspace_.databases()));
    }
    session_.identity.db = record.db;
    for (const ReplayBatch::Request& request : batch.requests(record)) {
      Status applied = dispatcher_.replay(
          session_, ReplayedRequest{.row = *request.row,
                                    .words = batch.words(request),
                                    .keys = batch.keys(request),
                                    .time_us = record.time_us,
                                    .position = record.first});
      if (applied) continue;
      return Error(ErrorCode::kCorrupt,
                   fmt::format("the record that ends at {} cannot be applied: {}", record.lsn,
                               applied.error().text()));
    }
    delay_.step();
    return ok;
  }

  // First all buckets, then the entries in them. Nobody else changes the tables of this part.
  void fetch_ahead(const ReplayBatch& batch, std::span<const std::uint32_t> window) {
    buckets_.clear();
    for (const std::uint32_t index : window) {
      const ReplayBatch::Record& record = batch.record(index);
      if (record.db >= keyspace_.databases()) continue;
      const unsigned db = keyspace_.physical(record.db);
      for (const ReplayBatch::Request& request : batch.requests(record)) {
        for (const HashedKey& key : batch.keys(request)) {
          const EntryTable& table = keyspace_.shard(stripe_of(key.hash), db).keys;
          table.prefetch_insert(key.hash);
          buckets_.emplace_back(table.home(key.hash), key.hash);
        }
      }
    }
    for (const auto& [bucket, hash] : buckets_) EntryTable::prefetch_items(bucket, hash);
  }

  const unsigned number_;
  Keyspace& keyspace_;
  const std::atomic<bool>* stop_;
  LoadDelay delay_;
  std::unique_ptr<DispatchHost> host_;
  Dispatcher dispatcher_;
  Session session_;
  std::vector<std::pair<const Bucket*, std::uint64_t>> buckets_;
};

ParallelReplayer::ParallelReplayer(Keyspace& keyspace, const CommandTable& commands,
                                   Journal& journal, const Clock& clock,
                                   ParallelReplayOptions options)
    : keyspace_(keyspace),
      commands_(commands),
      options_(std::move(options)),
      parts_count_(std::clamp(options_.threads, 1U, kThreadsMax)),
      filling_(std::make_unique<Batch>()),
      parts_(parts_count_) {
  for (unsigned i = 0; i < parts_count_; ++i) {
    appliers_.push_back(
        std::make_unique<Applier>(i, keyspace, commands, journal, clock, options_));
  }
  for (unsigned i = 1; i < parts_count_; ++i) threads_.emplace_back([this, i] { help(i); });
}

ParallelReplayer::~ParallelReplayer() { stop_threads(); }

void ParallelReplayer::stop_threads() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  for (std::thread& thread : threads_) thread.join();
  threads_.clear();
}

Status ParallelReplayer::on_record(const RecordView& record) {
  filling_->records.add(record);
  ++records_;
  end_lsn_ = record.lsn;
  if (filling_->records.bytes() < options_.batch_bytes &&
      filling_->records.size() < kBatchRecords) {
    return ok;
  }
  return hand_over();
}

// Gives the batch to the threads; helps them while too much is under way.
Status ParallelReplayer::hand_over() {
  std::unique_lock lock(mutex_);
  while (!over() && batches_.size() >= kBatchesEach * parts_count_) {
    if (!work_once(*appliers_[0], lock)) changed_.wait(lock);
  }
  if (!failure_) return failure_.error().clone();
  filling_->number = first_batch_ + batches_.size();
  filling_->state = Batch::State::kWhole;
  batches_.push_back(std::move(filling_));
  if (spare_.empty()) {
    filling_ = std::make_unique<Batch>();
  } else {
    filling_ = std::move(spare_.back());
    spare_.pop_back();
  }
  lock.unlock();
  changed_.notify_one();
  return ok;
}

Status ParallelReplayer::finish() {
  if (!filling_->records.empty()) {
    if (Status given = hand_over(); !given) return given;
  }
  std::unique_lock lock(mutex_);
  while (!over() && !batches_.empty()) {
    if (!work_once(*appliers_[0], lock)) changed_.wait(lock);
  }
  if (!failure_) return failure_.error().clone();
  keyspace_.advance_position(end_lsn_);
  return ok;
}

void ParallelReplayer::help(unsigned number) {
  if (options_.on_thread) options_.on_thread(number);
  std::unique_lock lock(mutex_);
  while (!over()) {
    if (!work_once(*appliers_[number], lock)) changed_.wait(lock);
  }
}

// Does one piece of work, without the lock meanwhile. False: there is none at present.
bool ParallelReplayer::work_once(Applier& applier, std::unique_lock<std::mutex>& lock) {
  const Task task = next_task(applier.number());
  if (task.kind == Task::Kind::kNone) return false;
  lock.unlock();
  Status status = ok;
  const ReplayBatch& records = task.batch->records;
  switch (task.kind) {
    case Task::Kind::kTakeApart:
      status = task.batch->records.take_apart(commands_, parts_count_);
      break;
    case Task::Kind::kPart:
      status = applier.apply_part(records, records.records_of(records.runs()[task.run], task.part));
      break;
    case Task::Kind::kAlone:
      status = applier.apply_alone(records, records.runs()[task.run]);
      break;
    case Task::Kind::kNone:
      break;
  }
  lock.lock();
  done(task, std::move(status));
  changed_.notify_all();
  return true;
}

ParallelReplayer::Batch* ParallelReplayer::find_batch(std::uint64_t number) {
  const std::uint64_t index = number - first_batch_;
  return index < batches_.size() ? batches_[index].get() : nullptr;
}

// Applying comes first, of the thread's own part before the others': its tables are in the cache.
ParallelReplayer::Task ParallelReplayer::next_task(unsigned preferred) {
  for (unsigned i = 0; i < parts_count_; ++i) {
    const Task task = task_of_part((preferred + i) % parts_count_);
    if (task.kind == Task::Kind::kNone) continue;
    if (task.kind == Task::Kind::kPart) {
      parts_[task.part].busy = true;
    } else {
      for (Part& part : parts_) part.busy = true;
    }
    return task;
  }
  for (const auto& batch : batches_) {
    if (batch->state != Batch::State::kWhole) continue;
    batch->state = Batch::State::kBeingTakenApart;
    return {.kind = Task::Kind::kTakeApart, .batch = batch.get()};
  }
  return {};
}

ParallelReplayer::Task ParallelReplayer::task_of_part(unsigned index) {
  Part& part = parts_[index];
  if (part.busy) return {};
  skip_to_open_runs(part);
  Batch* const batch = find_batch(part.batch);
  if (!batch || batch->state != Batch::State::kReady) return {};
  const ReplayBatch::Run& run = batch->records.runs()[part.run];
  if (!run.alone) {
    return {.kind = Task::Kind::kPart, .batch = batch, .run = part.run, .part = index};
  }
  const bool all_here = std::ranges::all_of(parts_, [&](Part& other) {
    if (other.busy) return false;
    skip_to_open_runs(other);
    return other.batch == part.batch && other.run == part.run;
  });
  if (!all_here) return {};
  return {.kind = Task::Kind::kAlone, .batch = batch, .run = part.run, .part = index};
}

// Runs without a record for a part are passed over.
void ParallelReplayer::skip_to_open_runs(Part& part) {
  for (;;) {
    Batch* const batch = find_batch(part.batch);
    if (!batch || batch->state != Batch::State::kReady) return;
    const ReplayBatch::Run& run = batch->records.runs()[part.run];
    const auto index = static_cast<unsigned>(&part - parts_.data());
    if (run.alone || !batch->records.records_of(run, index).empty()) return;
    advance(part);
  }
}

void ParallelReplayer::advance(Part& part) {
  if (++part.run < find_batch(part.batch)->records.runs().size()) return;
  part.run = 0;
  ++part.batch;
}

void ParallelReplayer::done(const Task& task, Status status) {
  if (!status) {
    if (failure_) failure_ = std::move(status);
    return;
  }
  if (task.kind == Task::Kind::kTakeApart) {
    task.batch->state = Batch::State::kReady;
  } else if (task.kind == Task::Kind::kPart) {
    parts_[task.part].busy = false;
    advance(parts_[task.part]);
  } else {
    for (Part& part : parts_) {
      part.busy = false;
      advance(part);
    }
  }
  for (Part& part : parts_) {
    if (!part.busy) skip_to_open_runs(part);
  }
  retire_batches();
}

void ParallelReplayer::retire_batches() {
  while (!batches_.empty()) {
    const std::uint64_t number = first_batch_;
    if (std::ranges::any_of(parts_, [&](const Part& part) { return part.batch <= number; })) return;
    batches_.front()->records.clear();
    spare_.push_back(std::move(batches_.front()));
    batches_.pop_front();
    ++first_batch_;
  }
}

}  // namespace memoir
