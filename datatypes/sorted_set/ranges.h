// Ranges of a sorted set, as clients give them: by score, by member, and what both come down to, by
// rank.
#pragma once

#include <cstddef>

#include "src/base/bytes.h"

namespace memoir {

// "1.5", "(1.5" (without the bound itself), "-inf", "+inf".
struct ScoreBound {
  double score = 0;
  bool exclusive = false;
};
struct ScoreRange {
  ScoreBound min;
  ScoreBound max;
  bool empty() const {
    return min.score > max.score ||
           (min.score == max.score && (min.exclusive || max.exclusive));
  }
};

// "[text", "(text" (without it), "-" (before all), "+" (after all).
struct LexBound {
  enum class Kind : unsigned char { kBeforeAll, kInclusive, kExclusive, kAfterAll };
  Kind kind = Kind::kInclusive;
  ByteView text;
};
struct LexRange {
  LexBound min;
  LexBound max;
  // Whether no member can be in it.
  bool empty() const {
    using Kind = LexBound::Kind;
    if (min.kind == Kind::kAfterAll || max.kind == Kind::kBeforeAll) return true;
    if (min.kind == Kind::kBeforeAll || max.kind == Kind::kAfterAll) return false;
    const int order = min.text.compare(max.text);
    const bool exclusive = min.kind == Kind::kExclusive || max.kind == Kind::kExclusive;
    return order > 0 || (order == 0 && exclusive);
  }
};

// `count` members from rank `first` on.
struct RankRange {
  std::size_t first = 0;
  std::size_t count = 0;
};

}  // namespace memoir
