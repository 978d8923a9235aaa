// Commands that change hashes.
#include <cmath>
#include <vector>

#include "datatypes/hash/hash_reply.h"
#include "datatypes/hash/hash_rows.h"
#include "datatypes/registry.h"
#include "src/command/context.h"

namespace memoir {
namespace {

// Sets pairs of words; returns how many fields are new.
Result<std::int64_t> set_pairs(Context& ctx, Args args) {
  auto hash = ctx.db().edit<Hash>(args.next(), IfMissing::kCreate);
  if (!hash) return hash.error();
  const std::size_t pairs = args.left() / 2;
  (*hash)->prepare(pairs, ctx.limits());
  std::int64_t added = 0;
  while (args.more()) {  // the row's arity says that fields and values come in pairs
    const ByteView field = args.next();
    const Word& value = args.next_word();
    added += (*hash)->set(field, value.text, ctx.limits(), value.owner) ? 1 : 0;
  }
  hash->mark_changed("hset", pairs);
  return added;
}

// HSET key field value [field value ...]
// Replies the number of fields that are new.
Status hset(Context& ctx, Args args, ReplyWriter& reply) {
  auto added = set_pairs(ctx, args);
  if (!added) return added.error();
  reply.integer(*added);
  return ok;
}

// HMSET key field value [field value ...]
Status hmset(Context& ctx, Args args, ReplyWriter& reply) {
  auto added = set_pairs(ctx, args);
  if (!added) return added.error();
  reply.ok();
  return ok;
}

// HSETNX key field value
// Replies whether the field was set, that is, not there.
Status hsetnx(Context& ctx, Args args, ReplyWriter& reply) {
  auto hash = ctx.db().edit<Hash>(args.next(), IfMissing::kCreate);
  if (!hash) return hash.error();
  const ByteView field = args.next();
  const bool missing = !(*hash)->contains(field);
  if (missing) {
    const Word& value = args.next_word();
    (*hash)->set(field, value.text, ctx.limits(), value.owner);
    hash->mark_changed("hset");
  }
  reply.integer(missing ? 1 : 0);
  return ok;
}

// HDEL key field [field ...]
// Replies how many were there.
Status hdel(Context& ctx, Args args, ReplyWriter& reply) {
  auto hash = ctx.db().edit<Hash>(args.next());
  if (!hash) return hash.error();
  std::size_t deleted = 0;
  if (*hash) {
    while (args.more() && (*hash)->size() > 0) deleted += (*hash)->erase(args.next()) ? 1 : 0;
    if (deleted > 0) hash->mark_changed("hdel", deleted);
  }
  reply.integer(static_cast<std::int64_t>(deleted));
  return ok;
}

// HINCRBY key field increment
// Replies the sum.
Status hincrby(Context& ctx, Args args, ReplyWriter& reply) {
  const ByteView key = args.next();
  const ByteView field = args.next();
  const std::int64_t increment = args.integer();
  if (args.failed()) return args.status();
  auto hash = ctx.db().edit<Hash>(key, IfMissing::kCreate);
  if (!hash) return hash.error();
  std::int64_t value = 0;
  if (const HashText before = (*hash)->find(field)) {
    char buffer[kIntegerCharsMax];
    const auto parsed = before.is_integer() ? before.integer() : parse_integer(before.text(buffer));
    if (!parsed) return Error("ERR hash value is not an integer");
    value = *parsed;
  }
  if (__builtin_add_overflow(value, increment, &value)) {
    return Error("ERR increment or decrement would overflow");
  }
  (*hash)->set_keeping_time(field, Decimal(value), ctx.limits());
  hash->mark_changed("hincrby");
  reply.integer(value);
  return ok;
}

// HINCRBYFLOAT key field increment
// Replies the sum. It is journaled as the setting of its text, since not all machines add alike.
Status hincrbyfloat(Context& ctx, Args args, ReplyWriter& reply) {
  const ByteView key = args.next();
  const ByteView field = args.next();
  const auto increment = parse_long_double(args.next());
  if (!increment) return Error(kNotFloat);
  if (!std::isfinite(*increment)) return Error("ERR value is NaN or Infinity");
  auto hash = ctx.db().edit<Hash>(key, IfMissing::kCreate);
  if (!hash) return hash.error();
  long double value = 0;
  if (const HashText before = (*hash)->find(field)) {
    char buffer[kIntegerCharsMax];
    const auto parsed = parse_long_double(before.text(buffer));
    if (!parsed) return Error("ERR hash value is not a float");
    value = *parsed;
  }
  value += *increment;
  if (!std::isfinite(value)) return Error("ERR increment would produce NaN or Infinity");
  const Bytes text = format_long_double(value);
  (*hash)->set_keeping_time(field, text, ctx.limits());
  hash->mark_changed("hincrbyfloat");
  if ((*hash)->times() && (*hash)->member_ms(field) != kNoExpiry) {
    ctx.effects().add({"HSETEX", key, "KEEPTTL", "FIELDS", "1", field, text});
  } else {
    ctx.effects().add({"HSET", key, field, text});
  }
  reply.bulk(text);
  return ok;
}

constexpr CommandSpec kRows[] = {
    {.name = "hset",
     .arity = {.min = 4, .step = 2},
     .keys = first_is_key(kKeyRW | kKeyUpdate),
     .access = Access::kWrite,
     .flags = kDenyOom | kFast,
     .journal = JournalForm::kVerbatim,
     .run = hset,
     .group = Group::kHash,
     .syntax = "key field value [field value ...]",
     .summary = "Sets fields of a hash, which is created if missing.",
     .since = "2.0.0",
     .complexity = "O(1) for each field, O(N) for N fields"},
    {.name = "hmset",
     .arity = {.min = 4, .step = 2},
     .keys = first_is_key(kKeyRW | kKeyUpdate),
     .access = Access::kWrite,
     .flags = kDenyOom | kFast,
     .journal = JournalForm::kVerbatim,
     .run = hmset,
     .group = Group::kHash,
     .syntax = "key field value [field value ...]",
     .summary = "Sets fields of a hash.",
     .since = "2.0.0",
     .complexity = "O(N) for N fields",
     .deprecated = "4.0.0 `HSET` with multiple field-value pairs"},
    {.name = "hsetnx",
     .arity = exactly(4),
     .keys = first_is_key(kKeyRW | kKeyInsert),
     .access = Access::kWrite,
     .flags = kDenyOom | kFast,
     .journal = JournalForm::kVerbatim,
     .run = hsetnx,
     .group = Group::kHash,
     .syntax = "key field value",
     .summary = "Sets a field of a hash unless it is there.",
     .since = "2.0.0"},
    {.name = "hdel",
     .arity = at_least(3),
     .keys = first_is_key(kKeyRW | kKeyDelete),
     .access = Access::kWrite,
     .flags = kFast,
     .journal = JournalForm::kVerbatim,
     .run = hdel,
     .group = Group::kHash,
     .syntax = "key field [field ...]",
     .summary = "Removes fields from a hash.",
     .since = "2.0.0",
     .complexity = "O(N) for N fields"},
    {.name = "hincrby",
     .arity = exactly(4),
     .keys = first_is_key(kKeyRW | kKeyAccess | kKeyUpdate),
     .access = Access::kWrite,
     .flags = kDenyOom | kFast,
     .journal = JournalForm::kVerbatim,
     .run = hincrby,
     .group = Group::kHash,
     .syntax = "key field increment",
     .summary = "Adds an integer to the number in a field of a hash; a missing field counts as 0.",
     .since = "2.0.0"},
    {.name = "hincrbyfloat",
     .arity = exactly(4),
     .keys = first_is_key(kKeyRW | kKeyAccess | kKeyUpdate),
     .access = Access::kWrite,
     .flags = kDenyOom | kFast,
     .journal = JournalForm::kEffects,
     .run = hincrbyfloat,
     .group = Group::kHash,
     .syntax = "key field increment:double",
     .summary = "Adds a floating point number to the one in a field of a hash.",
     .since = "2.6.0"},
};

}  // namespace

std::span<const CommandSpec> hash_write_commands() { return kRows; }

std::span<const CommandSpec> hash_commands() {
  static const std::vector<CommandSpec> rows = [] {
    std::vector<CommandSpec> all;
    for (const auto part : {hash_write_commands(), hash_read_commands(), hash_sample_commands(),
                            hash_expiry_commands(), hash_exchange_commands()}) {
      all.insert(all.end(), part.begin(), part.end());
    }
    return all;
  }();
  return rows;
}

}  // namespace memoir
