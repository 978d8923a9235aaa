// The sparse form of a HyperLogLog's registers: runs of equal ones, as opcodes.
//
//   zeros  := 00rrrrrr                run r + 1 (1 to 64) of registers that are 0
//   zeros2 := 01rrrrrr rrrrrrrr       run r + 1 (1 to 16384) of the same
//   ranks  := 1vvvvvrr                run r + 1 (1 to 4) of registers of rank v + 1 (1 to 32)
//
// The runs of a sound value add up to kRegisters. Raising a register is planned first, so that the
// caller can make room, and then applied.
#pragma once

#include <cstddef>
#include <cstdint>

#include "datatypes/hyperloglog/hyperloglog.h"
#include "src/base/bytes.h"

namespace memoir::hll {

inline constexpr unsigned kSparseRankMax = 32;
inline constexpr unsigned kShortZerosMax = 64;
inline constexpr unsigned kLongZerosMax = 16384;
inline constexpr unsigned kRunMax = 4;
inline constexpr std::size_t kEmptySparseBytes = kHeaderBytes + 2;

struct Opcode {
  enum class Kind : std::uint8_t { kZeros, kLongZeros, kRanks };
  Kind kind = Kind::kZeros;
  unsigned run = 0;
  unsigned rank = 0;
  std::size_t bytes = 1;
};

// The opcode at `at`, which must lie within `value`. A long run cut off at the end reads as if a
// zero byte followed.
inline Opcode opcode_at(ByteView value, std::size_t at) {
  const auto first = static_cast<unsigned char>(value[at]);
  if (first & 0x80U) {
    return {Opcode::Kind::kRanks, (first & 3U) + 1, ((first >> 2) & 31U) + 1, 1};
  }
  if ((first & 0x40U) == 0) return {Opcode::Kind::kZeros, first + 1U, 0, 1};
  const unsigned second = at + 1 < value.size() ? static_cast<unsigned char>(value[at + 1]) : 0U;
  return {Opcode::Kind::kLongZeros, ((first & 0x3fU) << 8 | second) + 1, 0, 2};
}

// Calls visit(const Opcode&) for all of them.
template <class F>
void each_opcode(ByteView value, F&& visit) {
  for (std::size_t at = kHeaderBytes; at < value.size();) {
    const Opcode opcode = opcode_at(value, at);
    visit(opcode);
    at += opcode.bytes;
  }
}

// Writes a value without elements (kEmptySparseBytes).
void write_empty(char* out);

struct Patch {
  enum class Outcome : std::uint8_t {
    kNothing,  // the register is as high
    kReplace,  // `size` bytes take the place of `old_size` at `at`
    kPromote,  // the rank is too high for this form
    kCorrupt,
  };
  Outcome outcome = Outcome::kNothing;
  std::size_t at = 0;
  std::size_t previous = 0;  // the opcode before; `at` if there is none
  std::size_t old_size = 0;
  std::size_t size = 0;
  char bytes[5] = {};

  std::size_t growth() const { return size > old_size ? size - old_size : 0; }
};

// Where a series of ascending samples goes on: before the last patch.
struct SparseHint {
  std::size_t at = kHeaderBytes;
  unsigned first = 0;  // the register it begins with
};

// What raises a register. `hint` is where the search may start, and is moved on.
Patch plan_raise(ByteView value, const Sample& sample, SparseHint& hint);
inline Patch plan_raise(ByteView value, const Sample& sample) {
  SparseHint hint;
  return plan_raise(value, sample, hint);
}
// Applies a kReplace to a value of `size` bytes, behind which there is room for growth(); joins
// runs as far as Redis does. Returns the new size.
std::size_t apply(const Patch& patch, char* value, std::size_t size);

}  // namespace memoir::hll
