#include <catch2/catch.hpp>

#include "persistence/journal.h"
#include "persistence/pending.h"
#include "persistence/record.h"
#include "src/base/random.h"
#include "tests/persistence/journal_fixture.h"

namespace memoir {

namespace {

constexpr std::uint64_t kSalt = 0x1234'5678'9ABC'DEF0;

// The bytes of a frame with the given records, as a segment holds them.
Bytes frame_bytes(Lsn first_lsn, const std::vector<Record>& records, ByteView sessions = {}) {
  PendingBatch batch;
  Lsn lsn = first_lsn;
  for (const Record& record : records) {
    const std::size_t bytes = Journal::record_bytes(record);
    batch.add(record, bytes, lsn);
    lsn += bytes;
  }
  Bytes out;
  for (std::size_t i = 0; i < batch.frames(); ++i) {
    const PendingBatch::Frame frame = batch.frame(i);
    FrameHead head;
    head.count = static_cast<std::uint32_t>(frame.entries.size());
    head.first_lsn = frame.first_lsn;
    head.time_us = frame.time_us;
    Bytes table;
    append_table(table, frame.entries);
    seal_frame(head, kSalt, table, sessions, frame.words);
    out.append(reinterpret_cast<const char*>(&head), sizeof(head));
    out.append(table);
    out.append(sessions);
    out.append(frame.words);
  }
  return out;
}

}  // namespace

TEST_CASE("a frame gives back its records and sessions", "[persistence]") {
  const Bytes first = set_request(1);
  const Bytes second = set_request(2);
  Bytes sessions;
  append_session(sessions, {.id = 7, .user = "ada", .address = "127.0.0.1:9", .client_name = "c"});
  const Bytes bytes = frame_bytes(
      100,
      {{.words = first, .time_us = 1000, .session = 7},
       {.words = second, .time_us = 900, .session = 7, .db = 12},
       {.words = second, .time_us = 1500, .db = 3, .flags = kForeign}},
      sessions);

  FrameView frame;
  REQUIRE(decode_frame(bytes, kSalt, frame));
  RememberingSink sink;
  REQUIRE(deliver_frame(frame, 0, UINT64_MAX, sink));
  REQUIRE(sink.records.size() == 3);
  CHECK(sink.records[0] == SeenRecord{.first = 100, .lsn = 100 + first.size(), .time_us = 1000,
                                      .db = 0, .flags = 0, .user = "ada", .words = first});
  Bytes wrapped;
  append_record_words(wrapped, 12, second);
  CHECK(wrapped == request({"SELECT", "12"}) + second + request({"SELECT", "0"}));
  CHECK(sink.records[1].words == wrapped);
  CHECK(sink.records[1].time_us == 900);
  CHECK(sink.records[1].db == 12);
  CHECK(sink.records[2].words == second);
  CHECK(sink.records[2].first == sink.records[1].lsn);
  CHECK(sink.records[2].flags == kForeign);
}

TEST_CASE("a frame cut anywhere or with any byte changed is not taken", "[persistence]") {
  const Bytes words = set_request(1);
  Bytes sessions;
  append_session(sessions, {.id = 1, .user = "u", .address = "a", .client_name = ""});
  const Bytes bytes = frame_bytes(5, {{.words = words, .session = 1}, {.words = words}}, sessions);
  FrameView frame;
  for (std::size_t cut = 0; cut < bytes.size(); ++cut) {
    CAPTURE(cut);
    REQUIRE_FALSE(decode_frame(ByteView(bytes).substr(0, cut), kSalt, frame));
  }
  for (std::size_t at = 0; at < bytes.size(); ++at) {
    for (int bit = 0; bit < 8; ++bit) {
      Bytes flipped = bytes;
      flipped[at] = static_cast<char>(flipped[at] ^ (1 << bit));
      CAPTURE(at, bit);
      REQUIRE_FALSE(decode_frame(flipped, kSalt, frame));
    }
  }
  CHECK_FALSE(decode_frame(bytes, kSalt + 1, frame));
  CHECK(decode_frame(bytes + "more", kSalt, frame));
}

TEST_CASE("a frame whose LSNs are out of range is not taken", "[persistence]") {
  FrameView frame;
  CHECK(decode_frame(frame_bytes(kLsnMax - 100, {{.words = set_request(1)}}), kSalt, frame));
  for (const Lsn first : {kLsnMax, kLsnMax - 10, ~Lsn{0}, ~Lsn{0} - 10}) {
    const Bytes bytes = frame_bytes(first, {{.words = set_request(1)}});
    CHECK_FALSE(decode_frame(bytes, kSalt, frame));
  }
}

// Goal: whatever lines a record table has, it gives them back, in little space where they repeat.
TEST_CASE("a record table gives back its lines", "[persistence]") {
  const std::uint64_t seed = system_random();
  CAPTURE(seed);
  Random random(seed);
  for (int round = 0; round < 200; ++round) {
    std::vector<FrameEntry> entries;
    FrameEntry entry;
    const std::uint64_t count = random.below(100);
    for (std::uint64_t i = 0; i < count; ++i) {
      if (random.below(3) == 0) {
        entry.bytes = static_cast<std::uint32_t>(random.next() >> random.below(60));
      }
      if (random.below(3) == 0) entry.delay_us = static_cast<std::int32_t>(random.next());
      if (random.below(4) == 0) entry.session = static_cast<std::uint32_t>(random.next());
      if (random.below(5) == 0) entry.db = static_cast<std::uint16_t>(random.next());
      if (random.below(9) == 0) entry.flags = static_cast<std::uint16_t>(random.next());
      entries.push_back(entry);
    }
    Bytes table;
    append_table(table, entries);
    REQUIRE(table.size() <= entries.size() * kFrameEntryBytesMax);
    TableCursor cursor(table);
    for (const FrameEntry& expected : entries) {
      FrameEntry found;
      REQUIRE(cursor.next(found));
      REQUIRE(found == expected);
    }
    FrameEntry found;
    REQUIRE_FALSE(cursor.next(found));
    REQUIRE_FALSE(cursor.failed());
  }
  Bytes table;
  append_table(table, std::vector<FrameEntry>(1600, {.bytes = 45, .session = 3}));
  CHECK(table.size() <= 110);
}

TEST_CASE("SELECT is written for every database number", "[persistence]") {
  for (int db : {1, 9, 10, 15, 99, 100, 999, 1000, 9999, 10000, 65535}) {
    char text[kSelectBytesMax];
    const std::size_t bytes = format_select(static_cast<std::uint16_t>(db), text);
    CHECK(Bytes(text, bytes) == request({"SELECT", std::to_string(db)}));
    const Bytes words = set_request(db);
    Bytes whole;
    append_record_words(whole, static_cast<std::uint16_t>(db), words);
    CHECK(Journal::record_bytes({.words = words, .db = static_cast<std::uint16_t>(db)}) ==
          whole.size());
  }
}

TEST_CASE("a record in pieces is one record", "[persistence]") {
  const Bytes whole = set_request(4, 100);
  const ByteView view = whole;
  const ByteView more[] = {view.substr(10, 20), view.substr(30)};
  const Record record{.words = view.substr(0, 10), .more = more, .db = 2};
  Bytes expected;
  append_record_words(expected, 2, whole);
  FrameView frame;
  const Bytes bytes = frame_bytes(0, {record});
  REQUIRE(decode_frame(bytes, kSalt, frame));
  CHECK(frame.words == expected);
}

TEST_CASE("batches divide into frames by size and by time", "[persistence]") {
  PendingBatch batch;
  const Bytes half(kFrameWordsBytes / 2, 'x');
  Lsn lsn = 0;
  for (int i = 0; i < 5; ++i) {
    batch.add({.words = half}, half.size(), lsn);
    lsn += half.size();
  }
  CHECK(batch.frames() == 3);
  batch.add({.words = "x", .time_us = std::int64_t{INT32_MAX} + 1}, 1, lsn);
  CHECK(batch.frames() == 4);
  CHECK(batch.frame(3).first_lsn == lsn);
  CHECK(batch.frame(3).words == "x");
  batch.add({.words = half + half}, half.size() * 2, lsn + 1);
  CHECK(batch.frames() == 5);
  batch.clear();
  CHECK(batch.empty());
}

TEST_CASE("requests of a record are split, bad ones refused", "[persistence]") {
  const Bytes good =
      request({"SELECT", "3"}) + request({"SET", "a b", ""}) + request({"SELECT", "0"});
  RequestCursor cursor(good);
  std::vector<ByteView> words;
  REQUIRE(cursor.next(words));
  REQUIRE(cursor.next(words));
  REQUIRE(words.size() == 3);
  CHECK(words[1] == "a b");
  CHECK(words[2].empty());
  REQUIRE(cursor.next(words));
  CHECK_FALSE(cursor.next(words));
  CHECK_FALSE(cursor.failed());

  for (std::size_t cut = 1; cut < good.size(); ++cut) {
    RequestCursor broken(ByteView(good).substr(0, cut));
    std::size_t whole = 0;
    while (broken.next(words)) ++whole;
    CHECK(whole < 3);
  }
  for (ByteView bad : {"*1\r\n$-1\r\n", "PING\r\n", "*1\r\n:1\r\n", "*1\r\n$1\r\nab\r\n",
                       "*1\r\n$99999999999999999999\r\na\r\n"}) {
    RequestCursor broken(bad);
    CHECK_FALSE(broken.next(words));
    CHECK(broken.failed());
  }
}

}  // namespace memoir
