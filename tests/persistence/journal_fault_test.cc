// The journal on a disk that fails, fills up and loses power.
#include <catch2/catch.hpp>

#include "src/base/clock.h"
#include "src/base/random.h"
#include "tests/persistence/journal_fixture.h"

namespace memoir {

namespace {

using Operation = MemoryFileSystem::Operation;
using Fault = MemoryFileSystem::Fault;

// Fails calls [first, last) with what `fault` says.
MemoryFileSystem::FaultPlan between(std::uint64_t first, std::uint64_t last, Fault fault) {
  return [=](std::uint64_t call, Operation) {
    return call >= first && call < last ? std::optional<Fault>(fault) : std::nullopt;
  };
}
MemoryFileSystem::FaultPlan every(Operation which, Fault fault = {}) {
  return [=](std::uint64_t, Operation operation) {
    return operation == which ? std::optional<Fault>(fault) : std::nullopt;
  };
}

// A worker's life: records of several sizes, databases and sessions, flushed every few.
struct Script {
  explicit Script(std::uint64_t seed) : random(seed) {}

  void step(FileJournal& journal, ManualClock& clock) {
    const int records = 1 + static_cast<int>(random.below(4));
    for (int i = 0; i < records; ++i) {
      const Bytes words = set_request(count, 1 + random.below(700));
      const auto db = static_cast<std::uint16_t>(random.below(2) * 3);
      if (!journal.writable(words.size())) {
        ++refused;
        continue;
      }
      const Lsn lsn = journal.append({.words = words, .time_us = clock.now_us(), .db = db});
      append_record_words(stream, db, words);
      ++count;
      REQUIRE(lsn == stream.size());
    }
    journal.flush();
    if (random.below(3) != 0) journal.work();
    clock.advance_ms(static_cast<std::int64_t>(random.below(400)));
    REQUIRE(journal.safe() <= journal.position());
    REQUIRE(journal.synced() <= journal.written());
  }

