// Bits of strings against the plainest way of doing it, bit by bit.
#include <algorithm>
#include <catch2/catch.hpp>
#include <random>
#include <vector>

#include "datatypes/bitmap/bit_operation.h"
#include "datatypes/bitmap/bits.h"

namespace memoir {
namespace {

class Draw {
 public:
  Draw() : random_(Catch::rngSeed()) {}
  std::uint64_t below(std::uint64_t bound) { return random_() % bound; }
  // A string of up to `size` bytes, in which long runs of equal bits are likely.
  Bytes bytes(std::size_t size) {
    Bytes made(below(size + 1), '\0');
    const std::uint64_t kind = below(4);
    for (char& c : made) {
      if (kind == 0) c = static_cast<char>(random_());
      if (kind == 1) c = '\xff';
      if (kind == 2 && below(40) == 0) c = static_cast<char>(random_());
    }
    if (kind == 3 && !made.empty()) made[below(made.size())] = static_cast<char>(random_());
    return made;
  }

 private:
  std::mt19937_64 random_;
};

std::vector<bool> bits_of(ByteView bytes) {
  std::vector<bool> bits;
  for (const char c : bytes) {
    for (int i = 7; i >= 0; --i) bits.push_back((static_cast<unsigned char>(c) >> i) & 1);
  }
  return bits;
}

}  // namespace

TEST_CASE("bits are counted and found as one by one", "[bitmap]") {
  Draw draw;
  for (int round = 0; round < 3000; ++round) {
    const Bytes bytes = draw.bytes(round % 10 == 0 ? 3000 : 80);
    const std::vector<bool> bits = bits_of(bytes);
    const std::uint64_t first = draw.below(bits.size() + 1);
    const BitRange range{first, first + draw.below(bits.size() - first + 1)};
    CAPTURE(round, bytes.size(), range.first, range.end);
    std::uint64_t count = 0;
    std::int64_t places[2] = {-1, -1};
    for (std::uint64_t i = range.first; i < range.end; ++i) {
      count += bits[i];
      if (places[bits[i]] < 0) places[bits[i]] = static_cast<std::int64_t>(i);
    }
    REQUIRE(count_bits(bytes, range) == count);
    const auto all = std::count(bits.begin(), bits.end(), true);
    REQUIRE(count_bits(bytes) == static_cast<std::uint64_t>(all));
    REQUIRE(find_bit(bytes, range, false) == places[0]);
    REQUIRE(find_bit(bytes, range, true) == places[1]);
    const std::uint64_t at = draw.below(bits.size() + 20);
    REQUIRE(test_bit(bytes, at) == (at < bits.size() && bits[at]));
  }
}

TEST_CASE("integers are read and written at any bit", "[bitmap]") {
  Draw draw;
  Bytes bytes(40, '\0');
  std::vector<bool> model(320);
  for (int round = 0; round < 5000; ++round) {
    const auto width = static_cast<unsigned>(1 + draw.below(64));
    const std::uint64_t offset = draw.below(320 - width + 1);
    const std::uint64_t value = draw.below(~0ULL);
    CAPTURE(round, width, offset, value);
    write_bits(bytes.data(), offset, width, value);
    for (unsigned i = 0; i < width; ++i) model[offset + i] = (value >> (width - 1 - i)) & 1;
    REQUIRE(bits_of(bytes) == model);
    REQUIRE(read_bits(bytes, offset, width) == (value & ~0ULL >> (64 - width)));
  }
  REQUIRE(read_bits("\xff", 4, 64) == 0xf000000000000000);
  REQUIRE(read_bits("", 100, 8) == 0);
}

TEST_CASE("BITOP's operations agree with their definitions", "[bitmap]") {
  Draw draw;
  for (int round = 0; round < 400; ++round) {
    const char* const words[] = {"AND", "or", "XOR", "NOT", "DIFF", "diff1", "ANDOR", "ONE"};
    const auto which = draw.below(std::size(words));
    const auto operation = parse_bit_operation(words[which]);
    REQUIRE(operation);
    const std::size_t count = which == 3 ? 1 : 1 + draw.below(5);
    std::vector<Bytes> sources;
    for (std::size_t i = 0; i < count; ++i) sources.push_back(draw.bytes(round % 8 ? 200 : 9000));
    const std::vector<ByteView> views(sources.begin(), sources.end());
    std::size_t size = 0;
    for (const Bytes& source : sources) size = std::max(size, source.size());
    Bytes result(size, 'x');
    combine_bits(*operation, views, result.data(), size);
    CAPTURE(round, words[which], count, size);

    const auto at = [&](std::size_t source, std::size_t byte) {
      return byte < sources[source].size() ? static_cast<unsigned char>(sources[source][byte]) : 0U;
    };
    for (std::size_t i = 0; i < size; ++i) {
      unsigned expected = 0;
      for (int bit = 0; bit < 8; ++bit) {
        const bool first = (at(0, i) >> bit) & 1;
        std::size_t others = 0;
        for (std::size_t s = 1; s < count; ++s) others += (at(s, i) >> bit) & 1;
        const std::size_t all = others + first;
        const bool wanted[] = {all == count,       all > 0,          all % 2 == 1,
                               !first,             first && !others, !first && others > 0,
                               first && others > 0, all == 1};
        expected |= static_cast<unsigned>(wanted[which]) << bit;
      }
      REQUIRE(static_cast<unsigned char>(result[i]) == expected);
    }
  }
  REQUIRE_FALSE(parse_bit_operation("nand"));
}

}  // namespace memoir
