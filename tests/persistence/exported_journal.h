// A journal in memory with known records, for what exports and cuts it.
#pragma once

#include <catch2/catch.hpp>

#include "persistence/aof_reader.h"
#include "persistence/rdb_file.h"
#include "persistence/snapshot_file.h"
#include "src/base/clock.h"
#include "tests/persistence/journal_fixture.h"

namespace memoir {

// Writes down what an append-only file says: "db@seconds WORD WORD", with "tx" in transactions.
class ToldOfAof final : public AofEvents {
 public:
  Status function(ByteView source) override {
    lines.push_back("function " + Bytes(source));
    return ok;
  }
  Status database(std::uint64_t index) override {
    lines.push_back("db " + std::to_string(index));
    return ok;
  }
  Status key(const RdbKey& key, RdbReader& in) override {
    if (key.type != RdbType::kString) return Error(ErrorCode::kCorrupt, "a strange type");
    lines.push_back("key " + key.name + "=" + Bytes(in.string()));
    return in.status();
  }
  Status request(const AofRequest& request) override {
    if (request.words[0] == "BAD") return Error(ErrorCode::kCorrupt, "Unknown command 'BAD'");
    Bytes line = fmt::format("{}@{}{}", request.db, request.time_us / 1'000'000,
                             request.in_transaction ? " tx" : "");
    for (const ByteView word : request.words) line.append(" ").append(word);
    lines.push_back(line);
    return ok;
  }

  std::vector<Bytes> lines;
};

// An RDB of one string; with an LSN a snapshot of timeline 1.
inline Bytes small_rdb(ByteView key, ByteView value, std::optional<Lsn> lsn = std::nullopt) {
  class Sink final : public RdbSink {
   public:
    Status write(ByteView bytes) override {
      out.append(bytes);
      return ok;
    }
    Bytes out;
  } sink;
  RdbFileWriter writer(sink, RdbCompression::kNo, 10);
  writer.aux("redis-ver", "7.2.4");
  if (lsn) {
    writer.aux(kAuxReplicationId, kTestReplicationId);
    writer.aux(kAuxLsn, static_cast<std::int64_t>(*lsn));
    writer.aux(kAuxTimeline, 1);
  }
  writer.begin_database(0, 1, 0);
  writer.begin_key({.name = Bytes(key)});
  writer.values().string(value);
  REQUIRE(writer.finish());
  return sink.out;
}

// Records are a second apart, the first at second 1000, one a frame unless told otherwise.
class WrittenJournal {
 public:
  explicit WrittenJournal(std::uint64_t segment_bytes = 1UL << 20)
      : opened_(open_journal(files, clock_, simulated(SyncMode::kAlways, segment_bytes))) {
    REQUIRE(opened_.journal);
    session_ = opened_.journal->open_session({"ada", "10.0.0.1:1", "one"});
  }

  Lsn add(std::initializer_list<Bytes> words, std::uint16_t db = 0) {
    return add_words(request(words), db);
  }
  Lsn add_words(const Bytes& words, std::uint16_t db = 0) {
    second_ += 1;
    lsns.push_back(opened_.journal->append({.words = words,
                                            .time_us = second_ * 1'000'000,
                                            .session = session_.id(),
                                            .db = db}));
    if (!together) end_frame();
    return lsns.back();
  }
  void end_frame() {
    opened_.journal->flush();
    opened_.journal->work();
  }
  void snapshot(Lsn lsn, ByteView value) {
    files.set_contents("data/" + snapshot_name(lsn), small_rdb("snapped", value, lsn));
  }
  // Ends it and gives its timeline.
  Timeline close() {
    end_frame();
    session_ = {};
    REQUIRE(opened_.journal->close());
    opened_.journal.reset();
    return timeline();
  }
  Timeline timeline() {
    auto all = list_timelines(files, kTestDirectory);
    REQUIRE(all);
    REQUIRE(!all->empty());
    return std::move(all->back());
  }

  QuietLog quiet;
  MemoryFileSystem files;
  std::vector<Lsn> lsns;
  bool together = false;  // many records in a frame

 private:
  ManualClock clock_;
  Opened opened_;
  Journal::Session session_;
  std::int64_t second_ = 999;
};

}  // namespace memoir
