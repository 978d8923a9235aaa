#include "datatypes/bitmap/bits.h"

#include <algorithm>
#include <bit>

#ifdef __x86_64__
#include <immintrin.h>
#endif

namespace memoir {
namespace {

constexpr std::size_t kWordBytes = sizeof(std::uint64_t);

std::uint64_t load_word(const char* at) {
  std::uint64_t word;
  std::memcpy(&word, at, sizeof(word));
  return word;
}

// The word whose highest bit is the first of the bytes.
std::uint64_t load_ordered(const char* at) {
  const std::uint64_t word = load_word(at);
  return std::endian::native == std::endian::little ? __builtin_bswap64(word) : word;
}

// The last bytes of a string as a word, filled up with zeros.
std::uint64_t load_tail(const char* at, std::size_t size) {
  char padded[kWordBytes] = {};
  std::memcpy(padded, at, size);
  return load_ordered(padded);
}

std::uint64_t count_plainly(const char* at, std::size_t size) {
  std::uint64_t count = 0;
  for (; size >= kWordBytes; at += kWordBytes, size -= kWordBytes) {
    count += static_cast<std::uint64_t>(std::popcount(load_word(at)));
  }
  return count + static_cast<std::uint64_t>(std::popcount(load_tail(at, size)));
}

#ifdef __x86_64__

// One instruction a word. Four counts run beside each other, since an addition waits for the last.
[[gnu::target("popcnt")]] std::uint64_t count_by_words(const char* at, std::size_t size) {
  std::uint64_t counts[4] = {};
  for (; size >= 4 * kWordBytes; at += 4 * kWordBytes, size -= 4 * kWordBytes) {
    for (std::size_t i = 0; i < 4; ++i) {
      std::uint64_t word;
      std::memcpy(&word, at + i * kWordBytes, sizeof(word));
      counts[i] += static_cast<std::uint64_t>(__builtin_popcountll(word));
    }
  }
  std::uint64_t count = counts[0] + counts[1] + counts[2] + counts[3];
  for (; size >= kWordBytes; at += kWordBytes, size -= kWordBytes) {
    count += static_cast<std::uint64_t>(__builtin_popcountll(load_word(at)));
  }
  return count + static_cast<std::uint64_t>(__builtin_popcountll(load_tail(at, size)));
}

// 32 bytes at a time: the counts of all half bytes come out of a table that fits a register.
[[gnu::target("avx2,popcnt")]] std::uint64_t count_by_vectors(const char* at, std::size_t size) {
  constexpr std::size_t kVector = 32;
  constexpr std::size_t kSteps = 31;  // a byte counts at most 8 a step and must stay below 256
  const __m256i table = _mm256_setr_epi8(0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4,  //
                                         0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4);
  const __m256i low_half = _mm256_set1_epi8(0x0f);
  __m256i sums = _mm256_setzero_si256();
  while (size >= kVector) {
    __m256i counts = _mm256_setzero_si256();
    for (std::size_t i = 0; i < kSteps && size >= kVector; ++i, at += kVector, size -= kVector) {
      const __m256i bytes = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(at));
      const __m256i low = _mm256_and_si256(bytes, low_half);
      const __m256i high = _mm256_and_si256(_mm256_srli_epi16(bytes, 4), low_half);
      counts = _mm256_add_epi8(counts, _mm256_shuffle_epi8(table, low));
      counts = _mm256_add_epi8(counts, _mm256_shuffle_epi8(table, high));
    }
    sums = _mm256_add_epi64(sums, _mm256_sad_epu8(counts, _mm256_setzero_si256()));
  }
  std::uint64_t parts[4];
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(parts), sums);
  return parts[0] + parts[1] + parts[2] + parts[3] + count_by_words(at, size);
}

#endif

// The bits of `word` that stand at `first` and behind (0: the highest).
std::uint64_t from(std::uint64_t word, unsigned first) { return word & (~0ULL >> first); }

