// ParallelReplayer: applies records on several threads, with the result of one after the other.
//
// The thread that gives records gathers them in batches. Any thread then takes a batch apart
// (words, rows, hashes of keys), and its records are applied by *parts* of the keyspace: a part is
// a share of the stripes, its records stay in their order, and one thread at a time works on it. A
// record whose keys lie in several parts, or that concerns more than its keys (FLUSHALL, SWAPDB,
// functions, scripts' effects on many keys), is applied when everything before it has been, and
// before anything behind it. Records see the position they had in the journal, so buckets get the
// versions that a serial replay gives them.
//
// At most so many batches are under way as keep all threads busy; memory does not grow with the
// journal. on_record() and finish() belong to one thread, which helps while it would have to wait.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "persistence/record.h"
#include "src/command/dispatcher.h"

namespace memoir {

struct ParallelReplayOptions {
  unsigned threads = 1;  // the calling one included
  DispatchSettings settings = {};
  // Makes what each thread's dispatcher needs of a server.
  std::function<std::unique_ptr<DispatchHost>()> make_host;
  const std::atomic<std::int64_t>* delay_us = nullptr;  // key-load-delay; null: none
  // Ends the replay with an error once it is true; may be null.
  const std::atomic<bool>* stop = nullptr;
  // Names a thread; may be empty.
  std::function<void(unsigned number)> on_thread = {};
  std::size_t batch_bytes = 128UL << 10;
};

class ParallelReplayer final : public RecordSink {
 public:
  ParallelReplayer(Keyspace& keyspace, const CommandTable& commands, Journal& journal,
                   const Clock& clock, ParallelReplayOptions options);
  // Drops what is not applied yet.
  ~ParallelReplayer() override;
  ParallelReplayer(const ParallelReplayer&) = delete;
  ParallelReplayer& operator=(const ParallelReplayer&) = delete;

  // Takes a record, to be applied soon. The error may be that of an earlier one: kCorrupt, naming
  // the record that is unknown, malformed or refused.
  Status on_record(const RecordView& record) override;
  // Returns when all records are applied; the keyspace's position is the end of the last one then.
  Status finish();

  std::uint64_t records() const { return records_; }

 private:
  struct Batch;
  class Applier;
  struct Part {
    std::uint64_t batch = 0;  // the number of the one it is at
    std::size_t run = 0;      // and the run in it
    bool busy = false;
  };
  struct Task {
    enum class Kind : std::uint8_t { kNone, kTakeApart, kPart, kAlone };
    Kind kind = Kind::kNone;
    Batch* batch = nullptr;
    std::size_t run = 0;
    unsigned part = 0;
  };

  Status hand_over();
  void help(unsigned number);
  bool work_once(Applier& applier, std::unique_lock<std::mutex>& lock);
  Task next_task(unsigned preferred);
  Task task_of_part(unsigned index);
  void done(const Task& task, Status status);
  void advance(Part& part);
  void skip_to_open_runs(Part& part);
  void retire_batches();
  Batch* find_batch(std::uint64_t number);
  bool over() const { return stopping_ || !failure_; }
  void stop_threads();

  Keyspace& keyspace_;
  const CommandTable& commands_;
  const ParallelReplayOptions options_;
  const unsigned parts_count_;
  std::unique_ptr<Batch> filling_;
  Lsn end_lsn_ = 0;
  std::uint64_t records_ = 0;
  std::vector<std::unique_ptr<Applier>> appliers_;  // by thread; the first is the caller's
  std::vector<std::thread> threads_;

  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::unique_ptr<Batch>> batches_;  // under way, in order
  std::vector<std::unique_ptr<Batch>> spare_;
  std::uint64_t first_batch_ = 0;               // the number of batches_.front()
  std::vector<Part> parts_;
  bool stopping_ = false;
  Status failure_{ok};
};

}  // namespace memoir
