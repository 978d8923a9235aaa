// Lives of a journal by chance, each ended by a loss of power at a call by chance, then started
// again: nothing that was acknowledged may be missing.
//
//   MEMOIR_KILL_POINTS=100000 memoir_unit_tests "[kill points]"     more of them
//   MEMOIR_KILL_SEED=n        the life that a failure has named
#include <catch2/catch.hpp>

#include <cstdlib>

#include "persistence/packed_file.h"
#include "persistence/segment_archive.h"
#include "persistence/segment_index.h"
#include "persistence/snapshot_file.h"
#include "tests/persistence/segment_fixture.h"

namespace memoir {

namespace {

#ifdef __SANITIZE_ADDRESS__
constexpr std::uint64_t kKillPoints = 300;
#else
constexpr std::uint64_t kKillPoints = 2000;
#endif
constexpr std::uint64_t kCallsMax = 700;  // of one life
const std::string kData = "data";

std::uint64_t number_of(const char* variable, std::uint64_t otherwise) {
  const char* const text = std::getenv(variable);
  return text == nullptr ? otherwise : std::strtoull(text, nullptr, 10);
}

// Several lives of one directory.
class Lives {
 public:
  explicit Lives(std::uint64_t seed) : random_(seed) {
    files_ = std::make_unique<MemoryFileSystem>();
    REQUIRE(files_->create_directories(kData));
  }

  void one_life() {
    start();
    std::uint64_t calls = 0;
    bool dead = false;
    const std::uint64_t last = files_->calls() + random_.below(kCallsMax);
    const bool by_chance = random_.below(4) == 0;
    files_->set_faults([&, last](std::uint64_t call, MemoryFileSystem::Operation) {
      dead = call >= last;
      // Before its end the disk may fail now and then.
      const bool fails = dead || (by_chance && call % 61 == 7);
      return fails ? std::optional<MemoryFileSystem::Fault>(MemoryFileSystem::Fault{})
                   : std::nullopt;
    });
    for (; !dead && calls < 2000; ++calls) act();
    note_acknowledged();
    end();
  }

  // After the last life: everything is in order, and the journal is what its index says.
  void check_at_rest() {
    start();
    int rounds = 0;
    do {
      REQUIRE(++rounds < 1000);
      journal_->work();
    } while (rounds < 3 || journal_->archive().stats().waiting_segments > 0);
    check_no_litter();
    check_indexes();
    journal_.reset();
  }

 private:
  SegmentArchiveOptions archive_options() {
    return {.compression = {.zstd = random_.below(2) == 0, .level = 1},
            .retention = {.time_us = static_cast<std::int64_t>(random_.below(200)) * 1'000'000,
                          .bytes = random_.below(3) == 0 ? 0 : 20'000 + random_.below(50'000)},
            .snapshot_directory = kData,
            .keys = &keys_};
  }

