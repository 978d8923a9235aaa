// How an OrderedTree changes: insertion with its splits, removal with its merges. Included by
// ordered_tree.h alone, which says what the functions promise.
//
// A change goes down once and keeps the path; splits and removals of children follow it upwards.
// A node is moved to another block when its capacity changes, so whoever points to it is told:
// the neighbours of a leaf, and the slot in its parent.
#pragma once

#include "datatypes/encoding/ordered_tree.h"

namespace memoir {

template <class Key, class Value>
auto OrderedTree<Key, Value>::insert(const Key& key, Value value) -> Inserted {
  if (!root_) root_ = make_leaf(1);
  Path path;
  Leaf* leaf = descend(key, path);
  unsigned at = place_in(leaf->keys(), leaf->count, key);
  if (at < leaf->count && leaf->keys()[at] == key) return {{leaf, at}, false};
  if (leaf->count == kCapacityMax) leaf = split(leaf, key, at, path);
  else if (leaf->count == leaf->capacity) leaf = resize(leaf, grown(leaf->capacity), path);
  move_items(leaf->keys() + at + 1, leaf->keys() + at, leaf->count - at);
  leaf->keys()[at] = key;
  if constexpr (kHasValues) {
    move_items(leaf->values() + at + 1, leaf->values() + at, leaf->count - at);
    new (leaf->values() + at) Value(std::move(value));
  }
  ++leaf->count;
  ++shape_.size;
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
  if (height > shape_.height) {
    Inner* const root = make_inner(4);
    root->count = 1;
    root->children()[0] = root_;
    root->keys()[0] = key;  // never looked at
    root_ = root;
    shape_.height = height & 0xff;
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
    Inner* const made = make_inner(grown(inner->capacity));
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
  --shape_.size;
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
    if (shape_.height == 0) root_ = nullptr;
    else remove_child(path, 1, path.at[1]);
    return;
  }
  if (leaf->count < kSparse && shape_.height > 0) {
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
  while (shape_.height > 0 && static_cast<Inner*>(root_)->count == 1) {
    void* const child = static_cast<Inner*>(root_)->children()[0];
    release(root_);
    root_ = child;
    --shape_.height;
  }
}

template <class Key, class Value>
void OrderedTree<Key, Value>::clear() {
  if (root_) free_below(root_, shape_.height);
  root_ = nullptr;
  shape_.size = 0;
  shape_.height = 0;
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
  return seen == shape_.size && (shape_.size > 0 || root_ == nullptr);
}

}  // namespace memoir
