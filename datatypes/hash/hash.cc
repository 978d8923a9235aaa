#include "datatypes/hash/hash.h"

#include <array>

#include "datatypes/encoding/old_forms.h"
#include "src/base/alloc.h"

namespace memoir {

std::size_t Hash::memory_usage(std::size_t samples) const {
  const std::size_t own = usable_size(this) + form_.times_usage(samples);
  if (!is_large()) return own + small().memory_usage();
  const Table<HashFieldTraits>& table = fields()->table;
  std::size_t seen = 0;
  std::size_t bytes = 0;
  std::uint64_t cursor = 0;
  do {
    cursor = table.scan(cursor, [&](TableItem item) {
      ++seen;
      bytes += HashField::memory_usage(item);
    });
  } while (cursor != 0 && (samples == 0 || seen < samples));
  if (seen != 0 && seen != table.size()) {
    bytes = static_cast<std::size_t>(static_cast<double>(bytes) / static_cast<double>(seen) *
                                     static_cast<double>(table.size()));
  }
  return own + usable_size(fields()) + table.memory_usage() + bytes;
}

std::unique_ptr<Object> Hash::copy() const {
  auto made = std::make_unique<Hash>();
  if (is_large()) {
    auto copied = std::make_unique<Fields>();
    fields()->table.for_each([&](TableItem item) {
      const std::uint64_t hash = HashFieldTraits::hash(HashField::field(item));
      copied->table.insert(HashField::copy(item), hash);
    });
    made->form_.set_large(std::move(copied));
  } else {
    made->small() = small().copy();
  }
  if (const MemberTimes* from = times()) made->form_.add_times() = from->copy();
  return made;
}

void Hash::digest(DigestSink& sink) const {
  char field_buffer[kIntegerCharsMax];
  char value_buffer[kIntegerCharsMax];
  for_each([&](const HashText& field, const HashText& value) {
    const std::array<ByteView, 2> parts{field.text(field_buffer), value.text(value_buffer)};
    times() && times()->find(parts[0]) != kNoExpiry ? sink.ending(parts) : sink.unordered(parts);
  });
}

void Hash::prepare(std::size_t pairs, const EncodingLimits& limits) {
  if (!is_large() && pairs > limits.hash_listpack_entries) enlarge();
}

bool Hash::set(ByteView field, ByteView value, const EncodingLimits& limits,
               const SharedBytes& owner) {
  const bool is_new = set_keeping_time(field, value, limits, owner);
  if (MemberTimes* const times = form_.times(); times && !is_new) [[unlikely]] {
    times->remove(field);
  }
  return is_new;
}

bool Hash::set_keeping_time(ByteView field, ByteView value, const EncodingLimits& limits,
                            const SharedBytes& owner) {
  if (is_large()) return set_in_table(field, value, owner);
  const std::size_t longest = field.size() > value.size() ? field.size() : value.size();
  if (longest > limits.hash_listpack_value || !small().fits(field.size() + value.size())) {
    enlarge();
    return set_in_table(field, value, owner);
  }
  const bool is_new = set_in_pack(field, value);
  // An update, too: the limit may be lower now.
  if (size() > limits.hash_listpack_entries) enlarge();
  return is_new;
}

bool Hash::set_in_pack(ByteView field, ByteView value) {
  if (const Listpack::Cursor at = find_in_pack(field)) {
    small().replace(small().next(at), value);
    return false;
  }
  small().append(field);
  small().append(value);
  return true;
}

bool Hash::set_in_table(ByteView field, ByteView value, const SharedBytes& owner) {
  auto& table = fields()->table;
  const std::uint64_t hash = HashFieldTraits::hash(field);
  const auto place = table.find(field, hash);
  if (!place) {
    table.insert(HashField::make(field, value, owner), hash);
    return true;
  }
  table.before_change(hash);
  const TableItem before = place.item();
  const TableItem after = HashField::with_value(before, value, owner);
  if (after.pointer != before.pointer) table.replace(place, after);
  return false;
}

HashText Hash::find(ByteView field) const {
  if (!is_large()) {
    const Listpack::Cursor at = find_in_pack(field);
    return at ? HashText::in_pack(small().next(at)) : HashText();
  }
  const auto place = fields()->table.find(field, HashFieldTraits::hash(field));
  return place ? HashText::value_of(place.item()) : HashText();
}

bool Hash::erase(ByteView field) {
  const bool erased = erase_untimed(field);
  if (MemberTimes* const times = form_.times(); times && erased) [[unlikely]] {
    times->remove(field);
  }
  return erased;
}

bool Hash::erase_untimed(ByteView field) {
  if (!is_large()) {
    const Listpack::Cursor at = find_in_pack(field);
    if (at) small().erase_range(at, 2);
    return at != nullptr;
  }
  const std::uint64_t hash = HashFieldTraits::hash(field);
  const auto place = fields()->table.find(field, hash);
  if (!place) return false;
  HashField::destroy(fields()->table.erase(place, hash));
  return true;
}

void Hash::set_member_ms(ByteView field, std::int64_t ms) {
  DEBUG_ASSERT(contains(field));
  if (ms != kNoExpiry) return form_.add_times().set(field, ms);
  if (MemberTimes* const times = form_.times()) times->remove(field);
}

std::int64_t Hash::earliest_member_ms() const { return times() ? times()->earliest() : kNoExpiry; }

std::int64_t Hash::member_ms(ByteView field) const {
  if (!contains(field)) return kNoMember;
  return times() ? times()->find(field) : kNoExpiry;
}

void Hash::expire_members(std::int64_t now_ms, std::size_t most, std::vector<Bytes>& ended) {
  MemberTimes* const times = form_.times();
  if (!times) return;
  const std::size_t before = ended.size();
  times->take_before(now_ms, most, ended);
  for (std::size_t i = before; i < ended.size(); ++i) erase_untimed(ended[i]);
}

void Hash::enlarge() {
  auto made = std::make_unique<Fields>();
  char field_buffer[kIntegerCharsMax];
  char value_buffer[kIntegerCharsMax];
  for (Listpack::Cursor at = small().first(); at;) {
    const ByteView field = small().text_of(at, field_buffer);
    const Listpack::Cursor value = small().next(at);
    const TableItem item = HashField::make(field, small().text_of(value, value_buffer), {});
    made->table.insert(item, HashFieldTraits::hash(field));
    at = small().next(value);
  }
  form_.set_large(std::move(made));
}

std::vector<Listpack::Cursor> Hash::pack_fields() const {
  std::vector<Listpack::Cursor> fields;
  fields.reserve(size());
  for (Listpack::Cursor at = small().first(); at; at = small().next(small().next(at))) {
    fields.push_back(at);
  }
  return fields;
}

std::size_t Hash::shareable_bytes() const {
  if (!is_large()) return 0;
  std::size_t bytes = 0;
  fields()->table.for_each([&](TableItem item) {
    if (const SharedBytes value = HashField::shared(item)) bytes += value.allocated_bytes();
  });
  return bytes;
}

Status Hash::verify() const {
  if (is_large()) {
    if (!fields()->table.verify()) return broken("a hash's table is unsound");
  } else {
    if (!Listpack::validate(small().bytes())) return broken("a hash's listpack is unsound");
    if (small().count() % 2 != 0) return broken("a hash has a field without a value");
    if (has_repeated(small(), 2)) return broken("a hash has a field twice");
  }
  if (times() && !times()->verify([&](ByteView field) { return contains(field); })) {
    return broken("a hash's times do not agree with its fields");
  }
  return ok;
}

}  // namespace memoir
