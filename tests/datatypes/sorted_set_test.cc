// Goal: a SortedSet is the ordered map of its members in both encodings.
// Method: random operations beside containers of the standard library; ranges with bounds of every
// kind.
#include "datatypes/sorted_set/sorted_set.h"

#include <cmath>
#include <limits>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <catch2/catch.hpp>

namespace memoir {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
using Pair = std::pair<double, std::string>;

struct Model {
  std::map<std::string, double> scores;
  std::set<Pair> ordered;
  void set(const std::string& member, double score) {
    remove(member);
    scores[member] = score;
    ordered.insert({score, member});
  }
  bool remove(const std::string& member) {
    const auto at = scores.find(member);
    if (at == scores.end()) return false;
    ordered.erase({at->second, member});
    scores.erase(at);
    return true;
  }
};

std::vector<Pair> pairs(const SortedSet& set, RankRange range) {
  std::vector<Pair> all;
  set.for_each(range, [&](ByteView m, double score) { all.emplace_back(score, std::string(m)); });
  return all;
}

double some_score(Random& random) {
  switch (random.below(8)) {
    case 0:
      return -kInfinity;
    case 1:
      return kInfinity;
    case 2:
      return random.unit() * 100;
    default:
      return double(random.below(60)) - 20;
  }
}

std::string some_member(Random& random, unsigned members) {
  const auto number = random.below(members);
  if (number % 3 == 0) return std::to_string(number);
  return number % 97 == 1 ? std::string(300, 'x') + std::to_string(number)
                          : "m" + std::to_string(number);
}

bool inside(double score, const ScoreRange& range) {
  const bool above = range.min.exclusive ? score > range.min.score : score >= range.min.score;
  const bool below = range.max.exclusive ? score < range.max.score : score <= range.max.score;
  return above && below;
}

void check_score_range(const SortedSet& set, const Model& model, Random& random) {
  const ScoreRange range{.min = {some_score(random), random.below(2) == 0},
                         .max = {some_score(random), random.below(2) == 0}};
  std::vector<Pair> expected;
  for (const Pair& pair : model.ordered) {
    if (inside(pair.first, range)) expected.push_back(pair);
  }
  REQUIRE(pairs(set, set.ranks(range)) == expected);
}

void check_order(const SortedSet& set, const Model& model, Random& random) {
  REQUIRE(set.verify());
  const std::vector<Pair> expected(model.ordered.begin(), model.ordered.end());
  REQUIRE(pairs(set, {0, set.size()}) == expected);
  if (expected.empty()) return;
  const std::size_t first = random.below(expected.size());
  const std::size_t count = random.below(expected.size() - first + 1);
  std::vector<Pair> down;
  set.for_each_down({first, count}, [&](ByteView m, double score) {
    down.emplace_back(score, std::string(m));
  });
  for (std::size_t i = 0; i < count; ++i) {
    REQUIRE(down[i] == expected[expected.size() - 1 - first - i]);
  }
  const auto ranked = set.rank(expected[first].second);
  REQUIRE(ranked);
  REQUIRE(ranked->rank == first);
  REQUIRE(ranked->score == expected[first].first);
  std::set<std::string> sampled;
  set.sample(count, random, [&](ByteView m, double) { sampled.insert(std::string(m)); });
  REQUIRE(sampled.size() == count);
}

void run(std::uint64_t seed, unsigned steps, unsigned members, const EncodingLimits& limits) {
  Random random(seed);
  SortedSet set;
  Model model;
  for (unsigned step = 0; step < steps; ++step) {
    const std::string member = some_member(random, members);
    const double score = some_score(random);
    const bool growing = (step / 1500) % 2 == 0;
    const auto known = set.score(member);
    REQUIRE(known.has_value() == model.scores.contains(member));
    if (known) REQUIRE(*known == model.scores[member]);
    if (random.below(10) < (growing ? 8U : 3U)) {
      set.set(member, score, limits);
      model.set(member, score);
    } else if (random.below(50) == 0 && set.size() > 0) {
      const std::size_t first = random.below(set.size());
      const std::size_t count = 1 + random.below(std::min<std::size_t>(set.size() - first, 9));
      set.erase_range({first, count}, [&](ByteView m, double) {
        REQUIRE(std::next(model.ordered.begin(), long(first))->second == m);
        REQUIRE(model.remove(std::string(m)));
      });
    } else {
      REQUIRE(set.remove(member) == model.remove(member));
    }
    REQUIRE(set.size() == model.scores.size());
    if (step % 10 == 0) check_score_range(set, model, random);
    if (step % 50 == 0) check_order(set, model, random);
  }
  auto copy = set.copy();
  check_order(static_cast<const SortedSet&>(*copy), model, random);
}

TEST_CASE("a sorted set agrees with a model in both encodings", "[sorted_set]") {
  run(1, 4000, 60, {});
  run(2, 6000, 900, {});
  run(3, 6000, 400, {.zset_listpack_entries = 0});
  run(4, 3000, 250, {.zset_listpack_entries = 400, .zset_listpack_value = 1000});
}

TEST_CASE("ranges by member have bounds of every kind", "[sorted_set]") {
  using Kind = LexBound::Kind;
  for (const std::size_t entries : {0U, 1000U}) {
    const EncodingLimits limits{.zset_listpack_entries = entries};
    Random random(4);
    SortedSet set;
    std::set<std::string> model;
    for (int i = 0; i < 300; ++i) {
      const std::string member = some_member(random, 500).substr(0, 40);
      set.set(member, 0, limits);
      model.insert(member);
    }
    for (int i = 0; i < 2000; ++i) {
      const std::string low = some_member(random, 500).substr(0, 1 + random.below(5));
      const std::string high = some_member(random, 500).substr(0, 1 + random.below(5));
      const LexRange range{.min = {Kind(random.below(4)), low},
                           .max = {Kind(random.below(4)), high}};
      std::vector<std::string> expected;
      for (const std::string& m : model) {
        const bool above = range.min.kind == Kind::kBeforeAll ||
                           (range.min.kind == Kind::kInclusive && m >= low) ||
                           (range.min.kind == Kind::kExclusive && m > low);
        const bool below = range.max.kind == Kind::kAfterAll ||
                           (range.max.kind == Kind::kInclusive && m <= high) ||
                           (range.max.kind == Kind::kExclusive && m < high);
        if (above && below) expected.push_back(m);
      }
      std::vector<std::string> found;
      set.for_each(set.ranks(range), [&](ByteView m, double) { found.emplace_back(m); });
      REQUIRE(found == expected);
    }
  }
}

TEST_CASE("a sorted set changes its encoding at the limits", "[sorted_set]") {
  const EncodingLimits limits;
  SortedSet set;
  for (int i = 0; i < 128; ++i) set.set(std::to_string(i), i, limits);
  REQUIRE(std::string(set.encoding()) == "listpack");
  set.set("one more", 0.5, limits);
  REQUIRE(std::string(set.encoding()) == "skiplist");
  set.compact(limits);
  REQUIRE(std::string(set.encoding()) == "skiplist");
  set.remove("one more");
  set.compact(limits);
  REQUIRE(std::string(set.encoding()) == "listpack");
  REQUIRE(set.size() == 128);

  SortedSet longer;
  longer.set(std::string(65, 'x'), 1, limits);
  REQUIRE(std::string(longer.encoding()) == "skiplist");
  SortedSet prepared;
  prepared.prepare(128, 64, limits);
  REQUIRE(std::string(prepared.encoding()) == "listpack");
  prepared.prepare(129, 1, limits);
  REQUIRE(std::string(prepared.encoding()) == "skiplist");
}

TEST_CASE("rules decide what an addition does", "[sorted_set]") {
  using Outcome = SortedSet::Outcome;
  for (const std::size_t entries : {0U, 128U}) {
    const EncodingLimits limits{.zset_listpack_entries = entries};
    SortedSet set;
    REQUIRE(set.add("a", 1, {.only_existing = true}, limits).outcome == Outcome::kRefused);
    REQUIRE(set.add("a", 1, {}, limits).outcome == Outcome::kAdded);
    REQUIRE(set.add("a", 1, {}, limits).outcome == Outcome::kSame);
    REQUIRE(set.add("a", 2, {.only_new = true}, limits).outcome == Outcome::kRefused);
    REQUIRE(set.add("a", 0, {.only_greater = true}, limits).outcome == Outcome::kRefused);
    REQUIRE(set.add("a", 2, {.only_less = true}, limits).outcome == Outcome::kRefused);
    REQUIRE(set.add("a", 2, {.only_greater = true}, limits).outcome == Outcome::kUpdated);
    REQUIRE(set.add("a", 3, {.increment = true}, limits).score == 5);
    REQUIRE(set.add("a", kInfinity, {}, limits).outcome == Outcome::kUpdated);
    REQUIRE(set.add("a", -kInfinity, {.increment = true}, limits).outcome == Outcome::kNan);
    REQUIRE(set.score("a") == kInfinity);
    REQUIRE(set.add("b", std::nan(""), {}, limits).outcome == Outcome::kNan);
    REQUIRE(set.size() == 1);
  }
}

}  // namespace
}  // namespace memoir
