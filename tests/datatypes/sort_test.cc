// Sorter: parts of an order are as sorting everything would give.
#include <algorithm>
#include <catch2/catch.hpp>
#include <random>
#include <vector>

#include "datatypes/sort/key_pattern.h"
#include "datatypes/sort/sorter.h"

namespace memoir {

TEST_CASE("any part of the order is that part of the whole", "[sort]") {
  std::mt19937_64 random(Catch::rngSeed());
  for (int round = 0; round < 300; ++round) {
    std::vector<Bytes> texts(random() % 60);
    for (Bytes& text : texts) text = std::to_string(static_cast<int>(random() % 20) - 10);
    const bool descending = random() % 2 == 0;
    const bool by_number = random() % 2 == 0;
    const auto sorted = [&](std::size_t first, std::size_t end) {
      Sorter sorter;
      for (const Bytes& text : texts) sorter.add(text);
      REQUIRE(sorter.read_numbers());
      sorter.sort(by_number ? Sorter::By::kNumber : Sorter::By::kBytes, descending, nullptr, first,
                  end);
      std::vector<Bytes> part;
      for (std::size_t i = first; i < end; ++i) part.emplace_back(sorter.element(i));
      return part;
    };
    std::vector<Bytes> model = texts;
    std::stable_sort(model.begin(), model.end(), [&](const Bytes& a, const Bytes& b) {
      const Bytes& low = descending ? b : a;
      const Bytes& high = descending ? a : b;
      return by_number ? std::stoi(low) < std::stoi(high) : low < high;
    });
    REQUIRE(sorted(0, texts.size()) == model);
    const std::size_t first = random() % (texts.size() + 1);
    const std::size_t end = first + random() % (texts.size() - first + 1);
    const auto at = [&](std::size_t i) { return model.begin() + static_cast<std::ptrdiff_t>(i); };
    REQUIRE(sorted(first, end) == std::vector<Bytes>(at(first), at(end)));
  }
}

TEST_CASE("elements without a weight come first, and in the order they came", "[sort]") {
  Sorter sorter;
  for (const char* text : {"c", "b", "a", "d"}) sorter.add(text);
  sorter.weigh_by_others();
  sorter.set_weight(0, "x");
  sorter.set_weight(3, "w");
  sorter.sort(Sorter::By::kLocale, false, nullptr, 0, 4);
  CHECK(sorter.element(0) == "b");
  CHECK(sorter.element(1) == "a");
  CHECK(sorter.element(2) == "d");
  CHECK(sorter.element(3) == "c");
}

TEST_CASE("what is sorted by number must be numbers", "[sort]") {
  for (const char* good : {"1", "-1.5", "", " 7", "0x10", "inf", "1e3"}) {
    Sorter sorter;
    sorter.add(good);
    CAPTURE(good);
    CHECK(sorter.read_numbers());
  }
  for (const char* bad : {"a", "1 ", "nan", "1e400", "1,5"}) {
    Sorter sorter;
    sorter.add(bad);
    CAPTURE(bad);
    CHECK_FALSE(sorter.read_numbers());
  }
}

TEST_CASE("patterns name keys only with a star", "[sort]") {
  CHECK(KeyPattern("#").is_element());
  CHECK_FALSE(KeyPattern("#").names_keys());
  CHECK(KeyPattern("w_*").names_keys());
  CHECK(KeyPattern("*->f").names_keys());
  CHECK_FALSE(KeyPattern("w").names_keys());
}

}  // namespace memoir
