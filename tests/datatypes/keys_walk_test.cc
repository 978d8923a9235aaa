// SCAN, KEYS, RANDOMKEY and flushes over many keys and stripes.
#include <catch2/catch.hpp>
#include <map>
#include <random>
#include <set>
#include <string>

#include "protocol/reply_parser.h"
#include "tests/transcripts/engine.h"

namespace memoir {
namespace {

struct Fixture {
  ManualClock clock;
  MemoryJournal journal;
  TestEngine engine{clock, journal};

  Reply call(std::vector<Bytes> words) {
    engine.run("a", words);
    const Bytes bytes = engine.take_reply("a");
    ByteView in = bytes;
    auto reply = parse_reply(in);
    REQUIRE((reply && *reply && in.empty()));
    return std::move(**reply);
  }
  void add_keys(int from, int to) {
    for (int i = from; i < to; ++i) call({"set", "key:" + std::to_string(i), "v"});
  }
};

}  // namespace

// Goal: what is there from the first call to the last is seen, and a call does about what COUNT
// says.
TEST_CASE("a scan sees every key that stays, whatever comes and goes", "[keys]") {
  std::mt19937_64 random(Catch::rngSeed());
  for (const int keys : {0, 1, 100, 5000}) {
    for (const std::size_t count : {1, 10, 1000}) {
      CAPTURE(keys, count);
      Fixture test;
      test.add_keys(0, keys);
      test.add_keys(100'000, 100'000 + keys);  // these go while we walk
      std::set<Bytes> seen;
      Bytes cursor = "0";
      int calls = 0;
      do {
        const Reply reply = test.call({"scan", cursor, "count", std::to_string(count)});
        cursor = reply.elements[0].text;
        for (const Reply& key : reply.elements[1].elements) seen.insert(key.text);
        // A bucket chain more than asked for, at most.
        REQUIRE(reply.elements[1].elements.size() < count + 40);
        for (int i = 0; i < 3 && keys > 0; ++i) {
          test.call({"del", "key:" + std::to_string(100'000 + static_cast<int>(random()) % keys)});
          test.call({"set", "new:" + std::to_string(random() % 20'000), "v"});
        }
        REQUIRE(++calls < 60'000);
      } while (cursor != "0");
      for (int i = 0; i < keys; ++i) REQUIRE(seen.contains("key:" + std::to_string(i)));
    }
  }
}

TEST_CASE("scan takes any cursor", "[keys]") {
  std::mt19937_64 random(Catch::rngSeed());
  Fixture test;
  test.add_keys(0, 3000);
  for (int i = 0; i < 2000; ++i) {
    const std::uint64_t cursor = random() >> (random() % 64);
    CAPTURE(cursor);
    REQUIRE(test.call({"scan", std::to_string(cursor)}).elements.size() == 2);
  }
  REQUIRE(test.call({"scan", "18446744073709551615"}).elements[0].text == "0");
}

TEST_CASE("a random key may be any, and none of the dead", "[keys]") {
  Fixture test;
  test.add_keys(0, 50);
  std::map<Bytes, int> hits;
  for (int i = 0; i < 20'000; ++i) ++hits[test.call({"randomkey"}).text];
  REQUIRE(hits.size() == 50);
  for (const auto& [key, count] : hits) {
    CAPTURE(key, count);
    REQUIRE(count > 250);  // 400 expected, standard deviation 20
    REQUIRE(count < 550);
  }
  for (int i = 0; i < 5000; ++i) {
    test.call({"set", "dying:" + std::to_string(i), "v", "px", "1"});
  }
  test.clock.advance_ms(2);
  for (int i = 0; i < 50; ++i) {
    REQUIRE(test.call({"randomkey"}).text.starts_with("key:"));
  }
}

TEST_CASE("a flush leaves tables that go on working, and takes only what it should", "[keys]") {
  Fixture test;
  test.add_keys(0, 5000);
  for (int i = 0; i < 1000; ++i) {
    test.call({"set", "end:" + std::to_string(i), Bytes(i, 'x'), "ex", "100"});
  }
  test.call({"select", "1"});
  test.add_keys(0, 10);
  test.call({"select", "0"});
  for (const char* mode : {"async", "sync"}) {
    REQUIRE(test.call({"flushdb", mode}).text == "OK");
    REQUIRE(test.call({"dbsize"}).integer == 0);
    REQUIRE(test.call({"keys", "*"}).elements.empty());
    test.add_keys(0, 1000);
    test.call({"set", "end:1", "v", "ex", "100"});
    REQUIRE(test.call({"dbsize"}).integer == 1001);
    for (unsigned i = 0; i < kStripes; ++i) {
      REQUIRE(test.engine.keyspace.shard(i, 0).keys.verify());
      REQUIRE(test.engine.keyspace.shard(i, 0).expires.verify());
    }
  }
  test.call({"select", "1"});
  REQUIRE(test.call({"dbsize"}).integer == 10);
  REQUIRE(test.call({"flushall"}).text == "OK");
  REQUIRE(test.call({"dbsize"}).integer == 0);
}

// Goal: a snapshot's pre-images are complete whichever way keys go.
TEST_CASE("an observer hears of every key that a flush takes", "[keys]") {
  class Observer final : public ChangeObserver {
   public:
    void before_change(unsigned db, std::uint64_t, ByteView key, const Entry* entry,
                       Bucket*) override {
      if (entry) heard.emplace(db, Bytes(key));
    }
    std::set<std::pair<unsigned, Bytes>> heard;
  };
  Fixture test;
  test.add_keys(0, 300);
  test.call({"select", "3"});
  test.add_keys(0, 200);
  Observer observer;
  test.engine.keyspace.set_observer(&observer);
  test.call({"flushdb"});
  REQUIRE(observer.heard.size() == 200);
  test.call({"flushall"});
  REQUIRE(observer.heard.size() == 500);
  test.engine.keyspace.set_observer(nullptr);
}

}  // namespace memoir
