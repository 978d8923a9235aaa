#include "datatypes/list/list_nodes.h"

#include <algorithm>
#include <new>

#include "src/base/alloc.h"

namespace memoir {

namespace {

// Nodes hold pointers and counts only, none to themselves: they may be moved as bytes.
void relocate(ListNode* to, const ListNode* from, std::size_t count) {
  if (count == 0) return;
  std::memmove(static_cast<void*>(to), static_cast<const void*>(from), count * sizeof(ListNode));
}

}  // namespace

ListNodes::~ListNodes() {
  announce(begin_, size());
  if (observer_) observer_->before_end();
  std::destroy(slots_ + begin_, slots_ + end_);
  release(slots_);
}

// Nodes in these slots are about to go.
void ListNodes::announce(std::size_t first, std::size_t count) {
  if (!observer_) return;
  for (std::size_t i = 0; i < count; ++i) observer_->before_change(slots_[first + i]);
}

ListNode& ListNodes::insert(std::size_t index) {
  const bool near_front = index < size() - index;
  if (near_front ? begin_ == 0 : end_ == capacity_) make_room();
  if (near_front) {
    relocate(slots_ + begin_ - 1, slots_ + begin_, index);
    --begin_;
  } else {
    relocate(slots_ + begin_ + index + 1, slots_ + begin_ + index, size() - index);
    ++end_;
  }
  return *new (slots_ + begin_ + index) ListNode();
}

void ListNodes::erase(std::size_t index, std::size_t count) {
  announce(begin_ + index, count);
  ListNode* const first = slots_ + begin_ + index;
  std::destroy_n(first, count);
  const std::size_t behind = size() - index - count;
  if (index < behind) {
    relocate(slots_ + begin_ + count, slots_ + begin_, index);
    begin_ += count;
  } else {
    relocate(first, first + count, behind);
    end_ -= count;
  }
}

void ListNodes::erase_empty() {
  std::size_t kept = begin_;
  for (std::size_t i = begin_; i < end_; ++i) {
    if (slots_[i].count == 0) {
      std::destroy_at(slots_ + i);
    } else {
      relocate(slots_ + kept, slots_ + i, kept == i ? 0 : 1);
      ++kept;
    }
  }
  end_ = kept;
}

std::size_t ListNodes::locate(std::size_t& index) const {
  if (index < elements / 2) {
    std::size_t node = begin_;
    for (; index >= slots_[node].count; ++node) index -= slots_[node].count;
    return node - begin_;
  }
  std::size_t from_end = elements - index;
  std::size_t node = end_ - 1;
  for (; from_end > slots_[node].count; --node) from_end -= slots_[node].count;
  index = slots_[node].count - from_end;
  return node - begin_;
}

std::size_t ListNodes::memory_usage(std::size_t samples) const {
  const std::size_t seen = samples == 0 ? size() : std::min(samples, size());
  std::size_t bytes = 0;
  for (std::size_t i = 0; i < seen; ++i) bytes += (*this)[i].memory_usage();
  if (seen != 0 && seen != size()) {
    bytes = static_cast<std::size_t>(static_cast<double>(bytes) / static_cast<double>(seen) *
                                     static_cast<double>(size()));
  }
  return usable_size(this) + (slots_ ? usable_size(slots_) : 0) + bytes;
}

// Free slots at both ends: by moving the nodes to the middle of the array, or into a larger one if
// less than a third of this is free.
void ListNodes::make_room() {
  const std::size_t used = size();
  ListNode* target = slots_;
  std::size_t capacity = capacity_;
  if (capacity_ - used < capacity_ / 3 + 2) {
    const std::size_t bytes = (used + used / 2 + 4) * sizeof(ListNode);
    target = static_cast<ListNode*>(allocate(bytes));
    capacity = usable_size(target) / sizeof(ListNode);
  }
  const std::size_t begin = (capacity - used) / 2;
  relocate(target + begin, slots_ + begin_, used);
  if (target != slots_) release(slots_);
  slots_ = target;
  capacity_ = capacity;
  begin_ = begin;
  end_ = begin + used;
}

}  // namespace memoir
