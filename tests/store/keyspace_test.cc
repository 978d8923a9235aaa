// Goal: stripes are locked as asked and always let go; sets of stripes, exchanged databases and
// positions do what they say.
// Method: locks are probed with try_lock().
#include "src/store/keyspace.h"

#include <thread>

#include <catch2/catch.hpp>

#include "tests/store/store_rig.h"

namespace memoir {
namespace {

unsigned locked_stripes(Keyspace& keyspace) {
  unsigned locked = 0;
  for (unsigned i = 0; i < kStripes; ++i) {
    Mutex& mutex = keyspace.stripe(i).mutex;
    if (mutex.try_lock()) {
      mutex.unlock();
    } else {
      ++locked;
    }
  }
  return locked;
}

TEST_CASE("a stripe set lists its members in order", "[store]") {
  StripeSet set;
  REQUIRE(set.empty());
  for (const unsigned i : {255U, 0U, 64U, 63U, 64U, 130U}) set.add(i);
  std::vector<unsigned> members;
  set.each([&](unsigned i) { members.push_back(i); });
  REQUIRE(members == std::vector<unsigned>{0, 63, 64, 130, 255});
  REQUIRE(set.has(63));
  REQUIRE_FALSE(set.has(62));
  StripeSet other;
  other.add(62);
  set |= other;
  REQUIRE(set.has(62));
  set.add_all();
  members.clear();
  set.each([&](unsigned i) { members.push_back(i); });
  REQUIRE(members.size() == kStripes);
}

TEST_CASE("stripes are let go at the end of the proof", "[store]") {
  Keyspace keyspace(1);
  {
    StripeSet set;
    for (const unsigned i : {3U, 77U, 200U}) set.add(i);
    const LockedStripes locked(keyspace, set);
    REQUIRE(locked_stripes(keyspace) == 3);
  }
  REQUIRE(locked_stripes(keyspace) == 0);
  LockedStripes one(keyspace);
  one.lock_one(9);
  REQUIRE(locked_stripes(keyspace) == 1);
  unsigned during = 0;
  one.with(9, 0, [&](Shard&, Stripe&) { during = locked_stripes(keyspace); });
  REQUIRE(during == 1);
  REQUIRE(locked_stripes(keyspace) == 1);
  one.unlock();
  REQUIRE(locked_stripes(keyspace) == 0);
  one.with(10, 0, [&](Shard&, Stripe&) { during = locked_stripes(keyspace); });
  REQUIRE(during == 1);
  REQUIRE(locked_stripes(keyspace) == 0);
}

TEST_CASE("with one worker nothing is locked", "[store]") {
  Keyspace keyspace(1);
  keyspace.set_locking(false);
  StripeSet all;
  all.add_all();
  const LockedStripes locked(keyspace, all);
  REQUIRE(locked_stripes(keyspace) == 0);
}

TEST_CASE("exchanged databases keep their contents under the other number", "[store]") {
  StoreRig rig(3);
  rig.db(0).set_string("k", "zero", {}, kNoExpiry);
  rig.db(2).set_string("k", "two", {}, 2'000'000);
  rig.keyspace.swap_databases(0, 2);
  REQUIRE(text_of(*rig.db(0).peek("k")) == "two");
  REQUIRE(text_of(*rig.db(2).peek("k")) == "zero");
  REQUIRE(is_sound(rig.keyspace));
}

TEST_CASE("the position only goes forward, from several threads too", "[store][threads]") {
  Keyspace keyspace(1);
  const auto advance = [&](Lsn first) {
    for (Lsn lsn = first; lsn < 20'000; lsn += 2) keyspace.advance_position(lsn);
  };
  std::thread other(advance, 1);
  advance(2);
  other.join();
  REQUIRE(keyspace.position() == 19'999);
}

}  // namespace
}  // namespace memoir
