#include <catch2/catch.hpp>

#include <set>

#include "persistence/index_builder.h"
#include "persistence/record_reader.h"
#include "persistence/segment_index.h"
#include "persistence/segment_packer.h"
#include "tests/persistence/segment_fixture.h"

namespace memoir {

namespace {

using DbKey = std::pair<std::uint16_t, Bytes>;

// What a linear scan finds out about a segment's records.
struct Scan final : public RecordSink, private KeySink {
  Status on_record(const RecordView& record) override {
    first = record.first;
    TestKeys().keys_of(record, *this);
    return ok;
  }
  void key(std::uint16_t db, ByteView key) override { keys[{db, Bytes(key)}].insert(first); }
  void whole(WholeScope scope, std::uint16_t db) override {
    if (scope == WholeScope::kAllDatabases) all.insert(first);
    if (scope == WholeScope::kDatabase) databases[db].insert(first);
    if (scope == WholeScope::kServer) server.insert(first);
  }
  std::vector<Lsn> of(std::uint16_t db, const Bytes& key) {
    std::set<Lsn> found = keys[{db, key}];
    found.insert(all.begin(), all.end());
    found.insert(databases[db].begin(), databases[db].end());
    return {found.begin(), found.end()};
  }

  Lsn first = 0;
  std::map<DbKey, std::set<Lsn>> keys;
  std::map<std::uint16_t, std::set<Lsn>> databases;
  std::set<Lsn> all;
  std::set<Lsn> server;
};

std::vector<SeenRecord> records_between(const RememberingSink& all, Lsn from, Lsn to) {
  std::vector<SeenRecord> found;
  for (const SeenRecord& record : all.records) {
    if (record.first >= from && record.first < to) found.push_back(record);
  }
  return found;
}

Lsn linear_position_at(const std::vector<SeenRecord>& records, std::int64_t time_us) {
  Lsn end = records.front().first;
  for (const SeenRecord& record : records) {
    if (record.time_us > time_us) return end;
    end = record.lsn;
  }
  return end;
}

struct Sealed {
  SegmentFile segment;
  Lsn limit = 0;
};

Sealed segment_number(FileSystem& files, std::size_t i) {
  const Timeline timeline = list_test_timeline(files);
  REQUIRE(i < timeline.segments.size());
  const bool last = i + 1 == timeline.segments.size();
  return {.segment = timeline.segments[i],
          .limit = last ? UINT64_MAX : timeline.segments[i + 1].first_lsn};
}

void check_against_scan(FileSystem& files, const Sealed& sealed, const RememberingSink& all,
                        Random& random) {
  auto opened = SegmentIndex::open(files, index_path(sealed.segment));
  REQUIRE(opened);
  SegmentIndex& index = **opened;
  REQUIRE(index.verify());
  const auto records = records_between(all, sealed.segment.first_lsn, sealed.limit);
  Scan scan;
  for (const SeenRecord& record : records) {
    REQUIRE(scan.on_record({.first = record.first, .flags = record.flags, .words = record.words}));
  }
  CHECK(index.facts().keys == scan.keys.size());
  for (std::uint16_t db = 0; db < 4; ++db) {
    for (int i = 0; i < 205; ++i) {
      const Bytes key = "key:" + std::to_string(i);
      const auto found = index.find(db, key);
      REQUIRE(found);
      REQUIRE(*found == scan.of(db, key));
    }
  }
  std::set<Lsn> server;
  for (const WholeRecord& whole : index.whole_records()) {
    if (whole.scope == WholeScope::kServer) server.insert(whole.first);
  }
  CHECK(server == scan.server);
  CHECK(index.facts().records == records.size());
  CHECK(index.facts().end_lsn == records.back().lsn);
  const auto by_time = [](const SeenRecord& a, const SeenRecord& b) {
    return a.time_us < b.time_us;
  };
  CHECK(index.facts().first_time_us == std::ranges::min_element(records, by_time)->time_us);
  CHECK(index.facts().last_time_us == std::ranges::max_element(records, by_time)->time_us);

  auto reader = RecordReader::open(files, sealed.segment, &index);
  REQUIRE(reader);
  for (int i = 0; i < 100; ++i) {
    const SeenRecord& wanted = records[random.below(records.size())];
    RememberingSink one;
    REQUIRE((*reader)->read(wanted.first, one));
    REQUIRE(one.records.size() == 1);
    REQUIRE(one.records.front() == wanted);
  }
  RememberingSink none;
  REQUIRE_FALSE((*reader)->read(records[0].first + 1, none));
  for (int i = 0; i < 100; ++i) {
    const std::int64_t skew = static_cast<std::int64_t>(random.below(5000)) - 2500;
    const std::int64_t moment = records[random.below(records.size())].time_us + skew;
    const auto position = (*reader)->position_at(moment);
    REQUIRE(position);
    REQUIRE(*position == linear_position_at(records, moment));
  }
}

}  // namespace

// Goal: an index finds what a linear scan finds: records by key, LSN and time.
TEST_CASE("a segment's index agrees with a linear scan", "[persistence]") {
  const std::uint64_t seed = system_random();
  CAPTURE(seed);
  Random random(seed);
  MemoryFileSystem files;
  fill_journal(files, random, 6000, 96UL << 10);
  const RememberingSink all = read_timeline(files);
  TestKeys keys;
  const bool packed = GENERATE(false, true);
  const std::size_t segments = list_test_timeline(files).segments.size();
  REQUIRE(segments > 2);
  for (std::size_t i = 0; i < segments; ++i) {
    Sealed sealed = segment_number(files, i);
    if (packed) REQUIRE(pack_segment(files, sealed.segment, sealed.limit, PackForm::kZstd, 1));
    sealed = segment_number(files, i);
    // Many passes must give what one gives.
    const std::uint64_t pass_bytes = i % 2 == 0 ? kIndexPassBytes : 20'000;
    REQUIRE(build_index(files, sealed.segment, sealed.limit, keys, {.pass_bytes = pass_bytes}));
    check_against_scan(files, sealed, all, random);
  }
}

TEST_CASE("an index stays true when its segment is packed", "[persistence]") {
  Random random(11);
  MemoryFileSystem files;
  fill_journal(files, random, 2000, 64UL << 10);
  const RememberingSink all = read_timeline(files);
  TestKeys keys;
  const Sealed before = segment_number(files, 0);
  REQUIRE(build_index(files, before.segment, before.limit, keys));
  const PackForm form = GENERATE(PackForm::kZstd, PackForm::kMerged);
  REQUIRE(pack_segment(files, before.segment, before.limit, form, 1));
  check_against_scan(files, segment_number(files, 0), all, random);
}

TEST_CASE("a key that all records touch takes a byte or two each", "[persistence]") {
  MemoryFileSystem files;
  ManualClock clock;
  const Bytes words = request({"SET", "key:1", "vvv"});
  {
    Opened opened = open_journal(files, clock, simulated());
    for (int i = 0; i < 5000; ++i) opened.journal->append({.words = words});
    opened.journal->flush();
    REQUIRE(opened.journal->close());
  }
  TestKeys keys;
  const Sealed sealed = segment_number(files, 0);
  REQUIRE(build_index(files, sealed.segment, sealed.limit, keys));
  auto index = SegmentIndex::open(files, index_path(sealed.segment));
  REQUIRE(index);
  CHECK((*index)->file_bytes() < 5000 * 2 + 600);
  const auto found = (*index)->find(0, "key:1");
  REQUIRE(found);
  REQUIRE(found->size() == 5000);
  CHECK((*found)[4999] == 4999 * words.size());
  CHECK((*index)->find(0, "key:2")->empty());
  CHECK((*index)->find(1, "key:1")->empty());
}

TEST_CASE("many keys take less than sixteen bytes each", "[persistence]") {
  MemoryFileSystem files;
  ManualClock clock;
  {
    Opened opened = open_journal(files, clock, simulated(SyncMode::kAlways, 64UL << 20));
    for (int i = 0; i < 50'000; ++i) {
      const Bytes words = set_request(i);
      opened.journal->append({.words = words});
      if (i % 1000 == 999) opened.journal->flush();
    }
    REQUIRE(opened.journal->close());
  }
  TestKeys keys;
  const Sealed sealed = segment_number(files, 0);
  REQUIRE(build_index(files, sealed.segment, sealed.limit, keys));
  auto index = SegmentIndex::open(files, index_path(sealed.segment));
  REQUIRE(index);
  CHECK((*index)->facts().keys == 50'000);
  CHECK((*index)->file_bytes() < 50'000 * 10);
  for (int i = 0; i < 50'000; i += 7) {
    REQUIRE((*index)->find(0, "key:" + std::to_string(i))->size() == 1);
  }
  const std::uint64_t calls = files.calls();
  REQUIRE((*index)->find(0, "key:77"));
  CHECK(files.calls() - calls <= 2);
}

// Goal: no flipped bit of an index leads to a wrong answer.
TEST_CASE("a damaged index is an error and never an answer", "[persistence]") {
  const std::uint64_t seed = system_random();
  CAPTURE(seed);
  Random random(seed);
  MemoryFileSystem files;
  fill_journal(files, random, 800, 32UL << 10);
  TestKeys keys;
  const Sealed sealed = segment_number(files, 0);
  REQUIRE(build_index(files, sealed.segment, sealed.limit, keys));
  const std::string path = index_path(sealed.segment);
  const Bytes sound = files.contents(path);
  std::map<int, std::vector<Lsn>> expected;
  {
    auto index = SegmentIndex::open(files, path);
    for (int i = 0; i < 200; ++i) expected[i] = *(*index)->find(0, "key:" + std::to_string(i));
  }
  for (int round = 0; round < 400; ++round) {
    Bytes bad = sound;
    const std::size_t at = random.below(bad.size());
    if (random.below(5) == 0) {
      bad.resize(at);
    } else {
      bad[at] = static_cast<char>(bad[at] ^ (1 << random.below(8)));
    }
    CAPTURE(at, sound.size());
    files.set_contents(path, bad);
    auto index = SegmentIndex::open(files, path);
    if (!index) continue;
    REQUIRE_FALSE((*index)->verify());
    for (int i = 0; i < 200; ++i) {
      const auto found = (*index)->find(0, "key:" + std::to_string(i));
      if (found) REQUIRE(*found == expected[i]);
    }
  }
}

TEST_CASE("indexing that fails at any call leaves nothing behind", "[persistence]") {
  Random random(12);
  MemoryFileSystem files;
  fill_journal(files, random, 300);
  TestKeys keys;
  const Sealed sealed = segment_number(files, 0);
  const ErrorCode code = GENERATE(ErrorCode::kIo, ErrorCode::kNoSpace);
  const std::size_t bytes_done = GENERATE(std::size_t{0}, std::size_t{100});
  const auto before = files.paths();
  bool over = false;
  for (std::uint64_t call = 0; !over; ++call) {
    CAPTURE(call);
    Random none(1);
    const auto copy = files.power_cut(MemoryFileSystem::Unsynced::kKept, none);
    bool failed = false;
    bool named = false;
    copy->set_faults([&](std::uint64_t now, MemoryFileSystem::Operation operation) {
      if (now != call) return std::optional<MemoryFileSystem::Fault>();
      failed = true;
      named = operation == MemoryFileSystem::Operation::kSyncDirectory;
      return std::optional<MemoryFileSystem::Fault>({.code = code, .bytes_done = bytes_done});
    });
    const Status built = build_index(*copy, sealed.segment, sealed.limit, keys);
    copy->set_faults({});
    over = !failed;
    REQUIRE(static_cast<bool>(built) == !failed);
    if (failed && !named) REQUIRE(copy->paths() == before);
    // And it works the next time.
    REQUIRE(build_index(*copy, sealed.segment, sealed.limit, keys));
    REQUIRE(SegmentIndex::open(*copy, index_path(sealed.segment)));
  }
}

}  // namespace memoir