  Random random;
  Bytes stream;
  int count = 0;
  int refused = 0;
};

// Runs work until the journal is well again and everything is synced.
void heal(FileJournal& journal, ManualClock& clock) {
  for (int i = 0; i < 50; ++i) {
    clock.advance_ms(200);
    journal.work();
    journal.flush();
    if (!journal.stats().failing && journal.written() == journal.position()) break;
  }
  const Status synced = journal.sync_now();
  if (!synced) FAIL(synced.error().text());
  REQUIRE(journal.synced() == journal.position());
}

void check_recovers(MemoryFileSystem& files, const Bytes& stream, Lsn at_least) {
  std::string error;
  const Bytes found = recover_all(files, &error).stream();
  REQUIRE(error == "");
  REQUIRE(found.size() >= at_least);
  REQUIRE(stream.starts_with(found));
}

}  // namespace

TEST_CASE("a failing call at any place loses nothing", "[persistence]") {
  QuietLog quiet;
  const std::uint64_t width = GENERATE(1, 2, 7);
  const auto mode = GENERATE(SyncMode::kAlways, SyncMode::kEverySecond, SyncMode::kNo);
  const std::size_t bytes_done = GENERATE(0, 100);
  const auto code = GENERATE(ErrorCode::kIo, ErrorCode::kNoSpace);
  CAPTURE(width, static_cast<int>(mode), bytes_done, static_cast<int>(code));
  for (std::uint64_t at = 0;; ++at) {
    CAPTURE(at);
    MemoryFileSystem files;
    ManualClock clock;
    files.set_faults(between(at, at + width, {.code = code, .bytes_done = bytes_done}));
    Opened opened = open_journal(files, clock, simulated(mode, 4096));
    if (!opened.journal) {
      // The same start succeeds on a disk that is well.
      files.set_faults({});
      REQUIRE(open_journal(files, clock, simulated(mode, 4096)).journal);
      continue;
    }
    Script script(7);
    for (int i = 0; i < 12; ++i) script.step(*opened.journal, clock);
    const bool past = files.calls() < at;
    files.set_faults({});
    heal(*opened.journal, clock);
    Random random(at);
    auto after_cut = files.power_cut(MemoryFileSystem::Unsynced::kRandom, random);
    check_recovers(*after_cut, script.stream, script.stream.size());
    REQUIRE(opened.journal->close());
    opened.journal.reset();
    check_recovers(files, script.stream, script.stream.size());
    if (past) break;
  }
}

TEST_CASE("power lost at any call keeps what was promised", "[persistence]") {
  QuietLog quiet;
  const auto mode = GENERATE(SyncMode::kAlways, SyncMode::kEverySecond, SyncMode::kNo);
  CAPTURE(static_cast<int>(mode));
  for (std::uint64_t at = 0;; ++at) {
    CAPTURE(at);
    MemoryFileSystem files;
    ManualClock clock;
    // From this call on the machine is dead; the call itself may have done a part.
    files.set_faults(between(at, UINT64_MAX, {.code = ErrorCode::kIo, .bytes_done = at % 777}));
    Opened opened = open_journal(files, clock, simulated(mode, 4096));
    Script script(at / 3);
    for (int i = 0; i < 12 && opened.journal; ++i) script.step(*opened.journal, clock);
    const bool past = files.calls() < at;
    const Lsn synced = opened.journal ? opened.journal->synced() : 0;
    const Lsn written = opened.journal ? opened.journal->written() : 0;
    const Lsn safe = opened.journal ? opened.journal->safe() : 0;
    if (mode == SyncMode::kAlways) REQUIRE(safe == synced);
    for (std::uint64_t seed = 0; seed < 6; ++seed) {
      CAPTURE(seed);
      Random random(seed);
      auto after = files.power_cut(MemoryFileSystem::Unsynced::kRandom, random);
      check_recovers(*after, script.stream, synced);
      check_recovers(*after, script.stream, synced);
    }
    Random random(0);
    auto lost = files.power_cut(MemoryFileSystem::Unsynced::kLost, random);
    check_recovers(*lost, script.stream, synced);
    // A killed process, on a machine that lives, loses nothing that was written.
    auto killed = files.power_cut(MemoryFileSystem::Unsynced::kKept, random);
    check_recovers(*killed, script.stream, written);
    if (past) break;
  }
}

TEST_CASE("a journal goes on after power cuts, one after the other", "[persistence]") {
  QuietLog quiet;
  for (std::uint64_t seed = 1; seed < 30; ++seed) {
    CAPTURE(seed);
    Random random(seed);
    auto files = std::make_unique<MemoryFileSystem>();
    Bytes stream;
    for (int life = 0; life < 6; ++life) {
      ManualClock clock;
      Opened opened = open_journal(*files, clock, simulated(SyncMode::kEverySecond, 4096));
      REQUIRE(opened.error == "");
      REQUIRE(opened.sink.stream() == stream.substr(0, opened.journal->position()));
      Script script(seed * 100 + static_cast<std::uint64_t>(life));
      script.stream = opened.sink.stream();
      for (std::uint64_t i = random.below(12); i > 0; --i) script.step(*opened.journal, clock);
      const Lsn synced = opened.journal->synced();
      stream = script.stream;
      auto after = files->power_cut(MemoryFileSystem::Unsynced::kRandom, random);
      opened.journal.reset();
      check_recovers(*after, stream, synced);
      files = std::move(after);
    }
  }
}

TEST_CASE("a failing write refuses writes with the reason and goes on afterwards",
          "[persistence]") {
  QuietLog quiet;
  MemoryFileSystem files;
  ManualClock clock;
  Opened opened = open_journal(files, clock, simulated(SyncMode::kEverySecond));
  FileJournal& journal = *opened.journal;
  const Bytes words = set_request(1);
  const Lsn first = journal.append({.words = words});
  journal.flush();

  files.set_faults(every(Operation::kWrite, {.code = ErrorCode::kIo, .bytes_done = 10}));
  const Lsn second = journal.append({.words = words});
  journal.flush();
  CHECK(journal.safe() == first);
  CHECK(journal.stats().failing);
  const Status refused = journal.writable(10);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().text() == "MISCONF Errors writing to the journal: Input/output error");
  // A record that was let through before the failure was noticed.
  const Lsn third = journal.append({.words = words});
  journal.flush();
  clock.advance_ms(150);
  journal.work();
  CHECK(journal.written() == first);
  CHECK_FALSE(journal.sync_now());

  files.set_faults({});
  journal.work();
  CHECK(journal.written() == first);
  clock.advance_ms(150);
  journal.work();
  CHECK(journal.written() == third);
  CHECK(journal.safe() == third);
  CHECK(journal.writable(10));
  CHECK_FALSE(journal.stats().failing);
  CHECK(second < third);
  opened.journal.reset();
  CHECK(recover_all(files).records.size() == 3);
}

