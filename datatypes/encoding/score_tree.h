// ScoreTree: the members of a large sorted set in the order of (score, member): a B+ tree that
// counts.
//
// Leaves hold scores and handles in two arrays, so a search by score reads no member, and one by
// score and member reads those of equal score only. Inner nodes hold for each child its smallest
// key (exactly), its address and how many members lie below it; ranks come from these counts. There
// are no links between nodes: ranges are walked from the top.
//
// Memory: about 18 bytes a member whatever the order of insertion, since a node's block grows
// through the allocator's size classes before it splits. A node that is split at the very end (or
// front) of the tree leaves a full one behind, so members that come in order fill their leaves.
//
// Nodes may be nearly empty between full neighbours, never empty; neighbours that fit into three
// quarters of a node are merged when one of them loses members.
//
// The tree owns its nodes, not the members. Ranks count from 0. Not thread-safe.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "datatypes/encoding/scored_member.h"
#include "src/base/bytes.h"

namespace memoir {

class ScoreTree {
 public:
  ScoreTree() = default;
  ~ScoreTree() { clear(); }
  ScoreTree(const ScoreTree&) = delete;
  ScoreTree& operator=(const ScoreTree&) = delete;

  std::size_t size() const { return size_; }
  // Bytes of all nodes.
  std::size_t memory_usage() const { return bytes_; }

  // Adds a member that is not there.
  void insert(ScoredMember member);
  // Brings the leaf where a member of this score belongs into the cache.
  void prefetch(double score) const;
  // Takes out a member that is there.
  void erase(ScoredMember member);
  // Gives a member of the tree another score, in its block as well.
  void update(ScoredMember member, double score);
  // Takes out `count` members from rank `first` on and appends them to `erased`. The range must
  // exist. O(log n + count).
  void erase_range(std::size_t first, std::size_t count, std::vector<ScoredMember>& erased);
  // Forgets all members.
  void clear();

  // The rank of a member that is there.
  std::size_t rank(ScoredMember member) const;
  // The member at a rank below size().
  ScoredMember at(std::size_t rank) const;

  // How many members have a score below `score`, or not above it.
  std::size_t count_below(double score) const { return count_by_score(score, false); }
  std::size_t count_up_to(double score) const { return count_by_score(score, true); }
  // How many members come before `member` in byte order, or not after it. Makes sense when all
  // scores are equal.
  std::size_t count_before(ByteView member) const { return count_by_member(member, false); }
  std::size_t count_not_after(ByteView member) const { return count_by_member(member, true); }

  // Calls visit(ScoredMember, double score) for `count` members from rank `first` on, upwards or
  // downwards. The range must exist.
  template <class F>
  void for_each(std::size_t first, std::size_t count, F&& visit) const {
    if (count != 0) walk_up(root_, height_, first, count, visit);
  }
  template <class F>
  void for_each_down(std::size_t first, std::size_t count, F&& visit) const {
    if (count != 0) walk_down(root_, height_, size_ - 1 - first, count, visit);
  }

  // Checks every invariant; for tests. False if one is broken.
  bool verify() const;

 private:
  struct Key {
    double score;
    ScoredMember member;
  };
  // Leaf and inner nodes: a header, then `capacity` scores, `capacity` members and, in an inner
  // node, `capacity` children and counts.
  struct Node {
    std::uint16_t count;
    std::uint16_t capacity;
    std::uint32_t unused;

    double* scores() { return reinterpret_cast<double*>(this + 1); }
    ScoredMember* members() { return reinterpret_cast<ScoredMember*>(scores() + capacity); }
    Node** children() { return reinterpret_cast<Node**>(members() + capacity); }
    std::uint64_t* counts() { return reinterpret_cast<std::uint64_t*>(children() + capacity); }
    Key key(unsigned i) { return {scores()[i], members()[i]}; }
    void set_key(unsigned i, const Key& key) {
      scores()[i] = key.score;
      members()[i] = key.member;
    }
  };
  // What an insertion adds on the right of a node that it had to split.
  struct Sprout {
    Node* node{nullptr};
    std::uint64_t count{0};
  };
  // Where an insertion or removal stands: whether all nodes above are the first or last of their
  // level.
  struct Edge {
    bool first{true};
    bool last{true};
    Edge below(const Node* node, unsigned i) const {
      return {first && i == 0, last && i + 1 == node->count};
    }
  };
  enum class Kind : bool { kLeaf, kInner };

