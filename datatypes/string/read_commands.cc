// Commands that read strings, GETDEL and GETEX among them.

#include <algorithm>

#include "datatypes/string/expiry_option.h"
#include "datatypes/string/rows.h"
#include "datatypes/string/string_reply.h"

namespace memoir {
namespace {

// GET key
Status get(Context& ctx, Args args, ReplyWriter& reply) {
  const Entry* entry = ctx.db().lookup(args.next());
  if (!entry) {
    reply.null();
    return ok;
  }
  if (!entry->is_string()) return Error(kWrongType);
  reply_string(reply, *entry);
  return ok;
}

// MGET key [key ...]
// What is missing or no string is a null.
Status mget(Context& ctx, Args args, ReplyWriter& reply) {
  reply.array(args.left());
  while (args.more()) {
    const Entry* entry = ctx.db().lookup(args.next());
    if (entry && entry->is_string()) {
      reply_string(reply, *entry);
    } else {
      reply.null();
    }
  }
  return ok;
}

// STRLEN key
Status strlen_command(Context& ctx, Args args, ReplyWriter& reply) {
  const Entry* entry = ctx.db().lookup(args.next());
  if (entry && !entry->is_string()) return Error(kWrongType);
  reply.integer(entry ? static_cast<std::int64_t>(string_size(*entry)) : 0);
  return ok;
}

// The part from `start` to `end`, both included; negative ones count from the end.
ByteView part_of(ByteView text, std::int64_t start, std::int64_t end) {
  const auto size = static_cast<std::int64_t>(text.size());
  if (start < 0 && end < 0 && start > end) return {};
  if (start < 0) start = std::max<std::int64_t>(start + size, 0);
  if (end < 0) end = std::max<std::int64_t>(end + size, 0);
  end = std::min(end, size - 1);
  if (start > end || size == 0) return {};
  return text.substr(static_cast<std::size_t>(start), static_cast<std::size_t>(end - start + 1));
}

// GETRANGE key start end; SUBSTR is its old name.
Status getrange(Context& ctx, Args args, ReplyWriter& reply) {
  const ByteView key = args.next();
  const std::int64_t start = args.integer();
  const std::int64_t end = args.integer();
  if (args.failed()) return args.status();
  const Entry* entry = ctx.db().lookup(key);
  if (entry && !entry->is_string()) return Error(kWrongType);
  char scratch[kIntegerCharsMax];
  reply.bulk(entry ? part_of(string_view_of(*entry, scratch), start, end) : ByteView());
  return ok;
}

// GETDEL key
Status getdel(Context& ctx, Args args, ReplyWriter& reply) {
  const ByteView key = args.next();
  const Entry* entry = ctx.db().lookup(key);
  if (!entry) {
    reply.null();
    return ok;
  }
  if (!entry->is_string()) return Error(kWrongType);
  reply_string(reply, *entry);
  ctx.db().remove(key);
  ctx.effects().add({"DEL", key});
  return ok;
}

struct GetexOptions {
  bool persist = false;
  ExpiryOption expiry;

