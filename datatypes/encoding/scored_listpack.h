// ScoredListpack: a small sorted set, as Redis lays it out: member, score, member, score ..., in
// the order of (score, member). Scores that are whole numbers are stored as integers, others as
// text.
//
// Everything is a linear scan; it is used for a hundred members or so. Views are valid until the
// next change.
#pragma once

#include <cstddef>
#include <optional>
#include <utility>

#include "datatypes/encoding/listpack.h"
#include "src/base/bytes.h"

namespace memoir {

class ScoredListpack {
 public:
  using Cursor = Listpack::Cursor;

  ScoredListpack() = default;
  explicit ScoredListpack(Listpack pairs) : pairs_(std::move(pairs)) {}

  const Listpack& listpack() const { return pairs_; }
  // Whether it is what it claims to be: pairs of distinct members and numbers, in order.
  bool verify() const;
  std::size_t size() const { return pairs_.count() / 2; }
  bool fits(std::size_t extra) const { return pairs_.fits(extra); }

  // The member's place, or null.
  Cursor find(ByteView member) const { return pairs_.find(member, pairs_.first(), 1); }
  // The score of the pair at a place.
  double score(Cursor at) const { return score_at(pairs_.next(at)); }
  // Adds a member that is not there.
  void insert(ByteView member, double score);
  // Behind all others: for members that come in order.
  void append(ByteView member, double score) { insert_at(nullptr, member, score); }
  // Gives the member at a place another score. `member` is its text, not within the listpack.
  void update(Cursor at, ByteView member, double score);
  void erase(Cursor at) { pairs_.erase_range(at, 2); }
  void erase_range(std::size_t first, std::size_t count) {
    if (count != 0) pairs_.erase_range(pairs_.at(static_cast<long>(first * 2)), count * 2);
  }

  std::size_t rank(Cursor at) const;
  // How many members have a score below `score`; not above it if `inclusive`.
  std::size_t count_by_score(double score, bool inclusive) const;
  // How many members come before `member`; not after it if `inclusive`.
  std::size_t count_by_member(ByteView member, bool inclusive) const;

  // Calls visit(ByteView member, double score) for `count` pairs from rank `first` on, upwards or
  // downwards. The views last for the call.
  template <class F>
  void for_each(std::size_t first, std::size_t count, F&& visit) const {
    if (count == 0) return;
    Cursor at = pairs_.at(static_cast<long>(first * 2));
    for (; count != 0; --count) {
      const Cursor score = pairs_.next(at);
      call(visit, at, score);
      at = pairs_.next(score);
    }
  }
  template <class F>
  void for_each_down(std::size_t first, std::size_t count, F&& visit) const {
    if (count == 0) return;
    Cursor score = pairs_.at(-1 - static_cast<long>(first * 2));
    for (; count != 0; --count) {
      const Cursor at = pairs_.prev(score);
      call(visit, at, score);
      score = pairs_.prev(at);
    }
  }

 private:
  double score_at(Cursor at) const;
  void insert_at(Cursor at, ByteView member, double score);
  template <class F>
  void call(F&& visit, Cursor member, Cursor score) const {
    char digits[kIntegerCharsMax];
    visit(pairs_.text_of(member, digits), score_at(score));
  }

  Listpack pairs_;
};

}  // namespace memoir
