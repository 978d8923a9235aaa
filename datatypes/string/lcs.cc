#include "datatypes/string/lcs.h"

#include <bit>

namespace memoir {

Lcs::Lcs(ByteView a, ByteView b, LcsKeep keep) : a_(a), b_(b), words_(words_of(b)) {
  if (a.empty() || b.empty()) return;
  // For each byte of the alphabet of `b`, where it stands in `b`; mask 0 is that of bytes not in
  // `b`.
  std::uint16_t mask_of[256] = {};
  std::vector<std::uint64_t> masks(words_);
  for (std::size_t j = 0; j < b.size(); ++j) {
    std::uint16_t& mask = mask_of[static_cast<unsigned char>(b[j])];
    if (mask == 0) {
      mask = static_cast<std::uint16_t>(masks.size() / words_);
      masks.resize(masks.size() + words_);
    }
    masks[mask * words_ + j / 64] |= std::uint64_t{1} << (j % 64);
  }
  compute(masks, mask_of, keep);
}

void Lcs::compute(const std::vector<std::uint64_t>& masks, const std::uint16_t (&mask_of)[256],
                  LcsKeep keep) {
  rows_.resize(keep == LcsKeep::kRows ? a_.size() * words_ : words_);
  std::vector<std::uint64_t> ones(words_, ~std::uint64_t{0});
  const std::uint64_t* before = ones.data();
  std::uint64_t* row = rows_.data();
  for (std::size_t i = 0; i < a_.size(); ++i) {
    const std::uint64_t* mask = &masks[mask_of[static_cast<unsigned char>(a_[i])] * words_];
    unsigned long long carry = 0;
    for (std::size_t w = 0; w < words_; ++w) {
      const std::uint64_t v = before[w];
      const std::uint64_t matches = v & mask[w];
      unsigned long long sum = 0;
      const bool over = __builtin_uaddll_overflow(v, matches, &sum);
      const bool again = __builtin_uaddll_overflow(sum, carry, &sum);
      carry = over || again;
      row[w] = sum | (v & ~mask[w]);
    }
    before = row;
    if (keep == LcsKeep::kRows) row += words_;
  }
  for (std::size_t w = 0; w < words_; ++w) {
    const std::size_t columns = w + 1 < words_ || b_.size() % 64 == 0 ? 64 : b_.size() % 64;
    const std::uint64_t valid = ~std::uint64_t{0} >> (64 - columns);
    length_ += static_cast<std::size_t>(std::popcount(~before[w] & valid));
  }
}

}  // namespace memoir
