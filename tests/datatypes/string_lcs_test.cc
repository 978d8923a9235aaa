// Lcs against the plain table of lengths: the same length, and the same way back.
#include <catch2/catch.hpp>
#include <random>
#include <string>
#include <vector>

#include "datatypes/string/lcs.h"

namespace memoir {
namespace {

struct Model {
  Model(const Bytes& a, const Bytes& b) : lengths(a.size() + 1, std::vector<int>(b.size() + 1)) {
    for (std::size_t i = 1; i <= a.size(); ++i) {
      for (std::size_t j = 1; j <= b.size(); ++j) {
        lengths[i][j] = a[i - 1] == b[j - 1] ? lengths[i - 1][j - 1] + 1
                                             : std::max(lengths[i - 1][j], lengths[i][j - 1]);
      }
    }
    std::size_t i = a.size();
    std::size_t j = b.size();
    while (i > 0 && j > 0) {
      if (a[i - 1] == b[j - 1]) {
        pairs.emplace_back(--i, --j);
      } else if (lengths[i - 1][j] > lengths[i][j - 1]) {
        --i;
      } else {
        --j;
      }
    }
  }
  std::vector<std::vector<int>> lengths;
  std::vector<std::pair<std::size_t, std::size_t>> pairs;  // from the last to the first
};

}  // namespace

TEST_CASE("a longest common subsequence agrees with the plain table", "[string]") {
  std::mt19937_64 random(Catch::rngSeed());
  for (int round = 0; round < 300; ++round) {
    const int alphabet = 1 + static_cast<int>(random() % (round % 3 == 0 ? 256 : 4));
    const auto text = [&] {
      Bytes bytes(random() % (round % 5 == 0 ? 300 : 70), '\0');
      for (char& c : bytes) c = static_cast<char>(random() % static_cast<unsigned>(alphabet));
      return bytes;
    };
    const Bytes a = text();
    const Bytes b = text();
    CAPTURE(round, a.size(), b.size(), alphabet);
    const Model model(a, b);
    const Lcs length_only(a, b, LcsKeep::kLength);
    const Lcs lcs(a, b, LcsKeep::kRows);
    REQUIRE(length_only.length() == model.pairs.size());
    REQUIRE(lcs.length() == model.pairs.size());
    std::vector<std::pair<std::size_t, std::size_t>> pairs;
    lcs.walk_back([&](const Lcs::Match& match) {
      for (std::size_t k = match.size; k-- > 0;) {
        pairs.emplace_back(match.a_begin + k, match.b_begin + k);
      }
    });
    REQUIRE(pairs == model.pairs);
  }
}

}  // namespace memoir
