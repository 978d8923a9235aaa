// Lcs: the longest common subsequence of two strings, by bit-parallel dynamic programming (Hyyro,
// "Bit-parallel LCS-length computation revisited", 2004).
//
// With L(i, j) the length for the first i bytes of `a` and the first j of `b`, row i is kept as one
// bit per column: whether L(i, j) = L(i, j - 1) + 1. A row follows from the one before by an
// addition, so 64 cells cost a few instructions. The bits of all rows are enough to walk back:
// where the bytes differ and the bit is set, L(i - 1, j) is the greater neighbour. Ties go to the
// shorter prefix of `b`, as in Redis.
//
// `a` and `b` must outlive the object.
#pragma once

#include <cstdint>
#include <vector>

#include "src/base/bytes.h"

namespace memoir {

enum class LcsKeep : bool {
  kLength,  // one row: length() alone
  kRows,    // all of them: walk_back() as well
};

class Lcs {
 public:
  // Bytes that all rows take.
  static std::size_t rows_bytes(ByteView a, ByteView b) {
    return a.size() * words_of(b) * sizeof(std::uint64_t);
  }

  Lcs(ByteView a, ByteView b, LcsKeep keep);

  std::size_t length() const { return length_; }

  // A stretch common to both strings.
  struct Match {
    std::size_t a_begin;
    std::size_t b_begin;
    std::size_t size;
  };
  // Calls visit(Match) for the stretches that make up the subsequence, from the last to the first.
  template <class F>
  void walk_back(F&& visit) const;

 private:
  static std::size_t words_of(ByteView b) { return (b.size() + 63) / 64; }
  void compute(const std::vector<std::uint64_t>& masks, const std::uint16_t (&mask_of)[256],
               LcsKeep keep);
  // Whether column j (from 0) of row i (from 0) rises.
  bool rises(std::size_t i, std::size_t j) const {
    return ((rows_[i * words_ + j / 64] >> (j % 64)) & 1) == 0;
  }

  ByteView a_;
  ByteView b_;
  std::size_t words_;
  std::vector<std::uint64_t> rows_;  // complemented: a zero is a rise
  std::size_t length_{0};
};

template <class F>
void Lcs::walk_back(F&& visit) const {
  std::size_t i = a_.size();
  std::size_t j = b_.size();
  std::size_t run = 0;
  while (i > 0 && j > 0) {
    if (a_[i - 1] == b_[j - 1]) {
      ++run;
      --i;
      --j;
      continue;
    }
    if (run > 0) visit(Match{i, j, std::exchange(run, 0)});
    if (rises(i - 1, j - 1)) {
      --i;
    } else {
      --j;
    }
  }
  if (run > 0) visit(Match{i, j, run});
}

}  // namespace memoir
