// List: a sequence of strings with fast ends.
//
// A list is one listpack ("listpack") until it outgrows list-max-listpack-size, then an array of
// nodes of about that size ("quicklist"); it turns back once it has shrunk to one node of half
// the size. A large element has a node of its own and is shared, not copied. The small form takes
// this object of 16 bytes and one block.
//
// Values given must not lie in the list itself. Elements returned are valid until the next change.
// A List knows no key, client, clock or journal. Whoever uses it holds the lock of its stripe.
#pragma once

#include <cstdint>
#include <memory>

#include "datatypes/encoding/listpack.h"
#include "datatypes/encoding/pack_or.h"
#include "datatypes/list/list_nodes.h"
#include "src/store/encoding_limits.h"
#include "src/store/object.h"

namespace memoir {

// An element where it lies: in a listpack, or in a buffer of its own.
struct ListElement {
  Listpack::Cursor at = nullptr;
  const SharedBytes* shared = nullptr;

  explicit operator bool() const { return at != nullptr || shared != nullptr; }
  bool is_integer() const { return at != nullptr && !listpack::is_text(at); }
  std::int64_t integer() const { return listpack::integer_at(at); }
  // As text; an integer is written into `buffer`.
  ByteView text(char (&buffer)[kIntegerCharsMax]) const {
    if (shared) return shared->view();
    if (!is_integer()) return listpack::text_at(at);
    return {buffer, format_integer(integer(), buffer)};
  }
};

// A value to be compared with many elements.
class ListMatcher {
 public:
  explicit ListMatcher(ByteView value) : text_(value), encoded_(listpack::encode(value)) {}
  bool operator()(const ListElement& element) const {
    return element.shared ? element.shared->view() == text_ : encoded_.equals(element.at);
  }
  const listpack::Encoded& encoded() const { return encoded_; }
  ByteView text() const { return text_; }

 private:
  ByteView text_;
  listpack::Encoded encoded_;
};

// A value to be stored: `owner`, if not null, is a buffer that holds exactly `text` and may be
// shared.
struct ListValue {
  ByteView text;
  SharedBytes owner = {};
};

enum class ListEnd : std::uint8_t { kHead, kTail };
enum class ListSide : std::uint8_t { kBefore, kAfter };

class RdbReader;

class List final : public Object {
 public:
  static constexpr TypeId kTypeId = TypeId::kList;

  List() = default;

  TypeId type() const override { return kTypeId; }
  const char* encoding() const override { return is_large() ? "quicklist" : "listpack"; }
  std::size_t size() const override { return is_large() ? nodes()->elements : small().count(); }
  std::size_t memory_usage(std::size_t samples) const override;
  std::size_t shareable_bytes() const override;
  std::unique_ptr<Object> copy() const override;
  std::size_t free_effort() const override { return is_large() ? nodes()->size() : 1; }
  void digest(DigestSink& sink) const override;

  // To be called before `elements` values with `bytes` of text in all come in: turns into the
  // large form if the small one would then exceed its limit.
  void prepare(std::size_t bytes, std::size_t elements, const EncodingLimits& limits);
  // To be called after elements went or shrank: turns back into the small form if that is due.
  void settle_shrunk(const EncodingLimits& limits);

  void push(ListEnd end, const ListValue& value, const EncodingLimits& limits);
  // The element at an end of a list that is not empty.
  ListElement peek(ListEnd end) const;
  // Removes `count` elements (at most size()) from an end.
  void drop(ListEnd end, std::size_t count = 1);

  // The element at `index` < size().
  ListElement at(std::size_t index) const;
  // Puts another value in the place of the element at `index` < size().
  void set(std::size_t index, const ListValue& value, const EncodingLimits& limits);
  // Inserts beside the first element equal to `pivot`; false if there is none.
  bool insert(ByteView pivot, ListSide side, const ListValue& value, const EncodingLimits& limits);
  // Removes elements equal to `value`: all (limit 0), the first `limit`, or the last -`limit`.
  // Returns how many.
  std::size_t remove(ByteView value, std::int64_t limit);

  // Calls visit(ListElement) for `count` elements from `first` on, until it returns false;
  // towards the tail, or (kTail) towards the head. first + count must lie within the list.
  template <class F>
  void visit(std::size_t first, std::size_t count, ListEnd from, F&& visit) const;

