// A small engine for tests of src/command: a handful of commands over two plain types, a journal
// that keeps its records and checks that they come under locks, a host that remembers what it is
// told.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include <catch2/catch.hpp>

#include "src/command/dispatcher.h"
#include "src/command/replayer.h"
#include "src/command/transaction.h"
#include "tests/store/store_rig.h"

namespace memoir {

// The test commands' rows, defined in commands_test.cc.
std::span<const CommandSpec> test_commands();

// Keeps the records. Asked to, it checks that the stripes of every key in them are locked at that
// moment.
class RecordingJournal final : public Journal {
 public:
  struct Kept {
    Bytes words;
    unsigned db;
    std::int64_t time_us;
    std::uint32_t session;
  };
  std::vector<Kept> records;
  Keyspace* checked = nullptr;  // whose stripes must be locked
  bool all_locked = true;
  Bytes refusal;  // what writable() answers

  Status writable(std::size_t bytes) override {
    bytes_asked = bytes;
    if (!refusal.empty()) return Error(refusal);
    return ok;
  }
  Lsn append(const Record& record) override {
    if (checked) check_locks(record.words);
    const std::lock_guard lock(mutex_);
    position_ += record_bytes(record);
    written_ = synced_ = position_.load();
    Bytes words(record.words);
    for (const ByteView piece : record.more) words += piece;
    records.push_back({std::move(words), record.db, record.time_us, record.session});
    return position_;
  }
  void flush() override {}
  void set_mode(SyncMode mode) override { mode_ = mode; }
  Status sync_now() override { return ok; }
  Status close() override { return ok; }
  Status start_timeline(ByteView, Lsn) override { return ok; }
  Status change_replication_id(ByteView) override { return ok; }
  Bytes replication_id() const override { return Bytes(40, '0'); }
  JournalStats stats() const override { return {}; }

  // The records as text, one a line: "0: set a 1", commands of one record parted by "; ".
  Bytes text() const {
    Bytes text;
    std::vector<ByteView> words;
    for (const Kept& kept : records) {
      text += std::to_string(kept.db) + ":";
      RequestCursor cursor(kept.words);
      for (bool first = true; cursor.next(words); first = false) {
        if (!first) text += ";";
        for (const ByteView word : words) text += " " + Bytes(word);
      }
      REQUIRE_FALSE(cursor.failed());
      text += '\n';
    }
    return text;
  }
  Bytes take_text() {
    Bytes taken = text();
    records.clear();
    return taken;
  }

  std::atomic<std::size_t> bytes_asked{0};

 protected:
  std::uint32_t register_session(SessionInfo) override { return ++sessions_; }
  void close_session(std::uint32_t) override {}

 private:
  // Keys of the test commands begin with "key"; nothing else does.
  void check_locks(ByteView record) {
    RequestCursor cursor(record);
    std::vector<ByteView> words;
    while (cursor.next(words)) {
      for (const ByteView word : words) {
        if (!word.starts_with("key")) continue;
        Mutex& mutex = checked->stripe(stripe_of(hash_in_memory(word))).mutex;
        if (!mutex.try_lock()) continue;
        mutex.unlock();
        all_locked = false;
      }
    }
  }

  std::mutex mutex_;
  std::atomic<std::uint32_t> sessions_{0};
};

class TestHost final : public DispatchHost {
 public:
  Status admit(Session&, const CommandTable::Row&, std::span<const Word>) override {
    if (!refusal.empty()) return Error(refusal);
    return ok;
  }
  void notify(const KeyEvent& event, Lsn) override {
    events += (events.empty() ? "" : " ") + Bytes(event.name) + ":" + event.key;
  }
  void parked(Session& session, const std::shared_ptr<Parked>& parked) override {
    const std::lock_guard lock(mutex_);
    waiting[session.identity.id] = parked;
  }
  void deliver(const std::shared_ptr<Parked>& parked, OutputBuffer&& reply, Lsn) override {
    const std::lock_guard lock(mutex_);
    delivered[parked->identity.id] += reply.flatten();
    order.push_back(parked->identity.id);
  }
  // As "key>1,2" for those who track it, "key*" for broadcasts, "key*server" if it expired, "all".
  void invalidate(std::vector<Invalidation>&& invalidations, std::uint64_t source,
                  Lsn lsn) override {
    const std::lock_guard lock(mutex_);
    for (const Invalidation& each : invalidations) {
      if (!invalidated.empty()) invalidated += ' ';
      if (each.all_keys) {
        invalidated += "all";
        continue;
      }
      invalidated += each.key;
      if (!each.trackers.empty()) invalidated += '>';
      for (const Tracker tracker : each.trackers) {
        if (invalidated.back() != '>') invalidated += ',';
        invalidated += std::to_string(client_of_tracker(tracker));
      }
      if (each.broadcast) invalidated += each.by_server ? "*server" : "*";
    }
    invalidation_source = source;
    invalidation_lsn = lsn;
  }
  void free_later(std::vector<std::unique_ptr<Object>>&& garbage) override {
    freed += garbage.size();
    garbage.clear();
  }
  void failed(ByteView error) override {
    const std::lock_guard lock(mutex_);
    errors.emplace_back(error);
  }
  void monitor(Session&, std::span<const Word> words, Origin) override {
    for (const Word& word : words) monitored += Bytes(word.text) + " ";
    monitored += "/ ";
  }
  void notable(Session&, const CommandTable::Row&, std::span<const Word> words,
               const RunFigures& figures) override {
    slowed.emplace_back(words[0].text);
    notable_figures = figures;
  }

