#include <catch2/catch.hpp>

#include "persistence/segment_archive.h"
#include "persistence/segment_index.h"
#include "tests/persistence/segment_fixture.h"

namespace memoir {

namespace {

struct Rig {
  explicit Rig(bool zstd, int records = 1500) {
    Random random(3);
    fill_journal(files, random, records);
    options = simulated(SyncMode::kAlways, 16UL << 10);
    options.archive = {.compression = {.zstd = zstd, .level = 1},
                       .retention = {},
                       .snapshot_directory = "",
                       .keys = &keys};
    before = read_timeline(files);
  }

  Opened open() { return open_journal(files, clock, options); }

  // Works until there is nothing left to do; how many steps that took.
  int settle(SegmentArchive& archive) {
    int steps = 0;
    while (archive.step()) REQUIRE(++steps < 10'000);
    return steps;
  }

  MemoryFileSystem files;
  ManualClock clock;
  TestKeys keys;
  FileJournalOptions options;
  RememberingSink before;
};

std::size_t count_files(const MemoryFileSystem& files, const std::string& suffix) {
  return static_cast<std::size_t>(std::ranges::count_if(
      files.paths(), [&](const std::string& path) { return path.ends_with(suffix); }));
}

}  // namespace

TEST_CASE("sealed segments of former runs are packed and indexed", "[persistence]") {
  Rig rig(true);
  Opened opened = rig.open();
  SegmentArchive& archive = opened.journal->archive();
  rig.settle(archive);
  const ArchiveStats stats = archive.stats();
  CHECK(stats.segments > 3);
  CHECK(stats.segments == rig.files.paths().size() - 1 - stats.segments);  // an index each
  CHECK(stats.packed_segments == stats.segments);
  CHECK(stats.indexed_segments == stats.segments);
  CHECK(stats.packed_bytes == stats.bytes);
  CHECK(stats.unpacked_bytes > 2 * stats.bytes);
  CHECK(stats.index_bytes > 0);
  CHECK(stats.waiting_segments == 0);
  CHECK(stats.failures == 0);
  CHECK(stats.oldest_lsn == 0);
  CHECK(stats.oldest_time_us <= rig.before.records.front().time_us);
  CHECK(count_files(rig.files, ".journal") == 1);
  CHECK(count_files(rig.files, ".journal.zst") == stats.segments);
  CHECK(read_timeline(rig.files).records == rig.before.records);
  CHECK(archive.idle_us() > 0);
  CHECK(rig.settle(archive) == 0);
}

TEST_CASE("segments are packed and indexed as they are sealed", "[persistence]") {
  Rig rig(true, 10);
  Opened opened = rig.open();
  Random random(4);
  append_random(*opened.journal, random, rig.clock, 1500);
  for (int i = 0; i < 50; ++i) opened.journal->work();
  const ArchiveStats stats = opened.journal->archive().stats();
  CHECK(stats.segments > 3);
  CHECK(stats.indexed_segments == stats.segments);
  CHECK(stats.packed_segments == stats.segments);
  CHECK(count_files(rig.files, ".journal") == 1);
  REQUIRE(opened.journal->close());
  CHECK(read_timeline(rig.files).records.size() == 1510);
}

TEST_CASE("compression can be switched on later", "[persistence]") {
  Rig rig(false);
  Opened opened = rig.open();
  SegmentArchive& archive = opened.journal->archive();
  rig.settle(archive);
  CHECK(archive.stats().packed_segments == 0);
  CHECK(archive.stats().indexed_segments == archive.stats().segments);
  archive.set_compression({.zstd = true, .level = 1});
  rig.settle(archive);
  CHECK(archive.stats().packed_segments == archive.stats().segments);
  CHECK(archive.stats().indexed_segments == archive.stats().segments);
  // And off again: what is packed stays so.
  archive.set_compression({});
  rig.settle(archive);
  CHECK(archive.stats().packed_segments == archive.stats().segments);
  for (const SegmentFile& segment : list_test_timeline(rig.files).segments) {
    auto index = SegmentIndex::open(rig.files, index_path(segment));
    if (!index) continue;
    auto bytes = segment_bytes(rig.files, segment);
    REQUIRE(bytes);
    CHECK((*index)->facts().segment_bytes == *bytes);
  }
}

TEST_CASE("a damaged index is made again", "[persistence]") {
  QuietLog quiet;
  Rig rig(false);
  {
    Opened opened = rig.open();
    rig.settle(opened.journal->archive());
    REQUIRE(opened.journal->close());
  }
  const SegmentFile segment = list_test_timeline(rig.files).segments[1];
  const Bytes sound = rig.files.contents(index_path(segment));
  Bytes bad = sound;
  bad[bad.size() - 200] ^= 1;
  SECTION("found at a start") {
    rig.files.set_contents(index_path(segment), bad);
    Opened opened = rig.open();
    rig.settle(opened.journal->archive());
    CHECK(rig.files.contents(index_path(segment)) == sound);
  }
  SECTION("missing at a start") {
    REQUIRE(rig.files.remove(index_path(segment)));
    Opened opened = rig.open();
    rig.settle(opened.journal->archive());
    CHECK(rig.files.contents(index_path(segment)) == sound);
  }
  SECTION("another segment's") {
    const SegmentFile other = list_test_timeline(rig.files).segments[2];
    rig.files.set_contents(index_path(segment), rig.files.contents(index_path(other)));
    Opened opened = rig.open();
    rig.settle(opened.journal->archive());
    CHECK(rig.files.contents(index_path(segment)) == sound);
  }
  SECTION("found by a reader") {
    Opened opened = rig.open();
    rig.settle(opened.journal->archive());
    bad = sound;
    bad[3] ^= 1;  // a page of keys
    rig.files.set_contents(index_path(segment), bad);
    opened.journal->archive().distrust_index(1, segment.first_lsn);
    rig.settle(opened.journal->archive());
    CHECK(rig.files.contents(index_path(segment)) == sound);
  }
}

TEST_CASE("a damaged segment is left as it is, the others are not", "[persistence]") {
  QuietLog quiet;
  Rig rig(true);
  Opened opened = rig.open();
  const SegmentFile segment = list_test_timeline(rig.files).segments[1];
  Bytes bad = rig.files.contents(segment.path);
  bad[bad.size() / 2] ^= 1;
  rig.files.set_contents(segment.path, bad);
  SegmentArchive& archive = opened.journal->archive();
  rig.settle(archive);
  CHECK(archive.stats().packed_segments == archive.stats().segments - 1);
  CHECK(archive.stats().failures == 1);
  CHECK(rig.files.contents(segment.path) == bad);
  CHECK(count_files(rig.files, ".tmp") == 0);
  rig.clock.advance_ms(60'000);
  rig.settle(archive);
  CHECK(archive.stats().failures == 1);
}

TEST_CASE("a full disk puts the work off", "[persistence]") {
  QuietLog quiet;
  Rig rig(true);
  Opened opened = rig.open();
  SegmentArchive& archive = opened.journal->archive();
  archive.step();  // retention's turn
  rig.files.set_capacity(rig.files.used_bytes() + 100);
  rig.settle(archive);
  CHECK(archive.stats().packed_segments == 0);
  CHECK(archive.stats().failures == 1);
  CHECK(count_files(rig.files, ".tmp") == 0);
  CHECK(rig.settle(archive) == 0);
  CHECK(archive.stats().failures == 1);
  CHECK(archive.idle_us() > 0);
  rig.files.set_capacity(UINT64_MAX);
  rig.clock.advance_ms(SegmentArchive::kRetryUs / 1000);
  rig.settle(archive);
  CHECK(archive.stats().packed_segments == archive.stats().segments);
  CHECK(read_timeline(rig.files).records == rig.before.records);
}

// Frames of one record each cost more than the records: such segments are merged.
TEST_CASE("an uncompressed segment of small frames is written anew with large ones",
          "[persistence]") {
  Rig rig(false, 10);
  rig.options.segment_bytes = 1UL << 20;
  Opened opened = rig.open();
  std::uint64_t words_bytes = 0;
  for (int i = 0; i < 20'000; ++i) {
    const Bytes words = set_request(i);
    words_bytes += words.size();
    opened.journal->append({.words = words, .time_us = rig.clock.now_us()});
    opened.journal->flush();
    if (i % 100 == 0) opened.journal->work();
  }
  opened.journal->work();
  SegmentArchive& archive = opened.journal->archive();
  rig.settle(archive);
  const ArchiveStats stats = archive.stats();
  REQUIRE(stats.segments >= 2);
  const Lsn sealed_end = list_test_timeline(rig.files).segments.back().first_lsn;
  CHECK(stats.bytes < sealed_end + sealed_end / 20);
  REQUIRE(opened.journal->close());
  CHECK(read_timeline(rig.files).records.size() == 20'010);
}

namespace {

std::vector<Lsn> first_lsns(FileSystem& files) {
  std::vector<Lsn> lsns;
  for (const SegmentFile& each : list_test_timeline(files).segments) {
    lsns.push_back(each.first_lsn);
  }
  return lsns;
}

// A rig whose retention would remove all but what the newest two snapshots need.
struct RetentionRig : Rig {
  RetentionRig() : Rig(false) {
    options.archive.snapshot_directory = "data";
    options.archive.retention = {.time_us = 1, .bytes = 0};
    opened = open();
    settle(opened.journal->archive());
    all = first_lsns(files);
    REQUIRE(all.size() > 6);
    REQUIRE(write_test_snapshot(files, "data", all[2] + 9, clock.now_us()));
    REQUIRE(write_test_snapshot(files, "data", all[4] + 9, clock.now_us()));
    clock.advance_ms(60'000);
  }
  bool has_snapshot(Lsn lsn) { return files.exists("data/" + snapshot_name(lsn)); }
  std::vector<Lsn> from(std::size_t first) { return {all.begin() + first, all.end()}; }

  Opened opened;
  std::vector<Lsn> all;
};

}  // namespace

TEST_CASE("retention removes what snapshots stand for and what is not pinned", "[persistence]") {
  QuietLog quiet;
  RetentionRig rig;
  SegmentArchive& archive = rig.opened.journal->archive();
  auto pin = archive.pins().add(rig.all[1] + 1);
  REQUIRE(archive.apply_retention());
  CHECK(first_lsns(rig.files) == rig.all);
  pin.advance(rig.all[3]);
  REQUIRE(archive.apply_retention());
  CHECK(first_lsns(rig.files) == rig.from(2));
  CHECK(archive.stats().oldest_lsn == rig.all[2]);
  CHECK(archive.stats().removed_segments == 2);
  pin = {};
  REQUIRE(write_test_snapshot(rig.files, "data", rig.all[5] + 9, rig.clock.now_us()));
  REQUIRE(archive.apply_retention());
  CHECK(first_lsns(rig.files) == rig.from(4));
  CHECK_FALSE(rig.has_snapshot(rig.all[2] + 9));
  CHECK_FALSE(rig.files.exists("data/" + snapshot_index_name(rig.all[2] + 9)));
  CHECK(rig.has_snapshot(rig.all[4] + 9));
  CHECK(rig.has_snapshot(rig.all[5] + 9));
  // Their indexes went along.
  CHECK(count_files(rig.files, ".index") == rig.all.size() - 5 + 2);
  CHECK(archive.stats().removed_segments == 4);
  CHECK(archive.stats().removed_snapshots == 1);
  // What begins later than its first record is a journal all the same, for who has a snapshot.
  REQUIRE(rig.opened.journal->close());
  rig.opened.journal.reset();
  Opened again = open_journal(rig.files, rig.clock, rig.options, rig.all[4] + 9);
  CHECK(again.error.empty());
  CHECK(open_journal(rig.files, rig.clock, rig.options, 0).error != "");
}

TEST_CASE("a snapshot that nobody has verified makes nothing go", "[persistence]") {
  QuietLog quiet;
  RetentionRig rig;
  REQUIRE(rig.files.remove("data/" + snapshot_index_name(rig.all[4] + 9)));
  REQUIRE(rig.opened.journal->archive().apply_retention());
  CHECK(first_lsns(rig.files) == rig.all);
}

// Goal: whichever call of retention fails, what is left has no hole; the next time does the rest.
TEST_CASE("retention that fails at any call leaves no hole", "[persistence]") {
  QuietLog quiet;
  bool over = false;
  for (std::uint64_t call = 0; !over; ++call) {
    CAPTURE(call);
    RetentionRig rig;
    SegmentArchive& archive = rig.opened.journal->archive();
    const std::uint64_t begin = rig.files.calls();
    bool failed = false;
    rig.files.set_faults([&](std::uint64_t now, MemoryFileSystem::Operation) {
      if (now != begin + call) return std::optional<MemoryFileSystem::Fault>();
      failed = true;
      return std::optional<MemoryFileSystem::Fault>(MemoryFileSystem::Fault{});
    });
    const Status applied = archive.apply_retention();
    rig.files.set_faults({});
    over = !failed;
    CHECK((static_cast<bool>(applied) || failed));
    const auto left = first_lsns(rig.files);
    REQUIRE(left.size() >= rig.all.size() - 2);
    REQUIRE(left == rig.from(rig.all.size() - left.size()));
    REQUIRE(archive.apply_retention());
    REQUIRE(first_lsns(rig.files) == rig.from(2));
  }
}

}  // namespace memoir