  // --- for snapshots
  // --------------------------------------------------------------------------------- Calls
  // visit(bool plain, ByteView bytes) for every node: a listpack, or one large element.
  template <class F>
  void each_node(F&& visit) const {
    if (!is_large()) return visit(false, small().bytes());
    for (std::size_t i = 0; i < nodes()->size(); ++i) {
      const ListNode& node = (*nodes())[i];
      visit(node.is_plain(), node.is_plain() ? node.plain.view() : node.pack.bytes());
    }
  }
  RdbType rdb_type() const override;
  void save(RdbWriter& out) const override;
  bool has_parts() const override;
  void save_before_members(RdbWriter& out) const override;
  std::unique_ptr<ValueParts> begin_parts(std::uint64_t mark, EarlyParts& early) override;
  // Reads a value of one of the RDB types for lists; null if `in` has failed.
  static std::unique_ptr<Object> load(RdbReader& in, RdbType type, const EncodingLimits& limits);

  Status verify() const override;

 private:
  struct Position {
    std::size_t node;
    Listpack::Cursor at;  // null in a plain node
  };

  static ListElement element(const ListNode& node, Listpack::Cursor at) {
    return node.is_plain() ? ListElement{nullptr, &node.plain} : ListElement{at, nullptr};
  }
  template <class F>
  static bool visit_node(const ListNode& node, std::size_t first, std::size_t& count, ListEnd from,
                         F&& visit);
  template <class F>
  static bool visit_pack(const Listpack& pack, Listpack::Cursor at, std::size_t& count,
                         ListEnd from, F&& visit);

  void load_elements(RdbReader& in, const EncodingLimits& limits);
  void load_ziplist(RdbReader& in, const EncodingLimits& limits);
  void load_nodes(RdbReader& in, RdbType type);
  // Append a node; settle_loaded() chooses the form at the end.
  void load_packed(Listpack&& pack);
  void load_plain(SharedBytes element);
  void settle_loaded(const EncodingLimits& limits);
  void enlarge();
  void become_small_within(const EncodingLimits& limits, std::size_t part);
  Position position(std::size_t index) const;
  void push_node(ListEnd end, const ListValue& value, const EncodingLimits& limits);
  void insert_in_nodes(Position at, ListSide side, const ListValue& value,
                       const EncodingLimits& limits);
  std::size_t split_node(Position at);
  void set_in_nodes(Position at, const ListValue& value, const EncodingLimits& limits);
  std::size_t drop_from_node(std::size_t index, ListEnd end, std::size_t count);

  bool is_large() const { return form_.is_large(); }
  Listpack& small() { return form_.pack(); }
  const Listpack& small() const { return form_.pack(); }
  ListNodes* nodes() { return form_.large(); }
  const ListNodes* nodes() const { return form_.large(); }

  PackOr<ListNodes> form_;
};

template <class F>
bool List::visit_pack(const Listpack& pack, Listpack::Cursor at, std::size_t& count, ListEnd from,
                      F&& visit) {
  while (true) {
    if (!visit(ListElement{at, nullptr})) return false;
    if (--count == 0) return false;
    at = from == ListEnd::kHead ? pack.next(at) : pack.prev(at);
    if (!at) return true;
  }
}

// Returns whether to go on with the next node.
template <class F>
bool List::visit_node(const ListNode& node, std::size_t first, std::size_t& count, ListEnd from,
                      F&& visit) {
  if (node.is_plain()) return visit(element(node, nullptr)) && --count > 0;
  return visit_pack(node.pack, node.pack.at(static_cast<long>(first)), count, from, visit);
}

template <class F>
void List::visit(std::size_t first, std::size_t count, ListEnd from, F&& visit) const {
  if (count == 0) return;
  if (!is_large()) {
    visit_pack(small(), small().at(static_cast<long>(first)), count, from, visit);
    return;
  }
  std::size_t node = nodes()->locate(first);
  while (visit_node((*nodes())[node], first, count, from, visit)) {
    node = from == ListEnd::kHead ? node + 1 : node - 1;
    first = from == ListEnd::kHead ? 0 : (*nodes())[node].count - 1;
  }
}

static_assert(sizeof(List) == 16);

}  // namespace memoir