  // What a start does: the newest sound snapshot, then the journal.
  void start() {
    Lsn from = 0;
    auto snapshots = list_snapshots(*files_, kData);
    REQUIRE(snapshots);
    for (const SnapshotFile& snapshot : *snapshots) {
      const bool sound = files_->exists(join_path(kData, snapshot_index_name(snapshot.lsn)));
      if (!sound) continue;
      from = snapshot.lsn;
      check_covered(from);
    }
    REQUIRE(from <= acknowledged_);
    RememberingSink sink;
    auto recovered = recover_journal(*files_, kTestDirectory, {.from = from, .progress = {}}, sink);
    if (!recovered) FAIL(recovered.peek_error().text());
    REQUIRE(recovered->end_lsn >= acknowledged_);
    check_records(sink, from);
    const bool found = recovered->found;
    FileJournalOptions options = simulated(SyncMode::kAlways, 4096 + random_.below(12'000));
    options.archive = archive_options();
    auto journal = FileJournal::open(*files_, clock_, *std::move(recovered), std::move(options));
    if (!journal) FAIL(journal.peek_error().text());
    journal_ = *std::move(journal);
    if (!found) REQUIRE(acknowledged_ == 0);
    // What was never acknowledged and is gone will not come back.
    std::erase_if(appended_, [&](const auto& each) { return each.first >= journal_->position(); });
    acknowledged_ = journal_->position();
  }

  // Each sound snapshot that is left can be started from.
  void check_covered(Lsn lsn) {
    auto timeline = list_segments(*files_, kTestTimeline, 1);
    REQUIRE(timeline);
    REQUIRE_FALSE(timeline->segments.empty());
    REQUIRE(timeline->segments.front().first_lsn <= lsn);
  }

  void check_records(const RememberingSink& sink, Lsn from) {
    auto expected = appended_.lower_bound(from);
    for (const SeenRecord& record : sink.records) {
      REQUIRE(expected != appended_.end());
      REQUIRE(expected->first == record.first);
      REQUIRE(expected->second == record.words);
      ++expected;
    }
  }

  void act() {
    switch (random_.below(40)) {
      case 0: return take_snapshot();
      case 1: return journal_->archive().set_compression(
          {.zstd = random_.below(2) == 0, .level = 1});
      case 2: return (void)journal_->archive().apply_retention();
      case 3: return (void)journal_->change_replication_id(Bytes(40, 'b'));
      case 4: return reopen();
      default: break;
    }
    if (random_.below(4) == 0) clock_.advance_ms(static_cast<std::int64_t>(random_.below(3000)));
    for (std::uint64_t i = random_.below(12); i > 0; --i) append();
    journal_->flush();
    journal_->work();
    note_acknowledged();
  }

  void append() {
    const Bytes words = random_requests(random_);
    if (!journal_->writable(words.size())) return;
    const Lsn first = journal_->position();
    journal_->append({.words = words, .time_us = clock_.now_us()});
    appended_[first] = words;
  }

  void note_acknowledged() { acknowledged_ = std::max(acknowledged_, journal_->synced()); }

  void reopen() {
    if (!journal_->close()) return;
    note_acknowledged();
    journal_.reset();
    RememberingSink sink;
    auto recovered = recover_journal(*files_, kTestDirectory,
                                     {.from = acknowledged_, .progress = {}}, sink);
    if (!recovered) return revive();
    FileJournalOptions options = simulated(SyncMode::kAlways, 4096 + random_.below(12'000));
    options.archive = archive_options();
    auto journal = FileJournal::open(*files_, clock_, *std::move(recovered), std::move(options));
    if (!journal) return revive();
    journal_ = *std::move(journal);
  }

  // A disk that fails during a start: the process is gone, the machine is not.
  void revive() {
    files_->set_faults({});
    end(MemoryFileSystem::Unsynced::kKept);
    start();
  }

  void take_snapshot() {
    if (!journal_->sync_now()) return;
    note_acknowledged();
    if (!write_test_snapshot(*files_, kData, journal_->position(), clock_.now_us())) return;
    (void)journal_->archive().apply_retention();
  }

  void end() {
    using Unsynced = MemoryFileSystem::Unsynced;
    constexpr Unsynced kHow[] = {Unsynced::kLost, Unsynced::kKept, Unsynced::kRandom};
    end(kHow[random_.below(3)]);
  }
  void end(MemoryFileSystem::Unsynced unsynced) {
    auto after = files_->power_cut(unsynced, random_);
    journal_.reset();
    files_ = std::move(after);
  }

  void check_no_litter() {
    std::set<std::string> names;
    for (const std::string& path : files_->paths()) {
      CAPTURE(path);
      const bool prepared = path.find("/prepared-") != std::string::npos;
      REQUIRE((!path.ends_with(".tmp") || prepared || path.find("/journal/") == std::string::npos));
      const std::size_t at = path.find(".journal");
      if (at != std::string::npos) REQUIRE(names.insert(path.substr(0, at)).second);
      if (path.ends_with(".index") && path.find("/journal/") != std::string::npos) {
        const std::string segment = path.substr(0, path.size() - 6) + ".journal";
        REQUIRE((files_->exists(segment) || files_->exists(segment + ".zst")));
      }
    }
  }

  void check_indexes() {
    const Timeline timeline = list_test_timeline(*files_);
    for (std::size_t i = 0; i + 1 < timeline.segments.size(); ++i) {
      const Lsn end = timeline.segments[i + 1].first_lsn;
      auto index = SegmentIndex::open(*files_, index_path(timeline.segments[i]));
      if (!index) FAIL(index.peek_error().text());
      REQUIRE((*index)->facts().end_lsn == end);
      for (int round = 0; round < 5; ++round) {
        const Bytes key = random_key(random_);
        const auto found = (*index)->find(0, key);
        REQUIRE(found);
        std::size_t expected = 0;
        for (auto at = appended_.lower_bound(timeline.segments[i].first_lsn);
             at != appended_.end() && at->first < end; ++at) {
          const bool touches = at->second.find("\r\n" + key + "\r\n") != Bytes::npos ||
                               at->second.find("FLUSH") != Bytes::npos;
          expected += touches ? 1 : 0;
        }
        REQUIRE(found->size() == expected);
      }
    }
  }

  Random random_;
  ManualClock clock_;
  TestKeys keys_;
  std::unique_ptr<MemoryFileSystem> files_;
  std::unique_ptr<FileJournal> journal_;
  std::map<Lsn, Bytes> appended_;  // words by where they begin
  Lsn acknowledged_ = 0;
};

}  // namespace

TEST_CASE("a loss of power at any moment costs nothing that was acknowledged",
          "[persistence][kill points]") {
  const std::uint64_t chosen = number_of("MEMOIR_KILL_SEED", 0);
  std::optional<QuietLog> quiet;
  if (chosen == 0) quiet.emplace();
  const std::uint64_t points = chosen != 0 ? 1 : number_of("MEMOIR_KILL_POINTS", kKillPoints);
  std::uint64_t seed = chosen != 0 ? chosen : system_random();
  constexpr std::uint64_t kLives = 5;
  for (std::uint64_t done = 0; done < points; done += kLives, ++seed) {
    CAPTURE(seed);
    Lives lives(seed);
    for (std::uint64_t i = 0; i < kLives; ++i) lives.one_life();
    lives.check_at_rest();
  }
}

}  // namespace memoir
