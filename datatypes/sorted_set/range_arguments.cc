#include "datatypes/sorted_set/range_arguments.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>

#include "datatypes/sorted_set/sorted_set.h"
#include "src/base/c_text.h"
#include "src/base/number.h"

namespace memoir {
namespace {

// As strtod reads it: blanks in front are skipped, nothing at all is 0, a number too large for a
// double is infinite.
std::optional<ScoreBound> parse_score_bound(ByteView text) {
  ScoreBound bound;
  text = c_text(text);
  if (!text.empty() && text.front() == '(') {
    bound.exclusive = true;
    text.remove_prefix(1);
  }
  if (text.empty()) return bound;
  if (const auto score = parse_double(text)) {
    bound.score = *score;
    return bound;
  }
  const Bytes terminated(text);
  char* end = nullptr;
  bound.score = std::strtod(terminated.c_str(), &end);
  if (*end != '\0' || std::isnan(bound.score)) return std::nullopt;
  return bound;
}

std::optional<LexBound> parse_lex_bound(ByteView text) {
  using Kind = LexBound::Kind;
  if (text == "-") return LexBound{Kind::kBeforeAll, {}};
  if (text == "+") return LexBound{Kind::kAfterAll, {}};
  if (text.empty()) return std::nullopt;
  if (text.front() == '[') return LexBound{Kind::kInclusive, text.substr(1)};
  if (text.front() == '(') return LexBound{Kind::kExclusive, text.substr(1)};
  return std::nullopt;
}

}  // namespace

std::optional<ScoreRange> parse_score_range(ByteView min, ByteView max) {
  const auto low = parse_score_bound(min);
  const auto high = parse_score_bound(max);
  if (!low || !high) return std::nullopt;
  return ScoreRange{*low, *high};
}

std::optional<LexRange> parse_lex_range(ByteView min, ByteView max) {
  const auto low = parse_lex_bound(min);
  const auto high = parse_lex_bound(max);
  if (!low || !high) return std::nullopt;
  return LexRange{*low, *high};
}

RankRange resolve_ranks(std::int64_t start, std::int64_t stop, std::size_t size) {
  const auto count = static_cast<std::int64_t>(size);
  if (start < 0) start = std::max<std::int64_t>(start + count, 0);
  if (stop < 0) stop += count;
  if (start > stop || start >= count) return {};
  stop = std::min(stop, count - 1);
  return {static_cast<std::size_t>(start), static_cast<std::size_t>(stop - start + 1)};
}

void RangeArguments::read(Args& args, const Form& form) {
  by_ = form.by;
  direction_ = form.direction;
  const ByteView first = args.next();
  const ByteView second = args.next();
  read_options(args, form);
  if (args.failed()) return;
  if (by_ == By::kAny) by_ = By::kRank;
  if (limit_ != -1 && by_ == By::kRank) {
    return args.fail(
        "ERR syntax error, LIMIT is only supported in combination with either BYSCORE or BYLEX");
  }
  if (with_scores_ == WithScores::kYes && by_ == By::kLex) {
    return args.fail("ERR syntax error, WITHSCORES not supported in combination with BYLEX");
  }
  read_bounds(args, first, second);
}

void RangeArguments::read_options(Args& args, const Form& form) {
  while (args.more() && !args.failed()) {
    if (!form.stores && args.take("withscores")) {
      with_scores_ = WithScores::kYes;
    } else if (args.take("limit", 2)) {
      offset_ = args.integer();
      limit_ = args.integer();
    } else if (form.direction == Direction::kAny && direction_ == Direction::kAny &&
               args.take("rev")) {
      direction_ = Direction::kDown;
    } else if (by_ == By::kAny && args.take("bylex")) {
      by_ = By::kLex;
    } else if (by_ == By::kAny && args.take("byscore")) {
      by_ = By::kScore;
    } else {
      args.fail(kSyntaxError);
    }
  }
}

// Downwards the bounds come as max, min.
void RangeArguments::read_bounds(Args& args, ByteView first, ByteView second) {
  if (by_ == By::kRank) {
    const auto start = parse_integer(first);
    const auto stop = parse_integer(second);
    if (!start || !stop) return args.fail(kNotInteger);
    start_ = *start;
    stop_ = *stop;
    return;
  }
  if (is_down()) std::swap(first, second);
  if (by_ == By::kScore) {
    const auto range = parse_score_range(first, second);
    if (!range) return args.fail(kNotScoreRange);
    scores_ = *range;
  } else {
    const auto range = parse_lex_range(first, second);
    if (!range) return args.fail(kNotLexRange);
    members_ = *range;
  }
}

RankRange RangeArguments::resolve(const SortedSet& set) const {
  const std::size_t size = set.size();
  if (by_ == By::kRank) return resolve_ranks(start_, stop_, size);
  RankRange range = by_ == By::kScore ? set.ranks(scores_) : set.ranks(members_);
  if (is_down()) range.first = size - range.first - range.count;
  if (offset_ < 0 || static_cast<std::size_t>(offset_) >= range.count) return {};
  range.first += static_cast<std::size_t>(offset_);
  range.count -= static_cast<std::size_t>(offset_);
  if (limit_ >= 0) range.count = std::min(range.count, static_cast<std::size_t>(limit_));
  return range;
}

}  // namespace memoir
