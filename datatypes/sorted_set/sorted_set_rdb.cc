// A sorted set in the RDB format. Small ones are copies of their listpack.
//
//   kSortedSet         := count:length (member:string score:text){count}
//   kSortedSet2        := count:length (member:string score:f64){count}     highest first
//   kSortedSetListpack := listpack:string                                   lowest first

#include <cmath>
#include <optional>

#include "datatypes/encoding/member_times_rdb.h"
#include "datatypes/encoding/old_forms.h"
#include "datatypes/sorted_set/sorted_set.h"
#include "src/store/rdb_reader.h"
#include "src/store/rdb_writer.h"

namespace memoir {
namespace {

enum class Pairs : std::uint8_t { kUnsound, kUnordered, kOrdered };

std::optional<double> score_of(const Listpack::Item& item) {
  if (item.is_integer) return static_cast<double>(item.integer);
  return parse_double(item.text);
}

// Whether all scores are numbers, and the pairs in order.
Pairs inspect(const Listpack& pack) {
  double before = 0;
  Bytes member_before;
  char digits[kIntegerCharsMax];
  Pairs found = Pairs::kOrdered;
  for (Listpack::Cursor at = pack.first(); at;) {
    const ByteView member = pack.text_of(at, digits);
    const bool is_first = at == pack.first();
    at = pack.next(at);
    const auto score = score_of(pack.get(at));
    if (!score || std::isnan(*score)) return Pairs::kUnsound;
    const bool in_order =
        is_first || before < *score || (before == *score && member_before < member);
    if (!in_order) found = Pairs::kUnordered;
    before = *score;
    member_before = member;
    at = pack.next(at);
  }
  return found;
}

}  // namespace

RdbType SortedSet::rdb_type() const {
  return times() && !times()->empty() ? RdbType::kTimedMembers : untimed_type();
}

RdbType SortedSet::untimed_type() const {
  return is_small() ? RdbType::kSortedSetListpack : RdbType::kSortedSet2;
}

void SortedSet::save(RdbWriter& out) const {
  if (rdb_type() != RdbType::kTimedMembers) return save_untimed(out);
  out.type(untimed_type());
  save_untimed(out);
  save_times(*times(), out);
}

// From the highest score down, as Redis does: its skip list takes them fastest that way.
void SortedSet::save_untimed(RdbWriter& out) const {
  if (is_small()) return out.string(pairs().listpack().bytes());
  out.length(size());
  for_each_down({0, size()}, [&](ByteView member, double score) {
    out.string(member);
    out.double_value(score);
  });
}

// --- in parts: only the large form without times; its members come in no order then ---

bool SortedSet::has_parts() const {
  return !is_small() && !times() && index()->table.has_parts();
}

void SortedSet::set_member_observer(MemberObserver* observer) {
  index()->table.set_observer(observer);
}

void SortedSet::save_before_members(RdbWriter& out) const { out.length(size()); }

TableStep SortedSet::members_at(std::uint64_t cursor) const {
  return index()->table.step_at(cursor);
}

void SortedSet::save_members(Bucket* home, RdbWriter& out) const {
  Table<ScoredMemberTraits>::visit_bucket(home, [&](TableItem item) {
    const ScoredMember member(item);
    out.string(member.member());
    out.double_value(member.score());
  });
}

std::unique_ptr<Object> SortedSet::load(RdbReader& in, RdbType type,
                                        const EncodingLimits& limits) {
  const bool packed =
      type == RdbType::kSortedSetListpack || type == RdbType::kSortedSetZiplist;
  auto set = packed ? load_pairs(in, type, limits) : load_members(in, type, limits);
  if (in.failed()) return nullptr;
  return set;
}

std::unique_ptr<SortedSet> SortedSet::load_members(RdbReader& in, RdbType type,
                                                   const EncodingLimits& limits) {
  Builder builder;
  Bytes member;
  for (std::uint64_t left = in.length(); left > 0 && !in.failed(); --left) {
    member = in.string();
    const double score =
        type == RdbType::kSortedSet2 ? in.double_value() : in.double_text();
    if (in.failed()) break;
    if (std::isnan(score)) in.corrupt("a score is not a number");
    if (!builder.add_once(member, score)) in.corrupt("a member comes twice");
  }
  std::unique_ptr<SortedSet> set = builder.finish();
  set->compact(limits);
  return set;
}

std::unique_ptr<SortedSet> SortedSet::load_pairs(RdbReader& in, RdbType type,
                                                 const EncodingLimits& limits) {
  const ByteView bytes = in.string();
  if (in.failed()) return nullptr;
  Listpack pack;
  const bool sound = type == RdbType::kSortedSetZiplist ? decode_ziplist(bytes, pack)
                                                        : Listpack::decode(bytes, pack);
  const Pairs found =
      sound && pack.count() % 2 == 0 ? inspect(pack) : Pairs::kUnsound;
  if (found == Pairs::kUnsound || has_repeated(pack, 2)) {
    in.corrupt("a sorted set's pairs are unsound");
    return nullptr;
  }
  auto set = from_listpack(std::move(pack));
  if (found == Pairs::kUnordered) {
    Builder builder;
    set->for_each([&](ByteView member, double score) { builder.add_new(member, score); });
    set = builder.finish();
    set->compact(limits);
  } else if (set->size() > limits.zset_listpack_entries) {
    set->become_index();
  }
  return set;
}

}  // namespace memoir
