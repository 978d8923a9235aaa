// Goal: a ScoreTree is the ordered set of its members, with ranks, and keeps its invariants at
// every step.
// Method: random operations beside a std::set; many equal scores, ordered and random insertion.
#include "datatypes/encoding/score_tree.h"

#include <limits>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <catch2/catch.hpp>

#include "src/base/random.h"

namespace memoir {
namespace {

using Pair = std::pair<double, std::string>;

class TreeAndModel {
 public:
  ~TreeAndModel() {
    tree.clear();
    for (auto& [text, member] : blocks) member.destroy();
  }
  void add(double score, const std::string& text) {
    const ScoredMember member = ScoredMember::create(score, text);
    blocks[text] = member;
    tree.insert(member);
    model.insert({score, text});
  }
  void remove(const std::string& text) {
    ScoredMember member = blocks.at(text);
    tree.erase(member);
    model.erase({member.score(), text});
    forget(member);
  }
  void update(const std::string& text, double score) {
    ScoredMember member = blocks.at(text);
    model.erase({member.score(), text});
    model.insert({score, text});
    tree.update(member, score);
    REQUIRE(member.score() == score);
  }
  void remove_range(std::size_t first, std::size_t count) {
    std::vector<ScoredMember> erased;
    tree.erase_range(first, count, erased);
    REQUIRE(erased.size() == count);
    auto at = std::next(model.begin(), static_cast<long>(first));
    for (const ScoredMember member : erased) {
      REQUIRE(member.member() == at->second);
      at = model.erase(at);
      forget(member);
    }
  }
  void check_all() const {
    REQUIRE(tree.verify());
    REQUIRE(tree.size() == model.size());
    auto at = model.begin();
    tree.for_each(0, tree.size(), [&](ScoredMember member, double score) {
      REQUIRE(score == at->first);
      REQUIRE(member.member() == at->second);
      ++at;
    });
  }
  // Ranks and ranges around some rank.
  void check_some(Random& random) const {
    if (model.empty()) return;
    const std::size_t first = random.below(model.size());
    const std::size_t count = 1 + random.below(std::min<std::size_t>(model.size() - first, 300));
    auto at = std::next(model.begin(), static_cast<long>(first));
    const double score = at->first;
    REQUIRE(tree.at(first).member() == at->second);
    REQUIRE(tree.rank(tree.at(first)) == first);
    tree.for_each(first, count, [&](ScoredMember member, double) {
      REQUIRE(member.member() == (at++)->second);
    });
    tree.for_each_down(model.size() - first - count, count, [&](ScoredMember member, double) {
      REQUIRE(member.member() == (--at)->second);
    });
    const auto below = std::distance(model.begin(), model.lower_bound({score, ""}));
    const auto up_to = std::distance(
        model.begin(),
        model.lower_bound({std::nextafter(score, std::numeric_limits<double>::infinity()), ""}));
    REQUIRE(tree.count_below(score) == std::size_t(below));
    REQUIRE(tree.count_up_to(score) == std::size_t(up_to));
  }
  std::string some_member(Random& random) const {
    auto at = blocks.lower_bound(std::to_string(random.below(1'000'000)));
    return at == blocks.end() ? blocks.begin()->first : at->first;
  }

  ScoreTree tree;
  std::set<Pair> model;
  std::map<std::string, ScoredMember> blocks;

 private:
  void forget(ScoredMember member) {
    blocks.erase(std::string(member.member()));
    member.destroy();
  }
};

void run(std::uint64_t seed, unsigned steps, unsigned size, unsigned different_scores) {
  CAPTURE(seed, size, different_scores);
  Random random(seed);
  TreeAndModel both;
  bool growing = true;
  for (unsigned step = 0; step < steps; ++step) {
    if (both.model.size() >= size) growing = false;
    if (both.model.empty()) growing = true;
    const auto dice = random.below(100);
    const double score = double(random.below(different_scores)) / 4;
    if (dice < (growing ? 60U : 20U)) {
      const std::string text = std::to_string(random.below(1'000'000));
      if (!both.blocks.contains(text)) both.add(score, text);
    } else if (both.model.empty()) {
      continue;
    } else if (dice < 80) {
      both.remove(both.some_member(random));
    } else if (dice < 99) {
      const std::string text = both.some_member(random);
      const double near = both.blocks.at(text).score() + double(random.below(3)) - 1;
      both.update(text, random.below(2) == 0 ? near : score);
    } else {
      const std::size_t first = random.below(both.model.size());
      const std::size_t most = std::min<std::size_t>(both.model.size() - first, growing ? 5 : 400);
      both.remove_range(first, 1 + random.below(most));
    }
    if (size < 1000 || step % 64 == 0) REQUIRE(both.tree.verify());
    if (step % 16 == 0) both.check_some(random);
  }
  both.check_all();
  while (!both.model.empty()) {
    both.remove_range(0, std::min<std::size_t>(both.model.size(), 1 + random.below(50)));
    REQUIRE(both.tree.verify());
  }
  REQUIRE(both.tree.memory_usage() == 0);
}

TEST_CASE("a tree agrees with a set under random operations", "[sorted_set][tree]") {
  run(1, 3'000, 40, 20);
  run(2, 6'000, 300, 1'000'000);
  run(3, 6'000, 600, 5);
  run(4, 20'000, 6'000, 1'000'000);
  run(5, 20'000, 6'000, 1);
  run(6, 20'000, 9'000, 50);
}

TEST_CASE("members in order fill their leaves", "[sorted_set][tree]") {
  for (const bool ascending : {true, false}) {
    TreeAndModel both;
    for (int i = 0; i < 20'000; ++i) {
      const int at = ascending ? i : -i;
      both.add(at, std::to_string(at));
      if (i % 500 == 0) REQUIRE(both.tree.verify());
    }
    both.check_all();
    REQUIRE(both.tree.memory_usage() < 20'000 * 18);
  }
}

TEST_CASE("a large range is erased in one go", "[sorted_set][tree]") {
  Random random(9);
  for (int round = 0; round < 20; ++round) {
    TreeAndModel both;
    for (int i = 0; i < 8'000; ++i) both.add(double(random.below(1000)), std::to_string(i));
    while (!both.model.empty()) {
      const std::size_t first = random.below(both.model.size());
      both.remove_range(first, 1 + random.below(both.model.size() - first));
      REQUIRE(both.tree.verify());
    }
  }
}

TEST_CASE("members of any length keep their text", "[sorted_set][tree]") {
  for (const std::size_t length : {0U, 1U, 8U, 24U, 253U, 254U, 255U, 256U, 70'000U}) {
    ScoredMember member = ScoredMember::create(-1.5, std::string(length, 'x'));
    REQUIRE(member.member() == std::string(length, 'x'));
    REQUIRE(member.score() == -1.5);
    REQUIRE(ScoredMember(member.item()) == member);
    member.destroy();
  }
}

TEST_CASE("infinite scores have their places", "[sorted_set][tree]") {
  const double infinity = std::numeric_limits<double>::infinity();
  TreeAndModel both;
  both.add(infinity, "top");
  both.add(-infinity, "bottom");
  for (int i = 0; i < 500; ++i) both.add(i, std::to_string(i));
  both.check_all();
  REQUIRE(both.tree.count_below(-infinity) == 0);
  REQUIRE(both.tree.count_up_to(-infinity) == 1);
  REQUIRE(both.tree.count_below(infinity) == 501);
  REQUIRE(both.tree.count_up_to(infinity) == 502);
}

}  // namespace
}  // namespace memoir
