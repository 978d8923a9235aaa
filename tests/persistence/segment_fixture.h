// What the tests of sealed segments share: a stream of records by chance, what it means for keys,
// and the journal it lies in.
#pragma once

#include <algorithm>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "persistence/rdb_file.h"
#include "persistence/record_keys.h"
#include "persistence/segment.h"
#include "persistence/snapshot_file.h"
#include "persistence/timeline_reader.h"
#include "src/base/random.h"
#include "tests/persistence/journal_fixture.h"

namespace memoir {

inline const std::string kTestTimeline = kTestDirectory + "/00000001";

// The commands of the streams below: SET and DEL and RENAME by their words, FLUSHDB, FLUSHALL and
// FUNCTION as wholes, SELECT.
class TestKeys final : public RecordKeys {
 public:
  void keys_of(const RecordView& record, KeySink& sink) override {
    std::uint16_t db = 0;
    RequestCursor requests(record.words);
    std::vector<ByteView> words;
    while (requests.next(words)) {
      if (words[0] == "SELECT") db = static_cast<std::uint16_t>(std::stoi(std::string(words[1])));
      if (words[0] == "SET") sink.key(db, words[1]);
      if (words[0] == "DEL" || words[0] == "RENAME") {
        for (std::size_t i = 1; i < words.size(); ++i) sink.key(db, words[i]);
      }
      if (words[0] == "FLUSHDB") sink.whole(WholeScope::kDatabase, db);
      if (words[0] == "FLUSHALL") sink.whole(WholeScope::kAllDatabases, 0);
      if (words[0] == "FUNCTION") sink.whole(WholeScope::kServer, 0);
    }
  }
};

inline Bytes random_key(Random& random) { return "key:" + std::to_string(random.below(200)); }

// One record's requests, without the SELECTs of its database.
inline Bytes random_requests(Random& random) {
  const auto one = [&]() -> Bytes {
    switch (random.below(200)) {
      case 0: return request({"FLUSHDB"});
      case 1: return request({"FLUSHALL"});
      case 2: return request({"FUNCTION", "LOAD", "x"});
      default: break;
    }
    switch (random.below(8)) {
      case 0: return request({"DEL", random_key(random), random_key(random), random_key(random)});
      case 1: return request({"RENAME", random_key(random), random_key(random)});
      default:
        return request({"SET", random_key(random), Bytes(random.below(60), 'v')});
    }
  };
  if (random.below(20) != 0) return one();
  Bytes words = request({"MULTI"});
  for (std::uint64_t i = random.below(5); i > 0; --i) words += one();
  return words + request({"EXEC"});
}

// Appends records of several sessions at moments by chance; a frame has a few of them.
inline void append_random(FileJournal& journal, Random& random, ManualClock& clock, int records) {
  std::vector<Journal::Session> sessions;
  for (int i = 0; i < records; ++i) {
    if (sessions.size() < 3 || random.below(50) == 0) {
      const Bytes name = "user" + std::to_string(random.below(1000));
      auto session = journal.open_session({.user = name, .address = "a:1", .client_name = "c"});
      if (sessions.size() < 3) {
        sessions.push_back(std::move(session));
      } else {
        sessions[random.below(3)] = std::move(session);
      }
    }
    if (random.below(3) == 0) clock.advance_ms(static_cast<std::int64_t>(random.below(2000)));
    const Bytes words = random_requests(random);
    const auto db = static_cast<std::uint16_t>(random.below(4) == 0 ? random.below(3) : 0);
    const std::uint32_t session =
        random.below(5) == 0 ? 0 : sessions[random.below(sessions.size())].id();
    REQUIRE(journal.writable(words.size() + 100));
    // Workers' clocks differ a little.
    const auto skew = static_cast<std::int64_t>(random.below(1'500'000));
    journal.append(
        {.words = words, .time_us = clock.now_us() - skew, .session = session, .db = db});
    if (random.below(6) == 0) {
      journal.flush();
      journal.work();
    }
  }
  journal.flush();
  journal.work();
}

inline Timeline list_test_timeline(FileSystem& files) {
  auto timeline = list_segments(files, kTestTimeline, 1);
  REQUIRE(timeline);
  return *std::move(timeline);
}

// All records of the timeline; the error if it cannot be read.
inline RememberingSink read_timeline(FileSystem& files, std::string* error = nullptr) {
  RememberingSink sink;
  Timeline timeline = list_test_timeline(files);
  const Lsn from = timeline.segments.empty() ? 0 : timeline.segments.front().first_lsn;
  TimelineReader reader(files, std::move(timeline), from);
  FrameView frame;
  for (;;) {
    auto more = reader.next(frame);
    if (!more && error != nullptr) *error = more.peek_error().text();
    if (!more && error == nullptr) FAIL(more.peek_error().text());
    if (!more || !*more) return sink;
    REQUIRE(deliver_frame(frame, 0, UINT64_MAX, sink));
  }
}

// A journal of several sealed segments and a last one, closed in good order.
inline void fill_journal(MemoryFileSystem& files, Random& random, int records,
                         std::uint64_t segment_bytes = 16UL << 10) {
  ManualClock clock;
  Opened opened = open_journal(files, clock, simulated(SyncMode::kAlways, segment_bytes));
  REQUIRE(opened.journal);
  append_random(*opened.journal, random, clock, records);
  REQUIRE(opened.journal->close());
}

// A snapshot without keys, written as the server writes them: aside, synced, renamed; then its
// index, which says that it is sound.
inline Status write_test_snapshot(FileSystem& files, const std::string& directory, Lsn lsn,
                                  std::int64_t time_us) {
  class BytesSink final : public RdbSink {
   public:
    Status write(ByteView more) override {
      bytes.append(more);
      return ok;
    }
    Bytes bytes;
  };
  BytesSink sink;
  RdbFileWriter writer(sink, RdbCompression::kNo);
  writer.aux("ctime", time_us / 1'000'000);
  writer.aux(kAuxTimeline, 1);
  if (Status done = writer.finish(); !done) return done;
  Status done = write_file(files, join_path(directory, snapshot_name(lsn)), sink.bytes);
  if (done) done = write_file(files, join_path(directory, snapshot_index_name(lsn)), "index");
  return done;
}

}  // namespace memoir
