// Goal: a Table holds exactly what was put into it, whatever grows and shrinks; scans miss nothing
// that stays; random() is fair.
// Method: random operations beside a plain container, with weak hashes too.
#include "src/store/table.h"

#include <cmath>
#include <map>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include <catch2/catch.hpp>

#include "src/base/hash.h"

namespace memoir {
namespace {

// Items are blocks with the text; aux is its length.
struct TextTraits {
  static ByteView key(TableItem item) { return {static_cast<const char*>(item.pointer), item.aux}; }
  static std::uint64_t hash(ByteView key) { return hash_in_memory(key); }
};

// Few different places: chains of many overflow buckets.
struct WeakTraits : TextTraits {
  static std::uint64_t hash(ByteView key) {
    return hash_in_memory(key) & 0xe00000000000ff00ULL;
  }
};

template <class Traits>
class Texts {
 public:
  ~Texts() {
    table.clear([](TableItem item) { release(item.pointer); });
  }
  bool contains(const std::string& text) const {
    return bool(table.find(text, Traits::hash(text)));
  }
  void insert(const std::string& text) {
    void* block = allocate(text.size());
    std::memcpy(block, text.data(), text.size());
    const TableItem item{block, static_cast<std::uint8_t>(text.size())};
    const auto place = table.insert(item, Traits::hash(text));
    REQUIRE(place.item().pointer == block);
    REQUIRE(place.item().aux == text.size());
  }
  void erase(const std::string& text) {
    const auto place = table.find(text, Traits::hash(text));
    REQUIRE(place);
    release(table.erase(place, Traits::hash(text)).pointer);
  }
  Table<Traits> table;
};

template <class Traits>
std::set<std::string> contents(const Texts<Traits>& texts) {
  std::set<std::string> all;
  texts.table.for_each([&](TableItem item) {
    REQUIRE(all.insert(std::string(Traits::key(item))).second);
  });
  return all;
}

// One phase grows, the next shrinks, so that every shape of the table is passed in both directions.
template <class Traits>
void run_against_model(std::uint64_t seed, unsigned steps, unsigned keys) {
  Random random(seed);
  Texts<Traits> texts;
  std::set<std::string> model;
  for (unsigned step = 0; step < steps; ++step) {
    const bool growing = (step / (steps / 4)) % 2 == 0;
    const std::string text = "key:" + std::to_string(random.below(keys));
    REQUIRE(texts.contains(text) == model.contains(text));
    if (random.below(10) < (growing ? 9U : 1U)) {
      if (model.insert(text).second) texts.insert(text);
    } else if (model.erase(text) != 0) {
      texts.erase(text);
    }
    REQUIRE(texts.table.size() == model.size());
    if (step % 1500 == 0) REQUIRE(texts.table.verify());
    if (step % 9973 == 0) REQUIRE(contents(texts) == model);
  }
  while (!model.empty()) {
    texts.erase(*model.begin());
    model.erase(model.begin());
    REQUIRE((model.size() % 512 != 0 || texts.table.verify()));
  }
  REQUIRE(texts.table.empty());
  REQUIRE(contents(texts).empty());
}

TEST_CASE("a table agrees with a set under random operations", "[store][table]") {
  run_against_model<TextTraits>(1, 40'000, 20'000);
  run_against_model<TextTraits>(2, 20'000, 300);
  run_against_model<TextTraits>(3, 20'000, 12);
}

TEST_CASE("a table survives hashes that collide", "[store][table]") {
  run_against_model<WeakTraits>(4, 8'000, 1'500);
}

TEST_CASE("a scan returns every item present throughout, and ends", "[store][table]") {
  Random random(5);
  for (unsigned round = 0; round < 60; ++round) {
    CAPTURE(round);
    Texts<TextTraits> texts;
    std::set<std::string> staying;
    std::set<std::string> passing;
    const unsigned stay_count = 1 + random.below(round < 30 ? 60 : 3000);
    for (unsigned i = 0; i < stay_count; ++i) {
      const std::string text = "stay:" + std::to_string(i);
      staying.insert(text);
      texts.insert(text);
    }
    const bool starts_large = round % 2 == 0;  // shrinks during the scan, else grows
    const unsigned passing_count = 1 + random.below(round < 30 ? 300 : 20'000);
    for (unsigned i = 0; starts_large && i < passing_count; ++i) {
      passing.insert("pass:" + std::to_string(i));
      texts.insert("pass:" + std::to_string(i));
    }
    std::set<std::string> seen;
    std::uint64_t cursor = 0;
    std::size_t calls = 0;
    unsigned added = 0;
    do {
      const std::uint64_t before = cursor;
      cursor = texts.table.scan(cursor, [&](TableItem item) {
        seen.insert(std::string(TextTraits::key(item)));
      });
      REQUIRE(cursor < (1ULL << Table<TextTraits>::kCursorBits));
      REQUIRE((cursor == 0 || cursor > before));
      ++calls;
      for (unsigned i = 0; i < 40; ++i) {
        if (starts_large) {
          if (passing.empty()) break;
          texts.erase(*passing.begin());
          passing.erase(passing.begin());
        } else if (added < passing_count) {
          texts.insert("pass:" + std::to_string(added++));
        }
      }
    } while (cursor != 0);
    for (const std::string& text : staying) REQUIRE(seen.contains(text));
    REQUIRE(calls < 40'000);
  }
}

TEST_CASE("a scan of a still table returns each item once", "[store][table]") {
  for (const unsigned count : {1U, 7U, 8U, 100U, 413U, 414U, 2000U, 30'000U}) {
    CAPTURE(count);
    Texts<TextTraits> texts;
    for (unsigned i = 0; i < count; ++i) texts.insert(std::to_string(i));
    std::size_t visits = 0;
    std::uint64_t cursor = 0;
    do {
      cursor = texts.table.scan(cursor, [&](TableItem) { ++visits; });
    } while (cursor != 0);
    REQUIRE(visits == count);
  }
}

// Chi-square of the draws: its mean is count - 1 and its deviation sqrt(2 (count - 1)).
double deviations_from_uniform(Texts<TextTraits>& texts, unsigned draws_per_item) {
  Random random(6);
  std::unordered_map<void*, unsigned> drawn;
  const std::size_t count = texts.table.size();
  const std::size_t draws = count * draws_per_item;
  for (std::size_t i = 0; i < draws; ++i) ++drawn[texts.table.random(random).pointer];
  double chi = 0;
  texts.table.for_each([&](TableItem item) {
    const double difference = double(drawn[item.pointer]) - draws_per_item;
    chi += difference * difference / draws_per_item;
  });
  return (chi - double(count - 1)) / std::sqrt(2.0 * double(count - 1));
}

TEST_CASE("random items are drawn evenly", "[store][table]") {
  for (const unsigned count : {2U, 9U, 40U, 500U, 1100U, 3000U, 9000U}) {
    CAPTURE(count);
    Texts<TextTraits> texts;
    for (unsigned i = 0; i < count; ++i) texts.insert("member:" + std::to_string(i));
    REQUIRE(std::abs(deviations_from_uniform(texts, 40)) < 5);
    for (unsigned i = 0; i < count / 3; ++i) texts.erase("member:" + std::to_string(i));
    REQUIRE(std::abs(deviations_from_uniform(texts, 40)) < 5);
  }
}

TEST_CASE("bucket versions never go back", "[store][table]") {
  Texts<TextTraits> texts;
  std::map<std::string, std::uint64_t> versions;
  for (unsigned i = 1; i < 3000; ++i) {
    const std::string text = std::to_string(i);
    texts.insert(text);
    texts.table.find(text, TextTraits::hash(text)).home->set_version(i);
    versions[text] = i;
  }
  for (const auto& [text, version] : versions) {
    const auto place = texts.table.find(text, TextTraits::hash(text));
    REQUIRE(place.home->version() >= version);
  }
}

TEST_CASE("sampling sees items until it is told to stop", "[store][table]") {
  Random random(7);
  Texts<TextTraits> texts;
  for (unsigned i = 0; i < 1000; ++i) texts.insert(std::to_string(i));
  unsigned visits = 0;
  texts.table.sample(random, [&](TableItem) { return ++visits < 10; });
  REQUIRE(visits == 10);
  visits = 0;
  texts.table.sample(random, [&](TableItem) { return ++visits > 0; });
  REQUIRE(visits >= 1000);
}

}  // namespace
}  // namespace memoir
