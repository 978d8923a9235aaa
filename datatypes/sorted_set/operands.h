// The operands of ZUNION, ZINTER and ZDIFF: sorted sets, and plain sets whose members count as
// having score 1.
#pragma once

#include <cstddef>
#include <optional>

#include "datatypes/set/set.h"
#include "datatypes/sorted_set/sorted_set.h"

namespace memoir {

struct ScoredOperand {
  const SortedSet* sorted = nullptr;  // at most one of the two; none for a missing key
  const Set* plain = nullptr;
  double weight = 1;

  bool operator==(const ScoredOperand& other) const {
    return sorted == other.sorted && plain == other.plain;
  }
  bool missing() const { return !sorted && !plain; }
  std::size_t size() const { return sorted ? sorted->size() : plain ? plain->size() : 0; }
  std::optional<double> score(ByteView member) const {
    if (sorted) return sorted->score(member);
    return plain && plain->contains(MemberView(member)) ? std::optional(1.0) : std::nullopt;
  }
  // Calls visit(ByteView member, double score) for all members until it returns false.
  template <class F>
  void for_each_while(F&& visit) const {
    if (plain) {
      plain->for_each_while([&](const MemberView& member) { return visit(member.text(), 1.0); });
    } else if (sorted) {
      // In steps, since a walk by rank does not stop early.
      constexpr std::size_t kStep = 256;
      bool more = true;
      for (std::size_t at = 0; more && at < sorted->size(); at += kStep) {
        const std::size_t count = std::min(kStep, sorted->size() - at);
        sorted->for_each({at, count}, [&](ByteView member, double score) {
          more = more && visit(member, score);
        });
      }
    }
  }
};

}  // namespace memoir
