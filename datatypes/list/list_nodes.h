// The nodes of a large list: an array with room at both ends.
//
// A node is a listpack of many elements, or one large element alone, which then shares its buffer
// with the request that brought it and the replies that send it. Nodes lie side by side, so that
// looking for the n-th element steps over counts in neighbouring cache lines instead of following
// pointers. A node never stays empty. Owned by its List; references are valid until the next
// change.
#pragma once

#include <cstdint>

#include "datatypes/encoding/listpack.h"
#include "src/base/bytes.h"

namespace memoir {

struct ListNode {
  Listpack pack;          // if plain is null
  SharedBytes plain;      // the one element of a plain node
  std::size_t count = 0;  // of elements

  bool is_plain() const { return static_cast<bool>(plain); }
  std::size_t size_bytes() const { return is_plain() ? plain.size() : pack.size_bytes(); }
  std::size_t memory_usage() const {
    return is_plain() ? plain.allocated_bytes() : pack.memory_usage();
  }
};

// Is told of a node before it is changed or goes.
class ListNodeObserver {
 public:
  virtual ~ListNodeObserver() = default;
  virtual void before_change(const ListNode& node) = 0;
  // Of all nodes at once: there will be none.
  virtual void before_end() = 0;
};

class ListNodes {
 public:
  ListNodes() = default;
  ~ListNodes();
  ListNodes(const ListNodes&) = delete;
  ListNodes& operator=(const ListNodes&) = delete;

  std::size_t size() const { return end_ - begin_; }
  bool empty() const { return begin_ == end_; }
  // To change a node.
  ListNode& operator[](std::size_t i) {
    if (observer_) [[unlikely]] observer_->before_change(slots_[begin_ + i]);
    return slots_[begin_ + i];
  }
  const ListNode& operator[](std::size_t i) const { return slots_[begin_ + i]; }

  // A new node, empty, that becomes the one at `index`.
  ListNode& insert(std::size_t index);
  void erase(std::size_t index, std::size_t count = 1);
  // Removes all nodes without elements.
  void erase_empty();

  // The node that holds the element at `index` (which must exist); `index` becomes its place in
  // there.
  std::size_t locate(std::size_t& index) const;

  void set_observer(ListNodeObserver* observer) { observer_ = observer; }

  std::size_t elements = 0;  // in all nodes; kept by whoever changes them

  // Bytes of the array and, by a sample of `samples` nodes (0: all), of what the nodes hold.
  std::size_t memory_usage(std::size_t samples) const;

 private:
  void make_room();
  void announce(std::size_t first, std::size_t count);

  ListNodeObserver* observer_{nullptr};
  ListNode* slots_{nullptr};
  std::size_t begin_{0};
  std::size_t end_{0};
  std::size_t capacity_{0};
};

}  // namespace memoir
