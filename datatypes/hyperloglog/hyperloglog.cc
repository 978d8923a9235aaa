#include "datatypes/hyperloglog/hyperloglog.h"

#include <algorithm>
#include <bit>
#include <cmath>

#include "datatypes/hyperloglog/sparse.h"

#ifdef __x86_64__
#include <immintrin.h>
#endif

namespace memoir::hll {
namespace {

constexpr std::uint64_t kSeed = 0xadc83b19;
constexpr unsigned kGroup = 4;  // registers that share three bytes

std::uint64_t load_little(const char* at, std::size_t size = 8) {
  std::uint64_t word = 0;
  for (std::size_t i = size; i-- > 0;) word = word << 8 | static_cast<unsigned char>(at[i]);
  return word;
}

// Appleby's MurmurHash64A; the seed decides what registers mean, so it is part of the format.
std::uint64_t murmur_hash(ByteView bytes) {
  constexpr std::uint64_t kMultiplier = 0xc6a4a7935bd1e995;
  constexpr unsigned kShift = 47;
  std::uint64_t hash = kSeed ^ (bytes.size() * kMultiplier);
  const char* at = bytes.data();
  std::size_t left = bytes.size();
  for (; left >= 8; at += 8, left -= 8) {
    std::uint64_t word = load_little(at) * kMultiplier;
    word ^= word >> kShift;
    hash = (hash ^ word * kMultiplier) * kMultiplier;
  }
  if (left > 0) hash = (hash ^ load_little(at, left)) * kMultiplier;
  hash = (hash ^ hash >> kShift) * kMultiplier;
  return hash ^ hash >> kShift;
}

// How many registers have each rank. 64 places, so that any 6 bits fit.
using Histogram = std::array<int, 64>;

double sigma(double x) {
  if (x == 1.0) return INFINITY;
  double y = 1;
  double z = x;
  double before = 0;
  do {
    x *= x;
    before = z;
    z += x * y;
    y += y;
  } while (before != z);
  return z;
}

double tau(double x) {
  if (x == 0.0 || x == 1.0) return 0.0;
  double y = 1.0;
  double z = 1 - x;
  double before = 0;
  do {
    x = std::sqrt(x);
    before = z;
    y *= 0.5;
    z -= std::pow(1 - x, 2) * y;
  } while (before != z);
  return z / 3;
}

std::uint64_t estimate_of(const Histogram& counts) {
  constexpr double kAlphaInfinity = 0.721347520444481703680;  // 1 / (2 ln 2)
  constexpr double m = kRegisters;
  double z = m * tau((m - counts[kRankBits + 1]) / m);
  for (unsigned rank = kRankBits; rank >= 1; --rank) {
    z += counts[rank];
    z *= 0.5;
  }
  z += m * sigma(counts[0] / m);
  return static_cast<std::uint64_t>(std::llroundl(kAlphaInfinity * m * m / z));
}

// The four registers of a group, the first in the low bits.
std::uint32_t group_at(const char* registers, unsigned group) {
  const auto* bytes = reinterpret_cast<const unsigned char*>(registers) + group * 3;
  return bytes[0] | static_cast<std::uint32_t>(bytes[1]) << 8 |
         static_cast<std::uint32_t>(bytes[2]) << 16;
}

// The four tables take turns, since equal ranks often follow each other and an addition waits for
// the one before.
Histogram dense_histogram(ByteView value) {
  Histogram counts[kGroup] = {};
  const char* const registers = value.data() + kHeaderBytes;
  for (unsigned group = 0; group < kRegisters / kGroup; ++group) {
    const std::uint32_t ranks = group_at(registers, group);
    ++counts[0][ranks & 63];
    ++counts[1][ranks >> 6 & 63];
    ++counts[2][ranks >> 12 & 63];
    ++counts[3][ranks >> 18 & 63];
  }
  for (std::size_t rank = 0; rank < counts[0].size(); ++rank) {
    counts[0][rank] += counts[1][rank] + counts[2][rank] + counts[3][rank];
  }
  return counts[0];
}

std::optional<Histogram> sparse_histogram(ByteView value) {
  Histogram counts{};
  std::uint64_t registers = 0;
  each_opcode(value, [&](const Opcode& opcode) {
    counts[opcode.rank] += static_cast<int>(opcode.run);
    registers += opcode.run;
  });
  return registers == kRegisters ? std::optional(counts) : std::nullopt;
}

// Calls visit(index, run, rank) for the runs that are not 0. False if the value is corrupted.
template <class F>
bool each_run(ByteView value, F&& visit) {
  std::uint64_t index = 0;
  bool sound = true;
  each_opcode(value, [&](const Opcode& opcode) {
    const std::uint64_t first = index;
    index += opcode.run;
    sound = sound && index <= kRegisters;
    if (sound && opcode.rank != 0) visit(static_cast<unsigned>(first), opcode.run, opcode.rank);
  });
  return sound && index == kRegisters;
}

#ifdef __x86_64__

// Four groups at a time: each group's three bytes are brought into a lane of four, and its
// registers shifted apart there. Returns how many groups are done; a step reads four bytes too
// many, so the last ones are left.
[[gnu::target("ssse3")]] unsigned merge_most(Registers& registers, const char* from) {
  constexpr unsigned kAtOnce = 4;
  const __m128i spread = _mm_setr_epi8(0, 1, 2, -1, 3, 4, 5, -1, 6, 7, 8, -1, 9, 10, 11, -1);
  const auto part = [](__m128i lanes, int mask) __attribute__((target("ssse3"))) {
    return _mm_and_si128(lanes, _mm_set1_epi32(mask));
  };
  unsigned group = 0;
  for (; group + 2 * kAtOnce <= kRegisters / kGroup; group += kAtOnce) {
    const __m128i lanes = _mm_shuffle_epi8(
        _mm_loadu_si128(reinterpret_cast<const __m128i*>(from + group * 3)), spread);
    const __m128i low = _mm_or_si128(part(lanes, 0x3f), part(_mm_slli_epi32(lanes, 2), 0x3f00));
    const __m128i high = _mm_or_si128(part(_mm_slli_epi32(lanes, 4), 0x3f0000),
                                      part(_mm_slli_epi32(lanes, 6), 0x3f000000));
    auto* const to = reinterpret_cast<__m128i*>(registers.data() + group * kGroup);
    _mm_storeu_si128(to, _mm_max_epu8(_mm_loadu_si128(to), _mm_or_si128(low, high)));
  }
  return group;
}

#endif

void merge_dense(Registers& registers, ByteView value) {
  const char* const from = value.data() + kHeaderBytes;
  unsigned group = 0;
#ifdef __x86_64__
  if (__builtin_cpu_supports("ssse3")) group = merge_most(registers, from);
#endif
  for (; group < kRegisters / kGroup; ++group) {
    const std::uint32_t ranks = group_at(from, group);
    std::uint8_t* const to = registers.data() + group * kGroup;
    to[0] = std::max(to[0], static_cast<std::uint8_t>(ranks & 63));
    to[1] = std::max(to[1], static_cast<std::uint8_t>(ranks >> 6 & 63));
    to[2] = std::max(to[2], static_cast<std::uint8_t>(ranks >> 12 & 63));
    to[3] = std::max(to[3], static_cast<std::uint8_t>(ranks >> 18 & 63));
  }
}

void set_dense_rank(char* value, unsigned index, unsigned rank) {
  auto* const bytes = reinterpret_cast<unsigned char*>(value + kHeaderBytes) + index * 6 / 8;
  const unsigned shift = index * 6 % 8;
  const unsigned mask = 63U << shift;
  const unsigned bits = rank << shift;
  bytes[0] = static_cast<unsigned char>((bytes[0] & ~mask) | bits);
  if (shift <= 2) return;  // all six bits lie in this byte
  bytes[1] = static_cast<unsigned char>((bytes[1] & ~(mask >> 8)) | bits >> 8);
}

}  // namespace

Sample sample_of(ByteView element) {
  const std::uint64_t hash = murmur_hash(element);
  const std::uint64_t rest = hash / kRegisters | 1ULL << kRankBits;
  return {static_cast<unsigned>(hash % kRegisters),
          static_cast<unsigned>(std::countr_zero(rest)) + 1};
}

bool is_hyperloglog(ByteView value) {
  if (value.size() < kHeaderBytes || !value.starts_with("HYLL")) return false;
  const auto encoding = static_cast<unsigned char>(value[4]);
  if (encoding == static_cast<unsigned char>(Encoding::kDense)) return value.size() == kDenseBytes;
  return encoding == static_cast<unsigned char>(Encoding::kSparse);
}

std::optional<std::uint64_t> cached_estimate(ByteView value) {
  const std::uint64_t cached = load_little(value.data() + 8);
  return cached >> 63 ? std::nullopt : std::optional(cached);
}

void set_cached_estimate(char* value, std::uint64_t estimate) {
  for (int i = 0; i < 8; ++i) value[8 + i] = static_cast<char>(estimate >> (8 * i) & 0xff);
}

void invalidate_estimate(char* value) {
  value[15] = static_cast<char>(static_cast<unsigned char>(value[15]) | 0x80U);
}

bool merge_into(Registers& registers, ByteView value) {
  if (encoding_of(value) == Encoding::kDense) {
    merge_dense(registers, value);
    return true;
  }
  return each_run(value, [&](unsigned index, unsigned run, unsigned rank) {
    for (unsigned i = index; i < index + run; ++i) {
      registers[i] = std::max(registers[i], static_cast<std::uint8_t>(rank));
    }
  });
}

std::uint64_t estimate(const Registers& registers) {
  Histogram counts{};
  for (const std::uint8_t rank : registers) ++counts[rank];
  return estimate_of(counts);
}

std::optional<std::uint64_t> estimate(ByteView value) {
  if (encoding_of(value) == Encoding::kDense) return estimate_of(dense_histogram(value));
  const auto counts = sparse_histogram(value);
  if (!counts) return std::nullopt;
  return estimate_of(*counts);
}

unsigned dense_rank(ByteView value, unsigned index) {
  return group_at(value.data() + kHeaderBytes, index / kGroup) >> (index % kGroup * 6) & 63;
}

bool raise_dense(char* value, const Sample& sample) {
  if (dense_rank({value, kDenseBytes}, sample.index) >= sample.rank) return false;
  set_dense_rank(value, sample.index, sample.rank);
  return true;
}

void write_dense(const Registers& registers, char* value) {
  for (unsigned i = 0; i < kRegisters; i += kGroup) {
    const std::uint32_t ranks = registers[i] | static_cast<std::uint32_t>(registers[i + 1]) << 6 |
                                static_cast<std::uint32_t>(registers[i + 2]) << 12 |
                                static_cast<std::uint32_t>(registers[i + 3]) << 18;
    char* const to = value + kHeaderBytes + i / kGroup * 3;
    for (int byte = 0; byte < 3; ++byte) to[byte] = static_cast<char>(ranks >> (8 * byte) & 0xff);
  }
}

bool to_dense(ByteView sparse, char* out) {
  std::memset(out, 0, kDenseBytes);
  std::memcpy(out, sparse.data(), kHeaderBytes);
  out[4] = static_cast<char>(Encoding::kDense);
  return each_run(sparse, [&](unsigned index, unsigned run, unsigned rank) {
    for (unsigned i = index; i < index + run; ++i) set_dense_rank(out, i, rank);
  });
}

}  // namespace memoir::hll
