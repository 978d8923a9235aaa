// Set: the value of a key that holds distinct members.
//
// A set of integers starts as an intset, any other as a listpack; beyond the limits of
// EncodingLimits it becomes a table, for good (encodings change exactly when Redis's do). Members
// of a table have an allocation of their own size each, so a large set costs about 16 bytes a
// member beyond its text.
//
// Members may end: see times(). A member that is added again keeps its time.
//
// Iteration order is unspecified; views of members are valid until the next change. A Set knows no
// key, client, clock or journal. Whoever uses it holds the lock of its stripe.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "datatypes/encoding/intset.h"
#include "datatypes/encoding/listpack.h"
#include "datatypes/encoding/member_times.h"
#include "datatypes/set/set_member.h"
#include "src/base/bytes.h"
#include "src/base/random.h"
#include "src/store/encoding_limits.h"
#include "src/store/member_table.h"
#include "src/store/object.h"

namespace memoir {

class RdbReader;

class Set final : public Object {
 public:
  static constexpr TypeId kTypeId = TypeId::kSet;

  Set() : intset_() {}
  ~Set() override { reset(); }
  // The contents must be sound and, in a listpack, distinct.
  static std::unique_ptr<Set> from_intset(Intset intset);
  static std::unique_ptr<Set> from_listpack(Listpack listpack);

  // Before `count` members, `first` among them, are added: chooses an empty set's encoding, or
  // gives up a compact one that so many members would not fit.
  void prepare(ByteView first, std::size_t count, const EncodingLimits& limits);
  // Adds a member; false if it is there.
  bool add(ByteView text, const EncodingLimits& limits) { return add(MemberView(text), limits); }
  bool add(const MemberView& member, const EncodingLimits& limits);
  // Removes a member; false if it is not there. The view may be of this set.
  bool remove(ByteView text) { return remove(MemberView(text)); }
  bool remove(const MemberView& member);
  bool contains(const MemberView& member) const;

  // A random member of a set that is not empty; each is equally likely.
  MemberView random(Random& random) const;
  // Calls visit(const MemberView&) for `count` distinct random members; count <= size().
  template <class F>
  void sample(std::size_t count, Random& random, F&& visit) const;

  // Calls visit(const MemberView&) for every member.
  template <class F>
  void for_each(F&& visit) const;
  // The same until visit() returns false.
  template <class F>
  void for_each_while(F&& visit) const;
  // Visits some members from `cursor` on and returns the next cursor, 0 at the end; see
  // Table::scan. A compact set is visited as a whole.
  template <class F>
  std::uint64_t scan(std::uint64_t cursor, F&& visit) const;

  RdbType rdb_type() const override;
  void save(RdbWriter& out) const override;
  bool has_parts() const override;
  void set_member_observer(MemberObserver* observer) override;
  void save_before_members(RdbWriter& out) const override;
  TableStep members_at(std::uint64_t cursor) const override;
  void save_members(Bucket* home, RdbWriter& out) const override;
  // Reads a value of one of the RDB types for sets; null if `in` has failed.
  static std::unique_ptr<Object> load(RdbReader& in, RdbType type, const EncodingLimits& limits);

  // The compact forms; null in another encoding.
  const Intset* intset() const;
  const Listpack* listpack() const;

  // When members end; null if none ever had a time. What is removed loses its time with it.
  const MemberTimes* times() const;
  bool members_may_end() const override { return true; }
  std::int64_t earliest_member_ms() const override;
  bool has_ended(std::int64_t now_ms) const override {
    return times() && times()->are_all_before(now_ms, size());
  }
  std::int64_t member_ms(ByteView member) const override;
  void set_member_ms(ByteView member, std::int64_t ms) override;
  void remove_member(ByteView member) override { remove(member); }
  void expire_members(std::int64_t now_ms, std::size_t most, std::vector<Bytes>& ended) override;

  TypeId type() const override { return kTypeId; }
  const char* encoding() const override;
  std::size_t size() const override;
  std::size_t memory_usage(std::size_t samples) const override;
  std::unique_ptr<Object> copy() const override;
  std::size_t free_effort() const override;
  void digest(DigestSink& sink) const override;
  Status verify() const override;

 private:
  using Members = MemberTable<SetMemberTraits>;
  // kTimed: a set in another form and the times of its members.
  enum class Form : std::uint8_t { kIntset, kListpack, kTable, kTimed };
  struct Timed;

