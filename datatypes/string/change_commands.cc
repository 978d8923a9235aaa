// Commands that change a string in place: APPEND, SETRANGE and the counters.

#include <cmath>
#include <limits>

#include "datatypes/string/rows.h"
#include "src/command/context.h"

namespace memoir {
namespace {

constexpr std::string_view kTooLong =
    "ERR string exceeds maximum allowed size (proto-max-bulk-len)";

// What is in the journal was within the limit of its time.
bool is_too_long(Context& ctx, std::size_t size) {
  return size > ctx.environment().string_bytes_max && !ctx.replaying();
}

// APPEND key value
Status append(Context& ctx, Args args, ReplyWriter& reply) {
  const ByteView key = args.next();
  const ByteView value = args.next();
  auto edit = ctx.db().edit_string(key, IfMissing::kCreate);
  if (!edit) return edit.error();
  const std::size_t size = edit->size() + value.size();
  if (edit->created()) {
    edit->assign(value);  // as SET would
  } else {
    if (is_too_long(ctx, size)) return Error(kTooLong);
    edit->append(value);
  }
  edit->mark_changed("append");
  reply.integer(static_cast<std::int64_t>(size));
  return ok;
}

// SETRANGE key offset value
Status setrange(Context& ctx, Args args, ReplyWriter& reply) {
  const ByteView key = args.next();
  const std::int64_t signed_offset = args.integer();
  const ByteView value = args.next();
  if (args.failed()) return args.status();
  if (signed_offset < 0) return Error("ERR offset is out of range");
  const auto offset = static_cast<std::size_t>(signed_offset);

  const Entry* entry = ctx.db().peek(key);
  if (entry && !entry->is_string()) return Error(kWrongType);
  if (value.empty()) {  // nothing to write, so no padding either
    reply.integer(entry ? static_cast<std::int64_t>(string_size(*entry)) : 0);
    return ok;
  }
  if (is_too_long(ctx, offset + value.size())) return Error(kTooLong);
  auto edit = ctx.db().edit_string(key, IfMissing::kCreate);
  if (!edit) return edit.error();
  edit->write_at(offset, value);
  edit->mark_changed("setrange");
  reply.integer(static_cast<std::int64_t>(edit->size()));
  return ok;
}

Status add_integer(Context& ctx, ByteView key, std::int64_t by, ReplyWriter& reply) {
  auto edit = ctx.db().edit_string(key, IfMissing::kCreate);
  if (!edit) return edit.error();
  std::int64_t sum = 0;
  if (!edit->created()) {
    const auto present = edit->integer();
    if (!present) return Error(kNotInteger);
    sum = *present;
  }
  if (__builtin_add_overflow(sum, by, &sum)) {
    return Error("ERR increment or decrement would overflow");
  }
  edit->set_integer(sum);
  edit->mark_changed("incrby");
  reply.integer(sum);
  return ok;
}

// INCR key
Status incr(Context& ctx, Args args, ReplyWriter& reply) {
  return add_integer(ctx, args.next(), 1, reply);
}

// DECR key
Status decr(Context& ctx, Args args, ReplyWriter& reply) {
  return add_integer(ctx, args.next(), -1, reply);
}

// INCRBY key increment
Status incrby(Context& ctx, Args args, ReplyWriter& reply) {
  const ByteView key = args.next();
  const std::int64_t by = args.integer();
  if (args.failed()) return args.status();
  return add_integer(ctx, key, by, reply);
}

// DECRBY key decrement
Status decrby(Context& ctx, Args args, ReplyWriter& reply) {
  const ByteView key = args.next();
  const std::int64_t by = args.integer();
  if (args.failed()) return args.status();
  // The one number that has no counterpart.
  if (by == std::numeric_limits<std::int64_t>::min()) return Error("ERR decrement would overflow");
  return add_integer(ctx, key, -by, reply);
}

// INCRBYFLOAT key increment
// Journaled as the result: sums of floats may differ from machine to machine.
Status incrbyfloat(Context& ctx, Args args, ReplyWriter& reply) {
  const ByteView key = args.next();
  const auto by = parse_long_double(args.next());
  auto edit = ctx.db().edit_string(key, by ? IfMissing::kCreate : IfMissing::kNone);
  if (!edit) return edit.error();  // before a bad increment, as everywhere
  if (!by) return Error(kNotFloat);
  long double sum = 0;
  if (!edit->created()) {
    char scratch[kIntegerCharsMax];
    const auto present = parse_long_double(edit->view(scratch));
    if (!present) return Error(kNotFloat);
    sum = *present;
  }
  sum += *by;
  if (!std::isfinite(sum)) return Error("ERR increment would produce NaN or Infinity");
  const Bytes text = format_long_double(sum);
  edit->assign_text(text);
  edit->mark_changed("incrbyfloat");
  ctx.effects().add({"SET", key, text, "KEEPTTL"});
  reply.bulk(text);
  return ok;
}

constexpr CommandSpec kRows[] = {
    {.name = "append",
     .arity = exactly(3),
     .keys = first_is_key(kKeyRW | kKeyInsert),
     .access = Access::kWrite,
     .flags = kDenyOom | kFast,
     .journal = JournalForm::kVerbatim,
     .run = append,
     .group = Group::kString,
     .syntax = "key value",
     .summary = "Appends to a string, creating it if needed.",
     .since = "2.0.0",
     .complexity = "O(1) amortized: a string that grows again and again gets room ahead."},
    {.name = "setrange",
     .arity = exactly(4),
     .keys = first_is_key(kKeyRW | kKeyUpdate),
     .access = Access::kWrite,
     .flags = kDenyOom,
     .journal = JournalForm::kVerbatim,
     .run = setrange,
     .group = Group::kString,
     .syntax = "key offset value",
     .summary = "Overwrites a part of a string, creating or padding it if needed.",
     .since = "2.2.0",
     .complexity = "O(M) where M is the number of bytes written."},
    {.name = "incr",
     .arity = exactly(2),
     .keys = first_is_key(kKeyRW | kKeyAccess | kKeyUpdate),
     .access = Access::kWrite,
     .flags = kDenyOom | kFast,
     .journal = JournalForm::kVerbatim,
     .run = incr,
     .group = Group::kString,
     .syntax = "key",
     .summary = "Adds one to the integer stored under a key, 0 if there is none."},
    {.name = "decr",
     .arity = exactly(2),
     .keys = first_is_key(kKeyRW | kKeyAccess | kKeyUpdate),
     .access = Access::kWrite,
     .flags = kDenyOom | kFast,
     .journal = JournalForm::kVerbatim,
     .run = decr,
     .group = Group::kString,
     .syntax = "key",
     .summary = "Takes one from the integer stored under a key, 0 if there is none."},
    {.name = "incrby",
     .arity = exactly(3),
     .keys = first_is_key(kKeyRW | kKeyAccess | kKeyUpdate),
     .access = Access::kWrite,
     .flags = kDenyOom | kFast,
     .journal = JournalForm::kVerbatim,
     .run = incrby,
     .group = Group::kString,
     .syntax = "key increment",
     .summary = "Adds a number to the integer stored under a key, 0 if there is none."},
    {.name = "decrby",
     .arity = exactly(3),
     .keys = first_is_key(kKeyRW | kKeyAccess | kKeyUpdate),
     .access = Access::kWrite,
     .flags = kDenyOom | kFast,
     .journal = JournalForm::kVerbatim,
     .run = decrby,
     .group = Group::kString,
     .syntax = "key decrement",
     .summary = "Takes a number from the integer stored under a key, 0 if there is none."},
    {.name = "incrbyfloat",
     .arity = exactly(3),
     .keys = first_is_key(kKeyRW | kKeyAccess | kKeyUpdate),
     .access = Access::kWrite,
     .flags = kDenyOom | kFast,
     .journal = JournalForm::kEffects,
     .run = incrbyfloat,
     .group = Group::kString,
     .syntax = "key increment:double",
     .summary = "Adds to the floating-point number stored under a key, 0 if there is none.",
     .since = "2.6.0"},
};

}  // namespace

std::span<const CommandSpec> string_change_commands() { return kRows; }

}  // namespace memoir
