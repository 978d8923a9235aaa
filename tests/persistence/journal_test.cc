#include <catch2/catch.hpp>

#include "persistence/timeline_reader.h"
#include "src/base/clock.h"
#include "tests/persistence/journal_fixture.h"

namespace memoir {

namespace {

class Listener final : public JournalListener {
 public:
  void on_progress(Lsn safe_lsn, Lsn synced_lsn) override {
    safe = std::max(safe, safe_lsn);
    synced = std::max(synced, synced_lsn);
  }
  void on_words(Lsn first, ByteView words) override {
    REQUIRE(first == stream.size());
    stream.append(words);
  }
  Lsn safe = 0;
  Lsn synced = 0;
  Bytes stream;
};

}  // namespace

TEST_CASE("what is appended is read back after a restart", "[persistence]") {
  QuietLog quiet;
  MemoryFileSystem files;
  ManualClock clock;
  std::vector<Lsn> lsns;
  {
    Opened opened = open_journal(files, clock, simulated());
    REQUIRE(opened.journal);
    FileJournal& journal = *opened.journal;
    CHECK(journal.position() == 0);
    CHECK(journal.replication_id() == kTestReplicationId);
    Journal::Session ada = journal.open_session({"ada", "10.0.0.1:1", "one"});
    Journal::Session bob = journal.open_session({"bob", "10.0.0.1:2", ""});
    for (int i = 0; i < 100; ++i) {
      const Bytes words = set_request(i);
      lsns.push_back(journal.append({.words = words,
                                     .time_us = clock.now_us() + i,
                                     .session = i % 2 == 0 ? ada.id() : bob.id(),
                                     .db = static_cast<std::uint16_t>(i % 3)}));
      CHECK(lsns.back() == journal.position());
      if (i % 7 == 0) journal.flush();
    }
    journal.flush();
    CHECK(journal.written() == journal.position());
    CHECK(journal.safe() == 0);
    journal.work();
    CHECK(journal.safe() == journal.position());
    REQUIRE(journal.close());
  }
  Opened again = open_journal(files, clock, simulated());
  REQUIRE(again.journal);
  REQUIRE(again.sink.records.size() == 100);
  for (int i = 0; i < 100; ++i) {
    const SeenRecord& record = again.sink.records[static_cast<std::size_t>(i)];
    CHECK(record.lsn == lsns[static_cast<std::size_t>(i)]);
    CHECK(record.user == (i % 2 == 0 ? "ada" : "bob"));
    CHECK(record.time_us == clock.now_us() + i);
    CHECK(record.db == i % 3);
  }
  CHECK(again.journal->position() == lsns.back());
  CHECK(again.journal->synced() == lsns.back());
}

TEST_CASE("a restarted journal goes on, again and again", "[persistence]") {
  QuietLog quiet;
  MemoryFileSystem files;
  ManualClock clock;
  Bytes expected;
  for (int run = 0; run < 12; ++run) {
    CAPTURE(run);
    Opened opened = open_journal(files, clock, simulated(SyncMode::kEverySecond, 4096));
    REQUIRE(opened.journal);
    CHECK(opened.sink.stream() == expected);
    Journal::Session session = opened.journal->open_session({fmt::format("user{}", run), "", ""});
    for (int i = 0; i < run * 3; ++i) {
      const Bytes words = set_request(i, 200);
      opened.journal->append({.words = words, .session = session.id()});
      expected += words;
      if (i % 2 == 0) opened.journal->flush();
    }
    if (run % 2 == 0) REQUIRE(opened.journal->close());
    for (const SeenRecord& record : opened.sink.records) CHECK(record.user.starts_with("user"));
  }
  CHECK(segment_paths(files).size() > 5);
}

TEST_CASE("a mode says what is safe", "[persistence]") {
  QuietLog quiet;
  MemoryFileSystem files;
  ManualClock clock;
  Opened opened = open_journal(files, clock, simulated(SyncMode::kEverySecond));
  FileJournal& journal = *opened.journal;
  Listener listener;
  journal.set_listener(&listener);
  const Bytes words = set_request(1);

  const Lsn first = journal.append({.words = words});
  CHECK(journal.safe() == 0);
  journal.flush();
  CHECK(listener.safe == first);
  CHECK(listener.synced == 0);
  journal.work();
  CHECK(journal.synced() == 0);
  clock.advance_ms(1000);
  journal.work();
  CHECK(listener.synced == first);

  journal.set_mode(SyncMode::kAlways);
  const Lsn second = journal.append({.words = words});
  journal.flush();
  CHECK(journal.safe() == first);
  journal.work();
  CHECK(journal.safe() == second);

  const Lsn third = journal.append({.words = words});
  journal.flush();
  CHECK(journal.safe() == second);
  journal.set_mode(SyncMode::kNo);
  CHECK(listener.safe == third);
  clock.advance_ms(10'000);
  journal.work();
  CHECK(journal.synced() == second);
  REQUIRE(journal.sync_now());
  CHECK(journal.synced() == third);
  CHECK(listener.stream == words + words + words);
}

TEST_CASE("segments roll, are sealed and declare their sessions anew", "[persistence]") {
  QuietLog quiet;
  MemoryFileSystem files;
  ManualClock clock;
  Opened opened = open_journal(files, clock, simulated(SyncMode::kAlways, 4096));
  FileJournal& journal = *opened.journal;
  Journal::Session session = journal.open_session({"ada", "here", "name"});
  for (int i = 0; i < 100; ++i) {
    journal.append({.words = set_request(i, 300), .session = session.id()});
    journal.flush();
    journal.work();
  }
  REQUIRE(journal.close());
  const auto paths = segment_paths(files);
  REQUIRE(paths.size() > 8);
  for (const std::string& path : paths) {
    CAPTURE(path);
    CHECK(files.contents(path).size() <= 4096 + 2 * kFrameHeadBytes);
    CHECK(files.contents(path).find("ada") != Bytes::npos);
  }
  for (const std::string& path : files.paths()) CHECK_FALSE(path.ends_with(".tmp"));
  session = {};
  opened.journal.reset();
  const RememberingSink sink = recover_all(files);
  CHECK(sink.records.size() == 100);
  for (const SeenRecord& record : sink.records) CHECK(record.user == "ada");
}

TEST_CASE("a record larger than a segment has one to itself", "[persistence]") {
  QuietLog quiet;
  MemoryFileSystem files;
  ManualClock clock;
  Opened opened = open_journal(files, clock, simulated(SyncMode::kEverySecond, 4096));
  FileJournal& journal = *opened.journal;
  const Bytes small = set_request(1);
  const Bytes large = set_request(2, 100'000);
  REQUIRE(journal.writable(large.size()));
  for (const Bytes* words : {&small, &large, &small, &large, &large, &small}) {
    REQUIRE(journal.writable(words->size()));
    journal.append({.words = *words});
    journal.flush();
  }
  opened.journal.reset();
  CHECK(recover_all(files).stream() == small + large + small + large + large + small);
}

TEST_CASE("session numbers are used again, and mean who they meant", "[persistence]") {
  QuietLog quiet;
  MemoryFileSystem files;
  ManualClock clock;
  Opened opened = open_journal(files, clock, simulated());
  FileJournal& journal = *opened.journal;
  std::uint32_t highest = 0;
  for (int i = 0; i < 50; ++i) {
    Journal::Session session = journal.open_session({fmt::format("user{}", i), "", ""});
    highest = std::max(highest, session.id());
    journal.append({.words = set_request(i), .session = session.id()});
    if (i % 5 == 4) journal.flush();
  }
  journal.flush();
  CHECK(highest <= 6);
  opened.journal.reset();
  const RememberingSink sink = recover_all(files);
  REQUIRE(sink.records.size() == 50);
  for (int i = 0; i < 50; ++i) {
    CHECK(sink.records[static_cast<std::size_t>(i)].user == fmt::format("user{}", i));
  }
}

TEST_CASE("a new timeline begins where it is told", "[persistence]") {
  QuietLog quiet;
  MemoryFileSystem files;
  ManualClock clock;
  const Bytes other_id(40, 'b');
  const Bytes third_id(40, 'c');
  {
    Opened opened = open_journal(files, clock, simulated());
    opened.journal->append({.words = set_request(1)});
    REQUIRE(opened.journal->start_timeline(other_id, 5000));
    CHECK(opened.journal->position() == 5000);
    opened.journal->append({.words = set_request(2)});
    REQUIRE(opened.journal->change_replication_id(third_id));
    opened.journal->append({.words = set_request(3)});
    REQUIRE(opened.journal->close());
  }
  Opened from_start = open_journal(files, clock, simulated());
  CHECK(from_start.error.find("begins at LSN 5000") != std::string::npos);
  {
    Opened opened = open_journal(files, clock, simulated(), 5000);
    REQUIRE(opened.journal);
    CHECK(opened.sink.stream() == set_request(2) + set_request(3));
    CHECK(opened.journal->replication_id() == third_id);
    CHECK(opened.journal->stats().timeline == 2);
  }
  // A snapshot that is ahead of the journal.
  FileJournalOptions ahead = simulated();
  ahead.first_lsn = 9000;
  Opened opened = open_journal(files, clock, ahead, 9000);
  REQUIRE(opened.journal);
  CHECK(opened.sink.records.empty());
  CHECK(opened.journal->position() == 9000);
  CHECK(opened.journal->stats().timeline == 3);
}

TEST_CASE("records that a snapshot holds are left out", "[persistence]") {
  QuietLog quiet;
  MemoryFileSystem files;
  ManualClock clock;
  std::vector<Lsn> lsns;
  {
    Opened opened = open_journal(files, clock, simulated(SyncMode::kAlways, 4096));
    for (int i = 0; i < 60; ++i) {
      lsns.push_back(opened.journal->append({.words = set_request(i, 200)}));
      if (i % 3 == 0) opened.journal->flush();
    }
    REQUIRE(opened.journal->close());
  }
  for (std::size_t i = 0; i < lsns.size(); i += 5) {
    RememberingSink sink;
    const RecoveryOptions options{.from = lsns[i], .progress = {}};
    const auto recovered = recover_journal(files, kTestDirectory, options, sink);
    REQUIRE(recovered);
    REQUIRE(sink.records.size() == lsns.size() - 1 - i);
    CHECK(sink.records.front().first == lsns[i]);
    CHECK(recovered->end_lsn == lsns.back());
  }
}

TEST_CASE("a journal is opened once at a time", "[persistence]") {
  QuietLog quiet;
  MemoryFileSystem files;
  ManualClock clock;
  Opened first = open_journal(files, clock, simulated());
  Opened second = open_journal(files, clock, simulated());
  CHECK(second.error == "data/journal/lock is in use by another process");
}

TEST_CASE("the null journal is safe at once and feeds its listener", "[persistence]") {
  auto journal = make_null_journal(kTestReplicationId, 0, Workers::kSeveral);
  const Bytes words = set_request(1);
  REQUIRE(journal->writable(words.size()));
  CHECK(journal->append({.words = words}) == words.size());
  CHECK(journal->safe() == words.size());

  auto fed = make_null_journal(kTestReplicationId, 0, Workers::kOne);
  Listener listener;
  fed->set_listener(&listener);
  fed->append({.words = words});
  fed->append({.words = words, .db = 4});
  fed->flush();
  CHECK(listener.safe == fed->position());
  Bytes expected = words;
  append_record_words(expected, 4, words);
  CHECK(listener.stream == expected);
  REQUIRE(fed->close());
}

TEST_CASE("too large a record is refused", "[persistence]") {
  MemoryFileSystem files;
  ManualClock clock;
  Opened opened = open_journal(files, clock, simulated());
  const Status refused = opened.journal->writable(kRecordBytesMax);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().text() == "ERR the change is too large for one journal record");
}

}  // namespace memoir
