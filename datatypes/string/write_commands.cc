// Commands that set whole strings: SET and its older relatives, MSET, MSETNX.

#include "datatypes/string/expiry_option.h"
#include "datatypes/string/rows.h"
#include "datatypes/string/string_reply.h"
#include "datatypes/string/value_condition.h"

namespace memoir {
namespace {

struct SetOptions {
  bool if_missing = false;   // NX
  bool if_existing = false;  // XX
  bool get = false;
  bool keep_ttl = false;
  ValueCondition condition;
  ExpiryOption expiry;

  bool take(Args& args);
};

bool SetOptions::take(Args& args) {
  if (!if_existing && !condition.given() && args.take("NX")) return if_missing = true;
  if (!if_missing && !condition.given() && args.take("XX")) return if_existing = true;
  if (!if_missing && !if_existing && condition.take(args)) return true;
  if (args.take("GET")) return get = true;
  if (!expiry.given() && args.take("KEEPTTL")) return keep_ttl = true;
  return !keep_ttl && expiry.take(args);
}

// Sets a string that ends at `expire_ms`, and tells a replay so in absolute terms.
void set_expiring(Context& ctx, ByteView key, const Word& value, std::int64_t expire_ms) {
  ctx.db().set_string(key, value.text, value.owner, expire_ms);
  ctx.db().notify(kEventGeneric, "expire", key);
  ctx.effects().add({"SET", key, value.text, "PXAT", Decimal(expire_ms)});
}

// Replies the present value of `key` or null. WRONGTYPE if it is no string.
Status reply_present(Context& ctx, ByteView key, ReplyWriter& reply) {
  const Entry* entry = ctx.db().lookup(key);
  if (entry && !entry->is_string()) return Error(kWrongType);
  if (entry) {
    reply_string(reply, *entry);
  } else {
    reply.null();
  }
  return ok;
}

// SET with anything behind the value.
Status set_with_options(Context& ctx, ByteView key, const Word& value, Args args,
                        ReplyWriter& reply) {
  SetOptions options;
  while (args.more()) {
    if (!options.take(args)) return Error(kSyntaxError);
  }
  std::int64_t expire_ms = kNoExpiry;
  if (options.expiry.given()) {
    auto moment = options.expiry.moment(ctx);
    if (!moment) return moment.error();
    expire_ms = *moment;
  }
  if (options.get) {
    if (Status status = reply_present(ctx, key, reply); !status) return status;
  }
  Database& db = ctx.db();
  const Entry* old = db.peek(key);
  auto holds = options.condition.holds(old);
  if (!holds) return holds.error();
  if (!*holds || (old ? options.if_missing : options.if_existing)) {
    db.lookup_to_change(key);  // asked for in vain, yet asked for
    if (!options.get) reply.null();
    return ok;
  }
  if (options.expiry.given()) {
    set_expiring(ctx, key, value, expire_ms);
  } else {
    const bool keeps = options.keep_ttl && old;
    db.set_string(key, value.text, value.owner, keeps ? old->expire_ms() : kNoExpiry);
    // A replay has no use for the old value, and must not depend on one it may not reply.
    const bool depends = options.get || options.condition.given();
    if (depends && options.keep_ttl) {
      ctx.effects().add({"SET", key, value.text, "KEEPTTL"});
    } else if (depends) {
      ctx.effects().add({"SET", key, value.text});
    }
  }
  if (!options.get) reply.ok();
  return ok;
}

// SET key value [options]
Status set(Context& ctx, Args args, ReplyWriter& reply) {
  const ByteView key = args.next();
  const Word& value = args.next_word();
  if (args.more()) return set_with_options(ctx, key, value, args, reply);
  ctx.db().set_string(key, value.text, value.owner, kNoExpiry);
  reply.ok();
  return ok;
}

// SETNX key value
Status setnx(Context& ctx, Args args, ReplyWriter& reply) {
  const ByteView key = args.next();
  const Word& value = args.next_word();
  const bool missing = !ctx.db().lookup_to_change(key);
  if (missing) ctx.db().set_string(key, value.text, value.owner, kNoExpiry);
  reply.integer(missing);
  return ok;
}

Status set_for_time(Context& ctx, Args args, ExpiryOption::Unit unit, ReplyWriter& reply) {
  const ByteView key = args.next();
  auto expire_ms = ExpiryOption{unit, args.next()}.moment(ctx);
  if (!expire_ms) return expire_ms.error();
  set_expiring(ctx, key, args.next_word(), *expire_ms);
  reply.ok();
  return ok;
}

// SETEX key seconds value
Status setex(Context& ctx, Args args, ReplyWriter& reply) {
  return set_for_time(ctx, args, ExpiryOption::Unit::kSeconds, reply);
}

// PSETEX key milliseconds value
Status psetex(Context& ctx, Args args, ReplyWriter& reply) {
  return set_for_time(ctx, args, ExpiryOption::Unit::kMilliseconds, reply);
}

// GETSET key value
Status getset(Context& ctx, Args args, ReplyWriter& reply) {
  const ByteView key = args.next();
  const Word& value = args.next_word();
  if (Status status = reply_present(ctx, key, reply); !status) return status;
  ctx.db().set_string(key, value.text, value.owner, kNoExpiry);
  ctx.effects().add({"SET", key, value.text});
  return ok;
}

void set_pairs(Context& ctx, Args args) {
  while (args.more()) {
    const ByteView key = args.next();
    const Word& value = args.next_word();
    ctx.db().set_string(key, value.text, value.owner, kNoExpiry);
  }
}

// MSET key value [key value ...]
Status mset(Context& ctx, Args args, ReplyWriter& reply) {
  set_pairs(ctx, args);
  reply.ok();
  return ok;
}

// MSETNX key value [key value ...]
// All or, if one of the keys exists, none.
Status msetnx(Context& ctx, Args args, ReplyWriter& reply) {
  bool missing = true;
  for (Args pairs = args; pairs.more() && missing; pairs.skip()) {
    missing = !ctx.db().exists(pairs.next());
  }
  if (missing) set_pairs(ctx, args);
  reply.integer(missing);
  return ok;
}

// SET reads only if it is asked for what was there.
std::uint16_t set_key_flags(std::span<const Word> words) {
  for (std::size_t i = 3; i < words.size(); ++i) {
    if (equals_ignoring_case(words[i].text, "GET")) return kKeyRW | kKeyAccess | kKeyUpdate;
  }
  return kKeyOW | kKeyUpdate;
}

constexpr CommandSpec kRows[] = {
    {.name = "set",
     .arity = at_least(3),
     .keys = first_is_key(kKeyRW | kKeyAccess | kKeyUpdate | kKeyVariable),
     .key_flags = set_key_flags,
     .access = Access::kWrite,
     .flags = kDenyOom,
     .journal = JournalForm::kVerbatim,
     .run = set,
     .group = Group::kString,
     .syntax = "key value [NX | XX | IFEQ ifeq-value | IFNE ifne-value | IFDEQ ifdeq-digest | "
               "IFDNE ifdne-digest] [GET] [EX seconds | PX milliseconds | EXAT unix-time-seconds | "
               "PXAT unix-time-milliseconds | KEEPTTL]",
     .summary = "Stores a string under a key, whatever was there, with conditions and an end if "
                "asked for."},
    {.name = "setnx",
     .arity = exactly(3),
     .keys = first_is_key(kKeyOW | kKeyInsert),
     .access = Access::kWrite,
     .flags = kDenyOom | kFast,
     .journal = JournalForm::kVerbatim,
     .run = setnx,
     .group = Group::kString,
     .syntax = "key value",
     .summary = "Stores a string under a key that does not exist yet.",
     .deprecated = "2.6.12 `SET` with the `NX` argument"},
    {.name = "setex",
     .arity = exactly(4),
     .keys = first_is_key(kKeyOW | kKeyUpdate),
     .access = Access::kWrite,
     .flags = kDenyOom,
     .journal = JournalForm::kEffects,
     .run = setex,
     .group = Group::kString,
     .syntax = "key seconds value",
     .summary = "Stores a string under a key for some seconds.",
     .since = "2.0.0",
     .deprecated = "2.6.12 `SET` with the `EX` argument"},
    {.name = "psetex",
     .arity = exactly(4),
     .keys = first_is_key(kKeyOW | kKeyUpdate),
     .access = Access::kWrite,
     .flags = kDenyOom,
     .journal = JournalForm::kEffects,
     .run = psetex,
     .group = Group::kString,
     .syntax = "key milliseconds value",
     .summary = "Stores a string under a key for some milliseconds.",
     .since = "2.6.0",
     .deprecated = "2.6.12 `SET` with the `PX` argument"},
    {.name = "getset",
     .arity = exactly(3),
     .keys = first_is_key(kKeyRW | kKeyAccess | kKeyUpdate),
     .access = Access::kWrite,
     .flags = kDenyOom | kFast,
     .journal = JournalForm::kEffects,
     .run = getset,
     .group = Group::kString,
     .syntax = "key value",
     .summary = "Stores a string under a key and replies the one it replaces.",
     .deprecated = "6.2.0 `SET` with the `!GET` argument"},
    {.name = "mset",
     .arity = {.min = 3, .step = 2},
     .keys = {key_range(1, -1, 2, kKeyOW | kKeyUpdate)},
     .access = Access::kWrite,
     .flags = kDenyOom,
     .journal = JournalForm::kVerbatim,
     .run = mset,
     .group = Group::kString,
     .syntax = "key value [key value ...]",
     .summary = "Stores several strings at once.",
     .since = "1.0.1",
     .complexity = "O(N) where N is the number of keys.",
     .tips = "request_policy:multi_shard,response_policy:all_succeeded"},
    {.name = "msetnx",
     .arity = {.min = 3, .step = 2},
     .keys = {key_range(1, -1, 2, kKeyOW | kKeyInsert)},
     .access = Access::kWrite,
     .flags = kDenyOom,
     .journal = JournalForm::kVerbatim,
     .run = msetnx,
     .group = Group::kString,
     .syntax = "key value [key value ...]",
     .summary = "Stores several strings at once if none of the keys exists.",
     .since = "1.0.1",
     .complexity = "O(N) where N is the number of keys."},
};

}  // namespace

std::span<const CommandSpec> string_write_commands() { return kRows; }

}  // namespace memoir
