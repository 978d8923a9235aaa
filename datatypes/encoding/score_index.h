// ScoreIndex: members that are found by their text and by the order of their scores.
//
// A table (by member) and a counting B+ tree (by score) share one block for each member, which the
// index owns: the large form of a sorted set, and of the times of members. Not thread-safe.
#pragma once

#include <cstdint>
#include <span>

#include "datatypes/encoding/score_tree.h"
#include "datatypes/encoding/scored_member.h"
#include "src/base/bytes.h"
#include "src/store/member_table.h"

namespace memoir {

struct ScoreIndex {
  MemberTable<ScoredMemberTraits> table;
  ScoreTree tree;

  ScoreIndex() = default;
  ~ScoreIndex();
  ScoreIndex(const ScoreIndex&) = delete;
  ScoreIndex& operator=(const ScoreIndex&) = delete;

  // The member, or a null handle.
  ScoredMember find(ByteView member, std::uint64_t hash) const;
  // Adds a member that is not there.
  void insert(ByteView member, std::uint64_t hash, double score);
  // False if it is not there.
  bool remove(ByteView member);
  // Takes out and frees members that the tree no longer has.
  void forget(std::span<const ScoredMember> members);
  // Whether table and tree are sound and hold the same members.
  bool verify() const;
  // Bytes of the allocations; blocks are estimated from `samples` of them (0: all).
  std::size_t memory_usage(std::size_t samples) const;
};

}  // namespace memoir
