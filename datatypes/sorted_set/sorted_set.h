// SortedSet: the value of a key that holds members in the order of their scores, and of their bytes
// where scores are equal.
//
// It starts as a listpack and turns into a table (by member) with a counting B+ tree (by score),
// for good, when it outgrows the limits of EncodingLimits; that form is called "skiplist", as Redis
// calls its own. There every member has one block that both indexes point to: a large set costs
// about 43 bytes a member beyond its text.
//
// Members may end: see times(). A member keeps its time when its score changes.
//
// Scores are never NaN. Ranks count from 0. Views of members are valid until the next change. A
// SortedSet knows no key, client, clock or journal. Whoever uses it holds the lock of its stripe.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "datatypes/encoding/listpack.h"
#include "datatypes/encoding/member_times.h"
#include "datatypes/encoding/pack_or.h"
#include "datatypes/encoding/score_index.h"
#include "datatypes/encoding/scored_listpack.h"
#include "datatypes/sorted_set/ranges.h"
#include "src/base/bytes.h"
#include "src/base/hash.h"
#include "src/base/random.h"
#include "src/store/encoding_limits.h"
#include "src/store/object.h"

namespace memoir {

class RdbReader;

class SortedSet final : public Object {
 public:
  static constexpr TypeId kTypeId = TypeId::kSortedSet;

  // ZADD's conditions.
  struct Rules {
    bool increment = false;     // the score given is added to the present one
    bool only_new = false;      // NX
    bool only_existing = false; // XX
    bool only_greater = false;  // GT
    bool only_less = false;     // LT
  };
  enum class Outcome : std::uint8_t {
    kAdded,
    kUpdated,
    kSame,     // there already with this score
    kRefused,  // a rule forbade it
    kNan,      // the increment would give NaN
  };
  struct Added {
    Outcome outcome;
    double score;  // the member's now; of no meaning after kRefused and kNan
  };

  SortedSet() = default;
  // Of sound member-score pairs in order.
  static std::unique_ptr<SortedSet> from_listpack(Listpack pairs);

  // Before `count` members are added, the first of `first_bytes`: chooses an empty set's form, or
  // gives up the listpack if so many would not fit.
  void prepare(std::size_t count, std::size_t first_bytes, const EncodingLimits& limits);
  // Adds a member or changes its score.
  Added add(ByteView member, double score, const Rules& rules, const EncodingLimits& limits);
  void set(ByteView member, double score, const EncodingLimits& limits) {
    add(member, score, Rules{}, limits);
  }
  // Removes a member; false if it is not there.
  bool remove(ByteView member);
  // Removes `count` members from rank `first` on, which must exist.
  void erase_range(RankRange range) {
    erase_range(range, [](ByteView, double) {});
  }
  // The same, calling visit(ByteView member, double score) for each, ascending, before it goes.
  template <class F>
  void erase_range(RankRange range, F&& visit);
  // Becomes a listpack again if its size allows: for results that were built as a whole.
  void compact(const EncodingLimits& limits);
  // Builds a set whose scores are not settled before all members are known.
  class Builder;

  struct Ranked {
    std::size_t rank;
    double score;
  };
  std::optional<double> score(ByteView member) const;
  std::optional<Ranked> rank(ByteView member) const;
  RankRange ranks(const ScoreRange& range) const;
  RankRange ranks(const LexRange& range) const;

  // Calls visit(ByteView member, double score) for `count` members from rank `first` on, which must
  // exist; downwards, ranks count from the end. Views last for the call.
  template <class F>
  void for_each(RankRange range, F&& visit) const;
  template <class F>
  void for_each_down(RankRange range, F&& visit) const;
  template <class F>
  void for_each(F&& visit) const {
    for_each({0, size()}, visit);
  }
  // Visits some members from `cursor` on and returns the next cursor, 0 at the end; see
  // Table::scan. A listpack is visited as a whole.
  template <class F>
  std::uint64_t scan(std::uint64_t cursor, F&& visit) const;
  // Calls visit(ByteView member, double score) for `count` distinct random members; count <=
  // size().
  template <class F>
  void sample(std::size_t count, Random& random, F&& visit) const;

  RdbType rdb_type() const override;
  void save(RdbWriter& out) const override;
  bool has_parts() const override;
  void set_member_observer(MemberObserver* observer) override;
  void save_before_members(RdbWriter& out) const override;
  TableStep members_at(std::uint64_t cursor) const override;
  void save_members(Bucket* home, RdbWriter& out) const override;
  // Reads a value of one of the RDB types for sorted sets; null if `in` has failed.
  static std::unique_ptr<Object> load(RdbReader& in, RdbType type, const EncodingLimits& limits);

  // The compact form; null in the other.
  const Listpack* listpack() const { return is_small() ? &pairs().listpack() : nullptr; }

  // When members end; null if none ever had a time. What is removed loses its time with it.
  const MemberTimes* times() const { return form_.times(); }

