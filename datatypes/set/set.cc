#include "datatypes/set/set.h"

#include <algorithm>
#include <utility>

#include "datatypes/encoding/old_forms.h"
#include "src/base/assert.h"

namespace memoir {
namespace {

// More than this in one intset Redis refuses, whatever is configured.
constexpr std::size_t kIntsetEntriesMax = std::size_t{1} << 30;

std::size_t intset_limit(const EncodingLimits& limits) {
  return std::min(limits.set_intset_entries, kIntsetEntriesMax);
}

std::size_t digits(std::int64_t value) {
  char text[kIntegerCharsMax];
  return format_integer(value, text);
}

}  // namespace

std::unique_ptr<Set> Set::from_intset(Intset intset) {
  auto set = std::make_unique<Set>();
  set->intset_ = std::move(intset);
  return set;
}

std::unique_ptr<Set> Set::from_listpack(Listpack listpack) {
  auto set = std::make_unique<Set>();
  set->become_listpack();
  set->listpack_ = std::move(listpack);
  return set;
}

// --- encodings ---

void Set::reset() {
  switch (form()) {
    case Form::kIntset:
      intset_.~Intset();
      return;
    case Form::kListpack:
      listpack_.~Listpack();
      return;
    case Form::kTable:
      members()->clear([](TableItem item) { memoir::release(item.pointer); });
      delete members();
      return;
    case Form::kTimed:
      delete timed();
      return;
  }
}

void Set::take(Members* members) {
  reset();
  word_ = reinterpret_cast<std::uintptr_t>(members) | kTableMark;
}

void Set::become_table() {
  auto members = std::make_unique<Members>();
  for_each([&](const MemberView& member) {
    members->insert(SetMemberTraits::make(member.text()), member.hash());
  });
  take(members.release());
}

void Set::become_listpack() {
  Listpack listpack;
  for_each([&](const MemberView& member) {
    const auto integer = member.integer();
    integer ? listpack.append(*integer) : listpack.append(member.text());
  });
  reset();
  new (&listpack_) Listpack(std::move(listpack));
}

void Set::prepare(ByteView first, std::size_t count, const EncodingLimits& limits) {
  if (form() == Form::kTimed) return plain().prepare(first, count, limits);
  if (size() != 0) {
    if ((form() == Form::kListpack && count > limits.set_listpack_entries) ||
        (form() == Form::kIntset && count > limits.set_intset_entries)) {
      become_table();
    }
    return;
  }
  if (count <= limits.set_intset_entries && parse_integer(first)) return;
  if (count <= limits.set_listpack_entries) return become_listpack();
  become_table();
}

// --- members ---

bool Set::add(const MemberView& member, const EncodingLimits& limits) {
  switch (form()) {
    case Form::kIntset:
      return add_to_intset(member, limits);
    case Form::kListpack:
      return add_to_listpack(member, limits);
    case Form::kTable:
      return add_to_table(member);
    case Form::kTimed:
      return plain().add(member, limits);
  }
  UNREACHABLE();
}

bool Set::add_to_intset(const MemberView& member, const EncodingLimits& limits) {
  if (const auto integer = member.integer()) {
    if (!intset_.add(*integer)) return false;
    if (intset_.size() > intset_limit(limits)) become_table();
    return true;
  }
  const std::size_t count = intset_.size();
  const std::size_t longest =
      count == 0 ? 0 : std::max(digits(intset_.at(0)), digits(intset_.at(count - 1)));
  if (count < limits.set_listpack_entries && longest <= limits.set_listpack_value &&
      member.text().size() <= limits.set_listpack_value) {
    become_listpack();
    listpack_.append(member.text());
  } else {
    become_table();
    add_to_table(member);
  }
  return true;
}

bool Set::add_to_listpack(const MemberView& member, const EncodingLimits& limits) {
  if (find_in_listpack(member)) return false;
  const ByteView text = member.text();
  if (listpack_.count() < limits.set_listpack_entries && text.size() <= limits.set_listpack_value &&
      listpack_.fits(text.size())) {
    listpack_.append(text);
    return true;
  }
  become_table();
  return add_to_table(member);
}

bool Set::add_to_table(const MemberView& member) {
  const ByteView text = member.text();
  const std::uint64_t hash = member.hash();
  if (members()->find(text, hash)) return false;
  members()->insert(SetMemberTraits::make(text), hash);
  return true;
}

bool Set::remove(const MemberView& member) {
  switch (form()) {
    case Form::kIntset: {
      const auto integer = member.integer();
      return integer && intset_.remove(*integer);
    }
    case Form::kListpack: {
      const Listpack::Cursor at = find_in_listpack(member);
      if (at) listpack_.erase(at);
      return at != nullptr;
    }
    case Form::kTable: {
      const std::uint64_t hash = member.hash();
      const auto place = members()->find(member.text(), hash);
      if (!place) return false;
      memoir::release(members()->erase(place, hash).pointer);
      return true;
    }
    case Form::kTimed: {
      if (!plain().contains(member)) return false;
      timed()->times.remove(member.text());  // first: the text may go with the member
      return plain().remove(member);
    }
  }
  UNREACHABLE();
}

bool Set::contains(const MemberView& member) const {
  switch (form()) {
    case Form::kIntset: {
      const auto integer = member.integer();
      return integer && intset_.contains(*integer);
    }
    case Form::kListpack:
      return find_in_listpack(member) != nullptr;
    case Form::kTable:
      return bool(members()->find(member.text(), member.hash()));
    case Form::kTimed:
      return plain().contains(member);
  }
  UNREACHABLE();
}

Listpack::Cursor Set::find_in_listpack(const MemberView& member) const {
  return listpack_.find(member.text(), listpack_.first());
}

// --- chance ---

MemberView Set::random(Random& random) const {
  switch (form()) {
    case Form::kIntset:
      return MemberView(intset_.at(random.below(intset_.size())));
    case Form::kListpack:
      return view_of(listpack_, listpack_.at(static_cast<long>(random.below(listpack_.count()))));
    case Form::kTable:
      return MemberView(SetMemberTraits::key(members()->random(random)));
    case Form::kTimed:
      return plain().random(random);
  }
  UNREACHABLE();
}

// Draws until `count` different ones have come, for a count that is small beside the size. Those
// drawn are kept in a table by address, open-addressed, at most half full.
std::vector<TableItem> Set::draw_distinct(std::size_t count, Random& random) const {
  std::vector<TableItem> drawn;
  drawn.reserve(count);
  const std::size_t places = std::bit_ceil(count * 2 + 1);
  std::vector<void*> seen(places, nullptr);
  while (drawn.size() < count) {
    const TableItem item = members()->random(random);
    std::size_t at = (reinterpret_cast<std::uint64_t>(item.pointer) * 0x9e3779b97f4a7c15ULL) >> 32;
    at &= places - 1;
    while (seen[at] && seen[at] != item.pointer) at = (at + 1) & (places - 1);
    if (seen[at]) continue;
    seen[at] = item.pointer;
    drawn.push_back(item);
  }
  return drawn;
}

// --- the object ---

const char* Set::encoding() const {
  switch (form()) {
    case Form::kIntset:
      return "intset";
    case Form::kListpack:
      return "listpack";
    case Form::kTable:
      return "hashtable";
    case Form::kTimed:
      return plain().encoding();
  }
  UNREACHABLE();
}

std::size_t Set::size() const {
  switch (form()) {
    case Form::kIntset:
      return intset_.size();
    case Form::kListpack:
      return listpack_.count();
    case Form::kTable:
      return members()->size();
    case Form::kTimed:
      return plain().size();
  }
  UNREACHABLE();
}

std::size_t Set::memory_usage(std::size_t samples) const {
  const std::size_t self = usable_size(this);
  if (form() == Form::kIntset) return self + intset_.memory_usage();
  if (form() == Form::kListpack) return self + listpack_.memory_usage();
  if (form() == Form::kTimed) {
    const std::size_t times = timed()->times.memory_usage(samples);
    const std::size_t form_bytes = plain().memory_usage(samples) - usable_size(&plain());
    return self + usable_size(timed()) + times + form_bytes;
  }
  std::size_t seen = 0;
  std::size_t bytes = 0;
  std::uint64_t cursor = 0;
  do {
    cursor = members()->scan(cursor, [&](TableItem item) {
      ++seen;
      bytes += usable_size(item.pointer);
    });
  } while (cursor != 0 && (samples == 0 || seen < samples));
  const std::size_t all = seen == 0 ? 0 : bytes * members()->size() / seen;
  return self + usable_size(members()) + members()->memory_usage() + all;
}

std::unique_ptr<Object> Set::copy() const {
  if (form() == Form::kIntset) return from_intset(intset_.copy());
  if (form() == Form::kListpack) return from_listpack(listpack_.copy());
  if (form() == Form::kTimed) {
    auto set = plain().copy();
    static_cast<Set&>(*set).add_times() = times()->copy();
    return set;
  }
  auto copied = std::make_unique<Members>();
  members()->for_each([&](TableItem item) {
    const ByteView text = SetMemberTraits::key(item);
    copied->insert(SetMemberTraits::make(text), SetMemberTraits::hash(text));
  });
  auto set = std::make_unique<Set>();
  set->take(copied.release());
  return set;
}

std::size_t Set::free_effort() const {
  if (form() == Form::kTimed) return plain().free_effort() + times()->size();
  return form() == Form::kTable ? members()->size() : 1;
}

void Set::digest(DigestSink& sink) const {
  const MemberTimes* const times = this->times();
  for_each([&](const MemberView& member) {
    const ByteView parts[] = {member.text()};
    times && times->find(parts[0]) != kNoExpiry ? sink.ending(parts) : sink.unordered(parts);
  });
}

const Intset* Set::intset() const {
  if (form() == Form::kTimed) return plain().intset();
  return form() == Form::kIntset ? &intset_ : nullptr;
}

const Listpack* Set::listpack() const {
  if (form() == Form::kTimed) return plain().listpack();
  return form() == Form::kListpack ? &listpack_ : nullptr;
}

// --- times of members ---

const MemberTimes* Set::times() const {
  return form() == Form::kTimed ? &timed()->times : nullptr;
}

MemberTimes& Set::add_times() {
  if (form() != Form::kTimed) {
    auto made = std::make_unique<Timed>();
    std::swap(made->plain.word_, word_);  // the new one's, an empty intset, has nothing to free
    word_ = reinterpret_cast<std::uintptr_t>(made.release()) | kTimedMark;
  }
  return timed()->times;
}

void Set::set_member_ms(ByteView member, std::int64_t ms) {
  DEBUG_ASSERT(contains(MemberView(member)));
  if (ms != kNoExpiry) return add_times().set(member, ms);
  if (form() == Form::kTimed) timed()->times.remove(member);
}

std::int64_t Set::earliest_member_ms() const {
  return form() == Form::kTimed ? timed()->times.earliest() : kNoExpiry;
}

std::int64_t Set::member_ms(ByteView member) const {
  if (!contains(MemberView(member))) return kNoMember;
  return form() == Form::kTimed ? timed()->times.find(member) : kNoExpiry;
}

void Set::expire_members(std::int64_t now_ms, std::size_t most, std::vector<Bytes>& ended) {
  if (form() != Form::kTimed) return;
  const std::size_t before = ended.size();
  timed()->times.take_before(now_ms, most, ended);
  for (std::size_t i = before; i < ended.size(); ++i) plain().remove(ended[i]);
}

Status Set::verify() const {
  switch (form()) {
    case Form::kIntset:
      if (!Intset::validate(intset_.bytes())) return broken("a set's intset is unsound");
      return ok;
    case Form::kListpack:
      if (!Listpack::validate(listpack_.bytes())) return broken("a set's listpack is unsound");
      if (has_repeated(listpack_, 1)) return broken("a set has a member twice");
      return ok;
    case Form::kTable:
      if (!members()->verify()) return broken("a set's table is unsound");
      return ok;
    case Form::kTimed:
      break;
  }
  if (plain().form() == Form::kTimed) return broken("a set with times within times");
  const auto contains = [&](ByteView member) { return plain().contains(MemberView(member)); };
  if (!timed()->times.verify(contains)) {
    return broken("a set's times do not agree with its members");
  }
  return plain().verify();
}

}  // namespace memoir