  static constexpr unsigned kCapacityMax = 127;
  static constexpr unsigned kLeafEntryBytes = sizeof(double) + sizeof(ScoredMember);
  static constexpr unsigned kInnerEntryBytes =
      kLeafEntryBytes + sizeof(Node*) + sizeof(std::uint64_t);
  static constexpr unsigned kSparse = 32;  // a node with fewer looks for a neighbour to merge with
  static constexpr unsigned kMergedMax = 96;
  static constexpr unsigned kPrefetchAhead = 8;

  static bool precedes(const Key& a, double score, ByteView member);
  static unsigned lower_bound(Node* node, double score, ByteView member);
  static unsigned child_of(Node* node, double score, ByteView member);
  static void prefetch_node(const Node* node);

  Node* make_node(Kind kind, unsigned entries);
  void free_node(Node* node);
  void resize(Node*& slot, Kind kind, unsigned entries);
  static void open_gap(Node* node, Kind kind, unsigned at);
  static void close_gap(Node* node, Kind kind, unsigned at, unsigned count);
  static void copy_entries(Node* from, unsigned at, unsigned count, Node* to, unsigned to_at,
                           Kind kind);
  Node* split(Node*& slot, Kind kind, unsigned at, Edge edge);
  static std::uint64_t total(Node* node, unsigned height);

  Sprout insert_below(Node*& slot, unsigned height, const Key& key, ByteView text, Edge edge);
  Sprout insert_into_leaf(Node*& slot, const Key& key, ByteView text, Edge edge);
  Sprout add_child(Node*& slot, unsigned height, unsigned at, const Sprout& child, Edge edge);
  void erase_below(Node*& slot, unsigned height, const Key& key, ByteView text);
  void erase_span(Node*& slot, unsigned height, std::size_t first, std::size_t count,
                  std::vector<ScoredMember>& erased);
  void take_all(Node* node, unsigned height, std::vector<ScoredMember>* erased);
  void mend(Node*& slot, unsigned height, unsigned at);
  void merge(Node* parent, unsigned height, unsigned left);
  void lower_root();
  bool update_in_place(ScoredMember member, double score);

  std::size_t count_by_score(double score, bool inclusive) const;
  std::size_t count_by_member(ByteView member, bool inclusive) const;
  bool verify_below(Node* node, unsigned height, std::uint64_t& members) const;

  template <class F>
  static void walk_up(Node* node, unsigned height, std::size_t first, std::size_t count, F&& visit);
  template <class F>
  static void walk_down(Node* node, unsigned height, std::size_t last, std::size_t count,
                        F&& visit);

  Node* root_{nullptr};
  unsigned height_{0};  // of the root; leaves have 0
  std::size_t size_{0};
  std::size_t bytes_{0};
};

template <class F>
void ScoreTree::walk_up(Node* node, unsigned height, std::size_t first, std::size_t count,
                        F&& visit) {
  if (height == 0) {
    const ScoredMember* members = node->members();
    const std::size_t end = first + count;
    for (std::size_t i = first; i < end && i < first + kPrefetchAhead; ++i) members[i].prefetch();
    for (std::size_t i = first; i < end; ++i) {
      if (i + kPrefetchAhead < end) members[i + kPrefetchAhead].prefetch();
      visit(members[i], node->scores()[i]);
    }
    return;
  }
  const std::uint64_t* counts = node->counts();
  unsigned i = 0;
  while (first >= counts[i]) first -= counts[i++];
  for (; count != 0; ++i, first = 0) {
    const std::size_t here = count < counts[i] - first ? count : counts[i] - first;
    walk_up(node->children()[i], height - 1, first, here, visit);
    count -= here;
  }
}

// From the rank `last` downwards.
template <class F>
void ScoreTree::walk_down(Node* node, unsigned height, std::size_t last, std::size_t count,
                          F&& visit) {
  if (height == 0) {
    const ScoredMember* members = node->members();
    for (std::size_t i = 0; i < count && i < kPrefetchAhead; ++i) members[last - i].prefetch();
    for (std::size_t i = 0; i < count; ++i) {
      if (i + kPrefetchAhead < count) members[last - i - kPrefetchAhead].prefetch();
      visit(members[last - i], node->scores()[last - i]);
    }
    return;
  }
  const std::uint64_t* counts = node->counts();
  unsigned i = 0;
  while (last >= counts[i]) last -= counts[i++];
  for (;; --i, last = counts[i] - 1) {
    const std::size_t here = count < last + 1 ? count : last + 1;
    walk_down(node->children()[i], height - 1, last, here, visit);
    count -= here;
    if (count == 0) return;
  }
}

}  // namespace memoir
