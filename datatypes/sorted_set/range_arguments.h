// The arguments of ZRANGE and of all the commands that came before it: what range, in which
// direction, which part.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "datatypes/sorted_set/ranges.h"
#include "datatypes/sorted_set/scored_reply.h"
#include "src/base/bytes.h"
#include "src/command/args.h"

namespace memoir {

inline constexpr std::string_view kNotScoreRange = "ERR min or max is not a float";
inline constexpr std::string_view kNotLexRange = "ERR min or max not valid string range item";

// "(1.5 +inf" and "[a (b"; nothing if a bound is malformed.
std::optional<ScoreRange> parse_score_range(ByteView min, ByteView max);
std::optional<LexRange> parse_lex_range(ByteView min, ByteView max);
// Ranks from `start` to `stop`, both included and counted from the end if negative, within `size`.
RankRange resolve_ranks(std::int64_t start, std::int64_t stop, std::size_t size);

class SortedSet;

class RangeArguments {
 public:
  enum class By : std::uint8_t { kAny, kRank, kScore, kLex };
  enum class Direction : std::uint8_t { kAny, kUp, kDown };
  // What the command itself has settled.
  struct Form {
    By by = By::kAny;
    Direction direction = Direction::kAny;
    bool stores = false;  // ZRANGESTORE: no WITHSCORES
  };

  // Reads "min max [options]". Check args.failed() before anything else.
  void read(Args& args, const Form& form);

  // The ranks it comes to, counted from the end if is_down().
  RankRange resolve(const SortedSet& set) const;
  bool is_down() const { return direction_ == Direction::kDown; }
  WithScores with_scores() const { return with_scores_; }

 private:
  void read_options(Args& args, const Form& form);
  void read_bounds(Args& args, ByteView first, ByteView second);

  By by_{By::kAny};
  Direction direction_{Direction::kAny};
  WithScores with_scores_{WithScores::kNo};
  std::int64_t offset_{0};
  std::int64_t limit_{-1};
  std::int64_t start_{0};
  std::int64_t stop_{0};
  ScoreRange scores_;
  LexRange members_;
};

}  // namespace memoir