  TypeId type() const override { return kTypeId; }
  const char* encoding() const override { return is_small() ? "listpack" : "skiplist"; }
  std::size_t size() const override { return is_small() ? pairs().size() : index()->tree.size(); }
  std::size_t memory_usage(std::size_t samples) const override;
  std::unique_ptr<Object> copy() const override;
  std::size_t free_effort() const override { return is_small() ? 1 : size(); }
  void digest(DigestSink& sink) const override;
  bool members_may_end() const override { return true; }
  std::int64_t earliest_member_ms() const override;
  bool has_ended(std::int64_t now_ms) const override {
    return times() && times()->are_all_before(now_ms, size());
  }
  std::int64_t member_ms(ByteView member) const override;
  void set_member_ms(ByteView member, std::int64_t ms) override;
  void remove_member(ByteView member) override { remove(member); }
  void expire_members(std::int64_t now_ms, std::size_t most, std::vector<Bytes>& ended) override;
  Status verify() const override;

 private:
  using Index = ScoreIndex;  // the large form

  RdbType untimed_type() const;
  void save_untimed(RdbWriter& out) const;
  static std::unique_ptr<SortedSet> load_members(RdbReader& in, RdbType type,
                                                 const EncodingLimits& limits);
  static std::unique_ptr<SortedSet> load_pairs(RdbReader& in, RdbType type,
                                               const EncodingLimits& limits);
  void become_index();
  bool remove_untimed(ByteView member);
  void forget_times(RankRange range);
  Added add_to_pairs(ByteView member, double score, const Rules& rules,
                     const EncodingLimits& limits);
  Added add_to_index(ByteView member, double score, const Rules& rules);
  std::size_t count_by_score(double score, bool inclusive) const;
  std::size_t count_by_member(ByteView member, bool inclusive) const;
  std::size_t count_before(const LexBound& bound, bool is_max) const;
  static std::vector<std::size_t> draw_ranks(std::size_t count, std::size_t size, Random& random);

  bool is_small() const { return !form_.is_large(); }
  ScoredListpack& pairs() { return form_.pack(); }
  const ScoredListpack& pairs() const { return form_.pack(); }
  Index* index() { return form_.large(); }
  const Index* index() const { return form_.large(); }

  PackOr<Index, ScoredListpack> form_;
};

static_assert(sizeof(SortedSet) == 16);

class SortedSet::Builder {
 public:
  Builder() : index_(std::make_unique<Index>()) {}
  // Adds a member; if it is there, its score becomes combine(its score, score).
  template <class F>
  void add(ByteView member, double score, F&& combine) {
    const std::uint64_t hash = hash_in_memory(member);
    if (ScoredMember found = index_->find(member, hash)) {
      found.set_score(combine(found.score(), score));
    } else {
      insert(member, hash, score);
    }
  }
  // Adds a member; false if it is there.
  bool add_once(ByteView member, double score) {
    const std::uint64_t hash = hash_in_memory(member);
    if (index_->find(member, hash)) return false;
    insert(member, hash, score);
    return true;
  }
  // Adds a member that is not there.
  void add_new(ByteView member, double score) { insert(member, hash_in_memory(member), score); }
  // The set, in its large form; compact() it if it is to stay.
  std::unique_ptr<SortedSet> finish();

 private:
  void insert(ByteView member, std::uint64_t hash, double score) {
    index_->table.insert(ScoredMember::create(score, member).item(), hash);
  }
  std::unique_ptr<Index> index_;
};

template <class F>
void SortedSet::for_each(RankRange range, F&& visit) const {
  if (is_small()) return pairs().for_each(range.first, range.count, visit);
  index()->tree.for_each(range.first, range.count, [&](ScoredMember member, double score) {
    visit(member.member(), score);
  });
}

template <class F>
void SortedSet::for_each_down(RankRange range, F&& visit) const {
  if (is_small()) return pairs().for_each_down(range.first, range.count, visit);
  index()->tree.for_each_down(range.first, range.count, [&](ScoredMember member, double score) {
    visit(member.member(), score);
  });
}

template <class F>
void SortedSet::erase_range(RankRange range, F&& visit) {
  if (form_.times()) [[unlikely]] forget_times(range);
  if (is_small()) {
    pairs().for_each(range.first, range.count, visit);
    pairs().erase_range(range.first, range.count);
    return;
  }
  std::vector<ScoredMember> erased;
  index()->tree.erase_range(range.first, range.count, erased);
  for (const ScoredMember member : erased) visit(member.member(), member.score());
  index()->forget(erased);
}

template <class F>
std::uint64_t SortedSet::scan(std::uint64_t cursor, F&& visit) const {
  if (is_small()) {
    pairs().for_each(0, pairs().size(), visit);
    return 0;
  }
  return index()->table.scan(cursor, [&](TableItem item) {
    const ScoredMember member(item);
    visit(member.member(), member.score());
  });
}

template <class F>
void SortedSet::sample(std::size_t count, Random& random, F&& visit) const {
  const std::size_t all = size();
  if (!is_small() && count <= all / 3) {
    for (const std::size_t rank : draw_ranks(count, all, random)) for_each({rank, 1}, visit);
    return;
  }
  std::size_t left = all;  // each of the members left is taken with probability count / left
  for_each([&](ByteView member, double score) {
    if (random.below(left--) >= count) return;
    --count;
    visit(member, score);
  });
}

}  // namespace memoir
