#include "datatypes/sorted_set/sorted_set.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdio>
#include <utility>

#include "src/base/assert.h"
#include "src/base/hash.h"

namespace memoir {
namespace {

// What ZADD's rules say of a member that is there with the score `current`: writes the new score.
SortedSet::Outcome judge(const SortedSet::Rules& rules, double current, double& score) {
  using Outcome = SortedSet::Outcome;
  if (rules.only_new) return Outcome::kRefused;
  if (rules.increment) score += current;
  if (std::isnan(score)) return Outcome::kNan;
  if (rules.only_less && score >= current) return Outcome::kRefused;
  if (rules.only_greater && score <= current) return Outcome::kRefused;
  return score == current ? Outcome::kSame : Outcome::kUpdated;
}

}  // namespace

// --- forms ---

std::unique_ptr<SortedSet> SortedSet::from_listpack(Listpack pairs) {
  auto set = std::make_unique<SortedSet>();
  set->pairs() = ScoredListpack(std::move(pairs));
  return set;
}

void SortedSet::become_index() {
  auto index = std::make_unique<Index>();
  for_each([&](ByteView member, double score) {
    index->insert(member, hash_in_memory(member), score);
  });
  form_.set_large(std::move(index));
}

void SortedSet::prepare(std::size_t count, std::size_t first_bytes, const EncodingLimits& limits) {
  if (!is_small()) return;
  const bool too_long = size() == 0 && first_bytes > limits.zset_listpack_value;
  if (count > limits.zset_listpack_entries || too_long) become_index();
}

void SortedSet::compact(const EncodingLimits& limits) {
  if (is_small() || size() > limits.zset_listpack_entries) return;
  ScoredListpack pairs;
  bool fits = true;
  for_each([&](ByteView member, double score) {
    fits = fits && member.size() <= limits.zset_listpack_value && pairs.fits(member.size());
    if (fits) pairs.append(member, score);
  });
  if (!fits) return;
  form_.set_pack(std::move(pairs));
}

// Members in order fill the tree's leaves one after another.
std::unique_ptr<SortedSet> SortedSet::Builder::finish() {
  std::vector<std::pair<double, ScoredMember>> order;
  order.reserve(index_->table.size());
  index_->table.for_each([&](TableItem item) {
    const ScoredMember member(item);
    order.emplace_back(member.score(), member);
  });
  std::sort(order.begin(), order.end(), [](const auto& a, const auto& b) {
    return a.first < b.first || (a.first == b.first && a.second.member() < b.second.member());
  });
  for (const auto& [score, member] : order) index_->tree.insert(member);
  auto set = std::make_unique<SortedSet>();
  set->form_.set_large(std::move(index_));
  return set;
}

// --- members ---

SortedSet::Added SortedSet::add(ByteView member, double score, const Rules& rules,
                                const EncodingLimits& limits) {
  if (std::isnan(score)) return {Outcome::kNan, score};
  if (is_small()) return add_to_pairs(member, score, rules, limits);
  return add_to_index(member, score, rules);
}

SortedSet::Added SortedSet::add_to_pairs(ByteView member, double score, const Rules& rules,
                                         const EncodingLimits& limits) {
  if (const ScoredListpack::Cursor at = pairs().find(member)) {
    const Outcome outcome = judge(rules, pairs().score(at), score);
    if (outcome == Outcome::kUpdated) pairs().update(at, member, score);
    return {outcome, score};
  }
  if (rules.only_existing) return {Outcome::kRefused, score};
  if (pairs().size() + 1 > limits.zset_listpack_entries ||
      member.size() > limits.zset_listpack_value || !pairs().fits(member.size())) {
    become_index();
    index()->insert(member, hash_in_memory(member), score);
  } else {
    pairs().insert(member, score);
  }
  return {Outcome::kAdded, score};
}

SortedSet::Added SortedSet::add_to_index(ByteView member, double score, const Rules& rules) {
  const std::uint64_t hash = hash_in_memory(member);
  prefetch_line(index()->table.home(hash));
  if (!rules.increment) index()->tree.prefetch(score);  // while the bucket is on its way
  if (const ScoredMember found = index()->find(member, hash)) {
    const Outcome outcome = judge(rules, found.score(), score);
    if (outcome == Outcome::kUpdated) {
      index()->table.before_change(hash);
      index()->tree.update(found, score);
    }
    return {outcome, score};
  }
  if (rules.only_existing) return {Outcome::kRefused, score};
  index()->insert(member, hash, score);
  return {Outcome::kAdded, score};
}

bool SortedSet::remove(ByteView member) {
  // First: the text may go with the member.
  if (MemberTimes* const times = form_.times()) [[unlikely]] times->remove(member);
  return remove_untimed(member);
}

bool SortedSet::remove_untimed(ByteView member) {
  if (!is_small()) return index()->remove(member);
  const ScoredListpack::Cursor at = pairs().find(member);
  if (at) pairs().erase(at);
  return at != nullptr;
}

std::optional<double> SortedSet::score(ByteView member) const {
  if (is_small()) {
    const ScoredListpack::Cursor at = pairs().find(member);
    return at ? std::optional(pairs().score(at)) : std::nullopt;
  }
  const ScoredMember found = index()->find(member, hash_in_memory(member));
  return found ? std::optional(found.score()) : std::nullopt;
}

// --- ranks ---

std::optional<SortedSet::Ranked> SortedSet::rank(ByteView member) const {
  if (is_small()) {
    const ScoredListpack::Cursor at = pairs().find(member);
    if (!at) return std::nullopt;
    return Ranked{pairs().rank(at), pairs().score(at)};
  }
  const ScoredMember found = index()->find(member, hash_in_memory(member));
  if (!found) return std::nullopt;
  return Ranked{index()->tree.rank(found), found.score()};
}

std::size_t SortedSet::count_by_score(double score, bool inclusive) const {
  if (is_small()) return pairs().count_by_score(score, inclusive);
  return inclusive ? index()->tree.count_up_to(score) : index()->tree.count_below(score);
}

std::size_t SortedSet::count_by_member(ByteView member, bool inclusive) const {
  if (is_small()) return pairs().count_by_member(member, inclusive);
  return inclusive ? index()->tree.count_not_after(member) : index()->tree.count_before(member);
}

// How many members come before a lower bound, or before the end that an upper one sets.
std::size_t SortedSet::count_before(const LexBound& bound, bool is_max) const {
  switch (bound.kind) {
    case LexBound::Kind::kBeforeAll:
      return 0;
    case LexBound::Kind::kAfterAll:
      return size();
    case LexBound::Kind::kInclusive:
      return count_by_member(bound.text, is_max);
    case LexBound::Kind::kExclusive:
      return count_by_member(bound.text, !is_max);
  }
  UNREACHABLE();
}

RankRange SortedSet::ranks(const ScoreRange& range) const {
  if (range.empty()) return {};
  const std::size_t first = count_by_score(range.min.score, range.min.exclusive);
  const std::size_t end = count_by_score(range.max.score, !range.max.exclusive);
  return {first, end > first ? end - first : 0};
}

RankRange SortedSet::ranks(const LexRange& range) const {
  if (range.empty()) return {};
  const std::size_t first = count_before(range.min, false);
  const std::size_t end = count_before(range.max, true);
  return {first, end > first ? end - first : 0};
}

// Draws until `count` different ranks have come, for a count that is small beside the size. Those
// drawn are kept in an open-addressed table, at most half full.
std::vector<std::size_t> SortedSet::draw_ranks(std::size_t count, std::size_t size,
                                               Random& random) {
  std::vector<std::size_t> drawn;
  drawn.reserve(count);
  const std::size_t places = std::bit_ceil(count * 2 + 1);
  std::vector<std::size_t> seen(places, 0);  // rank + 1
  while (drawn.size() < count) {
    const std::size_t rank = random.below(size);
    std::size_t at = ((rank * 0x9e3779b97f4a7c15ULL) >> 24) & (places - 1);
    while (seen[at] != 0 && seen[at] != rank + 1) at = (at + 1) & (places - 1);
    if (seen[at] != 0) continue;
    seen[at] = rank + 1;
    drawn.push_back(rank);
  }
  return drawn;
}

// --- the object ---

std::size_t SortedSet::memory_usage(std::size_t samples) const {
  const std::size_t self = usable_size(this) + form_.times_usage(samples);
  if (is_small()) return self + pairs().listpack().memory_usage();
  return self + usable_size(index()) + index()->memory_usage(samples);
}

std::unique_ptr<Object> SortedSet::copy() const {
  auto set = std::make_unique<SortedSet>();
  if (is_small()) {
    set->pairs() = ScoredListpack(pairs().listpack().copy());
  } else {
    auto index = std::make_unique<Index>();
    for_each([&](ByteView member, double score) {
      index->insert(member, hash_in_memory(member), score);
    });
    set->form_.set_large(std::move(index));
  }
  if (const MemberTimes* times = form_.times()) set->form_.add_times() = times->copy();
  return set;
}

void SortedSet::digest(DigestSink& sink) const {
  const MemberTimes* const times = form_.times();
  for_each([&](ByteView member, double score) {
    char text[64];
    const int length = std::snprintf(text, sizeof text, "%.17g", score);
    const ByteView parts[] = {member, ByteView(text, static_cast<std::size_t>(length))};
    times && times->find(member) != kNoExpiry ? sink.ending(parts) : sink.unordered(parts);
  });
}

// --- times of members ---

void SortedSet::set_member_ms(ByteView member, std::int64_t ms) {
  DEBUG_ASSERT(score(member));
  if (ms != kNoExpiry) return form_.add_times().set(member, ms);
  if (MemberTimes* const times = form_.times()) times->remove(member);
}

std::int64_t SortedSet::earliest_member_ms() const {
  const MemberTimes* const times = form_.times();
  return times ? times->earliest() : kNoExpiry;
}

std::int64_t SortedSet::member_ms(ByteView member) const {
  if (!score(member)) return kNoMember;
  const MemberTimes* const times = form_.times();
  return times ? times->find(member) : kNoExpiry;
}

void SortedSet::expire_members(std::int64_t now_ms, std::size_t most, std::vector<Bytes>& ended) {
  MemberTimes* const times = form_.times();
  if (!times) return;
  const std::size_t before = ended.size();
  times->take_before(now_ms, most, ended);
  for (std::size_t i = before; i < ended.size(); ++i) remove_untimed(ended[i]);
}

void SortedSet::forget_times(RankRange range) {
  for_each(range, [&](ByteView member, double) { form_.times()->remove(member); });
}

Status SortedSet::verify() const {
  if (is_small()) {
    if (!pairs().verify()) return broken("a sorted set's listpack is unsound");
  } else if (!index()->verify()) {
    return broken("a sorted set's table and tree are unsound or do not agree");
  }
  if (times() && !times()->verify([&](ByteView member) { return score(member).has_value(); })) {
    return broken("a sorted set's times do not agree with its members");
  }
  return ok;
}

}  // namespace memoir
