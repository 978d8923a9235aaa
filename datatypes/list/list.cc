#include "datatypes/list/list.h"

#include <algorithm>
#include <limits>

#include "src/base/alloc.h"

namespace memoir {

namespace {

constexpr std::size_t kSafeNodeBytes = 8192;  // whatever the number of elements a node may have
constexpr std::size_t kElementOverhead = 8;   // an estimate of an element's head and back length

// What list-max-listpack-size allows a node.
struct NodeLimit {
  std::size_t bytes;
  std::size_t count;

  explicit NodeLimit(int fill) {
    if (fill >= 0) {
      bytes = kSafeNodeBytes;
      count = fill == 0 ? 1 : static_cast<std::size_t>(fill);
    } else {
      bytes = std::size_t{2048} << std::min(-fill, 5);
      count = std::numeric_limits<std::size_t>::max();
    }
  }
  bool exceeded_by(std::size_t node_bytes, std::size_t node_count) const {
    return node_bytes > bytes || node_count > count;
  }
};

// Whether an element gets a node of its own.
bool needs_own_node(std::size_t bytes, const EncodingLimits& limits) {
  if (limits.list_packed_threshold != 0) return bytes >= limits.list_packed_threshold;
  return bytes > NodeLimit(limits.list_listpack_size).bytes;
}

bool has_room(const ListNode& node, std::size_t bytes, const EncodingLimits& limits) {
  const std::size_t after = node.size_bytes() + bytes + kElementOverhead;
  return !node.is_plain() &&
         !NodeLimit(limits.list_listpack_size).exceeded_by(after, node.count + 1);
}

void make_plain(ListNode& node, const ListValue& value) {
  node.pack.clear();
  node.plain = value.owner ? value.owner : SharedBytes::copy_of(value.text);
  node.count = 1;
}

void fill_node(ListNode& node, const ListValue& value, const EncodingLimits& limits) {
  if (needs_own_node(value.text.size(), limits)) return make_plain(node, value);
  node.plain = SharedBytes();
  node.pack.append(value.text);
  node.count = 1;
}

std::size_t remove_forward(Listpack& pack, const listpack::Encoded& value, std::size_t limit) {
  std::size_t removed = 0;
  Listpack::Cursor at = Listpack::find(value, pack.first(), 0);
  while (at && removed < limit) {
    std::size_t run = 1;
    Listpack::Cursor after = pack.next(at);
    for (; after && removed + run < limit && value.equals(after); after = pack.next(after)) ++run;
    at = pack.erase_range(at, run);
    removed += run;
    at = Listpack::find(value, at, 0);
  }
  return removed;
}

std::size_t remove_backward(Listpack& pack, const listpack::Encoded& value, std::size_t limit) {
  std::size_t removed = 0;
  Listpack::Cursor at = pack.last();
  while (at && removed < limit) {
    if (value.equals(at)) {
      const Listpack::Cursor after = pack.erase(at);
      at = after ? pack.prev(after) : pack.last();
      ++removed;
    } else {
      at = pack.prev(at);
    }
  }
  return removed;
}

}  // namespace

std::size_t List::memory_usage(std::size_t samples) const {
  return usable_size(this) +
         (is_large() ? nodes()->memory_usage(samples) : small().memory_usage());
}

std::unique_ptr<Object> List::copy() const {
  auto made = std::make_unique<List>();
  if (!is_large()) {
    made->small() = small().copy();
    return made;
  }
  auto copied = std::make_unique<ListNodes>();
  for (std::size_t i = 0; i < nodes()->size(); ++i) {
    const ListNode& from = (*nodes())[i];
    ListNode& to = copied->insert(i);
    to.pack = from.pack.copy();
    to.plain = from.plain;
    to.count = from.count;
  }
  copied->elements = nodes()->elements;
  made->form_.set_large(std::move(copied));
  return made;
}

void List::digest(DigestSink& sink) const {
  char buffer[kIntegerCharsMax];
  visit(0, size(), ListEnd::kHead, [&](ListElement element) {
    sink.ordered(element.text(buffer));
    return true;
  });
}

void List::prepare(std::size_t bytes, std::size_t elements, const EncodingLimits& limits) {
  if (is_large()) return;
  const NodeLimit limit(limits.list_listpack_size);
  if (limit.exceeded_by(small().size_bytes() + bytes, small().count() + elements)) enlarge();
}

void List::settle_shrunk(const EncodingLimits& limits) {
  if (is_large() && nodes()->size() == 1) become_small_within(limits, 2);
}

void List::settle_loaded(const EncodingLimits& limits) {
  if (!is_large()) return prepare(0, 0, limits);
  if (nodes()->size() == 1) become_small_within(limits, 1);
}

// Turns the only node into the small form if it is within a `part` of the limits. Where the limit
// is one of elements, bytes do not count here, as in Redis.
void List::become_small_within(const EncodingLimits& limits, std::size_t part) {
  const NodeLimit limit(limits.list_listpack_size);
  const bool by_bytes = limits.list_listpack_size < 0;
  ListNode& node = (*nodes())[0];
  if (node.is_plain() || (by_bytes && node.pack.size_bytes() > limit.bytes / part)) return;
  if (!by_bytes && node.count > limit.count / part) return;
  form_.set_pack(std::move(node.pack));
}

void List::enlarge() {
  auto made = std::make_unique<ListNodes>();
  const std::size_t count = small().count();
  if (count != 0) {
    ListNode& node = made->insert(0);
    node.pack = std::move(small());
    node.count = count;
    made->elements = count;
  }
  form_.set_large(std::move(made));
}

void List::load_packed(Listpack&& pack) {
  const std::size_t count = pack.count();
  if (count == 0) return;
  if (!is_large() && small().empty()) {
    small() = std::move(pack);
    return;
  }
  if (!is_large()) enlarge();
  ListNode& node = nodes()->insert(nodes()->size());
  node.pack = std::move(pack);
  node.count = count;
  nodes()->elements += count;
}

void List::load_plain(SharedBytes element) {
  if (!is_large()) enlarge();
  ListNode& node = nodes()->insert(nodes()->size());
  node.plain = std::move(element);
  node.count = 1;
  ++nodes()->elements;
}

void List::push(ListEnd end, const ListValue& value, const EncodingLimits& limits) {
  if (is_large()) return push_node(end, value, limits);
  if (end == ListEnd::kHead) {
    small().prepend(value.text);
  } else {
    small().append(value.text);
  }
}

void List::push_node(ListEnd end, const ListValue& value, const EncodingLimits& limits) {
  ++nodes()->elements;
  const std::size_t node_count = nodes()->size();
  if (node_count != 0 && !needs_own_node(value.text.size(), limits)) {
    ListNode& node = (*nodes())[end == ListEnd::kHead ? 0 : node_count - 1];
    if (has_room(node, value.text.size(), limits)) {
      if (end == ListEnd::kHead) {
        node.pack.prepend(value.text);
      } else {
        node.pack.append(value.text);
      }
      ++node.count;
      return;
    }
  }
  fill_node(nodes()->insert(end == ListEnd::kHead ? 0 : node_count), value, limits);
}

ListElement List::peek(ListEnd end) const {
  const bool head = end == ListEnd::kHead;
  if (!is_large()) return {head ? small().first() : small().last(), nullptr};
  const ListNode& node = (*nodes())[head ? 0 : nodes()->size() - 1];
  if (node.is_plain()) return element(node, nullptr);
  return element(node, head ? node.pack.first() : node.pack.last());
}

void List::drop(ListEnd end, std::size_t count) {
  if (!is_large()) {
    if (count == 0) return;
    const auto first = end == ListEnd::kHead ? 0 : -static_cast<long>(count);
    small().erase_range(small().at(first), count);
    return;
  }
  nodes()->elements -= count;
  std::size_t whole = 0;  // nodes that go as a whole, erased in one step
  const std::size_t node_count = nodes()->size();
  while (count > 0) {
    const std::size_t index = end == ListEnd::kHead ? whole : node_count - 1 - whole;
    if ((*nodes())[index].count > count) {
      drop_from_node(index, end, count);
      break;
    }
    count -= (*nodes())[index].count;
    ++whole;
  }
  if (whole > 0) nodes()->erase(end == ListEnd::kHead ? 0 : node_count - whole, whole);
}

// Removes fewer elements than the node has, from one of its ends.
std::size_t List::drop_from_node(std::size_t index, ListEnd end, std::size_t count) {
  ListNode& node = (*nodes())[index];
  const auto first = end == ListEnd::kHead ? 0 : -static_cast<long>(count);
  node.pack.erase_range(count == 1 && first != 0 ? node.pack.last() : node.pack.at(first), count);
  node.count -= count;
  return node.count;
}

List::Position List::position(std::size_t index) const {
  const std::size_t node = nodes()->locate(index);
  const ListNode& found = (*nodes())[node];
  return {node, found.is_plain() ? nullptr : found.pack.at(static_cast<long>(index))};
}

ListElement List::at(std::size_t index) const {
  if (!is_large()) return {small().at(static_cast<long>(index)), nullptr};
  const Position found = position(index);
  return element((*nodes())[found.node], found.at);
}

void List::set(std::size_t index, const ListValue& value, const EncodingLimits& limits) {
  if (!is_large()) {
    small().replace(small().at(static_cast<long>(index)), value.text);
    return;
  }
  set_in_nodes(position(index), value, limits);
}

void List::set_in_nodes(Position at, const ListValue& value, const EncodingLimits& limits) {
  ListNode& node = (*nodes())[at.node];
  if (node.count == 1) {
    node.pack.clear();
    return fill_node(node, value, limits);
  }
  const std::size_t after = node.pack.size_bytes() - listpack::element_size(at.at) +
                            value.text.size() + kElementOverhead;
  const NodeLimit limit(limits.list_listpack_size);
  if (!needs_own_node(value.text.size(), limits) && after <= limit.bytes) {
    node.pack.replace(at.at, value.text);
    return;
  }
  const Listpack::Cursor next = node.pack.erase(at.at);
  --node.count;
  --nodes()->elements;
  if (next) {
    insert_in_nodes({at.node, next}, ListSide::kBefore, value, limits);
  } else {
    insert_in_nodes({at.node, node.pack.last()}, ListSide::kAfter, value, limits);
  }
}

bool List::insert(ByteView pivot, ListSide side, const ListValue& value,
                  const EncodingLimits& limits) {
  const ListMatcher matches(pivot);
  if (!is_large()) {
    const Listpack::Cursor at = Listpack::find(matches.encoded(), small().first(), 0);
    if (!at) return false;
    if (side == ListSide::kBefore) {
      small().insert_before(at, value.text);
    } else {
      small().insert_after(at, value.text);
    }
    return true;
  }
  for (std::size_t i = 0; i < nodes()->size(); ++i) {
    const ListNode& node = (*nodes())[i];
    Position at{i, nullptr};
    if (!node.is_plain()) at.at = Listpack::find(matches.encoded(), node.pack.first(), 0);
    if (!at.at && !(node.is_plain() && matches({nullptr, &node.plain}))) continue;
    insert_in_nodes(at, side, value, limits);
    return true;
  }
  return false;
}

// Splits a packed node before `at`; returns the index of the node that begins with it.
std::size_t List::split_node(Position at) {
  ListNode& head = (*nodes())[at.node];
  if (at.at == head.pack.first()) return at.node;
  Listpack tail = head.pack.split(at.at);
  const std::size_t moved = tail.count();
  head.count -= moved;
  ListNode& made = nodes()->insert(at.node + 1);
  made.pack = std::move(tail);
  made.count = moved;
  return at.node + 1;
}

void List::insert_in_nodes(Position at, ListSide side, const ListValue& value,
                           const EncodingLimits& limits) {
  ++nodes()->elements;
  ListNode& node = (*nodes())[at.node];
  const std::size_t bytes = value.text.size();
  const bool large = needs_own_node(bytes, limits);
  if (!large && has_room(node, bytes, limits)) {
    if (side == ListSide::kBefore) {
      node.pack.insert_before(at.at, value.text);
    } else {
      node.pack.insert_after(at.at, value.text);
    }
    ++node.count;
    return;
  }
  // The value goes before the node `index`: to the end of the one in front of it, to its
  // beginning, or into a node between them.
  std::size_t index = at.node;
  if (node.is_plain()) {
    index += side == ListSide::kAfter ? 1 : 0;
  } else {
    const Listpack::Cursor first =
        side == ListSide::kBefore ? at.at : node.pack.next(at.at);
    index = first ? split_node({at.node, first}) : at.node + 1;
  }
  if (!large && index > 0 && has_room((*nodes())[index - 1], bytes, limits)) {
    (*nodes())[index - 1].pack.append(value.text);
    ++(*nodes())[index - 1].count;
  } else if (!large && index < nodes()->size() && has_room((*nodes())[index], bytes, limits)) {
    (*nodes())[index].pack.prepend(value.text);
    ++(*nodes())[index].count;
  } else {
    fill_node(nodes()->insert(index), value, limits);
  }
}

std::size_t List::remove(ByteView value, std::int64_t limit) {
  const ListMatcher matches(value);
  const bool backward = limit < 0;
  const std::uint64_t magnitude =
      backward ? 0 - static_cast<std::uint64_t>(limit) : static_cast<std::uint64_t>(limit);
  const std::size_t most =
      limit == 0 ? std::numeric_limits<std::size_t>::max() : static_cast<std::size_t>(magnitude);
  const auto from_pack = backward ? &remove_backward : &remove_forward;
  if (!is_large()) return from_pack(small(), matches.encoded(), most);

  std::size_t removed = 0;
  bool emptied = false;
  for (std::size_t i = 0; i < nodes()->size() && removed < most; ++i) {
    ListNode& node = (*nodes())[backward ? nodes()->size() - 1 - i : i];
    const std::size_t gone = node.is_plain()
                                 ? (matches({nullptr, &node.plain}) ? 1 : 0)
                                 : from_pack(node.pack, matches.encoded(), most - removed);
    node.count -= gone;
    removed += gone;
    emptied = emptied || node.count == 0;
  }
  nodes()->elements -= removed;
  if (emptied) nodes()->erase_empty();
  return removed;
}

std::size_t List::shareable_bytes() const {
  std::size_t bytes = 0;
  for (std::size_t i = 0; is_large() && i < nodes()->size(); ++i) {
    bytes += (*nodes())[i].plain.allocated_bytes();
  }
  return bytes;
}

Status List::verify() const {
  if (!is_large()) {
    if (!Listpack::validate(small().bytes())) return broken("a list's listpack is unsound");
    return ok;
  }
  std::size_t total = 0;
  for (std::size_t i = 0; i < nodes()->size(); ++i) {
    const ListNode& node = (*nodes())[i];
    total += node.count;
    if (node.count == 0) return broken("a list has a node without elements");
    if (node.is_plain()) {
      if (node.count != 1 || !node.pack.empty()) return broken("a list's plain node is unsound");
    } else if (!Listpack::validate(node.pack.bytes())) {
      return broken("a list's node is an unsound listpack");
    } else if (node.pack.count() != node.count) {
      return broken("a list's node has not as many elements as it says");
    }
  }
  if (total != nodes()->elements) return broken("a list's nodes have not as many elements as it");
  return ok;
}

}  // namespace memoir
