// Hash: the value of a key that maps fields to values.
//
// A hash is one listpack of fields and values in turn ("listpack") until it has more than
// hash-max-listpack-entries fields or a text longer than hash-max-listpack-value, then, for good, a
// table of one allocation a field ("hashtable"). Order is that of insertion in the first form,
// unspecified in the second.
//
// Fields may end: see times(). A hash that has got a time in its small form reports "listpackex",
// for good, as Redis's listpack of triples does.
//
// Texts given must not lie in the hash itself. Texts returned are valid until the next change. A
// Hash knows no key, client, clock or journal. Whoever uses it holds the lock of its stripe.
#pragma once

#include <cstdint>
#include <memory>
#include <unordered_set>
#include <vector>

#include "datatypes/encoding/listpack.h"
#include "datatypes/encoding/pack_or.h"
#include "datatypes/hash/hash_field.h"
#include "src/base/random.h"
#include "src/store/encoding_limits.h"
#include "src/store/member_table.h"
#include "src/store/object.h"

namespace memoir {

class RdbReader;

// A field or value where it lies.
class HashText {
 public:
  HashText() = default;
  static HashText in_pack(Listpack::Cursor at) {
    HashText made;
    made.at_ = at;
    return made;
  }
  static HashText field_of(TableItem item) {
    HashText made;
    made.text_ = HashField::field(item);
    return made;
  }
  static HashText value_of(TableItem item) {
    HashText made;
    made.text_ = HashField::value(item);
    made.item_ = item;
    return made;
  }

  // False for a field that is not there.
  explicit operator bool() const { return at_ != nullptr || text_.data() != nullptr; }
  bool is_integer() const { return at_ != nullptr && !listpack::is_text(at_); }
  std::int64_t integer() const { return listpack::integer_at(at_); }
  // As text; an integer is written into `buffer`.
  ByteView text(char (&buffer)[kIntegerCharsMax]) const {
    if (!at_) return text_;
    if (!is_integer()) return listpack::text_at(at_);
    return {buffer, format_integer(integer(), buffer)};
  }
  // The buffer of a large value; else null.
  SharedBytes shared() const { return item_ ? HashField::shared(item_) : SharedBytes(); }

 private:
  Listpack::Cursor at_ = nullptr;
  ByteView text_;
  TableItem item_;
};

class Hash final : public Object {
 public:
  static constexpr TypeId kTypeId = TypeId::kHash;

  Hash() = default;

  TypeId type() const override { return kTypeId; }
  const char* encoding() const override {
    return is_large() ? "hashtable" : times() ? "listpackex" : "listpack";
  }
  std::size_t size() const override {
    return is_large() ? fields()->table.size() : small().count() / 2;
  }
  std::size_t memory_usage(std::size_t samples) const override;
  std::size_t shareable_bytes() const override;
  std::unique_ptr<Object> copy() const override;
  std::size_t free_effort() const override { return is_large() ? fields()->table.size() : 1; }
  void digest(DigestSink& sink) const override;

  // To be called before `pairs` fields are set by one command.
  void prepare(std::size_t pairs, const EncodingLimits& limits);
  // Sets `field` to `value`, which takes away the field's time; true if the field is new. `owner`,
  // if not null, is a buffer that holds exactly `value` and may be shared.
  bool set(ByteView field, ByteView value, const EncodingLimits& limits,
           const SharedBytes& owner = {});
  // The same, but the field keeps its time.
  bool set_keeping_time(ByteView field, ByteView value, const EncodingLimits& limits,
                        const SharedBytes& owner = {});
  HashText find(ByteView field) const;
  bool contains(ByteView field) const { return static_cast<bool>(find(field)); }
  // False if it is not there.
  bool erase(ByteView field);

  // Calls visit(HashText field, HashText value) for all.
  template <class F>
  void for_each(F&& visit) const;

  // Visits some fields from `cursor` on and returns the next cursor, 0 at the end. A field that
  // is there from the first call to the last is visited at least once. The small form is visited
  // as a whole.
  template <class F>
  std::uint64_t scan(std::uint64_t cursor, F&& visit) const;

  // Visits `count` fields drawn at random, each time from all. The hash must not be empty.
  template <class F>
  void sample(std::size_t count, Random& random, F&& visit) const;
  // Visits min(count, size()) different fields drawn at random.
  template <class F>
  void sample_distinct(std::size_t count, Random& random, F&& visit) const;

