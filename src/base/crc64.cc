#include "src/base/crc64.h"

#include <array>

#include "src/base/coding.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace memoir {
namespace {

constexpr std::uint64_t kReflectedPolynomial = 0x95ac9329ac4bc9b5ULL;
constexpr std::size_t kSlices = 8;

using Table = std::array<std::uint64_t, 256>;

// Table n gives what a byte adds that lies n bytes before the end of the step.
constexpr std::array<Table, kSlices> make_tables() {
  std::array<Table, kSlices> tables{};
  for (std::uint64_t byte = 0; byte < 256; ++byte) {
    std::uint64_t crc = byte;
    for (int bit = 0; bit < 8; ++bit) {
      crc = (crc & 1) != 0 ? (crc >> 1) ^ kReflectedPolynomial : crc >> 1;
    }
    tables[0][byte] = crc;
  }
  for (std::size_t n = 1; n < kSlices; ++n) {
    for (std::size_t byte = 0; byte < 256; ++byte) {
      const std::uint64_t before = tables[n - 1][byte];
      tables[n][byte] = tables[0][before & 255] ^ (before >> 8);
    }
  }
  return tables;
}

constexpr std::array<Table, kSlices> kTables = make_tables();

// --- polynomials modulo the checksum's; the highest bit is the coefficient of x^0 ---

constexpr std::uint64_t kOne = std::uint64_t{1} << 63;

constexpr std::uint64_t times_x(std::uint64_t a) {
  return (a & 1) != 0 ? (a >> 1) ^ kReflectedPolynomial : a >> 1;
}

constexpr std::uint64_t times(std::uint64_t a, std::uint64_t b) {
  std::uint64_t product = 0;
  for (std::uint64_t bit = kOne; bit != 0; bit >>= 1) {
    if ((b & bit) != 0) product ^= a;
    a = times_x(a);
  }
  return product;
}

constexpr std::uint64_t power_of_x(std::uint64_t exponent) {
  std::uint64_t result = kOne;
  for (std::uint64_t square = times_x(kOne); exponent != 0; exponent >>= 1) {
    if ((exponent & 1) != 0) result = times(result, square);
    square = times(square, square);
  }
  return result;
}

#if defined(__x86_64__)

constexpr std::size_t kLaneBytes = 16;
constexpr std::size_t kStrideBytes = 4 * kLaneBytes;
constexpr std::size_t kFoldedBytesMin = 4 * kStrideBytes;  // below, tables are as fast

// A lane moves on by a stride: its earlier half by 64 bits more than the later one. A carry-less
// product of two reflected factors comes out multiplied by x, hence one less.
constexpr std::uint64_t kFoldEarlier = power_of_x(8 * kStrideBytes + 64 - 1);
constexpr std::uint64_t kFoldLater = power_of_x(8 * kStrideBytes - 1);

[[gnu::target("pclmul,sse2")]] inline __m128i fold(__m128i lane, __m128i keys, __m128i next) {
  const __m128i earlier = _mm_clmulepi64_si128(lane, keys, 0x00);
  const __m128i later = _mm_clmulepi64_si128(lane, keys, 0x11);
  return _mm_xor_si128(_mm_xor_si128(earlier, later), next);
}

[[gnu::target("pclmul,sse2")]] inline __m128i lane_at(const char* at) {
  return _mm_loadu_si128(reinterpret_cast<const __m128i*>(at));
}

// Folds as many whole strides of `bytes` as there are into one, which has the same checksum and is
// written to `folded`. Returns how many bytes were read.
[[gnu::target("pclmul,sse2")]] std::size_t fold_strides(std::uint64_t crc, ByteView bytes,
                                                        char* folded) {
  const char* at = bytes.data();
  const __m128i keys = _mm_set_epi64x(static_cast<long long>(kFoldLater),
                                      static_cast<long long>(kFoldEarlier));
  __m128i a = _mm_xor_si128(lane_at(at), _mm_set_epi64x(0, static_cast<long long>(crc)));
  __m128i b = lane_at(at + kLaneBytes);
  __m128i c = lane_at(at + 2 * kLaneBytes);
  __m128i d = lane_at(at + 3 * kLaneBytes);
  std::size_t done = kStrideBytes;
  for (; bytes.size() - done >= kStrideBytes; done += kStrideBytes) {
    at = bytes.data() + done;
    a = fold(a, keys, lane_at(at));
    b = fold(b, keys, lane_at(at + kLaneBytes));
    c = fold(c, keys, lane_at(at + 2 * kLaneBytes));
    d = fold(d, keys, lane_at(at + 3 * kLaneBytes));
  }
  auto* const to = reinterpret_cast<__m128i*>(folded);
  _mm_storeu_si128(to, a);
  _mm_storeu_si128(to + 1, b);
  _mm_storeu_si128(to + 2, c);
  _mm_storeu_si128(to + 3, d);
  return done;
}

#endif

}  // namespace

std::uint64_t crc64_by_tables(std::uint64_t crc, ByteView bytes) {
  const char* at = bytes.data();
  std::size_t left = bytes.size();
  for (; left >= kSlices; left -= kSlices, at += kSlices) {
    crc ^= load<std::uint64_t>(at);
    std::uint64_t next = 0;
    for (std::size_t n = 0; n < kSlices; ++n) {
      next ^= kTables[kSlices - 1 - n][(crc >> (8 * n)) & 255];
    }
    crc = next;
  }
  for (; left > 0; --left, ++at) {
    crc = kTables[0][(crc ^ static_cast<unsigned char>(*at)) & 255] ^ (crc >> 8);
  }
  return crc;
}

std::uint64_t crc64(std::uint64_t crc, ByteView bytes) {
#if defined(__x86_64__)
  if (bytes.size() >= kFoldedBytesMin && __builtin_cpu_supports("pclmul")) {
    char folded[kStrideBytes];
    bytes.remove_prefix(fold_strides(crc, bytes, folded));
    crc = crc64_by_tables(0, {folded, kStrideBytes});
  }
#endif
  return crc64_by_tables(crc, bytes);
}

std::uint64_t crc64_combine(std::uint64_t first, std::uint64_t second,
                            std::uint64_t second_bytes) {
  return times(first, power_of_x(8 * second_bytes)) ^ second;
}

}  // namespace memoir
