#include "datatypes/keys/expiry_arguments.h"

#include <algorithm>

#include "src/base/c_text.h"

namespace memoir {

Status ExpireOptions::take_all(Args& args) {
  while (args.more()) {
    if (args.take("NX")) {
      if_none = true;
    } else if (args.take("XX")) {
      if_some = true;
    } else if (args.take("GT")) {
      if_later = true;
    } else if (args.take("LT")) {
      if_earlier = true;
    } else {
      return Error(Bytes("ERR Unsupported option ").append(c_text(args.next())));
    }
  }
  if (if_none && (if_some || if_later || if_earlier)) {
    return Error("ERR NX and XX, GT or LT options at the same time are not compatible");
  }
  if (if_later && if_earlier) {
    return Error("ERR GT and LT options at the same time are not compatible");
  }
  return ok;
}

bool ExpireOptions::admit(std::int64_t present_ms, std::int64_t expire_ms) const {
  const bool ends = present_ms != kNoExpiry;
  if (if_none && ends) return false;
  if (if_some && !ends) return false;
  if (if_later && (!ends || expire_ms <= present_ms)) return false;
  return !(if_earlier && ends && expire_ms >= present_ms);
}

Result<std::int64_t> moment_of(const Context& ctx, std::int64_t amount, std::int64_t unit_ms,
                               Since since) {
  std::int64_t ms = 0;
  if (__builtin_mul_overflow(amount, unit_ms, &ms) ||
      (since == Since::kNow && __builtin_add_overflow(ms, ctx.now_ms(), &ms))) {
    return Error(Bytes("ERR invalid expire time in '") + ctx.command().name + "' command");
  }
  return ms;
}

void reply_end(std::int64_t end_ms, std::int64_t origin_ms, std::int64_t unit_ms,
               ReplyWriter& reply) {
  if (end_ms == kNoMember) return reply.integer(-2);
  if (end_ms == kNoExpiry) return reply.integer(-1);
  const std::int64_t left_ms = std::max<std::int64_t>(end_ms - origin_ms, 0);
  const bool up = left_ms % unit_ms * 2 >= unit_ms;
  reply.integer(left_ms / unit_ms + (up ? 1 : 0));
}

}  // namespace memoir
