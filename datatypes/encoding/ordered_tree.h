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
      : root_(std::exchange(other.root_, nullptr)), size_(std::exchange(other.size_, 0)),
        height_(std::exchange(other.height_, 0)) {}
  OrderedTree& operator=(OrderedTree&& other) noexcept {
    std::swap(root_, other.root_);
    std::swap(size_, other.size_);
    std::swap(height_, other.height_);
    return *this;
  }
  ~OrderedTree() { clear(); }

  std::size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  // Bytes of all nodes, without what values own. O(n / 64).
  std::size_t memory_usage() const { return root_ ? bytes_below(root_, height_) : 0; }

  Cursor first() const {
    void* node = root_;
    for (unsigned h = height_; h > 0; --h) node = static_cast<Inner*>(node)->children()[0];
    return {static_cast<Leaf*>(node), 0};
  }
  Cursor last() const {
    void* node = root_;
    for (unsigned h = height_; h > 0; --h) {
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
  static constexpr unsigned kCapacityMax = 64;
  static constexpr unsigned kSparse = 16;  // a leaf with fewer looks for a neighbour to merge with
  static constexpr unsigned kMergedMax = 48;
  static constexpr unsigned kHeightMax = 16;

  // The way to a leaf: the inner node at each height above 0, and which child was taken.
  struct Path {
    Inner* nodes[kHeightMax];
    unsigned at[kHeightMax];
  };

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
    for (unsigned h = height_; h > 0; --h) {
      Inner* const inner = static_cast<Inner*>(node);
      node = inner->children()[child_of(inner, key)];
    }
    return static_cast<Leaf*>(node);
  }
  Leaf* descend(const Key& key, Path& path) const {
    void* node = root_;
    for (unsigned h = height_; h > 0; --h) {
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
    if (height == height_) {
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

  void* root_{nullptr};  // a Leaf or, if height_ > 0, an Inner
  std::size_t size_{0};
  unsigned height_{0};
};

template <class Key, class Value>
auto OrderedTree<Key, Value>::insert(const Key& key, Value value) -> Inserted {
  if (!root_) root_ = make_leaf(1);
  Path path;
  Leaf* leaf = descend(key, path);
  unsigned at = place_in(leaf->keys(), leaf->count, key);
  if (at < leaf->count && leaf->keys()[at] == key) return {{leaf, at}, false};
  if (leaf->count == kCapacityMax) leaf = split(leaf, key, at, path);
  else if (leaf->count == leaf->capacity) leaf = resize(leaf, leaf->capacity * 2, path);
  move_items(leaf->keys() + at + 1, leaf->keys() + at, leaf->count - at);
  leaf->keys()[at] = key;
  if constexpr (kHasValues) {
    move_items(leaf->values() + at + 1, leaf->values() + at, leaf->count - at);
    new (leaf->values() + at) Value(std::move(value));
  }
  ++leaf->count;
  ++size_;
  return {{leaf, at}, true};
}

// The same entries in a block of another capacity.
template <class Key, class Value>
auto OrderedTree<Key, Value>::resize(Leaf* leaf, unsigned capacity, const Path& path) -> Leaf* {
  Leaf* const made = make_leaf(capacity);
  move_entries(leaf, 0, leaf->count, made);
  made->prev = leaf->prev;
  made->next = leaf->next;
  if (made->prev) made->prev->next = made;
  if (made->next) made->next->prev = made;
  release(leaf);
  set_slot(path, 0, made);
  return made;
}

// Makes room for `key` at place `at` of a full leaf; returns the leaf that takes it, and its place.
template <class Key, class Value>
auto OrderedTree<Key, Value>::split(Leaf* leaf, const Key& key, unsigned& at, Path& path)
    -> Leaf* {
  const bool at_end = !leaf->next && at == leaf->count;
  const unsigned kept = at_end ? leaf->count : leaf->count / 2;
  Leaf* const right = make_leaf(at_end ? 4 : kCapacityMax);
  move_entries(leaf, kept, leaf->count - kept, right);
  leaf->count = kept;
  right->next = leaf->next;
  right->prev = leaf;
  leaf->next = right;
  if (right->next) right->next->prev = right;
  add_child(path, 1, at_end ? key : right->keys()[0], right);
  if (!at_end && at <= kept) return leaf;
  at -= kept;
  return right;
}

// Inserts a child behind the one that the path took at `height`.
template <class Key, class Value>
void OrderedTree<Key, Value>::add_child(Path& path, unsigned height, const Key& key, void* child) {
  if (height > height_) {
    Inner* const root = make_inner(4);
    root->count = 1;
    root->children()[0] = root_;
    root->keys()[0] = key;  // never looked at
    root_ = root;
    height_ = height;
    path.nodes[height] = root;
    path.at[height] = 0;
  }
  unsigned at = path.at[height] + 1;
  Inner* const inner = path.nodes[height];
  if (inner->count == kCapacityMax) {
    const bool at_end = at == inner->count;
    const unsigned kept = at_end ? inner->count : inner->count / 2;
    Inner* const right = make_inner(at_end ? 4 : kCapacityMax);
    right->count = inner->count - kept;
    move_items(right->keys(), inner->keys() + kept, right->count);
    move_items(right->children(), inner->children() + kept, right->count);
    inner->count = kept;
    add_child(path, height + 1, at_end ? key : right->keys()[0], right);
    path.nodes[height] = inner;
    if (at_end || at > kept) {
      path.nodes[height] = right;
      at -= kept;
    }
    // Either one has room now, so that nobody follows the path upwards from it.
  }
  Inner* const to = room_for_child(path, height, at);
  to->keys()[at] = key;
  to->children()[at] = child;
}

template <class Key, class Value>
auto OrderedTree<Key, Value>::room_for_child(Path& path, unsigned height, unsigned& at)
    -> Inner* {
  Inner* inner = path.nodes[height];
  if (inner->count == inner->capacity) {
    Inner* const made = make_inner(inner->capacity * 2);
    made->count = inner->count;
    move_items(made->keys(), inner->keys(), inner->count);
    move_items(made->children(), inner->children(), inner->count);
    release(inner);
    inner = made;
    path.nodes[height] = made;
    set_slot(path, height, made);
  }
  move_items(inner->keys() + at + 1, inner->keys() + at, inner->count - at);
  move_items(inner->children() + at + 1, inner->children() + at, inner->count - at);
  ++inner->count;
  return inner;
}

template <class Key, class Value>
bool OrderedTree<Key, Value>::erase(const Key& key) {
  if (!root_) return false;
  Path path;
  Leaf* const leaf = descend(key, path);
  const unsigned at = place_in(leaf->keys(), leaf->count, key);
  if (at == leaf->count || !(leaf->keys()[at] == key)) return false;
  --leaf->count;
  --size_;
  move_items(leaf->keys() + at, leaf->keys() + at + 1, leaf->count - at);
  if constexpr (kHasValues) {
    leaf->values()[at].~Value();
    move_items(leaf->values() + at, leaf->values() + at + 1, leaf->count - at);
  }
  settle_shrunk(leaf, path);
  return true;
}

// Removes, merges or shrinks a leaf that lost an entry.
template <class Key, class Value>
void OrderedTree<Key, Value>::settle_shrunk(Leaf* leaf, Path& path) {
  if (leaf->count == 0) {
    if (leaf->prev) leaf->prev->next = leaf->next;
    if (leaf->next) leaf->next->prev = leaf->prev;
    release(leaf);
    if (height_ == 0) root_ = nullptr;
    else remove_child(path, 1, path.at[1]);
    return;
  }
  if (leaf->count < kSparse && height_ > 0) {
    Inner* const parent = path.nodes[1];
    const unsigned at = path.at[1];
    if (at + 1 < parent->count && leaf->count + leaf->next->count <= kMergedMax) {
      return absorb_next(leaf, path);
    }
    if (at > 0 && leaf->count + leaf->prev->count <= kMergedMax) {
      --path.at[1];
      return absorb_next(leaf->prev, path);
    }
  }
  if (leaf->count * 4 <= leaf->capacity) resize(leaf, leaf->capacity / 2, path);
}

// Merges the leaf at the end of the path with the one behind it, of the same parent.
template <class Key, class Value>
void OrderedTree<Key, Value>::absorb_next(Leaf* leaf, Path& path) {
  Leaf* const next = leaf->next;
  if (leaf->count + next->count > leaf->capacity) leaf = resize(leaf, kCapacityMax, path);
  move_entries(next, 0, next->count, leaf);
  leaf->next = next->next;
  if (leaf->next) leaf->next->prev = leaf;
  release(next);
  remove_child(path, 1, path.at[1] + 1);
}

template <class Key, class Value>
void OrderedTree<Key, Value>::remove_child(Path& path, unsigned height, unsigned at) {
  Inner* const inner = path.nodes[height];
  --inner->count;
  move_items(inner->keys() + at, inner->keys() + at + 1, inner->count - at);
  move_items(inner->children() + at, inner->children() + at + 1, inner->count - at);
  if (inner->count == 0) {
    // A root of one child is never kept, so this is not the root.
    release(inner);
    return remove_child(path, height + 1, path.at[height + 1]);
  }
  while (height_ > 0 && static_cast<Inner*>(root_)->count == 1) {
    void* const child = static_cast<Inner*>(root_)->children()[0];
    release(root_);
    root_ = child;
    --height_;
  }
}

template <class Key, class Value>
void OrderedTree<Key, Value>::clear() {
  if (root_) free_below(root_, height_);
  root_ = nullptr;
  size_ = 0;
  height_ = 0;
}

template <class Key, class Value>
void OrderedTree<Key, Value>::free_below(void* node, unsigned height) {
  if (height > 0) {
    Inner* const inner = static_cast<Inner*>(node);
    for (unsigned i = 0; i < inner->count; ++i) free_below(inner->children()[i], height - 1);
  } else if constexpr (kHasValues && !std::is_trivially_destructible_v<Value>) {
    Leaf* const leaf = static_cast<Leaf*>(node);
    for (unsigned i = 0; i < leaf->count; ++i) leaf->values()[i].~Value();
  }
  release(node);
}

template <class Key, class Value>
std::size_t OrderedTree<Key, Value>::bytes_below(void* node, unsigned height) {
  std::size_t bytes = usable_size(node);
  if (height == 0) return bytes;
  Inner* const inner = static_cast<Inner*>(node);
  for (unsigned i = 0; i < inner->count; ++i) {
    bytes += bytes_below(inner->children()[i], height - 1);
  }
  return bytes;
}

template <class Key, class Value>
bool OrderedTree<Key, Value>::verify() const {
  std::size_t seen = 0;
  Leaf* before = nullptr;
  for (Cursor at = first(); at; at = next(at), ++seen) {
    if (at.leaf_ != before) {
      if (at.leaf_->prev != before || at.leaf_->count > at.leaf_->capacity) return false;
      before = at.leaf_;
    }
    const Cursor found = find(at.key());
    if (!found || found.leaf_ != at.leaf_ || found.at_ != at.at_) return false;
    const Cursor after = next(at);
    if (after && !(at.key() < after.key())) return false;
  }
  return seen == size_ && (size_ > 0 || root_ == nullptr);
}

}  // namespace memoir
