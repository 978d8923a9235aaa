// Bits of a string: counting, searching, and integers of any width at any offset.
//
// Bit 0 is the highest bit of the first byte, as in SETBIT. All functions are pure, work on bytes
// at any alignment and never touch one outside the view.
#pragma once

#include <cstddef>
#include <cstdint>

#include "src/base/bytes.h"

namespace memoir {

// A stretch of bits: from `first` to before `end`.
struct BitRange {
  std::uint64_t first = 0;
  std::uint64_t end = 0;
};

// How many bits are set.
std::uint64_t count_bits(ByteView bytes);
// How many are set within `range`, which must lie within `bytes`.
std::uint64_t count_bits(ByteView bytes, BitRange range);

// The place of the first bit within `range` (which must lie within `bytes`) that is `wanted`, or
// -1.
std::int64_t find_bit(ByteView bytes, BitRange range, bool wanted);

// Whether a bit is set; those behind the end are not.
inline bool test_bit(ByteView bytes, std::uint64_t offset) {
  const std::uint64_t byte = offset / 8;
  return byte < bytes.size() && ((static_cast<unsigned char>(bytes[byte]) >> (7 - offset % 8)) & 1);
}

// The unsigned integer of `bits` bits (1 to 64) at a bit offset; bits behind the end are 0.
std::uint64_t read_bits(ByteView bytes, std::uint64_t offset, unsigned bits);
// Writes the low `bits` bits of `value` there; the bytes must exist.
void write_bits(char* bytes, std::uint64_t offset, unsigned bits, std::uint64_t value);

}  // namespace memoir
