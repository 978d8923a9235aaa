// Goal: a Set is the set of its members in every encoding, and changes encodings when Redis does.
// Method: random operations beside a std::set with various limits; the conversions one by one.
#include "datatypes/set/set.h"

#include <cmath>
#include <map>
#include <set>
#include <string>
#include <vector>

#include <catch2/catch.hpp>

namespace memoir {
namespace {

std::set<std::string> contents(const Set& set) {
  std::set<std::string> all;
  set.for_each([&](const MemberView& member) {
    REQUIRE(all.insert(std::string(member.text())).second);
  });
  return all;
}

std::string some_text(Random& random, unsigned mix) {
  const std::uint64_t number = random.below(400);
  if (mix == 0 || random.below(3) == 0) return std::to_string(static_cast<long>(number) - 200);
  if (random.below(60) == 0) return std::string(200 + number, 'l');
  return random.below(50) == 0 ? "" : "member:" + std::to_string(number);
}

void run(std::uint64_t seed, unsigned steps, unsigned mix, const EncodingLimits& limits) {
  Random random(seed);
  auto set = std::make_unique<Set>();
  std::set<std::string> model;
  for (unsigned step = 0; step < steps; ++step) {
    const std::string text = some_text(random, mix);
    REQUIRE(set->contains(MemberView(text)) == model.contains(text));
    const bool growing = (step / 1000) % 2 == 0;
    if (random.below(10) < (growing ? 8U : 2U)) {
      REQUIRE(set->add(text, limits) == model.insert(text).second);
    } else {
      REQUIRE(set->remove(text) == (model.erase(text) != 0));
    }
    REQUIRE(set->size() == model.size());
    if (step % 100 != 0 || model.empty()) continue;
    REQUIRE(contents(*set) == model);
    REQUIRE(model.contains(std::string(set->random(random).text())));
    const std::size_t count = 1 + random.below(model.size());
    std::set<std::string> sampled;
    set->sample(count, random, [&](const MemberView& member) {
      REQUIRE(model.contains(std::string(member.text())));
      sampled.insert(std::string(member.text()));
    });
    REQUIRE(sampled.size() == count);
    auto copy = set->copy();
    REQUIRE(contents(static_cast<const Set&>(*copy)) == model);
    REQUIRE(std::string(copy->encoding()) == set->encoding());
    if (step % 2000 == 1900) set = std::make_unique<Set>(), model.clear();
  }
}

TEST_CASE("a set agrees with a model in all encodings", "[set]") {
  run(1, 6000, 0, {});
  run(2, 6000, 1, {});
  run(3, 6000, 1, {.set_intset_entries = 20, .set_listpack_entries = 60});
  run(4, 6000, 0, {.set_intset_entries = 50});
  run(5, 4000, 1, {.set_intset_entries = 0, .set_listpack_entries = 0});
}

TEST_CASE("a set changes its encoding at the limits", "[set]") {
  const EncodingLimits limits;
  Set set;
  REQUIRE(std::string(set.encoding()) == "intset");
  for (int i = 0; i < 512; ++i) set.add(std::to_string(i), limits);
  REQUIRE(std::string(set.encoding()) == "intset");
  set.add("512", limits);
  REQUIRE(std::string(set.encoding()) == "hashtable");

  Set texts;
  for (int i = 0; i < 127; ++i) texts.add(std::to_string(i), limits);
  texts.add("text", limits);
  REQUIRE(std::string(texts.encoding()) == "listpack");
  texts.add("more", limits);
  REQUIRE(std::string(texts.encoding()) == "hashtable");

  Set many;
  for (int i = 0; i < 128; ++i) many.add(std::to_string(i), limits);
  many.add("text", limits);
  REQUIRE(std::string(many.encoding()) == "hashtable");

  Set longer;
  longer.add(std::string(64, 'x'), limits);
  REQUIRE(std::string(longer.encoding()) == "listpack");
  longer.add(std::string(65, 'x'), limits);
  REQUIRE(std::string(longer.encoding()) == "hashtable");
}

TEST_CASE("a set prepares for what is coming", "[set]") {
  const EncodingLimits limits;
  const auto prepared = [&](ByteView first, std::size_t count) {
    Set set;
    set.prepare(first, count, limits);
    return std::string(set.encoding());
  };
  REQUIRE(prepared("1", 512) == "intset");
  REQUIRE(prepared("1", 513) == "hashtable");
  REQUIRE(prepared("a", 128) == "listpack");
  REQUIRE(prepared("a", 129) == "hashtable");
  Set set;
  set.add("1", limits);
  set.prepare("2", 512, limits);
  REQUIRE(std::string(set.encoding()) == "intset");
  set.prepare("2", 513, limits);
  REQUIRE(std::string(set.encoding()) == "hashtable");
  REQUIRE(set.contains(MemberView(std::int64_t{1})));
}

TEST_CASE("a scan of a large set sees everything", "[set]") {
  const EncodingLimits limits;
  Set set;
  for (int i = 0; i < 5000; ++i) set.add("m" + std::to_string(i), limits);
  std::set<std::string> seen;
  std::uint64_t cursor = 0;
  do {
    cursor = set.scan(cursor, [&](const MemberView& m) { seen.insert(std::string(m.text())); });
  } while (cursor != 0);
  REQUIRE(seen.size() == 5000);
  std::size_t visits = 0;
  set.for_each_while([&](const MemberView&) { return ++visits < 10; });
  REQUIRE(visits == 10);
}

TEST_CASE("samples of a large set are fair", "[set]") {
  const EncodingLimits limits;
  Random random(8);
  Set set;
  for (int i = 0; i < 300; ++i) set.add("m" + std::to_string(i), limits);
  for (const std::size_t count : {30U, 200U}) {
    std::map<std::string, unsigned> drawn;
    const unsigned rounds = 12'000 / static_cast<unsigned>(count);
    for (unsigned i = 0; i < rounds; ++i) {
      set.sample(count, random, [&](const MemberView& m) { ++drawn[std::string(m.text())]; });
    }
    const double expected = 12'000.0 / 300;
    double chi = 0;
    for (int i = 0; i < 300; ++i) {
      chi += std::pow(drawn["m" + std::to_string(i)] - expected, 2) / expected;
    }
    REQUIRE(chi < 299 + 5 * std::sqrt(2 * 299.0));
  }
}

}  // namespace
}  // namespace memoir
