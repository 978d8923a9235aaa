// HyperLogLogs: both forms say the same, and broken bytes break nothing.
#include <catch2/catch.hpp>
#include <cmath>
#include <memory>
#include <random>
#include <vector>

#include "datatypes/hyperloglog/hyperloglog.h"
#include "datatypes/hyperloglog/sparse.h"

namespace memoir::hll {
namespace {

Bytes empty() {
  Bytes value(kEmptySparseBytes, '\0');
  write_empty(value.data());
  return value;
}

Bytes dense_of(ByteView sparse) {
  Bytes dense(kDenseBytes, '\0');
  REQUIRE(to_dense(sparse, dense.data()));
  return dense;
}

// Raises a register of a sparse value without limit.
Patch::Outcome raise(Bytes& value, const Sample& sample) {
  const Patch patch = plan_raise(value, sample);
  if (patch.outcome == Patch::Outcome::kReplace) {
    const std::size_t size = value.size();
    value.resize(size + patch.growth());
    value.resize(apply(patch, value.data(), size));
  }
  return patch.outcome;
}

}  // namespace

TEST_CASE("an empty HyperLogLog is as Redis writes it", "[hyperloglog]") {
  CHECK(empty() == Bytes("HYLL\x01\0\0\0\0\0\0\0\0\0\0\0\x7f\xff", 18));
  CHECK(is_hyperloglog(empty()));
  CHECK(estimate(empty()) == 0U);
  CHECK(cached_estimate(empty()) == 0U);
}

TEST_CASE("the sparse form holds the same registers as a plain array", "[hyperloglog]") {
  std::mt19937_64 random(Catch::rngSeed());
  for (int round = 0; round < 12; ++round) {
    Bytes value = empty();
    auto model = std::make_unique<Registers>();
    model->fill(0);
    // Few registers, so that neighbours and higher ranks meet often.
    const unsigned spread = round % 3 == 0 ? 40 : round % 3 == 1 ? 700 : kRegisters;
    for (int i = 0; i < 600; ++i) {
      const Sample sample{static_cast<unsigned>(random() % spread),
                          1 + static_cast<unsigned>(random() % (round % 2 ? 3 : 32))};
      const bool higher = sample.rank > (*model)[sample.index];
      const auto outcome = raise(value, sample);
      REQUIRE(outcome == (higher ? Patch::Outcome::kReplace : Patch::Outcome::kNothing));
      if (higher) (*model)[sample.index] = static_cast<std::uint8_t>(sample.rank);
      if (i % 50 != 0) continue;
      auto merged = std::make_unique<Registers>();
      merged->fill(0);
      REQUIRE(merge_into(*merged, value));
      REQUIRE(*merged == *model);
      REQUIRE(estimate(value) == estimate(*model));
      const Bytes dense = dense_of(value);
      REQUIRE(estimate(dense) == estimate(*model));
      for (unsigned r = 0; r < kRegisters; ++r) REQUIRE(dense_rank(dense, r) == (*model)[r]);
    }
  }
}

TEST_CASE("samples in ascending order give the same bytes with a hint", "[hyperloglog]") {
  std::mt19937_64 random(Catch::rngSeed());
  for (int round = 0; round < 30; ++round) {
    Bytes plain = empty();
    for (int i = 0; i < 100; ++i) {
      const auto index = static_cast<unsigned>(random() % 300);
      raise(plain, {index, 1 + static_cast<unsigned>(random() % 2)});
    }
    Bytes hinted = plain;
    SparseHint hint;
    for (unsigned index = 0; index < 400; index += 1 + static_cast<unsigned>(random() % 3)) {
      const Sample sample{index, 1 + static_cast<unsigned>(random() % 3)};
      raise(plain, sample);
      const Patch patch = plan_raise(hinted, sample, hint);
      if (patch.outcome != Patch::Outcome::kReplace) continue;
      const std::size_t size = hinted.size();
      hinted.resize(size + patch.growth());
      hinted.resize(apply(patch, hinted.data(), size));
      REQUIRE(hinted == plain);
    }
    REQUIRE(hinted == plain);
  }
}

TEST_CASE("registers of the dense form do not touch each other", "[hyperloglog]") {
  std::mt19937_64 random(Catch::rngSeed());
  Bytes value = dense_of(empty());
  auto model = std::make_unique<Registers>();
  model->fill(0);
  for (int i = 0; i < 20000; ++i) {
    const Sample sample{static_cast<unsigned>(random() % kRegisters),
                        1 + static_cast<unsigned>(random() % 51)};
    const bool higher = sample.rank > (*model)[sample.index];
    REQUIRE(raise_dense(value.data(), sample) == higher);
    if (higher) (*model)[sample.index] = static_cast<std::uint8_t>(sample.rank);
  }
  for (unsigned r = 0; r < kRegisters; ++r) REQUIRE(dense_rank(value, r) == (*model)[r]);
  Bytes written = dense_of(empty());
  write_dense(*model, written.data());
  CHECK(written == value);
}

TEST_CASE("estimates are near the truth", "[hyperloglog]") {
  Bytes value = dense_of(empty());
  std::uint64_t added = 0;
  for (const std::uint64_t target : {10U, 100U, 1000U, 10000U, 100000U}) {
    for (; added < target; ++added) raise_dense(value.data(), sample_of(std::to_string(added)));
    const auto found = static_cast<double>(*estimate(value));
    CAPTURE(target, found);
    CHECK(std::fabs(found - static_cast<double>(target)) <= 0.05 * static_cast<double>(target));
  }
}

TEST_CASE("a cached estimate is kept and forgotten", "[hyperloglog]") {
  Bytes value = empty();
  set_cached_estimate(value.data(), 0x0102030405060708);
  CHECK(cached_estimate(value) == 0x0102030405060708U);
  invalidate_estimate(value.data());
  CHECK_FALSE(cached_estimate(value));
}

// Goal: bytes that a client made up never lead beyond the value. Method: random opcodes, cut
// anywhere, are read, merged, converted and raised; what adds up must be accepted.
TEST_CASE("corrupted registers are told, not followed", "[hyperloglog]") {
  std::mt19937_64 random(Catch::rngSeed());
  auto registers = std::make_unique<Registers>();
  std::vector<char> dense(kDenseBytes);
  for (int round = 0; round < 3000; ++round) {
    Bytes value = empty().substr(0, kHeaderBytes);
    std::uint64_t runs = 0;
    for (std::size_t left = random() % 40; left > 0; --left) value += static_cast<char>(random());
    if (round % 7 == 0) value = empty().substr(0, kHeaderBytes + random() % 3);
    REQUIRE(is_hyperloglog(value));
    each_opcode(value, [&runs](const Opcode& opcode) { runs += opcode.run; });
    const bool sound = runs == kRegisters;
    CAPTURE(round, value.size(), runs);
    registers->fill(0);
    CHECK(merge_into(*registers, value) == sound);
    CHECK(to_dense(value, dense.data()) == sound);
    CHECK(estimate(value).has_value() == sound);
    Bytes raised(value);
    raise(raised, {static_cast<unsigned>(random() % kRegisters), 5});
  }
  CHECK_FALSE(is_hyperloglog("HYLL"));
  CHECK_FALSE(is_hyperloglog(Bytes("HYLL\x02") + Bytes(13, '\0')));
  CHECK_FALSE(is_hyperloglog(Bytes("HYLL") + Bytes(14, '\0')));
}

}  // namespace memoir::hll
