// The arguments and replies that commands about the ends of keys and of members have in common.
#pragma once

#include <cstdint>

#include "protocol/reply_writer.h"
#include "src/command/context.h"

namespace memoir {

// NX, XX, GT and LT.
struct ExpireOptions {
  bool if_none = false;     // NX: only a key without an end
  bool if_some = false;     // XX: only one with an end
  bool if_later = false;    // GT: only if the new end is later; no end is the latest
  bool if_earlier = false;  // LT

  Status take_all(Args& args);
  // Whether something that ends at `present_ms` (kNoExpiry: never) may be given another end.
  bool admit(std::int64_t present_ms, std::int64_t expire_ms) const;
};

enum class Since : bool { kNow, kEpoch };

// `amount` units of `unit_ms` since now or the epoch, in Unix milliseconds; may lie in the past.
Result<std::int64_t> moment_of(const Context& ctx, std::int64_t amount, std::int64_t unit_ms,
                               Since since);

// Replies -2 for kNoMember, -1 for kNoExpiry, else the end counted from `origin_ms` in `unit_ms`,
// rounded.
void reply_end(std::int64_t end_ms, std::int64_t origin_ms, std::int64_t unit_ms,
               ReplyWriter& reply);

// The same for the arguments `key member`; a missing key has no members.
Status reply_member_end(Context& ctx, Args args, std::int64_t origin_ms, std::int64_t unit_ms,
                        ReplyWriter& reply);
// Lets a member live without end: `key member`. Replies whether it had one.
Status persist_member(Context& ctx, Args args, ReplyWriter& reply);

}  // namespace memoir