  std::shared_ptr<Parked> take_parked(std::uint64_t id) {
    const std::lock_guard lock(mutex_);
    return waiting[id];
  }
  Bytes take_delivered(std::uint64_t id) {
    const std::lock_guard lock(mutex_);
    return std::exchange(delivered[id], {});
  }

  Bytes take_invalidated() {
    const std::lock_guard lock(mutex_);
    return std::exchange(invalidated, {});
  }

  Bytes refusal;
  Bytes events;
  Bytes invalidated;
  std::uint64_t invalidation_source = 0;
  Lsn invalidation_lsn = 0;
  Bytes monitored;
  std::vector<Bytes> errors;
  std::vector<Bytes> slowed;
  RunFigures notable_figures;
  std::map<std::uint64_t, std::shared_ptr<Parked>> waiting;
  std::map<std::uint64_t, Bytes> delivered;
  std::vector<std::uint64_t> order;
  std::size_t freed = 0;

 private:
  std::mutex mutex_;
};

// A dispatcher of its own with a client; several share a keyspace and a journal.
class TestWorker {
 public:
  TestWorker(Keyspace& keyspace, const CommandTable& table, Journal& journal, const Clock& clock,
             TestHost& host, std::uint64_t seed)
      : dispatcher(keyspace, table, journal, clock, host, seed) {
    session.identity.id = seed;
  }

  // Runs a line of words parted by blanks ("''" is the empty word); the reply as on the wire,
  // "(parked)" if there is none yet.
  Bytes run(ByteView line) { return run(session, line); }
  Bytes run(Session& from, ByteView line) {
    std::vector<Bytes> texts;
    while (!line.empty()) {
      const std::size_t end = std::min(line.find(' '), line.size());
      texts.emplace_back(line.substr(0, end) == "''" ? ByteView() : line.substr(0, end));
      line.remove_prefix(std::min(end + 1, line.size()));
    }
    std::vector<Word> words;
    for (const Bytes& text : texts) words.push_back({text, {}});
    OutputBuffer out;
    ReplyWriter reply(out, from.identity.resp);
    last = dispatcher.run(from, words, {}, reply);
    if (last.parked) {
      ASSERT(out.empty());  // Catch's own checks are for one thread
      return "(parked)";
    }
    return out.flatten();
  }

  Dispatcher dispatcher;
  Session session;
  RunOutcome last;
};

class CommandRig {
 public:
  explicit CommandRig(bool locking = true) : keyspace(4) {
    keyspace.set_locking(locking);
    if (locking) journal.checked = &keyspace;
    table.add(test_commands());
    table.add(transaction_commands());
    worker = make_worker(1);
  }
  ~CommandRig() {
    CHECK(journal.all_locked);
    CHECK(nothing_locked());
    CHECK(is_sound(keyspace));
  }

  std::unique_ptr<TestWorker> make_worker(std::uint64_t seed) {
    return std::make_unique<TestWorker>(keyspace, table, journal, clock, host, seed);
  }
  Bytes run(ByteView line) { return worker->run(line); }
  Bytes run(Session& session, ByteView line) { return worker->run(session, line); }

  unsigned session_db() const { return worker->session.identity.db; }
  bool nothing_locked() {
    for (unsigned i = 0; i < kStripes; ++i) {
      if (!keyspace.stripe(i).mutex.try_lock()) return false;
      keyspace.stripe(i).mutex.unlock();
    }
    return true;
  }

  // Whether the journal's records, applied to an empty keyspace, give this one.
  bool replays() {
    CommandRig twin(false);
    Replayer replayer(twin.worker->dispatcher);
    Lsn lsn = 0;
    for (const RecordingJournal::Kept& kept : journal.records) {
      Bytes words;
      append_record_words(words, static_cast<std::uint16_t>(kept.db), kept.words);
      const RecordView record{
          .first = lsn, .lsn = lsn + words.size(), .time_us = kept.time_us, .words = words};
      const Status status = replayer.on_record(record);
      if (!status) FAIL(status.error().text());
      lsn = record.lsn;
    }
    if (!twin.journal.records.empty()) return false;
    for (unsigned db = 0; db < keyspace.databases(); ++db) {
      if (dump_of(keyspace, db) != dump_of(twin.keyspace, db)) return false;
    }
    return true;
  }

  Keyspace keyspace;
  CommandTable table;
  RecordingJournal journal;
  ManualClock clock;
  TestHost host;
  std::unique_ptr<TestWorker> worker;
};

}  // namespace memoir
