#include <catch2/catch.hpp>

#include "persistence/segment.h"
#include "src/base/clock.h"
#include "src/base/hash.h"
#include "tests/persistence/journal_fixture.h"

namespace memoir {

namespace {

// A journal of `records` records, `per_frame` to a frame, every frame synced if `mode` is kAlways.
MemoryFileSystem& fill(MemoryFileSystem& files, int records, int per_frame, SyncMode mode,
                       bool close, std::uint64_t segment_bytes = 1UL << 20) {
  ManualClock clock;
  Opened opened = open_journal(files, clock, simulated(mode, segment_bytes));
  REQUIRE(opened.journal);
  Journal::Session session = opened.journal->open_session({"user", "address", "name"});
  for (int i = 0; i < records; ++i) {
    opened.journal->append({.words = set_request(i), .session = session.id()});
    if (i % per_frame != per_frame - 1) continue;
    opened.journal->flush();
    opened.journal->work();
  }
  if (close) REQUIRE(opened.journal->close());
  return files;
}

bool is_prefix(const Bytes& part, const Bytes& whole) { return whole.starts_with(part); }

}  // namespace

// Goal: a crash in the middle of a write loses at most the frame being written.
TEST_CASE("a journal cut after any byte reads back a prefix of its frames", "[persistence]") {
  QuietLog quiet;
  MemoryFileSystem source;
  fill(source, 12, 2, SyncMode::kEverySecond, false);
  const std::string path = segment_paths(source).front();
  RecoveredJournal whole;
  const Bytes stream = recover_all(source, nullptr, &whole).stream();
  whole.lock.reset();
  const Bytes bytes = source.contents(path).substr(0, whole.segment_end);
  std::size_t longest = 0;
  for (std::size_t cut = kSegmentHeaderBytes; cut <= bytes.size(); ++cut) {
    CAPTURE(cut);
    for (const std::size_t zeros : {0, 3, 5000}) {
      MemoryFileSystem files;
      REQUIRE(files.create_directories(parent_path(path)));
      files.set_contents(path, bytes.substr(0, cut) + Bytes(zeros, '\0'));
      std::string error;
      const Bytes found = recover_all(files, &error).stream();
      REQUIRE(error.empty());
      REQUIRE(is_prefix(found, stream));
      REQUIRE(found.size() >= longest);
      longest = found.size();
      // A second start finds a journal in good order.
      RecoveredJournal again;
      REQUIRE(recover_all(files, &error, &again).stream() == found);
      REQUIRE(again.torn_bytes == 0);
    }
  }
  CHECK(longest == stream.size());
}

TEST_CASE("every changed bit of a closed journal is an error or costs nothing", "[persistence]") {
  QuietLog quiet;
  MemoryFileSystem source;
  fill(source, 9, 3, SyncMode::kAlways, true);
  const std::string path = segment_paths(source).front();
  const Bytes bytes = source.contents(path);
  const Bytes stream = recover_all(source).stream();
  for (std::size_t at = 0; at < bytes.size(); ++at) {
    for (int bit = 0; bit < 8; bit += 3) {
      CAPTURE(at, bit);
      Bytes flipped = bytes;
      flipped[at] = static_cast<char>(flipped[at] ^ (1 << bit));
      MemoryFileSystem files;
      REQUIRE(files.create_directories(parent_path(path)));
      files.set_contents(path, flipped);
      std::string error;
      const Bytes found = recover_all(files, &error).stream();
      // Only the closing frame itself may be cut, for nothing follows that would vouch for it.
      if (at < bytes.size() - kFrameHeadBytes) {
        REQUIRE(error.find("journal damaged: " + path + " at offset") != std::string::npos);
        REQUIRE(error.find("memoir-journal") != std::string::npos);
        REQUIRE(files.contents(path) == flipped);
      } else {
        REQUIRE(error.empty());
        REQUIRE(found == stream);
      }
    }
  }
}

TEST_CASE("every changed byte of a crashed journal is noticed", "[persistence]") {
  QuietLog quiet;
  MemoryFileSystem source;
  fill(source, 8, 2, SyncMode::kAlways, false);
  const std::string path = segment_paths(source).front();
  RecoveredJournal whole;
  const Bytes stream = recover_all(source, nullptr, &whole).stream();
  const Bytes bytes = source.contents(path);
  const std::size_t last_frame = bytes.rfind("JMRF");
  for (std::size_t at = 0; at < whole.segment_end; ++at) {
    CAPTURE(at);
    Bytes flipped = bytes;
    flipped[at] = static_cast<char>(flipped[at] ^ 0x10);
    MemoryFileSystem files;
    REQUIRE(files.create_directories(parent_path(path)));
    files.set_contents(path, flipped);
    std::string error;
    const Bytes found = recover_all(files, &error).stream();
    REQUIRE((!error.empty() || found.size() < stream.size()));
    REQUIRE(is_prefix(found, stream));
    // The last frame says that all before it was synced, so nothing of that can be torn.
    REQUIRE(error.empty() == (at >= last_frame));
  }
}

TEST_CASE("a missing segment, a gap and a strange file are errors", "[persistence]") {
  QuietLog quiet;
  MemoryFileSystem source;
  fill(source, 400, 2, SyncMode::kAlways, true, 4096);
  const auto paths = segment_paths(source);
  REQUIRE(paths.size() > 4);
  std::string error;

  SECTION("a middle one is missing") {
    REQUIRE(source.remove(paths[2]));
    recover_all(source, &error);
    CHECK(error.find(paths[1] + " at offset") != std::string::npos);
    CHECK(error.find("the next one begins at LSN") != std::string::npos);
  }
  SECTION("the first is missing") {
    REQUIRE(source.remove(paths[0]));
    recover_all(source, &error);
    CHECK(error.find("journal incomplete") != std::string::npos);
  }
  SECTION("a middle one ends early") {
    source.set_contents(paths[1], source.contents(paths[1]).substr(0, 1000));
    recover_all(source, &error);
    CHECK(error.find(paths[1] + " at offset") != std::string::npos);
  }
  SECTION("two have changed places") {
    const Bytes one = source.contents(paths[1]);
    source.set_contents(paths[1], source.contents(paths[2]));
    source.set_contents(paths[2], one);
    recover_all(source, &error);
    CHECK(error.find("is expected") != std::string::npos);
  }
  SECTION("one is of another timeline") {
    REQUIRE(source.create_directories("data/journal/00000002"));
    source.set_contents("data/journal/00000002/" + base_name(paths[0]), source.contents(paths[0]));
    recover_all(source, &error);
    CHECK(error.find("the segment belongs to timeline 1") != std::string::npos);
  }
  SECTION("one is of a later version") {
    SegmentHeader header = make_segment_header(1, kTestReplicationId, 0);
    header.version = 9;
    header.hash = hash_on_disk(bytes_of(header).substr(0, kSegmentHeaderBytes - 8));
    Bytes changed = source.contents(paths[0]);
    changed.replace(0, kSegmentHeaderBytes, bytes_of(header));
    source.set_contents(paths[0], changed);
    recover_all(source, &error);
    CHECK(error == paths[0] + ": segment of version 9; this program reads version 2");
  }
  SECTION("other files do not matter") {
    source.set_contents(join_path(parent_path(paths[0]), "note.txt"), "hello");
    REQUIRE(source.create_directories("data/journal/00000009"));
    CHECK(recover_all(source, &error).records.size() == 400);
    CHECK(error.empty());
  }
}

TEST_CASE("unsynced frames behind a torn one are kept aside", "[persistence]") {
  QuietLog quiet;
  MemoryFileSystem files;
  fill(files, 20, 2, SyncMode::kEverySecond, false);
  const std::string path = segment_paths(files).front();
  Bytes bytes = files.contents(path);
  const std::size_t second = bytes.find("JMRF", kSegmentHeaderBytes + 10);
  REQUIRE(second != Bytes::npos);
  bytes[second + 20] ^= 1;
  files.set_contents(path, bytes);
  std::string error;
  RecoveredJournal recovered;
  const RememberingSink sink = recover_all(files, &error, &recovered);
  CHECK(error.empty());
  CHECK(sink.records.size() == 2);
  CHECK(recovered.torn_bytes > 0);
  CHECK(files.contents(path + ".torn") == bytes);
}

TEST_CASE("an error of the sink stops recovery", "[persistence]") {
  QuietLog quiet;
  MemoryFileSystem files;
  fill(files, 20, 2, SyncMode::kAlways, true);
  class Refusing final : public RecordSink {
   public:
    Status on_record(const RecordView&) override {
      if (++count == 5) return Error(ErrorCode::kCorrupt, "no such command");
      return ok;
    }
    int count = 0;
  } sink;
  const auto recovered = recover_journal(files, kTestDirectory, {}, sink);
  REQUIRE_FALSE(recovered);
  CHECK(recovered.peek_error().text() == "no such command");
  CHECK(sink.count == 5);
}

TEST_CASE("a value that looks like a frame is only a value", "[persistence]") {
  QuietLog quiet;
  MemoryFileSystem files;
  fill(files, 20, 2, SyncMode::kAlways, true);
  const Bytes evil = files.contents(segment_paths(files).front());
  MemoryFileSystem target;
  ManualClock clock;
  Opened opened = open_journal(target, clock, simulated(SyncMode::kEverySecond));
  opened.journal->append({.words = set_request(1)});
  opened.journal->flush();
  opened.journal->append({.words = request({"SET", "k", evil})});
  opened.journal->flush();
  opened.journal.reset();
  const std::string path = segment_paths(target).front();
  Bytes bytes = target.contents(path);
  const std::size_t second = bytes.find("JMRF", kSegmentHeaderBytes + 10);
  bytes[second + 10] ^= 1;
  target.set_contents(path, bytes);
  std::string error;
  CHECK(recover_all(target, &error).stream() == set_request(1));
  CHECK(error.empty());
}

}  // namespace memoir
