// Commands about the end of a key's life: EXPIRE and its kin, TTL and its kin, PERSIST.
//
// Whatever the form of the request, the journal gets the moment: PEXPIREAT, or DEL if it has
// passed.

#include <algorithm>

#include "datatypes/keys/expiry_arguments.h"
#include "datatypes/keys/quiet_lookup.h"
#include "datatypes/keys/rows.h"

namespace memoir {
namespace {

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
  if (!entry || !options.admit(entry->expire_ms(), *moment)) {
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

// The end of a key.
void reply_key_end(Context& ctx, ByteView key, std::int64_t origin_ms, std::int64_t unit_ms,
                   ReplyWriter& reply) {
  const Entry* entry = quiet_lookup(ctx, key);
  reply_end(entry ? entry->expire_ms() : kNoMember, origin_ms, unit_ms, reply);
}

// TTL key [member]
Status ttl(Context& ctx, Args args, ReplyWriter& reply) {
  if (args.left() == 2) return reply_member_end(ctx, args, ctx.now_ms(), 1000, reply);
  reply_key_end(ctx, args.next(), ctx.now_ms(), 1000, reply);
  return ok;
}

// PTTL key [member]
Status pttl(Context& ctx, Args args, ReplyWriter& reply) {
  if (args.left() == 2) return reply_member_end(ctx, args, ctx.now_ms(), 1, reply);
  reply_key_end(ctx, args.next(), ctx.now_ms(), 1, reply);
  return ok;
}

// EXPIRETIME key
Status expiretime(Context& ctx, Args args, ReplyWriter& reply) {
  reply_key_end(ctx, args.next(), 0, 1000, reply);
  return ok;
}

// PEXPIRETIME key
Status pexpiretime(Context& ctx, Args args, ReplyWriter& reply) {
  reply_key_end(ctx, args.next(), 0, 1, reply);
  return ok;
}

// PERSIST key [member]
Status persist(Context& ctx, Args args, ReplyWriter& reply) {
  if (args.left() == 2) return persist_member(ctx, args, reply);
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
     .arity = between(2, 3),
     .keys = first_is_key(kKeyRO | kKeyAccess),
     .access = Access::kRead,
     .flags = kFast,
     .run = ttl,
     .syntax = "key [member]",
     .summary = "Replies how many seconds a key, or a member of its value, has still to live.",
     .tips = "nondeterministic_output"},
    {.name = "pttl",
     .arity = between(2, 3),
     .keys = first_is_key(kKeyRO | kKeyAccess),
     .access = Access::kRead,
     .flags = kFast,
     .run = pttl,
     .syntax = "key [member]",
     .summary = "Replies how many milliseconds a key, or a member of its value, has still to live.",
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
     .arity = between(2, 3),
     .keys = first_is_key(kKeyRW | kKeyUpdate),
     .access = Access::kWrite,
     .flags = kFast,
     .journal = JournalForm::kVerbatim,
     .run = persist,
     .syntax = "key [member]",
     .summary = "Lets a key, or a member of its value, live without end.",
     .since = "2.2.0"},
};

}  // namespace

std::span<const CommandSpec> expiry_commands() { return kRows; }

}  // namespace memoir