// Whole words are passed over while they hold nothing that is looked for; `flip` turns the search
// for a zero into one for a one. Returns the offset of the first word that may hold it.
std::size_t skip_words(const char* at, std::size_t offset, std::size_t end, std::uint64_t flip) {
  constexpr std::size_t kAtOnce = 4;
  while (offset + kAtOnce * kWordBytes <= end) {
    std::uint64_t any = 0;
    for (std::size_t i = 0; i < kAtOnce; ++i) any |= load_word(at + offset + i * kWordBytes) ^ flip;
    if (any != 0) break;
    offset += kAtOnce * kWordBytes;
  }
  while (offset + kWordBytes <= end && load_word(at + offset) == flip) offset += kWordBytes;
  return offset;
}

}  // namespace

std::uint64_t count_bits(ByteView bytes) {
#ifdef __x86_64__
  constexpr std::size_t kWorthVectors = 128;
  if (bytes.size() >= kWorthVectors && __builtin_cpu_supports("avx2")) {
    return count_by_vectors(bytes.data(), bytes.size());
  }
  if (__builtin_cpu_supports("popcnt")) return count_by_words(bytes.data(), bytes.size());
#endif
  return count_plainly(bytes.data(), bytes.size());
}

std::uint64_t count_bits(ByteView bytes, BitRange range) {
  if (range.first >= range.end) return 0;
  const std::uint64_t first = range.first / 8;
  const std::uint64_t last = (range.end - 1) / 8;
  std::uint64_t count = count_bits(bytes.substr(first, last - first + 1));
  const auto before = static_cast<unsigned>(range.first % 8);
  const auto behind = static_cast<unsigned>(7 - (range.end - 1) % 8);
  count -= static_cast<unsigned>(std::popcount(read_bits(bytes, first * 8, 8) >> (8 - before)));
  const std::uint64_t low = read_bits(bytes, last * 8, 8) & ((1U << behind) - 1);
  return count - static_cast<unsigned>(std::popcount(low));
}

std::int64_t find_bit(ByteView bytes, BitRange range, bool wanted) {
  if (range.first >= range.end) return -1;
  const std::uint64_t flip = wanted ? 0 : ~0ULL;
  const std::size_t end = (range.end + 7) / 8;
  std::size_t offset = range.first / 8;
  auto skipped = static_cast<unsigned>(range.first % 8);  // bits of the first word
  while (offset < end) {
    const std::size_t here = std::min(kWordBytes, end - offset);
    const std::uint64_t word = here == kWordBytes ? load_ordered(bytes.data() + offset)
                                                  : load_tail(bytes.data() + offset, here);
    if (const std::uint64_t found = from(word ^ flip, skipped)) {
      const std::uint64_t place =
          offset * 8 + static_cast<unsigned>(std::countl_zero(found));
      return place < range.end ? static_cast<std::int64_t>(place) : -1;
    }
    offset = skip_words(bytes.data(), offset + here, end, flip);
    skipped = 0;
  }
  return -1;
}

std::uint64_t read_bits(ByteView bytes, std::uint64_t offset, unsigned bits) {
  unsigned __int128 whole = 0;
  const std::uint64_t first = offset / 8;
  const std::uint64_t last = (offset + bits - 1) / 8;
  for (std::uint64_t i = first; i <= last; ++i) {
    whole = whole << 8 | (i < bytes.size() ? static_cast<unsigned char>(bytes[i]) : 0U);
  }
  const std::uint64_t behind = (last + 1) * 8 - (offset + bits);
  const auto value = static_cast<std::uint64_t>(whole >> behind);
  return bits == 64 ? value : value & ((1ULL << bits) - 1);
}

void write_bits(char* bytes, std::uint64_t offset, unsigned bits, std::uint64_t value) {
  const std::uint64_t first = offset / 8;
  const std::uint64_t last = (offset + bits - 1) / 8;
  const std::uint64_t behind = (last + 1) * 8 - (offset + bits);
  const unsigned __int128 ones = bits == 64 ? ~0ULL : (1ULL << bits) - 1;
  unsigned __int128 fresh = (static_cast<unsigned __int128>(value) & ones) << behind;
  unsigned __int128 mask = ones << behind;
  for (std::uint64_t i = last + 1; i-- > first; fresh >>= 8, mask >>= 8) {
    const auto kept = static_cast<unsigned char>(bytes[i]) & ~static_cast<unsigned>(mask & 0xff);
    bytes[i] = static_cast<char>(kept | static_cast<unsigned>(fresh & 0xff));
  }
}

}  // namespace memoir
