// Intset: its bytes against Redis's, and its methods against a std::set under random changes.
#include <random>
#include <set>

#include <catch2/catch.hpp>
#include "datatypes/encoding/intset.h"

namespace memoir {

TEST_CASE("an intset's bytes are Redis's", "[intset]") {
  Intset set;
  CHECK(set.bytes() == ByteView("\x02\0\0\0\0\0\0\0", 8));
  CHECK((set.add(5) && set.add(-1) && set.add(300) && !set.add(5)));
  CHECK(set.bytes() == ByteView("\x02\0\0\0\x03\0\0\0\xff\xff\x05\0\x2c\x01", 14));
  CHECK(set.add(-70000));
  CHECK(set.bytes() == ByteView("\x04\0\0\0\x04\0\0\0\x90\xee\xfe\xff\xff\xff\xff\xff"
                                "\x05\0\0\0\x2c\x01\0\0",
                                24));
  CHECK(set.add(1LL << 40));
  CHECK(set.at(4) == 1LL << 40);
  CHECK(set.remove(1LL << 40));
  CHECK(set.bytes().size() == 8 + 4 * 8);  // never narrower
  CHECK(Intset::validate(set.bytes()));
}

TEST_CASE("random changes leave what a std::set holds", "[intset]") {
  std::mt19937_64 random(42);
  for (int round = 0; round < 40; ++round) {
    Intset set;
    std::set<std::int64_t> model;
    for (int step = 0; step < 600; ++step) {
      const int shift = round % 4 == 0 ? 48 : round % 4 == 1 ? 56 : round % 4 == 2 ? 33 : 0;
      const std::int64_t value = static_cast<std::int64_t>(random()) >> shift;
      if (step < 300 || random() % 2 == 0) {
        REQUIRE(set.add(value) == model.insert(value).second);
      } else if (!model.empty() && random() % 2 == 0) {
        const std::int64_t some = set.at(random() % set.size());
        REQUIRE(set.remove(some) == (model.erase(some) == 1));
      } else {
        REQUIRE(set.remove(value) == (model.erase(value) == 1));
      }
      REQUIRE(set.contains(value) == (model.count(value) == 1));
      REQUIRE(set.rank(value) ==
              static_cast<std::size_t>(std::distance(model.begin(), model.lower_bound(value))));
    }
    REQUIRE(Intset::validate(set.bytes()));
    const Intset copy = set.copy();
    std::vector<std::int64_t> all;
    copy.for_each([&](std::int64_t v) { all.push_back(v); });
    REQUIRE(all == std::vector<std::int64_t>(model.begin(), model.end()));
  }
}

TEST_CASE("unsound intsets are refused", "[intset]") {
  CHECK(Intset::validate(ByteView("\x02\0\0\0\0\0\0\0", 8)));
  CHECK_FALSE(Intset::validate(ByteView("\x02\0\0\0\x01\0\0\0", 8)));
  CHECK_FALSE(Intset::validate(ByteView("\x03\0\0\0\0\0\0\0", 8)));
  CHECK_FALSE(Intset::validate(ByteView("\x02\0\0\0\x02\0\0\0\x05\0\x05\0", 12)));
  CHECK_FALSE(Intset::validate(ByteView("\x02\0\0\0\x02\0\0\0\x06\0\x05\0", 12)));
  CHECK_FALSE(Intset::validate(ByteView("\x02\0\0", 3)));
}

}  // namespace memoir
