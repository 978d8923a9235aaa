#include <catch2/catch.hpp>

#include "persistence/retention.h"
#include "src/base/random.h"

namespace memoir {

namespace {

constexpr std::int64_t kDay = 24LL * 3600 * 1'000'000;
constexpr std::int64_t kNow = 1000 * kDay;

// Segments of 100 LSNs and bytes each, a day each, the last one ending now.
RetentionFacts journal_of(std::size_t segments) {
  RetentionFacts facts;
  facts.timeline = 1;
  facts.now_us = kNow;
  for (std::size_t i = 0; i < segments; ++i) {
    const auto age = static_cast<std::int64_t>(segments - i - 1);
    facts.segments.push_back({.timeline = 1,
                              .first_lsn = i * 100,
                              .end_lsn = i * 100 + 100,
                              .bytes = 100,
                              .last_time_us = kNow - age * kDay});
  }
  return facts;
}

void add_snapshot(RetentionFacts& facts, Lsn lsn, std::int64_t days_ago) {
  facts.snapshots.push_back({.lsn = lsn, .time_us = kNow - days_ago * kDay, .timeline = 1});
}

std::vector<Lsn> snapshots_of(const RetentionPlan& plan) {
  std::vector<Lsn> lsns;
  for (const SnapshotFacts& each : plan.snapshots) lsns.push_back(each.lsn);
  return lsns;
}

std::vector<Lsn> segments_of(const RetentionPlan& plan) {
  std::vector<Lsn> lsns;
  for (const SegmentFacts& each : plan.segments) lsns.push_back(each.first_lsn);
  return lsns;
}

using Lsns = std::vector<Lsn>;

}  // namespace

TEST_CASE("without two snapshots nothing goes", "[persistence][retention]") {
  RetentionFacts facts = journal_of(20);
  const RetentionOptions options{.time_us = kDay, .bytes = 100};
  CHECK(plan_retention(facts, options).segments.empty());
  add_snapshot(facts, 1950, 0);
  CHECK(plan_retention(facts, options).segments.empty());
  CHECK(plan_retention(facts, options).snapshots.empty());
  facts.doubtful.push_back({.lsn = 1800, .time_us = kNow - 2 * kDay, .timeline = 1});
  CHECK(plan_retention(facts, options).segments.empty());
}

TEST_CASE("retention by time keeps the newest snapshot at or before the horizon",
          "[persistence][retention]") {
  RetentionFacts facts = journal_of(20);
  for (const auto& [lsn, days] : std::vector<std::pair<Lsn, std::int64_t>>{
           {150, 18}, {950, 10}, {1250, 7}, {1350, 6}, {1850, 1}, {1950, 0}}) {
    add_snapshot(facts, lsn, days);
  }
  const RetentionPlan plan = plan_retention(facts, {.time_us = 7 * kDay});
  // That of day 6 is no step of a quarter of the time.
  CHECK(snapshots_of(plan) == Lsns{150, 950, 1350});
  CHECK(segments_of(plan) == Lsns{0, 100, 200, 300, 400, 500, 600, 700, 800, 900, 1000, 1100});
  // A moment nobody has a snapshot for needs the whole journal.
  CHECK(plan_retention(facts, {.time_us = 19 * kDay}).segments.empty());
  // Two are kept however old.
  CHECK(segments_of(plan_retention(facts, {.time_us = 1})).size() == 18);
  CHECK(snapshots_of(plan_retention(facts, {.time_us = 1})) == Lsns{150, 950, 1250, 1350});
}

TEST_CASE("retention by size cuts as little as will do", "[persistence][retention]") {
  RetentionFacts facts = journal_of(20);
  for (const auto& [lsn, days] : std::vector<std::pair<Lsn, std::int64_t>>{
           {150, 18}, {950, 10}, {1450, 5}, {1850, 1}, {1950, 0}}) {
    add_snapshot(facts, lsn, days);
  }
  CHECK(segments_of(plan_retention(facts, {.bytes = 2000})).empty());
  CHECK(segments_of(plan_retention(facts, {.bytes = 1900})) == Lsns{0});
  CHECK(segments_of(plan_retention(facts, {.bytes = 1100})).size() == 9);
  CHECK(segments_of(plan_retention(facts, {.bytes = 1099})).size() == 14);
  // The newest two stand, and with them what is behind the older of them.
  CHECK(segments_of(plan_retention(facts, {.bytes = 1})).size() == 18);
  // The stricter of the two rules counts.
  CHECK(segments_of(plan_retention(facts, {.time_us = 9 * kDay, .bytes = 700})).size() == 14);
  CHECK(segments_of(plan_retention(facts, {.time_us = 4 * kDay, .bytes = 1900})).size() == 14);
}

TEST_CASE("for ever is for ever", "[persistence][retention]") {
  RetentionFacts facts = journal_of(50);
  for (Lsn i = 0; i < 40; ++i) add_snapshot(facts, 100 + i * 100, 40 - static_cast<int>(i));
  const RetentionPlan plan = plan_retention(facts, {});
  CHECK(plan.segments.empty());
  // The oldest stays, those between become few.
  CHECK(plan.snapshots.size() >= 33);
  CHECK(plan.snapshots.front().lsn > 100);
  CHECK(plan.snapshots.back().lsn < 3900);
}

TEST_CASE("what is read stays", "[persistence][retention]") {
  RetentionFacts facts = journal_of(20);
  for (const auto& [lsn, days] : std::vector<std::pair<Lsn, std::int64_t>>{
           {150, 18}, {950, 10}, {1450, 5}, {1850, 1}, {1950, 0}}) {
    add_snapshot(facts, lsn, days);
  }
  facts.pins = {1900, 1000, 1500};
  const RetentionPlan plan = plan_retention(facts, {.time_us = 1});
  CHECK(snapshots_of(plan) == Lsns{150});
  CHECK(segments_of(plan) == Lsns{0, 100, 200, 300, 400, 500, 600, 700, 800});
  facts.pins = {120};
  CHECK(plan_retention(facts, {.time_us = 1}).segments.empty());
  CHECK(plan_retention(facts, {.time_us = 1}).snapshots.empty());
}

TEST_CASE("snapshots that are not known to be sound count for nothing",
          "[persistence][retention]") {
  RetentionFacts facts = journal_of(20);
  add_snapshot(facts, 950, 10);
  add_snapshot(facts, 1850, 1);
  facts.doubtful = {{.lsn = 500, .time_us = kNow - 15 * kDay, .timeline = 1},
                    {.lsn = 1900, .time_us = kNow, .timeline = 1}};
  const RetentionPlan plan = plan_retention(facts, {.time_us = kDay});
  CHECK(snapshots_of(plan) == Lsns{500});
  CHECK(segments_of(plan).size() == 9);
}

TEST_CASE("older timelines go as a whole, the oldest first", "[persistence][retention]") {
  RetentionFacts facts = journal_of(5);
  facts.timeline = 3;
  for (SegmentFacts& each : facts.segments) each.timeline = 3;
  facts.segments.push_back({.timeline = 1, .first_lsn = 7, .end_lsn = UINT64_MAX, .bytes = 100,
                            .last_time_us = kNow - 30 * kDay});
  facts.segments.push_back({.timeline = 2, .first_lsn = 0, .end_lsn = 50, .bytes = 100,
                            .last_time_us = kNow - 20 * kDay});
  facts.segments.push_back({.timeline = 2, .first_lsn = 50, .end_lsn = UINT64_MAX, .bytes = 100,
                            .last_time_us = kNow - 10 * kDay});
  facts.snapshots = {{.lsn = 20, .time_us = kNow - 29 * kDay, .timeline = 1}};
  CHECK(plan_retention(facts, {.time_us = 15 * kDay}).segments.empty());
  facts.snapshots.push_back({.lsn = 450, .time_us = kNow, .timeline = 3});
  RetentionPlan plan = plan_retention(facts, {.time_us = 15 * kDay});
  CHECK(segments_of(plan) == Lsns{7});
  CHECK(snapshots_of(plan) == Lsns{20});
  CHECK(segments_of(plan_retention(facts, {.time_us = 8 * kDay})) == Lsns{7, 0, 50});
  CHECK(segments_of(plan_retention(facts, {.bytes = 700})) == Lsns{7});
  CHECK(segments_of(plan_retention(facts, {.bytes = 500})) == Lsns{7, 0, 50});
}

// Goal: over a long life the journal stays near its bounds, and any moment within the retention
// time can be brought back.
TEST_CASE("retention moves on as time does", "[persistence][retention]") {
  const std::uint64_t seed = system_random();
  CAPTURE(seed);
  Random random(seed);
  const RetentionOptions options{.time_us = 8 * kDay, .bytes = 4000};
  RetentionFacts facts;
  facts.timeline = 1;
  Lsn lsn = 0;
  for (int step = 0; step < 3000; ++step) {
    facts.now_us += kDay / 8;
    const Lsn bytes = 1 + random.below(100);
    facts.segments.push_back({.timeline = 1, .first_lsn = lsn, .end_lsn = lsn + bytes,
                              .bytes = bytes, .last_time_us = facts.now_us});
    lsn += bytes;
    if (step % 6 == 0 || random.below(4) == 0) {
      facts.snapshots.push_back({.lsn = lsn, .time_us = facts.now_us, .timeline = 1});
    }
    const RetentionPlan plan = plan_retention(facts, options);
    for (const SnapshotFacts& each : plan.snapshots) std::erase(facts.snapshots, each);
    std::erase_if(facts.segments, [&](const SegmentFacts& each) {
      return std::ranges::any_of(plan.segments, [&](const SegmentFacts& gone) {
        return gone.first_lsn == each.first_lsn;
      });
    });
    REQUIRE(facts.snapshots.size() <= 9);
    std::uint64_t kept = 0;
    for (const SegmentFacts& each : facts.segments) kept += each.bytes;
    if (step > 100) REQUIRE(kept <= options.bytes + options.bytes / 4 + 1000);
    // From the oldest snapshot on nothing is missing.
    for (std::size_t i = 1; i < facts.segments.size(); ++i) {
      REQUIRE(facts.segments[i].first_lsn == facts.segments[i - 1].end_lsn);
    }
    if (facts.segments.front().first_lsn > 0) {
      REQUIRE(facts.snapshots.front().lsn >= facts.segments.front().first_lsn);
      REQUIRE((facts.snapshots.front().time_us <= facts.now_us - options.time_us ||
               kept + 100 >= options.bytes / 2));
    }
  }
}

}  // namespace memoir
