// Commands about the end of a key's life: EXPIRE and its kin, TTL and its kin, PERSIST.
//
// Whatever the form of the request, the journal gets the moment: PEXPIREAT, or DEL if it has
// passed.

#include <algorithm>
#include <limits>

#include "datatypes/keys/quiet_lookup.h"
#include "datatypes/keys/rows.h"
#include "src/base/c_text.h"

namespace memoir {
namespace {

struct ExpireOptions {
  bool if_none = false;     // NX: only a key without an end
  bool if_some = false;     // XX: only one with an end
  bool if_later = false;    // GT: only if the new end is later; no end is the latest
  bool if_earlier = false;  // LT

  Status take_all(Args& args);
  bool admit(const Entry& entry, std::int64_t expire_ms) const;
};

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

bool ExpireOptions::admit(const Entry& entry, std::int64_t expire_ms) const {
  const bool ends = entry.has_expiry();
  if (if_none && ends) return false;
  if (if_some && !ends) return false;
  if (if_later && (!ends || expire_ms <= entry.expire_ms())) return false;
  return !(if_earlier && ends && expire_ms >= entry.expire_ms());
}

enum class Since : bool { kNow, kEpoch };

// `amount` units of `unit_ms` since now or the epoch, in Unix milliseconds; may lie in the past.
Result<std::int64_t> moment_of(const Context& ctx, std::int64_t amount, std::int64_t unit_ms,
                               Since since) {
  std::int64_t ms = 0;
  if (__builtin_mul_overflow(amount, unit_ms, &ms) ||
      (since == Since::kNow && __builtin_add_overflow(ms, ctx.now_ms(), &ms))) {
    return Error(Bytes("ERR invalid expire time in '") + ctx.command().name + "' command");
  }
  return ms;
}

Status expire_key(Context& ctx, Args args, std::int64_t unit_ms, Since since, ReplyWriter& reply) {
  const ByteView key = args.next();
  Args amount = args;
  args.skip();
  ExpireOptions options;
  if (Status status = options.take_all(args); !status) return status;
  auto moment = moment_of(ctx, amount.integer(), unit_ms, since);
  if (amount.failed()) return amount.status();
  if (!moment) return moment.error();

  Database& db = ctx.db();
  const Entry* entry = db.lookup_to_change(key);
  if (!entry || !options.admit(*entry, *moment)) {
    reply.integer(0);
    return ok;
  }
  if (*moment <= ctx.now_ms() && ctx.environment().expiry == ExpiryMode::kDelete) {
    db.remove(key);
    ctx.effects().add({"DEL", key});
  } else {
    // While others decide about deletion a moment before the epoch only has to be long ago.
    const std::int64_t expire_ms = std::max<std::int64_t>(*moment, 0);
    db.set_expiry(key, expire_ms);
    db.notify(kEventGeneric, "expire", key);
    ctx.effects().add({"PEXPIREAT", key, Decimal(expire_ms)});
  }
  reply.integer(1);
  return ok;
}

// EXPIRE key seconds [options]
Status expire(Context& ctx, Args args, ReplyWriter& reply) {
  return expire_key(ctx, args, 1000, Since::kNow, reply);
}

// PEXPIRE key milliseconds [options]
Status pexpire(Context& ctx, Args args, ReplyWriter& reply) {
  return expire_key(ctx, args, 1, Since::kNow, reply);
}

// EXPIREAT key unix-seconds [options]
Status expireat(Context& ctx, Args args, ReplyWriter& reply) {
  return expire_key(ctx, args, 1000, Since::kEpoch, reply);
}

// PEXPIREAT key unix-milliseconds [options]
Status pexpireat(Context& ctx, Args args, ReplyWriter& reply) {
  return expire_key(ctx, args, 1, Since::kEpoch, reply);
}

// Replies -2 for no key, -1 for no end, else the end counted from `origin_ms` in `unit_ms`,
// rounded.
void reply_end(Context& ctx, ByteView key, std::int64_t origin_ms, std::int64_t unit_ms,
               ReplyWriter& reply) {
  const Entry* entry = quiet_lookup(ctx, key);
  if (!entry) return reply.integer(-2);
  if (!entry->has_expiry()) return reply.integer(-1);
  const std::int64_t left_ms = std::max<std::int64_t>(entry->expire_ms() - origin_ms, 0);
  const bool up = left_ms % unit_ms * 2 >= unit_ms;
  reply.integer(left_ms / unit_ms + (up ? 1 : 0));
}

// TTL key
Status ttl(Context& ctx, Args args, ReplyWriter& reply) {
  reply_end(ctx, args.next(), ctx.now_ms(), 1000, reply);
  return ok;
}

// PTTL key
Status pttl(Context& ctx, Args args, ReplyWriter& reply) {
  reply_end(ctx, args.next(), ctx.now_ms(), 1, reply);
  return ok;
}

// EXPIRETIME key
Status expiretime(Context& ctx, Args args, ReplyWriter& reply) {
  reply_end(ctx, args.next(), 0, 1000, reply);
  return ok;
}

// PEXPIRETIME key
Status pexpiretime(Context& ctx, Args args, ReplyWriter& reply) {
  reply_end(ctx, args.next(), 0, 1, reply);
  return ok;
}

// PERSIST key
Status persist(Context& ctx, Args args, ReplyWriter& reply) {
  const ByteView key = args.next();
  Database& db = ctx.db();
  const Entry* entry = db.lookup_to_change(key);
  const bool ends = entry && entry->has_expiry();
  if (ends) {
    db.set_expiry(key, kNoExpiry);
    db.notify(kEventGeneric, "persist", key);
  }
  reply.integer(ends);
  return ok;
}

constexpr CommandSpec kRows[] = {
    {.name = "expire",
     .arity = at_least(3),
     .keys = first_is_key(kKeyRW | kKeyUpdate),
     .access = Access::kWrite,
     .flags = kFast,
     .journal = JournalForm::kEffects,
     .run = expire,
     .syntax = "key seconds [NX | XX | GT | LT]",
     .summary = "Lets a key live for some seconds from now."},
    {.name = "pexpire",
     .arity = at_least(3),
     .keys = first_is_key(kKeyRW | kKeyUpdate),
     .access = Access::kWrite,
     .flags = kFast,
     .journal = JournalForm::kEffects,
     .run = pexpire,
     .syntax = "key milliseconds [NX | XX | GT | LT]",
     .summary = "Lets a key live for some milliseconds from now.",
     .since = "2.6.0"},
    {.name = "expireat",
     .arity = at_least(3),
     .keys = first_is_key(kKeyRW | kKeyUpdate),
     .access = Access::kWrite,
     .flags = kFast,
     .journal = JournalForm::kEffects,
     .run = expireat,
     .syntax = "key unix-time-seconds [NX | XX | GT | LT]",
     .summary = "Lets a key live until a moment in Unix seconds.",
     .since = "1.2.0"},
    {.name = "pexpireat",
     .arity = at_least(3),
     .keys = first_is_key(kKeyRW | kKeyUpdate),
     .access = Access::kWrite,
     .flags = kFast,
     .journal = JournalForm::kEffects,
     .run = pexpireat,
     .syntax = "key unix-time-milliseconds [NX | XX | GT | LT]",
     .summary = "Lets a key live until a moment in Unix milliseconds.",
     .since = "2.6.0"},
    {.name = "ttl",
     .arity = exactly(2),
     .keys = first_is_key(kKeyRO | kKeyAccess),
     .access = Access::kRead,
     .flags = kFast,
     .run = ttl,
     .syntax = "key",
     .summary = "Replies how many seconds a key has still to live.",
     .tips = "nondeterministic_output"},
    {.name = "pttl",
     .arity = exactly(2),
     .keys = first_is_key(kKeyRO | kKeyAccess),
     .access = Access::kRead,
     .flags = kFast,
     .run = pttl,
     .syntax = "key",
     .summary = "Replies how many milliseconds a key has still to live.",
     .since = "2.6.0",
     .tips = "nondeterministic_output"},
    {.name = "expiretime",
     .arity = exactly(2),
     .keys = first_is_key(kKeyRO | kKeyAccess),
     .access = Access::kRead,
     .flags = kFast,
     .run = expiretime,
     .syntax = "key",
     .summary = "Replies when a key ends, in Unix seconds.",
     .since = "7.0.0"},
    {.name = "pexpiretime",
     .arity = exactly(2),
     .keys = first_is_key(kKeyRO | kKeyAccess),
     .access = Access::kRead,
     .flags = kFast,
     .run = pexpiretime,
     .syntax = "key",
     .summary = "Replies when a key ends, in Unix milliseconds.",
     .since = "7.0.0"},
    {.name = "persist",
     .arity = exactly(2),
     .keys = first_is_key(kKeyRW | kKeyUpdate),
     .access = Access::kWrite,
     .flags = kFast,
     .journal = JournalForm::kVerbatim,
     .run = persist,
     .syntax = "key",
     .summary = "Lets a key live without end.",
     .since = "2.2.0"},
};

}  // namespace

std::span<const CommandSpec> expiry_commands() { return kRows; }

}  // namespace memoir
