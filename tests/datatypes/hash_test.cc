// Hash against a std::map: random changes in both forms, with short, long and large fields and
// values.
#include <catch2/catch.hpp>
#include <map>
#include <random>
#include <set>
#include <string>

#include "datatypes/hash/hash.h"

namespace memoir {
namespace {

using Model = std::map<Bytes, Bytes>;

Bytes text(const HashText& t) {
  char buffer[kIntegerCharsMax];
  return Bytes(t.text(buffer));
}

Model contents(const Hash& hash) {
  Model all;
  hash.for_each([&](const HashText& field, const HashText& value) {
    REQUIRE(all.emplace(text(field), text(value)).second);
  });
  return all;
}

Bytes random_text(std::mt19937_64& random, bool small) {
  switch (random() % (small ? 4 : 7)) {
    case 0: return std::to_string(random() % 300);
    case 1: return "f" + std::to_string(random() % 300);
    case 2: return Bytes(random() % 64, 'b');
    case 3: return "";
    case 4: return Bytes(240 + random() % 30, 'c');
    case 5: return Bytes(8185 + random() % 20, 'd');
    default: return Bytes(random() % 700, 'e');
  }
}

}  // namespace

TEST_CASE("an update, too, sees that the limit is lower now", "[hash]") {
  EncodingLimits limits;
  Hash hash;
  for (int i = 0; i < 9; ++i) hash.set("f" + std::to_string(i), "v", limits, {});
  limits.hash_listpack_entries = 8;
  REQUIRE(Bytes(hash.encoding()) == "listpack");
  REQUIRE_FALSE(hash.set("f1", "w", limits, {}));
  REQUIRE(Bytes(hash.encoding()) == "hashtable");
}

TEST_CASE("a hash keeps what a map keeps", "[hash]") {
  std::mt19937_64 random(Catch::rngSeed());
  const bool small = GENERATE(true, false);
  const std::size_t entries = GENERATE(0, 8, 512);
  EncodingLimits limits;
  limits.hash_listpack_entries = entries;
  if (!small) limits.hash_listpack_value = entries * 40;
  for (int round = 0; round < 8; ++round) {
    Hash hash;
    Model model;
    for (int step = 0; step < 1500; ++step) {
      Bytes field = random_text(random, small);
      if (!model.empty() && random() % 3 == 0) field = model.lower_bound(field) == model.end()
                                                           ? model.begin()->first
                                                           : model.lower_bound(field)->first;
      if (random() % (step < 900 ? 4 : 2) != 0) {
        const Bytes value = random_text(random, small);
        const SharedBytes owner =
            value.size() > 8190 && random() % 2 ? SharedBytes::copy_of(value) : SharedBytes();
        REQUIRE(hash.set(field, owner ? owner.view() : ByteView(value), limits, owner) ==
                (model.count(field) == 0));
        model[field] = value;
      } else {
        REQUIRE(hash.erase(field) == (model.erase(field) == 1));
      }
      REQUIRE(hash.size() == model.size());
      const HashText found = hash.find(field);
      REQUIRE(static_cast<bool>(found) == (model.count(field) == 1));
      if (found) REQUIRE(text(found) == model[field]);
      if (step % 50 == 0) {
        REQUIRE(hash.verify());
        REQUIRE(contents(hash) == model);
      }
    }
    const auto copy = hash.copy();
    REQUIRE(contents(static_cast<const Hash&>(*copy)) == model);
    REQUIRE(copy->memory_usage(0) > 0);
    Model scanned;
    std::uint64_t cursor = 0;
    do {
      cursor = hash.scan(cursor, [&](const HashText& f, const HashText& v) {
        scanned[text(f)] = text(v);
      });
    } while (cursor != 0);
    REQUIRE(scanned == model);
  }
}

TEST_CASE("a hash's form follows its limits", "[hash]") {
  const EncodingLimits limits;
  Hash hash;
  for (int i = 0; i < 128; ++i) hash.set("f" + std::to_string(i), "1", limits);
  CHECK(hash.encoding() == ByteView("listpack"));
  hash.set("f5", "2", limits);
  CHECK(hash.encoding() == ByteView("listpack"));
  hash.set("one more", "1", limits);
  CHECK(hash.encoding() == ByteView("hashtable"));
  for (int i = 0; i < 128; ++i) hash.erase("f" + std::to_string(i));
  CHECK(hash.encoding() == ByteView("hashtable"));

  Hash longer;
  longer.set("f", Bytes(64, 'x'), limits);
  CHECK(longer.encoding() == ByteView("listpack"));
  longer.set(Bytes(65, 'x'), "v", limits);
  CHECK(longer.encoding() == ByteView("hashtable"));

  Hash many;
  many.prepare(129, limits);
  CHECK(many.encoding() == ByteView("hashtable"));
}

TEST_CASE("samples of a hash are fields of it, distinct if asked for", "[hash]") {
  const EncodingLimits limits;
  Random random(Catch::rngSeed());
  for (const int size : {1, 7, 128, 1000}) {
    Hash hash;
    for (int i = 0; i < size; ++i) hash.set(std::to_string(i), "v" + std::to_string(i), limits);
    for (const std::size_t count : {1, 2, 5, 100, 900, 5000}) {
      std::size_t drawn = 0;
      hash.sample(count, random, [&](const HashText& f, const HashText& v) {
        ++drawn;
        REQUIRE("v" + text(f) == text(v));
      });
      CHECK(drawn == count);
      std::set<Bytes> distinct;
      hash.sample_distinct(count, random, [&](const HashText& f, const HashText& v) {
        REQUIRE("v" + text(f) == text(v));
        REQUIRE(distinct.insert(text(f)).second);
      });
      CHECK(distinct.size() == std::min<std::size_t>(count, static_cast<std::size_t>(size)));
    }
  }
}

TEST_CASE("a short field with its value takes one small block", "[hash]") {
  EncodingLimits limits;
  limits.hash_listpack_entries = 0;
  const TableItem item = HashField::make("field:0123456789", "value:89", {});
  CHECK(HashField::memory_usage(item) <= 40);
  HashField::destroy(item);
  CHECK(sizeof(Hash) == 16);
}

}  // namespace memoir
