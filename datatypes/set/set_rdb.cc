// A set in the RDB format. Compact ones are copies of their intset or listpack.
//
//   kSet         := count:length member:string{count}
//   kSetIntset   := intset:string
//   kSetListpack := listpack:string

#include "datatypes/encoding/member_times_rdb.h"
#include "datatypes/encoding/old_forms.h"
#include "datatypes/set/set.h"
#include "src/store/rdb_reader.h"
#include "src/store/rdb_writer.h"

namespace memoir {

RdbType Set::rdb_type() const {
  switch (form()) {
    case Form::kIntset:
      return RdbType::kSetIntset;
    case Form::kListpack:
      return RdbType::kSetListpack;
    case Form::kTable:
      return RdbType::kSet;
    case Form::kTimed:
      return timed()->times.empty() ? plain().rdb_type() : RdbType::kTimedMembers;
  }
  UNREACHABLE();
}

void Set::save(RdbWriter& out) const {
  if (form() == Form::kTimed) {
    if (timed()->times.empty()) return plain().save(out);
    out.type(plain().rdb_type());
    plain().save(out);
    return save_times(timed()->times, out);
  }
  if (form() == Form::kIntset) return out.string(intset_.bytes());
  if (form() == Form::kListpack) return out.string(listpack_.bytes());
  out.length(members()->size());
  members()->for_each([&](TableItem item) { out.string(SetMemberTraits::key(item)); });
}

// --- in parts: only tables without times ---

bool Set::has_parts() const { return form() == Form::kTable && members()->has_parts(); }

// The table stays where it is when the set gets times.
void Set::set_member_observer(MemberObserver* observer) {
  if (form() == Form::kTimed) return plain().set_member_observer(observer);
  members()->set_observer(observer);
}

void Set::save_before_members(RdbWriter& out) const { out.length(size()); }

TableStep Set::members_at(std::uint64_t cursor) const {
  if (form() == Form::kTimed) return plain().members_at(cursor);
  return members()->step_at(cursor);
}

void Set::save_members(Bucket* home, RdbWriter& out) const {
  Members::visit_bucket(home, [&](TableItem item) { out.string(SetMemberTraits::key(item)); });
}

std::unique_ptr<Object> Set::load(RdbReader& in, RdbType type, const EncodingLimits& limits) {
  auto set = std::make_unique<Set>();
  if (type == RdbType::kSetIntset) {
    set->load_intset(in, limits);
  } else if (type == RdbType::kSetListpack) {
    set->load_listpack(in, limits);
  } else {
    set->load_members(in, limits);
  }
  if (in.failed()) return nullptr;
  return set;
}

void Set::load_members(RdbReader& in, const EncodingLimits& limits) {
  std::uint64_t left = in.length();
  if (left > limits.set_intset_entries) become_table();
  for (; left > 0 && !in.failed(); --left) {
    const ByteView member = in.string();
    if (!in.failed() && !add(member, limits)) in.corrupt("a member comes twice");
  }
}

void Set::load_intset(RdbReader& in, const EncodingLimits& limits) {
  const ByteView bytes = in.string();
  if (in.failed()) return;
  if (!Intset::validate(bytes)) return in.corrupt("an intset is unsound");
  intset_ = Intset::from_bytes(bytes);
  if (size() > limits.set_intset_entries) become_table();
}

void Set::load_listpack(RdbReader& in, const EncodingLimits& limits) {
  const ByteView bytes = in.string();
  if (in.failed()) return;
  Listpack members;
  if (!Listpack::decode(bytes, members)) return in.corrupt("a set's listpack is unsound");
  if (has_repeated(members, 1)) return in.corrupt("a member comes twice");
  become_listpack();
  listpack_ = std::move(members);
  if (size() > limits.set_listpack_entries) become_table();
}

}  // namespace memoir
