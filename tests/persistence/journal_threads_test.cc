// The journal with its own threads and several workers.
#include <condition_variable>
#include <mutex>
#include <thread>

#include <catch2/catch.hpp>

#include "src/base/clock.h"
#include "src/base/number.h"
#include "tests/persistence/journal_fixture.h"

namespace memoir {

namespace {

// Lets threads wait for a safe LSN, as connections do.
class Gate final : public JournalListener {
 public:
  void on_progress(Lsn safe, Lsn) override {
    std::lock_guard lock(mutex_);
    safe_ = std::max(safe_, safe);
    changed_.notify_all();
  }
  void on_words(Lsn first, ByteView words) override {
    in_order_ = in_order_ && first == next_;
    next_ = first + words.size();
  }
  void wait_for(Lsn lsn) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return safe_ >= lsn; });
  }
  bool in_order() const { return in_order_; }
  Lsn next() const { return next_; }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  Lsn safe_ = 0;
  Lsn next_ = 0;
  bool in_order_ = true;
};

FileJournalOptions threaded(SyncMode mode) {
  FileJournalOptions options = simulated(mode, 16UL << 10);
  options.threads = JournalThreads::kOwn;
  return options;
}

constexpr int kThreads = 4;
constexpr int kRecords = 400;

// Each thread appends numbered records and waits for every 7th to be safe.
void append_from_threads(FileJournal& journal, Gate& gate) {
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      Journal::Session session = journal.open_session({fmt::format("user{}", t), "", ""});
      Lsn last = 0;
      for (int i = 0; i < kRecords; ++i) {
        const Bytes words = request({"SET", std::to_string(t), std::to_string(i)});
        const Lsn lsn = journal.append({.words = words, .session = session.id()});
        if (lsn <= last) std::abort();
        last = lsn;
        if (i % 7 != 0) continue;
        journal.flush();
        gate.wait_for(lsn);
        if (journal.written() < lsn) std::abort();
      }
      journal.flush();
      gate.wait_for(last);
    });
  }
  for (std::thread& thread : threads) thread.join();
}

void check_all_there(const RememberingSink& sink) {
  REQUIRE(sink.records.size() == kThreads * kRecords);
  int next[kThreads] = {};
  Lsn lsn = 0;
  for (const SeenRecord& record : sink.records) {
    REQUIRE(record.first == lsn);
    lsn = record.lsn;
    RequestCursor cursor(record.words);
    std::vector<ByteView> words;
    REQUIRE(cursor.next(words));
    const auto thread = static_cast<std::size_t>(*parse_integer(words[1]));
    REQUIRE(*parse_integer(words[2]) == next[thread]++);
    REQUIRE(record.user == fmt::format("user{}", thread));
  }
}

}  // namespace

TEST_CASE("several workers append in one order and lose nothing", "[persistence][threads]") {
  QuietLog quiet;
  const auto mode = GENERATE(SyncMode::kAlways, SyncMode::kEverySecond, SyncMode::kNo);
  CAPTURE(static_cast<int>(mode));
  MemoryFileSystem files;
  SystemClock clock;
  Opened opened = open_journal(files, clock, threaded(mode));
  Gate gate;
  opened.journal->set_listener(&gate);
  append_from_threads(*opened.journal, gate);
  CHECK(gate.in_order());
  CHECK(gate.next() == opened.journal->position());
  REQUIRE(opened.journal->close());
  opened.journal.reset();
  check_all_there(recover_all(files));
}

TEST_CASE("threads append to a journal that keeps nothing and flush it", "[persistence][threads]") {
  auto journal = make_null_journal(kTestReplicationId, 0, Workers::kSeveral);
  constexpr unsigned kThreads = 4;
  constexpr unsigned kRecords = 5000;
  const Bytes words = set_request(1);
  std::vector<std::thread> threads;
  for (unsigned i = 0; i < kThreads; ++i) {
    threads.emplace_back([&] {
      for (unsigned n = 0; n < kRecords; ++n) {
        const Lsn end = journal->append({.words = words});
        if (journal->written() < journal->position()) journal->flush();
        if (journal->safe() < end) std::abort();
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(journal->safe() == words.size() * kThreads * kRecords);
}

TEST_CASE("workers live through a disk that fails now and then", "[persistence][threads]") {
  QuietLog quiet;
  MemoryFileSystem files;
  SystemClock clock;
  Opened opened = open_journal(files, clock, threaded(SyncMode::kAlways));
  Gate gate;
  opened.journal->set_listener(&gate);
  files.set_faults([](std::uint64_t call, MemoryFileSystem::Operation) {
    return call % 300 < 2 ? std::optional<MemoryFileSystem::Fault>({.code = ErrorCode::kIo,
                                                                    .bytes_done = 5})
                          : std::nullopt;
  });
  append_from_threads(*opened.journal, gate);
  files.set_faults({});
  CHECK(gate.in_order());
  REQUIRE(opened.journal->close());
  opened.journal.reset();
  check_all_there(recover_all(files));
}

TEST_CASE("modes change and syncs are asked for while workers write", "[persistence][threads]") {
  QuietLog quiet;
  MemoryFileSystem files;
  SystemClock clock;
  Opened opened = open_journal(files, clock, threaded(SyncMode::kNo));
  Gate gate;
  opened.journal->set_listener(&gate);
  std::atomic<bool> stop{false};
  std::thread changer([&] {
    for (int i = 0; !stop; ++i) {
      opened.journal->set_mode(static_cast<SyncMode>(i % 3));
      const Lsn position = opened.journal->position();
      if (!opened.journal->sync_now() || opened.journal->synced() < position) std::abort();
      if (!opened.journal->writable(100)) std::abort();
      (void)opened.journal->stats();
      if (i % 5 == 0 && !opened.journal->change_replication_id(Bytes(40, 'x'))) std::abort();
    }
    opened.journal->set_mode(SyncMode::kEverySecond);
  });
  append_from_threads(*opened.journal, gate);
  stop = true;
  changer.join();
  opened.journal.reset();
  check_all_there(recover_all(files));
}

}  // namespace memoir