  static constexpr std::uint64_t kTableMark = std::uint64_t{3} << 62;
  static constexpr std::uint64_t kTimedMark = std::uint64_t{7} << 61;
  Form form() const {
    if (static_cast<std::int64_t>(word_) >= 0) return Form::kListpack;
    if ((word_ & kTableMark) != kTableMark) return Form::kIntset;
    return (word_ & kTimedMark) == kTimedMark ? Form::kTimed : Form::kTable;
  }
  Timed* timed() { return reinterpret_cast<Timed*>(word_ & ~kTimedMark); }
  const Timed* timed() const { return reinterpret_cast<const Timed*>(word_ & ~kTimedMark); }
  // The set within the times.
  Set& plain();
  const Set& plain() const;
  Members* members() { return reinterpret_cast<Members*>(word_ & ~kTableMark); }
  const Members* members() const { return reinterpret_cast<const Members*>(word_ & ~kTableMark); }


  void load_members(RdbReader& in, const EncodingLimits& limits);
  void load_intset(RdbReader& in, const EncodingLimits& limits);
  void load_listpack(RdbReader& in, const EncodingLimits& limits);
  bool add_to_intset(const MemberView& member, const EncodingLimits& limits);
  bool add_to_listpack(const MemberView& member, const EncodingLimits& limits);
  bool add_to_table(const MemberView& member);
  Listpack::Cursor find_in_listpack(const MemberView& member) const;
  static MemberView view_of(const Listpack& listpack, Listpack::Cursor at);
  MemberTimes& add_times();
  void become_table();
  void become_listpack();
  void reset();
  void take(Members* members);
  std::vector<TableItem> draw_distinct(std::size_t count, Random& random) const;

  // The two highest bits tell which it is: see Intset and Listpack; a pointer has both, and the one
  // below tells whose.
  union {
    Intset intset_;
    Listpack listpack_;
    std::uint64_t word_;
  };
};
static_assert(sizeof(Set) == 16);

struct Set::Timed {
  Set plain;
  MemberTimes times;
};
inline Set& Set::plain() { return timed()->plain; }
inline const Set& Set::plain() const { return timed()->plain; }

inline MemberView Set::view_of(const Listpack& listpack, Listpack::Cursor at) {
  const Listpack::Item item = listpack.get(at);
  return item.is_integer ? MemberView(item.integer) : MemberView(item.text);
}

template <class F>
void Set::for_each(F&& visit) const {
  switch (form()) {
    case Form::kIntset:
      intset_.for_each([&](std::int64_t value) { visit(MemberView(value)); });
      return;
    case Form::kListpack:
      listpack_.for_each([&](Listpack::Cursor at) { visit(view_of(listpack_, at)); });
      return;
    case Form::kTable:
      members()->for_each([&](TableItem item) { visit(MemberView(SetMemberTraits::key(item))); });
      return;
    case Form::kTimed:
      return plain().for_each(visit);
  }
}

template <class F>
void Set::for_each_while(F&& visit) const {
  if (form() == Form::kTimed) [[unlikely]] return plain().for_each_while(visit);
  bool more = true;
  if (form() != Form::kTable) {
    for_each([&](const MemberView& member) { more = more && visit(member); });
    return;
  }
  std::uint64_t cursor = 0;
  do {
    cursor = members()->scan(cursor, [&](TableItem item) {
      more = more && visit(MemberView(SetMemberTraits::key(item)));
    });
  } while (more && cursor != 0);
}

template <class F>
std::uint64_t Set::scan(std::uint64_t cursor, F&& visit) const {
  if (form() == Form::kTable) {
    return members()->scan(
        cursor, [&](TableItem item) { visit(MemberView(SetMemberTraits::key(item))); });
  }
  if (form() == Form::kTimed) return plain().scan(cursor, visit);
  for_each(visit);
  return 0;
}

template <class F>
void Set::sample(std::size_t count, Random& random, F&& visit) const {
  if (form() == Form::kTimed) [[unlikely]] return plain().sample(count, random, visit);
  if (form() == Form::kTable && count <= size() / 3) {
    for (const TableItem item : draw_distinct(count, random)) {
      visit(MemberView(SetMemberTraits::key(item)));
    }
    return;
  }
  std::size_t left = size();  // each of the members left is taken with probability count / left
  for_each_while([&](const MemberView& member) {
    if (random.below(left--) < count) {
      visit(member);
      --count;
    }
    return count != 0;
  });
}

}  // namespace memoir