TEST_CASE("a full disk is noticed before records are taken", "[persistence]") {
  QuietLog quiet;
  MemoryFileSystem files;
  ManualClock clock;
  const auto mode = GENERATE(SyncMode::kAlways, SyncMode::kEverySecond);
  Opened opened = open_journal(files, clock, simulated(mode, 64UL << 10));
  FileJournal& journal = *opened.journal;
  files.set_capacity(files.used_bytes() + 1000);
  const Bytes words = set_request(1, 500);
  int taken = 0;
  Status status = ok;
  for (; taken < 1000; ++taken) {
    status = journal.writable(words.size());
    if (!status) break;
    journal.append({.words = words});
    journal.flush();
    journal.work();
    REQUIRE(journal.written() == journal.position());
  }
  REQUIRE_FALSE(status);
  CHECK(status.error().text() == "MISCONF Errors writing to the journal: No space left on device");
  CHECK(taken > 50);
  CHECK(journal.stats().write_failures == 0);
  REQUIRE(journal.sync_now());

  files.set_capacity(UINT64_MAX);
  CHECK_FALSE(journal.writable(words.size()));
  clock.advance_ms(150);
  CHECK(journal.writable(words.size()));
  journal.append({.words = words});
  journal.flush();
  opened.journal.reset();
  CHECK(recover_all(files).records.size() == static_cast<std::size_t>(taken) + 1);
}

TEST_CASE("a disk smaller than a segment is used all the same", "[persistence]") {
  QuietLog quiet;
  MemoryFileSystem files;
  ManualClock clock;
  files.set_capacity(300UL << 10);
  Opened opened = open_journal(files, clock, simulated(SyncMode::kEverySecond, 1UL << 20));
  REQUIRE(opened.journal);
  FileJournal& journal = *opened.journal;
  const Bytes words = set_request(1, 500);
  std::size_t taken = 0;
  const auto take = [&](std::size_t most) {
    for (std::size_t i = 0; i < most && journal.writable(words.size()); ++i, ++taken) {
      journal.append({.words = words});
      journal.flush();
      journal.work();
      REQUIRE(journal.written() == journal.position());
    }
  };
  take(10'000);
  CHECK(taken > 100);
  CHECK_FALSE(journal.writable(1));  // not even a small one: the disk is full for all
  CHECK(journal.stats().failing);

  // A new start on the full disk reads all and refuses writes.
  opened.journal.reset();
  Opened again = open_journal(files, clock, simulated(SyncMode::kEverySecond, 1UL << 20));
  REQUIRE(again.journal);
  CHECK(again.sink.records.size() == taken);
  files.set_capacity(4UL << 20);
  clock.advance_ms(150);
  REQUIRE(again.journal->writable(words.size()));
  again.journal->append({.words = words});
  again.journal->flush();
  REQUIRE(again.journal->close());
  CHECK(recover_all(files).records.size() == taken + 1);
}

TEST_CASE("a large record asks for room of its own", "[persistence]") {
  QuietLog quiet;
  MemoryFileSystem files;
  ManualClock clock;
  Opened opened = open_journal(files, clock, simulated(SyncMode::kEverySecond, 64UL << 10));
  files.set_capacity(files.used_bytes() + (256UL << 10));
  CHECK_FALSE(opened.journal->writable(1UL << 20));
  clock.advance_ms(150);
  CHECK(opened.journal->writable(100UL << 10));
  opened.journal->append({.words = set_request(1, 100UL << 10)});
  opened.journal->flush();
  CHECK(opened.journal->written() == opened.journal->position());
  CHECK(opened.journal->stats().write_failures == 0);
}

TEST_CASE("what a failed sync may have lost is written again", "[persistence]") {
  QuietLog quiet;
  const int before = GENERATE(0, 1, 20);
  const int unsynced = GENERATE(1, 30);
  CAPTURE(before, unsynced);
  MemoryFileSystem files;
  ManualClock clock;
  Opened opened = open_journal(files, clock, simulated(SyncMode::kAlways, 4096));
  FileJournal& journal = *opened.journal;
  Journal::Session session = journal.open_session({"ada", "a", "n"});
  const auto append = [&](int count) {
    for (int i = 0; i < count; ++i) {
      journal.append({.words = set_request(i, 300), .session = session.id()});
      journal.flush();
    }
  };
  append(before);
  REQUIRE(journal.sync_now());
  const Lsn good = journal.synced();
  append(unsynced);
  files.set_faults(every(Operation::kSync));
  journal.work();
  CHECK(journal.synced() == good);
  CHECK_FALSE(journal.writable(10));
  // Syncs that fail again change nothing.
  clock.advance_ms(150);
  journal.work();
  CHECK(journal.safe() == good);

  files.set_faults({});
  clock.advance_ms(150);
  journal.work();
  CHECK(journal.synced() == journal.position());
  CHECK(journal.writable(10));
  Random random(1);
  auto after = files.power_cut(MemoryFileSystem::Unsynced::kLost, random);
  const RememberingSink sink = recover_all(*after);
  CHECK(sink.records.size() == static_cast<std::size_t>(before + unsynced));
  for (const SeenRecord& record : sink.records) CHECK(record.user == "ada");

  append(5);
  REQUIRE(journal.close());
  session = {};
  opened.journal.reset();
  CHECK(recover_all(files).records.size() == static_cast<std::size_t>(before + unsynced + 5));
}

}  // namespace memoir
