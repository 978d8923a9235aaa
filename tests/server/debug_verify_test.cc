// DEBUG VERIFY: a keyspace of all types is found in order; each invariant broken on purpose is
// named with its database and key.
#include <catch2/catch.hpp>

#include "src/server/debug_verify.h"
#include "tests/datatypes/serial_payloads.h"

namespace memoir {
namespace {

// A keyspace of two databases with a key of every type and form.
class Rig {
 public:
  Rig() : keyspace(2) {
    keyspace.advance_position(1000);
    std::int64_t expire_ms = kNoExpiry;
    for (const payloads::Sample& sample : payloads::all()) {
      auto loaded = load_payload(sample.payload, sample.name, expire_ms, {});
      REQUIRE(loaded);
      add(loaded->release());
      expire_ms = expire_ms == kNoExpiry ? 1'900'000'000'000 : kNoExpiry;
    }
    add(Entry::make_object(Bytes(300, 'k'), set_with_time()));
  }
  ~Rig() {
    for (unsigned stripe = 0; stripe < kStripes; ++stripe) free_entries(keyspace.shard(stripe, 1));
  }

  static std::unique_ptr<Object> set_with_time() {
    auto set = std::make_unique<Set>();
    set->add(ByteView("member"), {});
    set->set_member_ms("member", 1'900'000'000'000);
    return set;
  }

  Shard& shard_of(ByteView key) {
    return keyspace.shard(stripe_of(hash_in_memory(key)), 1);
  }
  void add(Entry* entry) {
    const std::uint64_t hash = hash_in_memory(entry->key());
    Shard& shard = shard_of(entry->key());
    shard.keys.insert({entry}, hash).home->set_version(1000);
    if (entry->has_expiry()) shard.expires.insert({entry}, hash);
    if (!entry->has_member_expiry()) return;
    if (!shard.member_expires) shard.member_expires = std::make_unique<EntryTable>();
    shard.member_expires->insert({entry}, hash);
  }
  EntryTable::Place place(ByteView key) {
    return shard_of(key).keys.find(key, hash_in_memory(key));
  }
  Entry& entry(ByteView key) { return *static_cast<Entry*>(place(key).item().pointer); }

  // What is wrong; empty if nothing.
  Bytes wrong() {
    LockedStripes stripes(keyspace);
    const Status sound = verify_keyspace(stripes);
    return sound ? Bytes() : sound.error().text();
  }

  Keyspace keyspace;
};

}  // namespace

TEST_CASE("a keyspace of all types agrees with itself", "[verify]") {
  Rig rig;
  CHECK(rig.wrong().empty());
  StripeSet all;
  all.add_all();
  LockedStripes held(rig.keyspace, all);
  CHECK(verify_keyspace(held));
}

TEST_CASE("tables that do not agree with entries are found", "[verify]") {
  Rig rig;
  const std::uint64_t hash = hash_in_memory("integer");
  Shard& shard = rig.shard_of("integer");
  REQUIRE(rig.entry("integer").has_expiry());

  const TableItem item = shard.expires.erase(shard.expires.find("integer", hash), hash);
  CHECK(rig.wrong() == "database 1: key 'integer': it is not in the table of expiries");
  shard.expires.insert(item, hash);
  CHECK(rig.wrong().empty());

  Entry* const other = Entry::make_integer("integer", 7, 5);
  EntryTable::replace(shard.expires.find("integer", hash), {other});
  CHECK(rig.wrong() == "database 1: key 'integer': it is not in the table of expiries");
  EntryTable::replace(shard.expires.find("integer", hash), item);
  Entry::destroy(other);

  Entry* const stray = Entry::make_integer("stray", 7, 5);
  Shard& where = rig.shard_of("stray");
  const std::uint64_t stray_hash = hash_in_memory("stray");
  where.expires.insert({stray}, stray_hash);
  CHECK(rig.wrong().find("the table of expiries has entries") != Bytes::npos);
  where.expires.erase(where.expires.find("stray", stray_hash), stray_hash);
  Entry::destroy(stray);

  rig.entry("integer").set_expire_ms(-7);
  CHECK(rig.wrong() == "database 1: key 'integer': its expiry is negative");
  rig.entry("integer").set_expire_ms(7);

  rig.place("hash").home->set_version(1001);
  CHECK(rig.wrong() == "database 1: a bucket's version 1001 is above the position 1000");
}

TEST_CASE("members' expiries that do not agree are found", "[verify]") {
  Rig rig;
  rig.entry("set with times").set_member_expiry(false);
  CHECK(rig.wrong().find("'set with times': members of it expire and it does not say so") !=
        Bytes::npos);
  rig.entry("set with times").set_member_expiry(true);
  rig.entry("list").set_member_expiry(true);
  CHECK(rig.wrong().find("'list': it is not in the table of members' expiries") != Bytes::npos);
}

TEST_CASE("an entry in another stripe than its own is found", "[verify]") {
  Rig rig;
  Entry* const entry = Entry::make_integer("astray", 7);
  const std::uint64_t hash = hash_in_memory("astray");
  rig.keyspace.shard((stripe_of(hash) + 1) % kStripes, 1).keys.insert({entry}, hash);
  CHECK(rig.wrong() == "database 1: key 'astray': it is in another stripe than its own");
}

TEST_CASE("values that broke are found", "[verify]") {
  Rig rig;
  const auto add = [&](std::unique_ptr<Object> object) {
    rig.add(Entry::make_object("broken", std::move(object)));
    return rig.wrong();
  };
  SECTION("a listpack with a member twice") {
    Listpack twice;
    twice.append(ByteView("a"));
    twice.append(ByteView("a"));
    CHECK(add(Set::from_listpack(std::move(twice))) ==
          "database 1: key 'broken': a set has a member twice");
  }
  SECTION("pairs out of order") {
    Listpack pairs;
    for (const char* text : {"b", "2", "a", "1"}) pairs.append(ByteView(text));
    CHECK(add(SortedSet::from_listpack(std::move(pairs))) ==
          "database 1: key 'broken': a sorted set's listpack is unsound");
  }
  SECTION("an empty collection") {
    CHECK(add(std::make_unique<List>()) == "database 1: key 'broken': an empty collection");
  }
  SECTION("an intset in disorder") {
    Bytes bytes = payloads::intset_of({1, 2, 3});
    std::swap(bytes[8], bytes[10]);
    CHECK(add(Set::from_intset(Intset::from_bytes(bytes))) ==
          "database 1: key 'broken': a set's intset is unsound");
  }
}

}  // namespace memoir
