#include "datatypes/encoding/member_times_rdb.h"

namespace memoir {

void save_times(const MemberTimes& times, RdbWriter& out) {
  out.length(times.size());
  times.for_each([&](ByteView member, std::int64_t ms) {
    out.string(member);
    out.time_ms(ms);
  });
}

void load_times(RdbReader& in, Object& value) {
  if (!value.members_may_end()) return in.corrupt("members of this type have no times");
  Bytes member;
  for (std::uint64_t left = in.length(); left > 0 && !in.failed(); --left) {
    member = in.string();
    const std::int64_t ms = in.time_ms();
    if (in.failed()) return;
    const bool sound =
        ms >= 0 && ms < kMemberMomentMax && value.member_ms(member) == kNoExpiry;
    if (!sound) return in.corrupt("a member's time is unsound");
    value.set_member_ms(member, ms);
  }
}

}  // namespace memoir
