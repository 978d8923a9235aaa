// Goal: keys go when their time has come or memory is short, are journaled as deleted before
// whatever came upon them, and only on a primary.
// Method: a clock moved by hand; the limit of memory is set around what is allocated.
#include "src/base/alloc.h"
#include "tests/command/command_rig.h"

namespace memoir {
namespace {

Bytes in(const CommandRig& rig, std::int64_t ms) { return std::to_string(rig.clock.now_ms() + ms); }

TEST_CASE("an expired key is journaled as deleted before the command that met it",
          "[command][expiry]") {
  CommandRig rig;
  rig.run("select 1");
  rig.run("set key1 1 " + in(rig, 100));
  rig.run("set key2 1 " + in(rig, 100));
  rig.run("set key3 1 " + in(rig, 300));
  rig.clock.advance_ms(200);
  rig.journal.records.clear();
  REQUIRE(rig.run("get key1") == "$-1\r\n");
  REQUIRE(rig.worker->last.lsn == rig.journal.position());  // the reader saw the deletion
  REQUIRE(rig.run("incr key2") == ":1\r\n");
  REQUIRE(rig.run("incr key3") == ":2\r\n");
  rig.worker->dispatcher.settings.lazyfree_expire = true;
  rig.clock.advance_ms(200);
  REQUIRE(rig.run("mget key3 key2") == "*2\r\n$-1\r\n$1\r\n1\r\n");
  REQUIRE(rig.journal.text() ==
          "1: DEL key1\n1: DEL key2\n1: incr key2\n1: incr key3\n1: UNLINK key3\n");
  REQUIRE(rig.worker->dispatcher.stats().expired == 3);
}

TEST_CASE("a replica and a walk over all stripes remove nothing", "[command][expiry]") {
  CommandRig rig;
  rig.run("set key1 1 " + in(rig, 100));
  rig.clock.advance_ms(200);
  rig.journal.records.clear();
  REQUIRE(rig.run("dbsize") == ":1\r\n");
  rig.worker->dispatcher.settings.expiry = ExpiryMode::kHide;
  REQUIRE(rig.run("get key1") == "$-1\r\n");
  REQUIRE(rig.worker->dispatcher.expire_some(0, 1, 1000) == 0);
  REQUIRE(rig.journal.records.empty());
  REQUIRE(rig.run("append key1 new") == ":3\r\n");  // a replica that takes writes
  REQUIRE(rig.run("dbsize") == ":1\r\n");
  rig.worker->dispatcher.settings.expiry = ExpiryMode::kDelete;
  REQUIRE(rig.run("get key1") == "$3\r\nnew\r\n");
}

TEST_CASE("replayed records say what happened, whatever the clock", "[command][expiry]") {
  CommandRig rig;
  rig.run("set key1 1 " + in(rig, 100));
  rig.run("set key2 2 " + in(rig, 100));
  rig.clock.advance_ms(1000);
  rig.run("set key3 3 " + in(rig, -500));
  rig.run("get key1");
  REQUIRE(rig.replays());
  REQUIRE(dump_of(rig.keyspace, 0).size() == 2);
}

TEST_CASE("active expiry removes every key in time, in all databases", "[command][expiry]") {
  CommandRig rig;
  for (int i = 0; i < 3000; ++i) {
    if (i % 500 == 0) rig.run("select " + std::to_string(i / 500 % 4));
    rig.run("set key" + std::to_string(i) + " v " + in(rig, i % 3 == 0 ? 10'000 : 100));
  }
  rig.clock.advance_ms(200);
  rig.journal.records.clear();
  Dispatcher& dispatcher = rig.worker->dispatcher;
  std::size_t removed = 0;
  for (int i = 0; i < 200 && removed < 2000; ++i) {
    removed += dispatcher.expire_some(0, 2, 1000);
    removed += dispatcher.expire_some(1, 2, 1000);
  }
  REQUIRE(removed == 2000);
  REQUIRE(dispatcher.stats().expired == 2000);
  REQUIRE(rig.journal.records.size() == 2000);
  std::size_t left = 0;
  for (unsigned db = 0; db < 4; ++db) left += dump_of(rig.keyspace, db).size();
  REQUIRE(left == 1000);
  dispatcher.settings.active_expire = false;
  rig.clock.advance_ms(100'000);
  REQUIRE(dispatcher.expire_some(0, 1, 1000) == 0);
}

TEST_CASE("without a policy nothing is evicted", "[command][eviction]") {
  CommandRig rig;
  rig.run("set key1 1");
  rig.worker->dispatcher.settings.maxmemory = 1;
  REQUIRE_FALSE(rig.worker->dispatcher.evict_some(1000));
  REQUIRE(rig.run("get key1") == "$1\r\n1\r\n");
}

TEST_CASE("eviction frees memory under every policy", "[command][eviction]") {
  constexpr int kKeys = 2000;
  const auto policy =
      GENERATE(EvictionPolicy::kAllKeysLru, EvictionPolicy::kAllKeysLfu,
          EvictionPolicy::kAllKeysRandom,
               EvictionPolicy::kVolatileLru, EvictionPolicy::kVolatileLfu,
               EvictionPolicy::kVolatileRandom, EvictionPolicy::kVolatileTtl);
  CommandRig rig;
  DispatchSettings& settings = rig.worker->dispatcher.settings;
  settings.maxmemory_policy = policy;
  settings.events_wanted = kEventEvicted;
  const Bytes value(1000, 'v');
  for (int i = 0; i < kKeys; ++i) {
    const Bytes expiry = i % 2 == 0 ? " " + in(rig, 1'000'000 + i * 100) : "";
    rig.run("set key" + std::to_string(i) + " " + value + expiry);
  }
  rig.clock.advance_ms(60'000);
  // The second half of the keys is used again.
  for (int round = 0; round < 20; ++round) {
    for (int i = kKeys / 2; i < kKeys; ++i) rig.run("get key" + std::to_string(i));
  }
  rig.journal.records.clear();
  rig.journal.records.reserve(kKeys);
  settings.maxmemory = allocated_bytes() - 400 * value.size();
  for (int i = 0; i < 100 && allocated_bytes() > settings.maxmemory; ++i) {
    REQUIRE(rig.worker->dispatcher.evict_some(1'000'000));
  }
  REQUIRE(allocated_bytes() <= settings.maxmemory);
  const Dump left = dump_of(rig.keyspace, 0);
  const std::size_t evicted = kKeys - left.size();
  REQUIRE(evicted > 200);
  REQUIRE(rig.worker->dispatcher.stats().evicted == evicted);
  std::size_t used_lost = 0, lasting_lost = 0;
  for (int i = 0; i < kKeys; ++i) {
    if (left.contains("key" + std::to_string(i))) continue;
    used_lost += i >= kKeys / 2 ? 1 : 0;
    lasting_lost += i % 2 != 0 ? 1 : 0;
  }
  if (!evicts_all_keys(policy)) REQUIRE(lasting_lost == 0);
  if (!evicts_at_random(policy)) REQUIRE(used_lost * 5 < evicted);
}

TEST_CASE("with few keys eviction still takes the oldest", "[command][eviction]") {
  CommandRig rig;
  DispatchSettings& settings = rig.worker->dispatcher.settings;
  settings.maxmemory_policy = EvictionPolicy::kAllKeysLru;
  const Bytes value(20'000, 'v');
  for (int i = 0; i < 20; ++i) {
    rig.run("set key" + std::to_string(i) + " " + value);
    rig.clock.advance_ms(5000);
  }
  rig.host.events.clear();
  settings.maxmemory = allocated_bytes() - 5 * value.size();
  while (allocated_bytes() > settings.maxmemory) {
    REQUIRE(rig.worker->dispatcher.evict_some(1'000'000));
  }
  const Dump left = dump_of(rig.keyspace, 0);
  int newest_lost = 0;
  for (int i = 15; i < 20; ++i) newest_lost += left.contains("key" + std::to_string(i)) ? 0 : 1;
  REQUIRE(newest_lost == 0);
}

TEST_CASE("the pool keeps its best candidates", "[command][eviction]") {
  EvictionPool pool;
  for (std::uint64_t score = 1; score <= 100; ++score) {
    const std::uint64_t mixed = score * 37 % 101;
    pool.offer(mixed, 0, "key" + std::to_string(mixed));
    pool.offer(mixed, 0, "key" + std::to_string(mixed));
  }
  for (std::uint64_t score = 100; score > 100 - EvictionPool::kCandidates; --score) {
    const auto best = pool.take_best();
    REQUIRE(best);
    REQUIRE(best->score == score);
    REQUIRE(best->key == "key" + std::to_string(score));
  }
  REQUIRE_FALSE(pool.take_best());
}

}  // namespace
}  // namespace memoir
