// OrderedTree against a std::map: random and ordered changes, walks and searches.
#include "datatypes/encoding/ordered_tree.h"

#include <map>
#include <memory>
#include <random>

#include <catch2/catch.hpp>

namespace memoir {
namespace {

using Tree = OrderedTree<std::uint64_t, std::unique_ptr<int>>;
using Model = std::map<std::uint64_t, int>;

void check_same(const Tree& tree, const Model& model) {
  REQUIRE(tree.verify());
  REQUIRE(tree.size() == model.size());
  auto at = tree.first();
  for (const auto& [key, value] : model) {
    REQUIRE(at);
    REQUIRE(at.key() == key);
    REQUIRE(*at.value() == value);
    at = tree.next(at);
  }
  REQUIRE(!at);
  at = tree.last();
  for (auto entry = model.rbegin(); entry != model.rend(); ++entry) {
    REQUIRE(at.key() == entry->first);
    at = tree.prev(at);
  }
  REQUIRE(!at);
}

void check_searches(const Tree& tree, const Model& model, std::uint64_t key) {
  const auto above = model.lower_bound(key);
  const auto found = tree.lower_bound(key);
  REQUIRE(static_cast<bool>(found) == (above != model.end()));
  if (found) REQUIRE(found.key() == above->first);
  REQUIRE(static_cast<bool>(tree.find(key)) == model.contains(key));
  const auto after = model.upper_bound(key);
  const auto below = tree.floor(key);
  REQUIRE(static_cast<bool>(below) == (after != model.begin()));
  if (below) REQUIRE(below.key() == std::prev(after)->first);
}

void change(Tree& tree, Model& model, std::uint64_t key, bool add) {
  if (add) {
    const auto inserted = tree.insert(key, std::make_unique<int>(static_cast<int>(key)));
    REQUIRE(inserted.added == model.emplace(key, static_cast<int>(key)).second);
    REQUIRE(inserted.at.key() == key);
  } else {
    REQUIRE(tree.erase(key) == (model.erase(key) == 1));
  }
}

}  // namespace

TEST_CASE("a tree holds what a std::map holds under random changes", "[ordered_tree]") {
  std::mt19937_64 random(7);
  for (const std::uint64_t range : {30ULL, 1000ULL, 40000ULL}) {
    Tree tree;
    Model model;
    // Mostly additions, then mostly removals, until all is gone.
    for (const unsigned added_of_8 : {6U, 4U, 2U, 7U, 1U}) {
      for (std::uint64_t step = 0; step < range * 2; ++step) {
        change(tree, model, random() % range, random() % 8 < added_of_8);
      }
      check_same(tree, model);
      for (int i = 0; i < 200; ++i) check_searches(tree, model, random() % (range + 2));
    }
    while (!model.empty()) change(tree, model, model.begin()->first, false);
    check_same(tree, model);
  }
}

TEST_CASE("keys in order fill a tree, from the front they leave it", "[ordered_tree]") {
  OrderedTree<std::uint64_t, std::uint64_t> tree;
  constexpr std::uint64_t kKeys = 100'000;
  for (std::uint64_t i = 0; i < kKeys; ++i) tree.insert(i, i);
  REQUIRE(tree.verify());
  CHECK(tree.memory_usage() < kKeys * 17);
  for (std::uint64_t i = 0; i < kKeys; ++i) {
    REQUIRE(tree.erase(i));
    if (i % 5000 == 0) REQUIRE(tree.verify());
  }
  CHECK(tree.empty());
  CHECK(tree.memory_usage() == 0);
}

TEST_CASE("a tree of few keys is small, and one without values smaller", "[ordered_tree]") {
  struct Nothing {};
  OrderedTree<std::uint64_t, Nothing> keys;
  keys.insert(1);
  CHECK(keys.memory_usage() <= 32);
  for (std::uint64_t i = 0; i < 1000; ++i) keys.insert(i * 7 % 1000);
  CHECK(keys.size() == 1000);
  CHECK(keys.verify());
  const OrderedTree<std::uint64_t, Nothing> taken = std::move(keys);
  CHECK(taken.size() == 1000);
  CHECK(keys.empty());
}

}  // namespace memoir