  bool take(Args& args) {
    if (!expiry.given() && args.take("PERSIST")) return persist = true;
    return !persist && expiry.take(args);
  }
};

// Gives the existing `key` an end. One that lies in the past is a deletion, unless somebody else
// decides about that (a primary, the journal).
void set_end(Context& ctx, ByteView key, std::int64_t expire_ms) {
  Database& db = ctx.db();
  if (expire_ms <= ctx.now_ms() && ctx.environment().expiry == ExpiryMode::kDelete) {
    db.remove(key);
    ctx.effects().add({"DEL", key});
    return;
  }
  db.set_expiry(key, expire_ms);
  db.notify(kEventGeneric, "expire", key);
  ctx.effects().add({"PEXPIREAT", key, Decimal(expire_ms)});
}

// GETEX key [options]
Status getex(Context& ctx, Args args, ReplyWriter& reply) {
  const ByteView key = args.next();
  GetexOptions options;
  while (args.more()) {
    if (!options.take(args)) return Error(kSyntaxError);
  }
  Database& db = ctx.db();
  const Entry* entry = db.lookup(key);
  if (!entry) {
    reply.null();
    return ok;
  }
  if (!entry->is_string()) return Error(kWrongType);
  if (!options.expiry.given()) {
    reply_string(reply, *entry);
    if (options.persist && entry->has_expiry()) {
      db.set_expiry(key, kNoExpiry);
      db.notify(kEventGeneric, "persist", key);
      ctx.effects().add({"PERSIST", key});
    }
    return ok;
  }
  auto expire_ms = options.expiry.moment(ctx);
  if (!expire_ms) return expire_ms.error();
  reply_string(reply, *entry);
  set_end(ctx, key, *expire_ms);
  return ok;
}

constexpr CommandSpec kRows[] = {
    {.name = "get",
     .arity = exactly(2),
     .keys = first_is_key(kKeyRO | kKeyAccess),
     .access = Access::kRead,
     .flags = kFast,
     .run = get,
     .group = Group::kString,
     .syntax = "key",
     .summary = "Replies the string stored under a key."},
    {.name = "mget",
     .arity = at_least(2),
     .keys = all_are_keys(kKeyRO | kKeyAccess),
     .access = Access::kRead,
     .flags = kFast,
     .run = mget,
     .group = Group::kString,
     .syntax = "key [key ...]",
     .summary = "Replies the strings stored under several keys.",
     .complexity = "O(N) where N is the number of keys.",
     .tips = "request_policy:multi_shard"},
    {.name = "strlen",
     .arity = exactly(2),
     .keys = first_is_key(kKeyRO),
     .access = Access::kRead,
     .flags = kFast,
     .run = strlen_command,
     .group = Group::kString,
     .syntax = "key",
     .summary = "Replies how many bytes a string has.",
     .since = "2.2.0"},
    {.name = "getrange",
     .arity = exactly(4),
     .keys = first_is_key(kKeyRO | kKeyAccess),
     .access = Access::kRead,
     .run = getrange,
     .group = Group::kString,
     .syntax = "key start end",
     .summary = "Replies a part of a string.",
     .since = "2.4.0",
     .complexity = "O(N) where N is the number of bytes replied."},
    {.name = "substr",
     .arity = exactly(4),
     .keys = first_is_key(kKeyRO | kKeyAccess),
     .access = Access::kRead,
     .run = getrange,
     .group = Group::kString,
     .syntax = "key start end",
     .summary = "Replies a part of a string.",
     .complexity = "O(N) where N is the number of bytes replied.",
     .deprecated = "2.0.0 `GETRANGE`"},
    {.name = "getdel",
     .arity = exactly(2),
     .keys = first_is_key(kKeyRW | kKeyAccess | kKeyDelete),
     .access = Access::kWrite,
     .flags = kFast,
     .journal = JournalForm::kEffects,
     .run = getdel,
     .group = Group::kString,
     .syntax = "key",
     .summary = "Replies the string stored under a key and deletes the key.",
     .since = "6.2.0"},
    {.name = "getex",
     .arity = at_least(2),
     .keys = first_is_key(kKeyRW | kKeyAccess | kKeyUpdate),
     .access = Access::kWrite,
     .flags = kFast,
     .journal = JournalForm::kEffects,
     .run = getex,
     .group = Group::kString,
     .syntax = "key [EX seconds | PX milliseconds | EXAT unix-time-seconds | "
               "PXAT unix-time-milliseconds | PERSIST]",
     .summary = "Replies the string stored under a key and sets or removes the key's end.",
     .since = "6.2.0"},
};

}  // namespace

std::span<const CommandSpec> string_read_commands() { return kRows; }

}  // namespace memoir