  // --- times of fields
  // --------------------------------------------------------------------------------- When fields
  // end; null if none ever had a time. What is erased loses its time with it.
  const MemberTimes* times() const { return form_.times(); }
  bool members_may_end() const override { return true; }
  std::int64_t earliest_member_ms() const override;
  bool has_ended(std::int64_t now_ms) const override {
    return times() && times()->are_all_before(now_ms, size());
  }
  std::int64_t member_ms(ByteView field) const override;
  void set_member_ms(ByteView field, std::int64_t ms) override;
  void remove_member(ByteView field) override { erase(field); }
  void expire_members(std::int64_t now_ms, std::size_t most, std::vector<Bytes>& ended) override;

  // The listpack of the small form, without times, else null.
  const Listpack* pack() const { return is_large() ? nullptr : &small(); }
  RdbType rdb_type() const override;
  void save(RdbWriter& out) const override;
  bool has_parts() const override;
  void set_member_observer(MemberObserver* observer) override;
  void save_before_members(RdbWriter& out) const override;
  TableStep members_at(std::uint64_t cursor) const override;
  void save_members(Bucket* home, RdbWriter& out) const override;
  // Reads a value of one of the RDB types for hashes; null if `in` has failed.
  static std::unique_ptr<Object> load(RdbReader& in, RdbType type, const EncodingLimits& limits);

  Status verify() const override;

 private:
  struct Fields {
    Fields() = default;
    ~Fields() {
      table.for_each([](TableItem item) { HashField::destroy(item); });
    }
    Fields(const Fields&) = delete;
    Fields& operator=(const Fields&) = delete;

    MemberTable<HashFieldTraits> table;
  };

  Listpack triples() const;
  void load_fields(RdbReader& in, RdbType type, const EncodingLimits& limits);
  void load_time(RdbReader& in, ByteView field);
  void load_expiring_fields(RdbReader& in, std::int64_t soonest, const EncodingLimits& limits);
  void load_expiring_pack(RdbReader& in, const EncodingLimits& limits);
  void load_pack(RdbReader& in, RdbType type, const EncodingLimits& limits);
  void enlarge();
  bool erase_untimed(ByteView field);
  bool set_in_pack(ByteView field, ByteView value);
  bool set_in_table(ByteView field, ByteView value, const SharedBytes& owner);
  Listpack::Cursor find_in_pack(ByteView field) const {
    return small().find(field, small().first(), 1);
  }
  std::vector<Listpack::Cursor> pack_fields() const;
  template <class F>
  void visit_at(Listpack::Cursor field, F&& visit) const {
    visit(HashText::in_pack(field), HashText::in_pack(small().next(field)));
  }
  template <class F>
  static void visit_item(TableItem item, F&& visit) {
    visit(HashText::field_of(item), HashText::value_of(item));
  }

  bool is_large() const { return form_.is_large(); }
  Listpack& small() { return form_.pack(); }
  const Listpack& small() const { return form_.pack(); }
  Fields* fields() { return form_.large(); }
  const Fields* fields() const { return form_.large(); }

  PackOr<Fields> form_;
};

template <class F>
void Hash::for_each(F&& visit) const {
  if (is_large()) {
    fields()->table.for_each([&](TableItem item) { visit_item(item, visit); });
    return;
  }
  for (Listpack::Cursor at = small().first(); at; at = small().next(small().next(at))) {
    visit_at(at, visit);
  }
}

template <class F>
std::uint64_t Hash::scan(std::uint64_t cursor, F&& visit) const {
  if (is_large()) {
    return fields()->table.scan(cursor, [&](TableItem item) { visit_item(item, visit); });
  }
  for_each(visit);
  return 0;
}

template <class F>
void Hash::sample(std::size_t count, Random& random, F&& visit) const {
  if (is_large()) {
    for (; count > 0; --count) visit_item(fields()->table.random(random), visit);
    return;
  }
  if (count == 1) {
    return visit_at(small().at(static_cast<long>(2 * random.below(size()))), visit);
  }
  const std::vector<Listpack::Cursor> fields = pack_fields();
  for (; count > 0; --count) visit_at(fields[random.below(fields.size())], visit);
}

// Few of many are drawn one by one, until enough are different; else one walk decides for each
// field with the probability that is right for what is still wanted and still to come (Knuth's
// algorithm S).
template <class F>
void Hash::sample_distinct(std::size_t count, Random& random, F&& visit) const {
  std::size_t left = size();
  if (count > left) count = left;
  if (is_large() && count < left / 3) {
    std::unordered_set<void*> drawn;
    while (drawn.size() < count) {
      const TableItem item = fields()->table.random(random);
      if (drawn.insert(item.pointer).second) visit_item(item, visit);
    }
    return;
  }
  for_each([&](const HashText& field, const HashText& value) {
    if (count > 0 && random.below(left) < count) {
      visit(field, value);
      --count;
    }
    --left;
  });
}

static_assert(sizeof(Hash) == 16);

}  // namespace memoir
