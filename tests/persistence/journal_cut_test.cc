// Cutting a journal: at every record, within frames, across segments, with snapshots, and with a
// crash at every step.
#include "persistence/journal_cut.h"
#include "tests/persistence/exported_journal.h"

namespace memoir {
namespace {

// Cuts the newest timeline.
Status cut_at(MemoryFileSystem& files, const Moment& moment) {
  auto timelines = list_timelines(files, kTestDirectory);
  if (!timelines) return timelines.error();
  const Timeline& timeline = timelines->back();
  auto cut = plan_cut(files, "data", timeline, moment);
  if (!cut) return cut.error();
  return carry_out_cut(files, "data", timeline, *cut);
}

std::vector<Lsn> lsns_of(const RememberingSink& sink) {
  std::vector<Lsn> lsns;
  for (const SeenRecord& record : sink.records) lsns.push_back(record.lsn);
  return lsns;
}

std::vector<std::string> snapshots_in(const MemoryFileSystem& files) {
  std::vector<std::string> found;
  for (const std::string& path : files.paths()) {
    if (path.ends_with(".rdb")) found.push_back(base_name(path));
  }
  return found;
}

TEST_CASE("a journal cut at a record ends there and goes on from there", "[persistence]") {
  const bool together = GENERATE(true, false);
  for (std::size_t kept = 0; kept <= 6; ++kept) {
    CAPTURE(together, kept);
    WrittenJournal journal;
    journal.together = together;
    for (int i = 0; i < 6; ++i) {
      journal.add({"SET", "k", std::to_string(i)}, static_cast<std::uint16_t>(i % 2));
    }
    journal.close();
    const std::vector<Lsn> all = journal.lsns;
    const RememberingSink before = recover_all(journal.files);
    const Lsn end = kept == 0 ? 0 : all[kept - 1];
    REQUIRE(cut_at(journal.files, Moment::at_lsn(end)));
    std::string error;
    RecoveredJournal recovered;
    const RememberingSink after = recover_all(journal.files, &error, &recovered);
    REQUIRE(error.empty());
    REQUIRE(recovered.closed);
    REQUIRE(recovered.end_lsn == end);
    REQUIRE(recovered.replication_id != kTestReplicationId);
    REQUIRE(after.records == std::vector<SeenRecord>(before.records.begin(),
                                                     before.records.begin() +
                                                         static_cast<std::ptrdiff_t>(kept)));
    recovered.lock.reset();
    ManualClock clock;
    Opened again = open_journal(journal.files, clock, simulated());
    REQUIRE(again.journal);
    again.journal->append({.words = request({"SET", "new", "1"}), .time_us = 1});
    again.journal->flush();
    REQUIRE(again.journal->close());
    REQUIRE(recover_all(journal.files).records.size() == kept + 1);
  }
}

TEST_CASE("a cut takes later segments and later snapshots away", "[persistence]") {
  WrittenJournal journal(1UL << 20);
  const Bytes large(100'000, 'x');
  for (int i = 0; i < 60; ++i) journal.add({"SET", "k", large});
  const Timeline timeline = journal.close();
  const std::vector<Lsn>& lsns = journal.lsns;
  journal.snapshot(lsns[5], "a");
  journal.snapshot(lsns[30], "b");
  journal.snapshot(lsns[31], "c");
  journal.files.set_contents("data/" + snapshot_index_name(lsns[31]), "index");
  REQUIRE(cut_at(journal.files, Moment::at_time_us(1'030'000'000)));
  REQUIRE(lsns_of(recover_all(journal.files)) == std::vector<Lsn>(lsns.begin(), lsns.begin() + 31));
  REQUIRE(snapshots_in(journal.files) ==
          std::vector<std::string>{snapshot_name(lsns[5]), snapshot_name(lsns[30])});
  REQUIRE(journal.files.exists("data/" + snapshot_name(lsns[31]) + ".cut"));
  REQUIRE(journal.files.exists("data/" + snapshot_index_name(lsns[31]) + ".cut"));
  REQUIRE_FALSE(journal.files.exists("data/" + snapshot_index_name(lsns[31])));
  for (std::size_t i = 4; i < timeline.segments.size(); ++i) {
    REQUIRE(journal.files.exists(timeline.segments[i].path + ".cut"));
    REQUIRE_FALSE(journal.files.exists(timeline.segments[i].path));
  }
}

TEST_CASE("a cut that would leave nothing to start from is refused", "[persistence]") {
  WrittenJournal journal(1UL << 20);
  const Bytes large(100'000, 'x');
  for (int i = 0; i < 40; ++i) journal.add({"SET", "k", large});
  Timeline timeline = journal.close();
  journal.snapshot(journal.lsns[30], "a");
  REQUIRE(journal.files.remove(timeline.segments[0].path));
  const Status refused = cut_at(journal.files, Moment::at_lsn(journal.lsns[25]));
  REQUIRE(!refused);
  REQUIRE(refused.error().code() == ErrorCode::kNotFound);
  REQUIRE(cut_at(journal.files, Moment::at_lsn(journal.lsns[35])));
}

// Whatever step a crash comes at: what is there can be started from, its journal is either whole or
// cut further and further from its end, and doing the cut again completes it.
TEST_CASE("a cut that is interrupted anywhere is completed by doing it again", "[persistence]") {
  for (std::uint64_t step = 0;; ++step) {
    CAPTURE(step);
    WrittenJournal journal(1UL << 20);
    journal.together = true;
    for (int i = 0; i < 40; ++i) {
      journal.add({"SET", "k", Bytes(100'000, 'x')});
      if (i % 3 == 0) journal.end_frame();
    }
    journal.close();
    const std::vector<Lsn>& lsns = journal.lsns;
    journal.snapshot(lsns[3], "a");
    journal.snapshot(lsns[38], "b");
    const std::uint64_t begin = journal.files.calls();
    bool reached = false;
    journal.files.set_faults([&](std::uint64_t call, MemoryFileSystem::Operation)
                                 -> std::optional<MemoryFileSystem::Fault> {
      if (call < begin + step) return std::nullopt;
      reached = true;
      return MemoryFileSystem::Fault{};
    });
    const Moment moment = Moment::at_lsn(lsns[9]);
    const Status interrupted = cut_at(journal.files, moment);
    journal.files.set_faults({});
    Random random(step);
    const auto files = journal.files.power_cut(MemoryFileSystem::Unsynced::kRandom, random);
    std::string error;
    const RememberingSink between = recover_all(*files, &error);
    REQUIRE(error.empty());
    REQUIRE(between.records.size() >= 10);
    const bool snapshot_left = files->exists("data/" + snapshot_name(lsns[38]));
    // A snapshot of later moments would bring them back.
    if (snapshot_left) REQUIRE(between.records.size() == 40);
    REQUIRE(cut_at(*files, moment));
    REQUIRE(lsns_of(recover_all(*files)) == std::vector<Lsn>(lsns.begin(), lsns.begin() + 10));
    REQUIRE_FALSE(files->exists("data/" + snapshot_name(lsns[38])));
    if (!reached) break;
  }
}

}  // namespace
}  // namespace memoir
