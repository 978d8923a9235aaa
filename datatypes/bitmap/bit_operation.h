// BitOperation: what BITOP does with its sources, byte strings that count as filled up with zeros
// to the length of the longest.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "src/base/bytes.h"

namespace memoir {

enum class BitOperation : std::uint8_t {
  kAnd,
  kOr,
  kXor,
  kNot,    // of the one source
  kDiff,   // in the first source and in none of the others
  kDiff1,  // in one of the others and not in the first
  kAndOr,  // in the first and in one of the others
  kOne,    // in exactly one source
};

// "and", "DIFF1", ...; nothing for another word.
std::optional<BitOperation> parse_bit_operation(ByteView word);

// Writes the result of `size` bytes, the length of the longest source, to `out`. There is at least
// one source; `out` lies in none of them.
void combine_bits(BitOperation operation, std::span<const ByteView> sources, char* out,
                  std::size_t size);

}  // namespace memoir
