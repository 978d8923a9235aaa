// OrderedTree: keys in order, each with a value: a B+ tree.
//
// Made for keys that mostly come in ascending order and go at the front (the ids of a stream): a
// leaf that is split at the end of the tree stays full, so such keys fill their leaves. Leaves
// hold keys and values in two arrays, grow with their contents from one entry on, and are linked,
// so a walk along them is a loop over arrays. An empty value type takes no room.
//
// Key is trivially copyable and ordered. Value may be moved by copying its bytes (as Listpack);
// it is destroyed by the tree. Leaves are never empty; neighbours that fit into three quarters of
// a leaf are merged when one of them shrinks. All operations but walks take O(log n).
//
// A Cursor points to an entry; a default one is the end. Cursors are valid until the next
// insertion or removal. Not thread-safe.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <new>
#include <type_traits>
#include <utility>

#include "src/base/alloc.h"

namespace memoir {

template <class Key, class Value>
class OrderedTree {
  static_assert(std::is_trivially_copyable_v<Key>);
  static constexpr bool kHasValues = !std::is_empty_v<Value>;

  // A header, then `capacity` keys and as many values.
  struct Leaf {
    Leaf* prev;
    Leaf* next;
    std::uint32_t count;
    std::uint32_t capacity;

    Key* keys() { return reinterpret_cast<Key*>(this + 1); }
    Value* values() { return reinterpret_cast<Value*>(keys() + capacity); }
  };
  // A header, then `capacity` keys and as many children. All keys below child i are at least
  // keys[i] (but for i = 0) and below keys[i + 1].
  struct Inner {
    std::uint32_t count;
    std::uint32_t capacity;

    Key* keys() { return reinterpret_cast<Key*>(this + 1); }
    void** children() { return reinterpret_cast<void**>(keys() + capacity); }
  };

 public:
  class Cursor {
   public:
    Cursor() = default;
    explicit operator bool() const { return leaf_ != nullptr; }
    const Key& key() const { return leaf_->keys()[at_]; }
    Value& value() const { return leaf_->values()[at_]; }

   private:
    friend class OrderedTree;
    Cursor(Leaf* leaf, unsigned at) : leaf_(leaf), at_(at) {}
    Leaf* leaf_{nullptr};
    unsigned at_{0};
  };

  OrderedTree() = default;
  OrderedTree(OrderedTree&& other) noexcept
      : root_(std::exchange(other.root_, nullptr)), shape_(std::exchange(other.shape_, {})) {}
  OrderedTree& operator=(OrderedTree&& other) noexcept {
    std::swap(root_, other.root_);
    std::swap(shape_, other.shape_);
    return *this;
  }
  ~OrderedTree() { clear(); }

  std::size_t size() const { return shape_.size; }
  bool empty() const { return shape_.size == 0; }
  // Bytes of all nodes, without what values own. O(n / 62).
  std::size_t memory_usage() const { return root_ ? bytes_below(root_, shape_.height) : 0; }

  Cursor first() const {
    void* node = root_;
    for (unsigned h = shape_.height; h > 0; --h) node = static_cast<Inner*>(node)->children()[0];
    return {static_cast<Leaf*>(node), 0};
  }
  Cursor last() const {
    void* node = root_;
    for (unsigned h = shape_.height; h > 0; --h) {
      Inner* const inner = static_cast<Inner*>(node);
      node = inner->children()[inner->count - 1];
    }
    Leaf* const leaf = static_cast<Leaf*>(node);
    return leaf ? Cursor(leaf, leaf->count - 1) : Cursor();
  }
  Cursor next(Cursor at) const {
    if (++at.at_ < at.leaf_->count) return at;
    return {at.leaf_->next, 0};
  }
  Cursor prev(Cursor at) const {
    if (at.at_ > 0) return {at.leaf_, at.at_ - 1};
    Leaf* const leaf = at.leaf_->prev;
    return leaf ? Cursor(leaf, leaf->count - 1) : Cursor();
  }
  Cursor find(const Key& key) const {
    const Cursor at = lower_bound(key);
    return at && at.key() == key ? at : Cursor();
  }
  // The first entry whose key is not below `key`.
  Cursor lower_bound(const Key& key) const {
    Leaf* const leaf = leaf_of(key);
    if (!leaf) return {};
    const unsigned at = place_in(leaf->keys(), leaf->count, key);
    return at < leaf->count ? Cursor(leaf, at) : Cursor(leaf->next, 0);
  }
  // The last entry whose key is not above `key`.
  Cursor floor(const Key& key) const {
    Leaf* const leaf = leaf_of(key);
    if (!leaf) return {};
    const unsigned at = place_in(leaf->keys(), leaf->count, key);
    if (at < leaf->count && leaf->keys()[at] == key) return {leaf, at};
    if (at > 0) return {leaf, at - 1};
    return leaf->prev ? Cursor(leaf->prev, leaf->prev->count - 1) : Cursor();
  }

