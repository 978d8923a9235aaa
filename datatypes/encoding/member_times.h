// MemberTimes: when members of a collection end, found by member and in the order of time.
//
// A collection gets one with the first time that is set for a member (PackOr::add_times), so those
// without cost nothing. It keeps texts of its own: whoever owns it removes a member's time together
// with the member. Times are Unix milliseconds below kMemberMomentMax, so that a double holds them
// exactly: a few are a listpack, many a table with a tree (ScoreIndex). Knows no clock.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "datatypes/encoding/score_index.h"
#include "datatypes/encoding/scored_listpack.h"
#include "src/base/bytes.h"
#include "src/store/object.h"

namespace memoir {

class MemberTimes {
 public:
  MemberTimes() = default;
  MemberTimes(MemberTimes&&) = default;
  MemberTimes& operator=(MemberTimes&&) = default;
  MemberTimes copy() const;

  std::size_t size() const { return index_ ? index_->tree.size() : few_.size(); }
  bool empty() const { return size() == 0; }

  // Sets the time of a member, whatever it was.
  void set(ByteView member, std::int64_t ms);
  // False if the member has no time.
  bool remove(ByteView member);
  // The time of a member; kNoExpiry if it has none.
  std::int64_t find(ByteView member) const;
  // The earliest and the latest of all times; kNoExpiry if there is none.
  std::int64_t earliest() const;
  std::int64_t latest() const;

  // Whether as many members as there are of a collection all end before `ms`.
  bool are_all_before(std::int64_t ms, std::size_t members) const {
    return size() == members && latest() < ms;
  }

  // Calls visit(ByteView member, std::int64_t ms) for all, in the order of time. Views last for the
  // call.
  template <class F>
  void for_each(F&& visit) const {
    const auto pass_on = [&](ByteView member, double ms) {
      visit(member, static_cast<std::int64_t>(ms));
    };
    if (!index_) return few_.for_each(0, few_.size(), pass_on);
    index_->tree.for_each(0, index_->tree.size(), [&](ScoredMember member, double ms) {
      pass_on(member.member(), ms);
    });
  }
  // Takes out those before `ms`, the earliest first and at most `most`, and appends their members.
  void take_before(std::int64_t ms, std::size_t most, std::vector<Bytes>& members);

  // Whether it is sound, and contains(ByteView) says that every member in it is there.
  template <class F>
  bool verify(F&& contains) const {
    if (!(index_ ? few_.size() == 0 && index_->verify() : few_.verify())) return false;
    bool sound = true;
    for_each([&](ByteView member, std::int64_t ms) {
      sound = sound && ms >= 0 && ms < kMemberMomentMax && contains(member);
    });
    return sound;
  }
  // Bytes of its allocations.
  std::size_t memory_usage(std::size_t samples) const;

 private:
  // More than this, or a longer text, and it is an index, for good.
  static constexpr std::size_t kFewMax = 64;
  static constexpr std::size_t kShortBytesMax = 64;

  void become_index();

  ScoredListpack few_;                 // empty once there is an index
  std::unique_ptr<ScoreIndex> index_;
};

}  // namespace memoir
