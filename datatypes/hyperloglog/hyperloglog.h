// HyperLogLog: an estimate of how many different elements were seen, kept in a string as Redis lays
// it out, byte for byte.
//
//   value    := "HYLL"  encoding:u8 (0 dense, 1 sparse)  unused:u8{3}  cached:u64  registers
//   cached   := the estimate, little-endian; its highest bit says that it is stale
//   dense    := 16384 registers of 6 bits, low bits first
//   sparse   := opcodes (sparse.h)
//
// An element's hash chooses a register and a rank (the place of the hash's first one), and the
// register keeps the highest rank. The estimate is Ertl's ("New cardinality estimation algorithms
// for HyperLogLog sketches", 2017), computed in the same order as Redis's, so that it is the same.
//
// All functions are pure. Values come from clients, so nothing is taken for granted but what
// is_hyperloglog() has checked; a sparse value that does not add up is reported as corrupted.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "src/base/bytes.h"

namespace memoir::hll {

inline constexpr unsigned kRegisters = 1U << 14;
inline constexpr unsigned kRankBits = 50;  // of a hash, behind those that choose the register
inline constexpr std::size_t kHeaderBytes = 16;
inline constexpr std::size_t kDenseBytes = kHeaderBytes + kRegisters * 6 / 8;

enum class Encoding : std::uint8_t { kDense = 0, kSparse = 1 };

// What an element says: register `index` has at least this rank (1 to 51).
struct Sample {
  unsigned index = 0;
  unsigned rank = 0;
};
Sample sample_of(ByteView element);

// Whether a string has the form of a HyperLogLog; its registers may still be corrupted.
bool is_hyperloglog(ByteView value);
inline Encoding encoding_of(ByteView value) { return static_cast<Encoding>(value[4]); }

// The cached estimate unless it is stale.
std::optional<std::uint64_t> cached_estimate(ByteView value);
void set_cached_estimate(char* value, std::uint64_t estimate);
void invalidate_estimate(char* value);

// All registers, a byte each.
using Registers = std::array<std::uint8_t, kRegisters>;
// Raises registers to those of `value`. False if it is corrupted.
bool merge_into(Registers& registers, ByteView value);

std::uint64_t estimate(const Registers& registers);
// Nothing if the value is corrupted.
std::optional<std::uint64_t> estimate(ByteView value);

// A register of a dense value.
unsigned dense_rank(ByteView value, unsigned index);
// Raises a register of a dense value; false if it was as high.
bool raise_dense(char* value, const Sample& sample);
// Sets all registers of a dense value.
void write_dense(const Registers& registers, char* value);
// Writes the dense form of a sparse value to `out` (kDenseBytes). False if it is corrupted.
bool to_dense(ByteView sparse, char* out);

}  // namespace memoir::hll
