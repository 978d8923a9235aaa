// Goal: whoever read a key while tracking is named once when it changes, for whatever reason, and
// what is remembered is counted.
// Method: the test commands, a host that writes down what it is told.
#include <algorithm>

#include "tests/command/command_rig.h"

namespace memoir {
namespace {

Bytes in(const CommandRig& rig, std::int64_t ms) { return std::to_string(rig.clock.now_ms() + ms); }

struct Tracking : CommandRig {
  Tracking() {
    reader.identity.id = 7;
    reader.identity.tracker = make_tracker(7, 3);
    second.identity.id = 8;
    second.identity.tracker = make_tracker(8, 0);
  }
  std::uint64_t keys() { return keyspace.tracked().keys.load(); }
  std::uint64_t items() { return keyspace.tracked().items.load(); }

  Session reader, second;
};

TEST_CASE("a tracker is a client and its worker", "[tracking]") {
  const Tracker tracker = make_tracker(123456789, 127);
  CHECK(client_of_tracker(tracker) == 123456789);
  CHECK(worker_of_tracker(tracker) == 127);
}

TEST_CASE("tracked keys of a stripe", "[tracking]") {
  TrackedKeys tracked;
  CHECK(tracked.add("a", 2));
  CHECK(tracked.add("a", 1));
  CHECK_FALSE(tracked.add("a", 2));
  CHECK(tracked.add("b", 1));
  CHECK(tracked.keys() == 2);
  CHECK(tracked.items() == 3);
  CHECK(tracked.take("a") == std::vector<Tracker>{1, 2});
  CHECK(tracked.take("a").empty());
  Random random(1);
  Bytes key;
  CHECK(tracked.take_any(random, key) == std::vector<Tracker>{1});
  CHECK(key == "b");
  CHECK(tracked.empty());
  CHECK(tracked.items() == 0);
}

TEST_CASE("a change names all who read the key since the last one", "[tracking]") {
  Tracking rig;
  rig.run(rig.reader, "mget key1 key2 key1");
  rig.run(rig.second, "get key1");
  CHECK(rig.keys() == 2);
  CHECK(rig.items() == 3);
  rig.run("get key1");  // does not track
  CHECK(rig.host.take_invalidated().empty());
  rig.run("set key1 x");
  CHECK(rig.host.take_invalidated() == "key1>8,7");
  CHECK(rig.host.invalidation_source == 1);
  CHECK(rig.host.invalidation_lsn == rig.journal.position());
  rig.run("set key1 y");
  CHECK(rig.host.take_invalidated().empty());
  rig.run("set key2 y");
  CHECK(rig.host.take_invalidated() == "key2>7");
  CHECK(rig.keys() == 0);
  CHECK(rig.items() == 0);
}

TEST_CASE("a key is tracked by its name, whatever the database", "[tracking]") {
  Tracking rig;
  rig.run(rig.reader, "select 1");
  rig.run(rig.reader, "get key1");
  rig.run("set key1 x");
  CHECK(rig.host.take_invalidated() == "key1>7");
}

TEST_CASE("a transaction tells before it tracks again", "[tracking]") {
  Tracking rig;
  for (const char* line : {"multi", "get key1", "set key1 x", "get key1", "exec"}) {
    rig.run(rig.reader, line);
  }
  CHECK(rig.host.take_invalidated() == "key1>7");
  CHECK(rig.host.invalidation_source == 7);
  CHECK(rig.keys() == 1);
  rig.run("set key1 y");
  CHECK(rig.host.take_invalidated() == "key1>7");
}

TEST_CASE("emptied databases forget everything", "[tracking]") {
  Tracking rig;
  rig.run("set key1 x");
  rig.run(rig.reader, "mget key1 key2 key3");
  rig.host.take_invalidated();
  rig.run("flushdb");
  CHECK(rig.host.take_invalidated() == "all");
  CHECK(rig.keys() == 0);
  CHECK(rig.items() == 0);
  rig.run(rig.reader, "get key1");
  rig.run("swapdb 0 1");
  CHECK(rig.host.take_invalidated() == "all");
}

TEST_CASE("keys that expire are told of", "[tracking]") {
  Tracking rig;
  rig.run("set key1 x " + in(rig, 100));
  rig.run(rig.reader, "get key1");
  rig.host.take_invalidated();
  rig.clock.advance_ms(200);
  while (rig.worker->dispatcher.expire_some(0, 1, 1'000'000) == 0) {
  }
  CHECK(rig.host.take_invalidated() == "key1>7");
  CHECK(rig.host.invalidation_source == 0);
}

TEST_CASE("broadcasts hear of every change", "[tracking]") {
  Tracking rig;
  rig.keyspace.set_broadcasting(true);
  rig.run("set key1 x " + in(rig, 100));
  CHECK(rig.host.take_invalidated() == "key1*");
  rig.run(rig.reader, "get key1");
  rig.clock.advance_ms(200);
  rig.run("get key1");
  CHECK(rig.host.take_invalidated() == "key1>7*server");
  rig.keyspace.set_broadcasting(false);
  rig.run("set key1 x");
  CHECK(rig.host.take_invalidated().empty());
}

TEST_CASE("tracked keys may be limited", "[tracking]") {
  Tracking rig;
  for (int i = 0; i < 100; ++i) rig.run(rig.reader, "get key" + std::to_string(i));
  REQUIRE(rig.keys() == 100);
  CHECK(rig.worker->dispatcher.limit_tracked(100, 1'000'000));
  CHECK(rig.keys() == 100);
  CHECK(rig.worker->dispatcher.limit_tracked(30, 1'000'000));
  CHECK(rig.keys() == 30);
  CHECK(rig.items() == 30);
  CHECK(rig.worker->dispatcher.limit_tracked(0, 1'000'000));
  CHECK(rig.keys() == 0);
}

// Goal: with several threads no reader keeps a value that was changed without being told.
// Method: readers remember the version they read; a change by a thread must be followed by a word
// to each reader that read before it, so at the end every key not told of has the value read last.
TEST_CASE("no reader is forgotten between reading and remembering", "[tracking]") {
  Tracking rig;
  constexpr int kTurns = 2000;
  auto reading = rig.make_worker(11);
  auto writing = rig.make_worker(12);
  reading->session.identity.tracker = make_tracker(11, 0);
  std::thread reader([&] {
    for (int i = 0; i < kTurns; ++i) reading->run("get key" + std::to_string(i % 7));
  });
  std::thread writer([&] {
    for (int i = 0; i < kTurns; ++i) writing->run("incr key" + std::to_string(i % 5));
  });
  reader.join();
  writer.join();
  rig.host.take_invalidated();
  // What is still remembered is told of, and nothing else.
  const std::uint64_t left = rig.keys();
  CHECK(left >= 2);
  std::uint64_t told = 0;
  for (int i = 0; i < 7; ++i) {
    rig.run("set key" + std::to_string(i) + " x");
    told += rig.host.take_invalidated().empty() ? 0 : 1;
  }
  CHECK(told == left);
}

}  // namespace
}  // namespace memoir
