#include "datatypes/encoding/score_tree.h"

#include <algorithm>
#include <cstring>

#include "src/base/prefetch.h"
#include "src/base/assert.h"

namespace memoir {
namespace {

// How many of the `count` ascending scores are below `score`. Free of branches that depend on them.
unsigned scores_below(const double* scores, unsigned count, double score) {
  const double* base = scores;
  while (count > 1) {
    const unsigned half = count / 2;
    base += base[half - 1] < score ? half : 0;
    count -= half;
  }
  return static_cast<unsigned>(base - scores) + (count == 1 && *base < score ? 1 : 0);
}

// The same for scores not above `score`.
unsigned scores_up_to(const double* scores, unsigned count, double score) {
  const double* base = scores;
  while (count > 1) {
    const unsigned half = count / 2;
    base += base[half - 1] <= score ? half : 0;
    count -= half;
  }
  return static_cast<unsigned>(base - scores) + (count == 1 && *base <= score ? 1 : 0);
}

// The first of members[from, to), ascending, that does not come before `text`; that comes after it
// if `inclusive`.
unsigned first_not_before(const ScoredMember* members, unsigned from, unsigned to, ByteView text,
                          bool inclusive) {
  while (from < to) {
    const unsigned middle = (from + to) / 2;
    const int order = members[middle].member().compare(text);
    if (order < 0 || (inclusive && order == 0)) {
      from = middle + 1;
    } else {
      to = middle;
    }
  }
  return from;
}

}  // namespace

// --- searching within a node ---

bool ScoreTree::precedes(const Key& a, double score, ByteView member) {
  return a.score < score || (a.score == score && a.member.member() < member);
}

// The first entry not before (score, member).
unsigned ScoreTree::lower_bound(Node* node, double score, ByteView member) {
  const double* scores = node->scores();
  const unsigned from = scores_below(scores, node->count, score);
  if (from == node->count || scores[from] != score) return from;
  const unsigned to = from + scores_up_to(scores + from, node->count - from, score);
  return first_not_before(node->members(), from, to, member, false);
}

// The last child whose smallest key is not after (score, member), or the first.
unsigned ScoreTree::child_of(Node* node, double score, ByteView member) {
  const double* scores = node->scores();
  unsigned after = scores_below(scores, node->count, score);
  if (after < node->count && scores[after] == score) {
    const unsigned to = after + scores_up_to(scores + after, node->count - after, score);
    after = first_not_before(node->members(), after, to, member, true);
  }
  return after == 0 ? 0 : after - 1;
}

// Asks for a node's header and scores at once, since a search in them jumps.
void ScoreTree::prefetch_node(const Node* node) {
  const char* line = reinterpret_cast<const char*>(node);
  for (unsigned i = 0; i < 8; ++i) prefetch_line(line + i * 64);
}

// --- nodes ---

ScoreTree::Node* ScoreTree::make_node(Kind kind, unsigned entries) {
  const unsigned entry_bytes = kind == Kind::kLeaf ? kLeafEntryBytes : kInnerEntryBytes;
  auto* node = static_cast<Node*>(allocate(sizeof(Node) + std::size_t{entries} * entry_bytes));
  const std::size_t bytes = usable_size(node);
  bytes_ += bytes;
  node->count = 0;
  node->capacity = static_cast<std::uint16_t>(
      std::min<std::size_t>((bytes - sizeof(Node)) / entry_bytes, kCapacityMax));
  return node;
}

void ScoreTree::free_node(Node* node) {
  bytes_ -= usable_size(node);
  release(node);
}

void ScoreTree::copy_entries(Node* from, unsigned at, unsigned count, Node* to, unsigned to_at,
                             Kind kind) {
  std::memmove(to->scores() + to_at, from->scores() + at, count * sizeof(double));
  std::memmove(static_cast<void*>(to->members() + to_at), from->members() + at,
               count * sizeof(ScoredMember));
  if (kind == Kind::kLeaf) return;
  std::memmove(to->children() + to_at, from->children() + at, count * sizeof(Node*));
  std::memmove(to->counts() + to_at, from->counts() + at, count * sizeof(std::uint64_t));
}

// Puts a node with room for `entries` in the place of one.
void ScoreTree::resize(Node*& slot, Kind kind, unsigned entries) {
  Node* node = make_node(kind, entries);
  copy_entries(slot, 0, slot->count, node, 0, kind);
  node->count = slot->count;
  free_node(slot);
  slot = node;
}

void ScoreTree::open_gap(Node* node, Kind kind, unsigned at) {
  copy_entries(node, at, node->count - at, node, at + 1, kind);
  ++node->count;
}

void ScoreTree::close_gap(Node* node, Kind kind, unsigned at, unsigned count) {
  copy_entries(node, at + count, node->count - at - count, node, at, kind);
  node->count = static_cast<std::uint16_t>(node->count - count);
}

// Splits a full node before an entry is inserted at `at`; returns the right part. At the edges of
// the tree the full part stays full.
ScoreTree::Node* ScoreTree::split(Node*& slot, Kind kind, unsigned at, Edge edge) {
  const unsigned count = slot->count;
  unsigned kept = (count + 1) / 2;
  if (edge.last && at == count) kept = count - 1;
  if (edge.first && at == 0) kept = 1;
  Node* right = make_node(kind, count - kept + 1);
  copy_entries(slot, kept, count - kept, right, 0, kind);
  right->count = static_cast<std::uint16_t>(count - kept);
  slot->count = static_cast<std::uint16_t>(kept);
  if (kept + 1 < count) resize(slot, kind, kept + 1);
  return right;
}

std::uint64_t ScoreTree::total(Node* node, unsigned height) {
  if (height == 0) return node->count;
  std::uint64_t members = 0;
  for (unsigned i = 0; i < node->count; ++i) members += node->counts()[i];
  return members;
}

void ScoreTree::prefetch(double score) const {
  Node* node = root_;
  for (unsigned height = height_; height > 0; --height) {
    const unsigned after = scores_up_to(node->scores(), node->count, score);
    node = node->children()[after == 0 ? 0 : after - 1];
    prefetch_node(node);
  }
}

// --- insertion ---

void ScoreTree::insert(ScoredMember member) {
  if (!root_) root_ = make_node(Kind::kLeaf, 3);
  const Sprout sprout =
      insert_below(root_, height_, {member.score(), member}, member.member(), Edge{});
  if (sprout.node) {
    Node* root = make_node(Kind::kInner, 3);
    root->count = 2;
    root->set_key(0, root_->key(0));
    root->children()[0] = root_;
    root->counts()[0] = size_ + 1 - sprout.count;
    root->set_key(1, sprout.node->key(0));
    root->children()[1] = sprout.node;
    root->counts()[1] = sprout.count;
    root_ = root;
    ++height_;
  }
  ++size_;
}

ScoreTree::Sprout ScoreTree::insert_below(Node*& slot, unsigned height, const Key& key,
                                          ByteView text, Edge edge) {
  if (height == 0) return insert_into_leaf(slot, key, text, edge);
  Node* node = slot;
  const unsigned i = child_of(node, key.score, text);
  prefetch_node(node->children()[i]);
  const Sprout sprout =
      insert_below(node->children()[i], height - 1, key, text, edge.below(node, i));
  node->counts()[i] += 1 - sprout.count;
  if (i == 0) node->set_key(0, node->children()[0]->key(0));
  return sprout.node ? add_child(slot, height, i + 1, sprout, edge) : Sprout{};
}

ScoreTree::Sprout ScoreTree::insert_into_leaf(Node*& slot, const Key& key, ByteView text,
                                              Edge edge) {
  unsigned at = lower_bound(slot, key.score, text);
  Node* right = nullptr;
  if (slot->count == slot->capacity) {
    if (slot->capacity < kCapacityMax) {
      resize(slot, Kind::kLeaf, slot->capacity + 1);
    } else {
      right = split(slot, Kind::kLeaf, at, edge);
    }
  }
  const bool goes_right = right && at > slot->count;
  Node* node = goes_right ? right : slot;
  if (goes_right) at -= slot->count;
  open_gap(node, Kind::kLeaf, at);
  node->set_key(at, key);
  return right ? Sprout{right, right->count} : Sprout{};
}

ScoreTree::Sprout ScoreTree::add_child(Node*& slot, unsigned height, unsigned at,
                                       const Sprout& child, Edge edge) {
  Node* right = nullptr;
  if (slot->count == slot->capacity) {
    if (slot->capacity < kCapacityMax) {
      resize(slot, Kind::kInner, std::min(2U * slot->capacity + 1, kCapacityMax));
    } else {
      right = split(slot, Kind::kInner, at, edge);
    }
  }
  const bool goes_right = right && at > slot->count;
  Node* node = goes_right ? right : slot;
  if (goes_right) at -= slot->count;
  open_gap(node, Kind::kInner, at);
  node->set_key(at, child.node->key(0));
  node->children()[at] = child.node;
  node->counts()[at] = child.count;
  return right ? Sprout{right, total(right, height)} : Sprout{};
}

// --- removal ---

void ScoreTree::erase(ScoredMember member) {
  erase_below(root_, height_, {member.score(), member}, member.member());
  --size_;
  lower_root();
}

void ScoreTree::erase_below(Node*& slot, unsigned height, const Key& key, ByteView text) {
  Node* node = slot;
  if (height == 0) {
    const unsigned at = lower_bound(node, key.score, text);
    ASSERT(at < node->count && node->members()[at] == key.member);
    close_gap(node, Kind::kLeaf, at, 1);
    return;
  }
  const unsigned i = child_of(node, key.score, text);
  prefetch_node(node->children()[i]);
  erase_below(node->children()[i], height - 1, key, text);
  --node->counts()[i];
  mend(slot, height, i);
}

void ScoreTree::erase_range(std::size_t first, std::size_t count,
                            std::vector<ScoredMember>& erased) {
  if (count == 0) return;
  ASSERT(first + count <= size_);
  erased.reserve(erased.size() + count);
  erase_span(root_, height_, first, count, erased);
  size_ -= count;
  lower_root();
}

void ScoreTree::erase_span(Node*& slot, unsigned height, std::size_t first, std::size_t count,
                           std::vector<ScoredMember>& erased) {
  Node* node = slot;
  if (height == 0) {
    erased.insert(erased.end(), node->members() + first, node->members() + first + count);
    close_gap(node, Kind::kLeaf, static_cast<unsigned>(first), static_cast<unsigned>(count));
    return;
  }
  unsigned begin = 0;
  while (first >= node->counts()[begin]) first -= node->counts()[begin++];
  unsigned i = begin;
  unsigned whole_first = node->count;  // the children that go as a whole are neighbours
  unsigned whole_count = 0;
  for (; count != 0; ++i, first = 0) {
    const std::size_t here = std::min<std::size_t>(count, node->counts()[i] - first);
    if (here == node->counts()[i]) {
      take_all(node->children()[i], height - 1, &erased);
      whole_first = std::min(whole_first, i);
      ++whole_count;
    } else {
      erase_span(node->children()[i], height - 1, first, here, erased);
      node->counts()[i] -= here;
    }
    count -= here;
  }
  if (whole_count != 0) close_gap(node, Kind::kInner, whole_first, whole_count);
  // At most two children have lost a part; the right one first, since mending may take it away.
  if (node->count != 0 && begin + 1 < node->count) mend(slot, height, begin + 1);
  if (begin < slot->count) mend(slot, height, begin);
}

// Appends all members below a node to `erased` (null: forgets them) and frees it.
void ScoreTree::take_all(Node* node, unsigned height, std::vector<ScoredMember>* erased) {
  if (height == 0) {
    if (erased) erased->insert(erased->end(), node->members(), node->members() + node->count);
  } else {
    for (unsigned i = 0; i < node->count; ++i) take_all(node->children()[i], height - 1, erased);
  }
  free_node(node);
}

// After child `at` of an inner node has lost members: corrects its key, removes it if it is empty,
// merges it with a neighbour if both are small, or gives memory back.
void ScoreTree::mend(Node*& slot, unsigned height, unsigned at) {
  Node* node = slot;
  Node*& child = node->children()[at];
  const Kind child_kind = height == 1 ? Kind::kLeaf : Kind::kInner;
  if (child->count == 0) {
    free_node(child);
    close_gap(node, Kind::kInner, at, 1);
    return;
  }
  node->set_key(at, child->key(0));
  if (child->count < kSparse) {
    if (at + 1 < node->count && child->count + node->children()[at + 1]->count <= int{kMergedMax}) {
      return merge(node, height, at);
    }
    if (at > 0 && child->count + node->children()[at - 1]->count <= int{kMergedMax}) {
      return merge(node, height, at - 1);
    }
  }
  if (child->capacity >= 8 && child->count < child->capacity * 3 / 4) {
    resize(child, child_kind, child->count + 2);
  }
}

// Moves all entries of the child after `left` into `left`.
void ScoreTree::merge(Node* parent, unsigned height, unsigned left) {
  const Kind kind = height == 1 ? Kind::kLeaf : Kind::kInner;
  Node*& into = parent->children()[left];
  Node* from = parent->children()[left + 1];
  const unsigned together = into->count + from->count;
  if (together > into->capacity) resize(into, kind, together);
  copy_entries(from, 0, from->count, into, into->count, kind);
  into->count = static_cast<std::uint16_t>(together);
  parent->counts()[left] += parent->counts()[left + 1];
  free_node(from);
  close_gap(parent, Kind::kInner, left + 1, 1);
}

// Drops a root with a single child, or an empty one.
void ScoreTree::lower_root() {
  while (height_ > 0 && root_->count == 1) {
    Node* child = root_->children()[0];
    free_node(root_);
    root_ = child;
    --height_;
  }
  if (root_->count != 0) return;
  free_node(root_);
  root_ = nullptr;
  height_ = 0;
}

void ScoreTree::clear() {
  if (root_) take_all(root_, height_, nullptr);
  root_ = nullptr;
  height_ = 0;
  size_ = 0;
}

// --- change of a score ---

void ScoreTree::update(ScoredMember member, double score) {
  if (update_in_place(member, score)) return;
  erase(member);
  member.set_score(score);
  insert(member);
}

// Changes the score where the member lies if it stays between its neighbours there.
bool ScoreTree::update_in_place(ScoredMember member, double score) {
  const double old_score = member.score();
  const ByteView text = member.member();
  Node* node = root_;
  Edge edge;
  for (unsigned height = height_; height > 0; --height) {
    const unsigned i = child_of(node, old_score, text);
    edge = edge.below(node, i);
    node = node->children()[i];
    prefetch_node(node);
  }
  const unsigned at = lower_bound(node, old_score, text);
  ASSERT(at < node->count && node->members()[at] == member);
  // The first of a leaf is a key of inner nodes; the one after the last lies in another leaf.
  if (at == 0 && height_ > 0) return false;
  if (at + 1 == node->count ? !edge.last : precedes(node->key(at + 1), score, text)) return false;
  if (at > 0 && !precedes(node->key(at - 1), score, text)) return false;
  node->scores()[at] = score;
  member.set_score(score);
  return true;
}

// --- ranks ---

std::size_t ScoreTree::rank(ScoredMember member) const {
  const double score = member.score();
  const ByteView text = member.member();
  std::size_t before = 0;
  Node* node = root_;
  for (unsigned height = height_; height > 0; --height) {
    const unsigned i = child_of(node, score, text);
    prefetch_node(node->children()[i]);
    for (unsigned j = 0; j < i; ++j) before += node->counts()[j];
    node = node->children()[i];
  }
  return before + lower_bound(node, score, text);
}

ScoredMember ScoreTree::at(std::size_t rank) const {
  Node* node = root_;
  for (unsigned height = height_; height > 0; --height) {
    unsigned i = 0;
    while (rank >= node->counts()[i]) rank -= node->counts()[i++];
    node = node->children()[i];
  }
  return node->members()[rank];
}

std::size_t ScoreTree::count_by_score(double score, bool inclusive) const {
  if (!root_) return 0;
  const auto search = inclusive ? scores_up_to : scores_below;
  std::size_t before = 0;
  Node* node = root_;
  for (unsigned height = height_; height > 0; --height) {
    const unsigned i = search(node->scores(), node->count, score);
    if (i == 0) return before;  // nothing below this node either
    prefetch_node(node->children()[i - 1]);
    for (unsigned j = 0; j + 1 < i; ++j) before += node->counts()[j];
    node = node->children()[i - 1];
  }
  return before + search(node->scores(), node->count, score);
}

std::size_t ScoreTree::count_by_member(ByteView member, bool inclusive) const {
  if (!root_) return 0;
  std::size_t before = 0;
  Node* node = root_;
  for (unsigned height = height_; height > 0; --height) {
    const unsigned i = first_not_before(node->members(), 0, node->count, member, inclusive);
    if (i == 0) return before;
    for (unsigned j = 0; j + 1 < i; ++j) before += node->counts()[j];
    node = node->children()[i - 1];
  }
  return before + first_not_before(node->members(), 0, node->count, member, inclusive);
}

// --- checking ---

bool ScoreTree::verify() const {
  if (!root_) return size_ == 0 && height_ == 0 && bytes_ == 0;
  if (height_ > 0 && root_->count < 2) return false;
  std::uint64_t members = 0;
  if (!verify_below(root_, height_, members) || members != size_) return false;
  bool sorted = true;
  Key before{};
  for_each(0, size_, [&](ScoredMember member, double score) {
    sorted = sorted && score == member.score() &&
             (!before.member || precedes(before, score, member.member()));
    before = {score, member};
  });
  return sorted;
}

bool ScoreTree::verify_below(Node* node, unsigned height, std::uint64_t& members) const {
  if (node->count == 0 || node->count > node->capacity) return false;
  if (node->capacity > kCapacityMax) return false;
  if (height == 0) {
    members += node->count;
    return true;
  }
  for (unsigned i = 0; i < node->count; ++i) {
    Node* child = node->children()[i];
    std::uint64_t below = 0;
    if (!verify_below(child, height - 1, below) || below != node->counts()[i]) return false;
    if (node->members()[i] != child->members()[0]) return false;
    if (node->scores()[i] != child->scores()[0]) return false;
    members += below;
  }
  return true;
}

}  // namespace memoir
