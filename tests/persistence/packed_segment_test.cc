#include <catch2/catch.hpp>

#include "persistence/journal_cut.h"
#include "persistence/packed_file.h"
#include "persistence/segment_packer.h"
#include "src/base/coding.h"
#include "src/base/hash.h"
#include "tests/persistence/segment_fixture.h"

namespace memoir {

namespace {

Lsn limit_of(const Timeline& timeline, std::size_t i) {
  return i + 1 < timeline.segments.size() ? timeline.segments[i + 1].first_lsn : UINT64_MAX;
}

void pack_all(FileSystem& files, PackForm form, std::size_t but_last = 1) {
  const Timeline timeline = list_test_timeline(files);
  for (std::size_t i = 0; i + but_last < timeline.segments.size(); ++i) {
    REQUIRE(pack_segment(files, timeline.segments[i], limit_of(timeline, i), form, 3));
  }
}

bool has_aside(const MemoryFileSystem& files) {
  return std::ranges::any_of(files.paths(),
                             [](const auto& path) { return path.ends_with(".tmp"); });
}

}  // namespace

// Goal: packing changes nothing that a reader sees.
TEST_CASE("packed segments read as the ones they were made of", "[persistence]") {
  const std::uint64_t seed = system_random();
  CAPTURE(seed);
  Random random(seed);
  MemoryFileSystem files;
  fill_journal(files, random, 3000);
  const RememberingSink before = read_timeline(files);
  const std::uint64_t bytes_before = files.used_bytes();
  const PackForm form = GENERATE(PackForm::kMerged, PackForm::kZstd);
  REQUIRE(list_test_timeline(files).segments.size() > 4);
  pack_all(files, form);

  CHECK(read_timeline(files).records == before.records);
  CHECK(files.used_bytes() < bytes_before);
  for (const SegmentFile& segment : list_test_timeline(files).segments) {
    const bool last = segment.path == list_test_timeline(files).segments.back().path;
    CHECK(segment.packed == (form == PackForm::kZstd && !last));
  }
  std::string error;
  RecoveredJournal recovered;
  CHECK(recover_all(files, &error, &recovered).records == before.records);
  CHECK(error.empty());
  recovered.lock.reset();

  // From any LSN on.
  for (int i = 0; i < 50; ++i) {
    const std::size_t at = random.below(before.records.size());
    RememberingSink rest;
    Timeline timeline = list_test_timeline(files);
    TimelineReader reader(files, std::move(timeline), before.records[at].first);
    FrameView frame;
    for (;;) {
      auto more = reader.next(frame);
      REQUIRE(more);
      if (!*more) break;
      REQUIRE(deliver_frame(frame, before.records[at].first, UINT64_MAX, rest));
    }
    REQUIRE(rest.records.size() == before.records.size() - at);
    REQUIRE(rest.records.front() == before.records[at]);
  }
}

TEST_CASE("a session's number used anew does not share a frame with its former owner",
          "[persistence]") {
  MemoryFileSystem files;
  ManualClock clock;
  {
    Opened opened = open_journal(files, clock, simulated());
    for (int i = 0; i < 20; ++i) {
      auto session = opened.journal->open_session(
          {.user = "user" + std::to_string(i), .address = "", .client_name = ""});
      const Bytes words = set_request(i);
      opened.journal->append({.words = words, .time_us = clock.now_us(), .session = session.id()});
      opened.journal->flush();
    }
    REQUIRE(opened.journal->close());
  }
  const RememberingSink before = read_timeline(files);
  CHECK(before.records[7].user == "user7");
  pack_all(files, PackForm::kZstd, 0);
  CHECK(read_timeline(files).records == before.records);
}

TEST_CASE("a packed file gives any of its bytes", "[persistence]") {
  const std::uint64_t seed = system_random();
  CAPTURE(seed);
  Random random(seed);
  MemoryFileSystem files;
  REQUIRE(files.create_directories("d"));
  Bytes image;
  {
    auto file = files.open("d/f", OpenMode::kCreate);
    PackedWriter writer(**file, 500, 1);
    for (int i = 0; i < 20; ++i) {
      Bytes block(1 + random.below(5000), 'x');
      for (char& c : block) c = static_cast<char>(random.below(4));
      REQUIRE(writer.add_block(block, 500 + image.size(), i));
      image += block;
    }
    REQUIRE(writer.finish(500 + image.size()));
    REQUIRE((*file)->sync());
  }
  auto packed = PackedFile::open(files, "d/f");
  REQUIRE(packed);
  CHECK(*(*packed)->size() == image.size());
  CHECK((*packed)->first_lsn() == 500);
  CHECK((*packed)->end_lsn() == 500 + image.size());
  for (int i = 0; i < 500; ++i) {
    const std::size_t offset = random.below(image.size() + 10);
    Bytes into(random.below(12000), '\0');
    const auto got = (*packed)->read(offset, into.data(), into.size());
    REQUIRE(got);
    into.resize(*got);
    REQUIRE(into == (offset < image.size() ? image.substr(offset, into.size()) : Bytes()));
    REQUIRE(*got == std::min(into.size(), image.size() - std::min(offset, image.size())));
  }
  for (Lsn lsn = 500; lsn < 500 + image.size(); lsn += 97) {
    const PackedBlock& block = (*packed)->blocks()[(*packed)->block_of(lsn)];
    CHECK(block.first_lsn <= lsn);
    CHECK(lsn < block.first_lsn + block.image_bytes);
  }
}

// Goal: a table that lies is refused although its hashes are right; nothing is read or allocated by
// it.
TEST_CASE("a packed file whose blocks do not follow each other is refused", "[persistence]") {
  constexpr std::size_t kTailBytes = 48;
  constexpr std::size_t kHashAt = 40;
  MemoryFileSystem files;
  REQUIRE(files.create_directories("d"));
  {
    auto file = files.open("d/f", OpenMode::kCreate);
    PackedWriter writer(**file, 500, 1);
    for (int i = 0; i < 3; ++i) REQUIRE(writer.add_block(Bytes(100, 'x'), 500 + i * 100UL, i));
    REQUIRE(writer.finish(800));
  }
  const Bytes sound = files.contents("d/f");
  const auto refused = [&](std::size_t line, const auto& change) {
    Bytes bytes = sound;
    char* const tail = bytes.data() + bytes.size() - kTailBytes;
    char* const lines = tail - 3 * sizeof(PackedBlock);
    auto block = load<PackedBlock>(lines + line * sizeof(PackedBlock));
    change(block);
    store(lines + line * sizeof(PackedBlock), block);
    store(tail + 24, hash_on_disk({lines, 3 * sizeof(PackedBlock)}));
    store(tail + kHashAt, hash_on_disk({tail, kHashAt}));
    files.set_contents("d/f", bytes);
    return !PackedFile::open(files, "d/f");
  };
  CHECK_FALSE(refused(0, [](PackedBlock&) {}));
  CHECK(refused(0, [](PackedBlock& block) { block.image_offset = 1; }));
  CHECK(refused(1, [](PackedBlock& block) { block.image_offset += 7; }));
  CHECK(refused(1, [](PackedBlock& block) { block.image_bytes = 0; }));
  CHECK(refused(2, [](PackedBlock& block) { block.image_bytes = 0xffff'ffff; }));
  CHECK(refused(2, [](PackedBlock& block) { block.bytes = 0xffff'ffff; }));
  CHECK(refused(1, [](PackedBlock& block) { block.offset = UINT64_MAX; }));
}

// Goal: no flipped bit in a packed segment goes unnoticed, and none is taken for a torn write.
TEST_CASE("damage in a packed segment is told with its place", "[persistence]") {
  QuietLog quiet;
  const std::uint64_t seed = system_random();
  CAPTURE(seed);
  Random random(seed);
  MemoryFileSystem files;
  fill_journal(files, random, 700);
  // With and without segments behind it that vouch for it.
  pack_all(files, PackForm::kZstd, 0);
  const RememberingSink before = read_timeline(files);
  const Timeline timeline = list_test_timeline(files);
  for (int i = 0; i < 300; ++i) {
    const SegmentFile& segment = timeline.segments[random.below(timeline.segments.size())];
    const Bytes sound = files.contents(segment.path);
    Bytes bad = sound;
    const std::size_t at = random.below(bad.size());
    if (random.below(5) == 0) {
      bad.resize(at);
    } else {
      bad[at] = static_cast<char>(bad[at] ^ (1 << random.below(8)));
    }
    CAPTURE(segment.path, at, sound.size());
    files.set_contents(segment.path, bad);
    std::string error;
    const RememberingSink after = read_timeline(files, &error);
    REQUIRE(error.find("journal damaged: " + segment.path) == 0);
    REQUIRE(std::equal(after.records.begin(), after.records.end(), before.records.begin()));
    files.set_contents(segment.path, sound);
  }
}

TEST_CASE("cutting a packed segment leaves a plain one", "[persistence]") {
  QuietLog quiet;
  Random random(5);
  MemoryFileSystem files;
  fill_journal(files, random, 4000, 2UL << 20);
  pack_all(files, PackForm::kZstd, 0);
  const RememberingSink before = read_timeline(files);
  const Timeline timeline = list_test_timeline(files);
  REQUIRE(timeline.segments.size() == 1);
  auto packed = PackedFile::open(files, timeline.segments[0].path);
  REQUIRE(packed);
  REQUIRE((*packed)->blocks().size() > 1);
  const PackedBlock block = (*packed)->blocks()[1];
  REQUIRE(cut_timeline(files, timeline, 0, block.image_offset, ".damaged"));
  CHECK(files.exists(timeline.segments[0].path + ".damaged"));
  CHECK_FALSE(files.exists(timeline.segments[0].path));
  const RememberingSink after = read_timeline(files);
  CHECK(after.records.back().lsn == block.first_lsn);
  CHECK(std::equal(after.records.begin(), after.records.end(), before.records.begin()));
  // And the journal goes on from there.
  ManualClock clock;
  Opened opened = open_journal(files, clock, simulated());
  REQUIRE(opened.journal);
  CHECK(opened.journal->position() == block.first_lsn);
}

TEST_CASE("a journal of packed segments can be cut at any record", "[persistence]") {
  const std::uint64_t seed = system_random();
  CAPTURE(seed);
  Random random(seed);
  MemoryFileSystem files;
  fill_journal(files, random, 600);
  const RememberingSink before = read_timeline(files);
  pack_all(files, PackForm::kZstd, 0);
  for (int i = 0; i < 20; ++i) {
    const auto copy = files.power_cut(MemoryFileSystem::Unsynced::kKept, random);
    const std::size_t at = random.below(before.records.size());
    CAPTURE(at);
    const Timeline timeline = list_test_timeline(*copy);
    auto cut = plan_cut(*copy, "data", timeline, Moment::at_lsn(before.records[at].lsn));
    REQUIRE(cut);
    REQUIRE(carry_out_cut(*copy, "data", timeline, *cut));
    const RememberingSink after = read_timeline(*copy);
    REQUIRE(after.records.size() == at + 1);
    REQUIRE(std::equal(after.records.begin(), after.records.end(), before.records.begin()));
    REQUIRE_FALSE(list_test_timeline(*copy).segments.back().packed);
    REQUIRE_FALSE(has_aside(*copy));
  }
}

TEST_CASE("a journal whose last segment is packed goes on in a new one", "[persistence]") {
  Random random(6);
  MemoryFileSystem files;
  fill_journal(files, random, 500);
  pack_all(files, PackForm::kZstd, 0);
  const RememberingSink before = read_timeline(files);
  ManualClock clock;
  {
    Opened opened = open_journal(files, clock, simulated());
    REQUIRE(opened.journal);
    CHECK(opened.sink.records == before.records);
    CHECK(opened.journal->position() == before.records.back().lsn);
    CHECK(opened.journal->replication_id() == kTestReplicationId);
    const Bytes words = set_request(1);
    opened.journal->append({.words = words});
    opened.journal->flush();
    REQUIRE(opened.journal->close());
  }
  const RememberingSink after = recover_all(files);
  REQUIRE(after.records.size() == before.records.size() + 1);
  CHECK(after.records.back().words == set_request(1));
}

// Goal: whichever call of packing fails, the journal stays as it was and nothing is left beside it.
TEST_CASE("packing that fails at any call changes nothing", "[persistence]") {
  using Operation = MemoryFileSystem::Operation;
  Random random(7);
  MemoryFileSystem files;
  fill_journal(files, random, 300);
  const RememberingSink before = read_timeline(files);
  const PackForm form = GENERATE(PackForm::kMerged, PackForm::kZstd);
  const ErrorCode code = GENERATE(ErrorCode::kIo, ErrorCode::kNoSpace);
  const std::size_t bytes_done = GENERATE(std::size_t{0}, std::size_t{40});
  const Timeline timeline = list_test_timeline(files);
  bool over = false;
  for (std::uint64_t call = 0; !over; ++call) {
    CAPTURE(call);
    REQUIRE(call < 1000);
    Random none(1);
    const auto copy = files.power_cut(MemoryFileSystem::Unsynced::kKept, none);
    bool failed = false;
    bool of_directory = false;
    copy->set_faults([&](std::uint64_t now, Operation operation) {
      std::optional<MemoryFileSystem::Fault> fault;
      if (now != call) return fault;
      failed = true;
      of_directory = operation == Operation::kSyncDirectory || operation == Operation::kRemove;
      return std::optional<MemoryFileSystem::Fault>({.code = code, .bytes_done = bytes_done});
    });
    const auto packed =
        pack_segment(*copy, timeline.segments[0], limit_of(timeline, 0), form, 3);
    copy->set_faults({});
    over = !failed;
    REQUIRE(static_cast<bool>(packed) == !failed);
    if (failed && !of_directory) {
      REQUIRE(copy->paths() == files.paths());
      REQUIRE(copy->contents(timeline.segments[0].path) ==
              files.contents(timeline.segments[0].path));
    }
    REQUIRE_FALSE(has_aside(*copy));
    REQUIRE(read_timeline(*copy).records == before.records);
  }
}

// Goal: a loss of power at any call of packing leaves all records and, after a start, no litter.
TEST_CASE("a loss of power while packing costs nothing", "[persistence]") {
  using Operation = MemoryFileSystem::Operation;
  using Unsynced = MemoryFileSystem::Unsynced;
  QuietLog quiet;
  const std::uint64_t seed = system_random();
  CAPTURE(seed);
  Random random(seed);
  MemoryFileSystem files;
  fill_journal(files, random, 300);
  const RememberingSink before = read_timeline(files);
  const PackForm form = GENERATE(PackForm::kMerged, PackForm::kZstd);
  const auto unsynced = GENERATE(Unsynced::kLost, Unsynced::kKept, Unsynced::kRandom);
  const Timeline timeline = list_test_timeline(files);
  bool over = false;
  for (std::uint64_t call = 0; !over; ++call) {
    CAPTURE(call);
    const auto copy = files.power_cut(Unsynced::kKept, random);
    std::unique_ptr<MemoryFileSystem> after;
    const MemoryFileSystem* now = copy.get();
    // The plan is asked under the file system's lock, so the cut is made by failing from here on.
    copy->set_faults([&](std::uint64_t at, Operation) {
      return at >= call ? std::optional<MemoryFileSystem::Fault>(MemoryFileSystem::Fault{})
                        : std::nullopt;
    });
    const auto packed = pack_segment(*copy, timeline.segments[0], limit_of(timeline, 0), form, 3);
    over = static_cast<bool>(packed);
    if (!over && call > 1000) FAIL(packed.peek_error().text());
    after = now->power_cut(unsynced, random);
    REQUIRE(read_timeline(*after).records == before.records);
    ManualClock clock;
    Opened opened = open_journal(*after, clock, simulated());
    REQUIRE(opened.journal);
    REQUIRE(opened.sink.records == before.records);
    REQUIRE_FALSE(has_aside(*after));
    REQUIRE(segment_paths(*after).size() + (over && form == PackForm::kZstd ? 1 : 0) >=
            timeline.segments.size() - 1);
    // One form of each segment.
    std::set<std::string> names;
    for (const std::string& path : after->paths()) {
      if (path.find(".journal") != std::string::npos) {
        REQUIRE(names.insert(path.substr(0, path.find(".journal"))).second);
      }
    }
  }
}

}  // namespace memoir
