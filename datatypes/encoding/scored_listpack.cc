#include "datatypes/encoding/scored_listpack.h"

#include <optional>

#include "datatypes/encoding/old_forms.h"
#include "src/base/number.h"

namespace memoir {
namespace {

// The score as an integer, if it is a whole number well within 64 bits.
std::optional<std::int64_t> whole(double score) {
  constexpr double kLimit = 0x1p62;
  if (!(score >= -kLimit && score <= kLimit)) return std::nullopt;
  const auto integer = static_cast<std::int64_t>(score);
  if (static_cast<double>(integer) != score) return std::nullopt;
  return integer;
}

}  // namespace

double ScoredListpack::score_at(Cursor at) const {
  const Listpack::Item item = pairs_.get(at);
  if (item.is_integer) return static_cast<double>(item.integer);
  return parse_double(item.text).value_or(0);
}

void ScoredListpack::insert(ByteView member, double score) {
  Cursor at = pairs_.first();
  while (at) {
    const Cursor score_cursor = pairs_.next(at);
    const double other = score_at(score_cursor);
    if (other > score) break;
    char digits[kIntegerCharsMax];
    if (other == score && pairs_.text_of(at, digits) > member) break;
    at = pairs_.next(score_cursor);
  }
  insert_at(at, member, score);
}

// Before the pair at `at`; at the end if null.
void ScoredListpack::insert_at(Cursor at, ByteView member, double score) {
  const Cursor inserted = pairs_.insert(at, listpack::encode(member));
  const Cursor after = pairs_.next(inserted);
  if (const auto integer = whole(score)) {
    pairs_.insert(after, listpack::encode_integer(*integer));
  } else {
    char text[40];  // as format_double() asks
    pairs_.insert(after, listpack::encode(ByteView(text, format_double(score, text))));
  }
}

void ScoredListpack::update(Cursor at, ByteView member, double score) {
  erase(at);
  insert(member, score);
}

std::size_t ScoredListpack::rank(Cursor at) const {
  std::size_t before = 0;
  for (Cursor c = pairs_.first(); c != at; c = pairs_.next(pairs_.next(c))) ++before;
  return before;
}

std::size_t ScoredListpack::count_by_score(double score, bool inclusive) const {
  std::size_t before = 0;
  for (Cursor at = pairs_.first(); at;) {
    const Cursor score_cursor = pairs_.next(at);
    const double other = score_at(score_cursor);
    if (inclusive ? other > score : other >= score) break;
    ++before;
    at = pairs_.next(score_cursor);
  }
  return before;
}

std::size_t ScoredListpack::count_by_member(ByteView member, bool inclusive) const {
  std::size_t before = 0;
  char digits[kIntegerCharsMax];
  for (Cursor at = pairs_.first(); at; at = pairs_.next(pairs_.next(at))) {
    const int order = pairs_.text_of(at, digits).compare(member);
    if (inclusive ? order > 0 : order >= 0) break;
    ++before;
  }
  return before;
}

bool ScoredListpack::verify() const {
  if (!Listpack::validate(pairs_.bytes()) || pairs_.count() % 2 != 0) return false;
  bool first = true;
  double before = 0;
  Bytes member_before;
  char digits[kIntegerCharsMax];
  for (Cursor at = pairs_.first(); at; first = false) {
    const ByteView member = pairs_.text_of(at, digits);
    at = pairs_.next(at);
    const Listpack::Item item = pairs_.get(at);
    if (!item.is_integer && !parse_double(item.text)) return false;
    const double score = score_at(at);
    if (!first && !(before < score || (before == score && member_before < member))) return false;
    before = score;
    member_before = member;
    at = pairs_.next(at);
  }
  return !has_repeated(pairs_, 2);
}

}  // namespace memoir