  struct Inserted {
    Cursor at;
    bool added;  // false: the key was there, nothing has changed
  };
  Inserted insert(const Key& key, Value value = {});
  // False if there is no such key.
  bool erase(const Key& key);
  void clear();

  // Checks every invariant; for tests.
  bool verify() const;

 private:
  // Blocks of so many entries of 16, 24 or 40 bytes just fit sizes that the allocator has.
  static constexpr unsigned kCapacityMax = 62;
  static constexpr unsigned kSparse = 16;  // a leaf with fewer looks for a neighbour to merge with
  static constexpr unsigned kMergedMax = 46;
  static constexpr unsigned kHeightMax = 16;

  // The way to a leaf: the inner node at each height above 0, and which child was taken.
  struct Path {
    Inner* nodes[kHeightMax];
    unsigned at[kHeightMax];
  };

  static unsigned grown(unsigned capacity) { return std::min(capacity * 2, kCapacityMax); }

  // Where `key` stands or belongs among `count` keys.
  static unsigned place_in(const Key* keys, unsigned count, const Key& key) {
    // Ids are mostly asked for at the end, where they are added.
    if (count > 0 && keys[count - 1] < key) return count;
    return static_cast<unsigned>(std::lower_bound(keys, keys + count, key) - keys);
  }
  static unsigned child_of(Inner* inner, const Key& key) {
    const Key* const keys = inner->keys();
    const Key* const above = std::upper_bound(keys + 1, keys + inner->count, key);
    return static_cast<unsigned>(above - keys) - 1;
  }
  Leaf* leaf_of(const Key& key) const {
    void* node = root_;
    for (unsigned h = shape_.height; h > 0; --h) {
      Inner* const inner = static_cast<Inner*>(node);
      node = inner->children()[child_of(inner, key)];
    }
    return static_cast<Leaf*>(node);
  }
  Leaf* descend(const Key& key, Path& path) const {
    void* node = root_;
    for (unsigned h = shape_.height; h > 0; --h) {
      Inner* const inner = static_cast<Inner*>(node);
      path.nodes[h] = inner;
      path.at[h] = child_of(inner, key);
      node = inner->children()[path.at[h]];
    }
    return static_cast<Leaf*>(node);
  }

  template <class T>
  static void move_items(T* to, const T* from, unsigned count) {
    std::memmove(static_cast<void*>(to), static_cast<const void*>(from), count * sizeof(T));
  }
  static Leaf* make_leaf(unsigned capacity) {
    const std::size_t values = kHasValues ? capacity * sizeof(Value) : 0;
    auto* const leaf =
        static_cast<Leaf*>(allocate(sizeof(Leaf) + capacity * sizeof(Key) + values));
    return new (leaf) Leaf{nullptr, nullptr, 0, capacity};
  }
  static Inner* make_inner(unsigned capacity) {
    auto* const inner = static_cast<Inner*>(
        allocate(sizeof(Inner) + capacity * (sizeof(Key) + sizeof(void*))));
    return new (inner) Inner{0, capacity};
  }
  // Moves `count` entries of `from`, from `at` on, to the end of `to`.
  static void move_entries(Leaf* from, unsigned at, unsigned count, Leaf* to) {
    move_items(to->keys() + to->count, from->keys() + at, count);
    if constexpr (kHasValues) {
      move_items(to->values() + to->count, from->values() + at, count);
    }
    to->count += count;
  }
  void set_slot(const Path& path, unsigned height, void* node) {
    if (height == shape_.height) {
      root_ = node;
    } else {
      path.nodes[height + 1]->children()[path.at[height + 1]] = node;
    }
  }

  Leaf* resize(Leaf* leaf, unsigned capacity, const Path& path);
  Leaf* split(Leaf* leaf, const Key& key, unsigned& at, Path& path);
  void add_child(Path& path, unsigned height, const Key& key, void* child);
  Inner* room_for_child(Path& path, unsigned height, unsigned& at);
  void remove_child(Path& path, unsigned height, unsigned at);
  void settle_shrunk(Leaf* leaf, Path& path);
  void absorb_next(Leaf* leaf, Path& path);
  void free_below(void* node, unsigned height);
  static std::size_t bytes_below(void* node, unsigned height);

  void* root_{nullptr};  // a Leaf or, if shape_.height > 0, an Inner
  // How many entries there are, and the height of the root: one word, for there are many small
  // trees.
  struct Shape {
    std::uint64_t size : 56 = 0;
    std::uint64_t height : 8 = 0;
  };
  Shape shape_;
};

}  // namespace memoir

#include "datatypes/encoding/ordered_tree_changes.h"
