// Commands about when fields of a hash end: HEXPIRE and its kin, HTTL and its kin, HPERSIST.
//
// Whatever the form of the request, the journal gets the moment: HPEXPIREAT, or HDEL of what goes
// at once.
#include <vector>

#include "datatypes/hash/field_arguments.h"
#include "datatypes/hash/hash.h"
#include "datatypes/hash/hash_rows.h"
#include "protocol/reply_writer.h"

namespace memoir {
namespace {

// What is replied for a field.
constexpr std::int64_t kNoField = -2;
constexpr std::int64_t kNoTime = -1;
constexpr std::int64_t kRefused = 0;
constexpr std::int64_t kDone = 1;
constexpr std::int64_t kDeleted = 2;

enum class Condition : std::uint8_t {
  kAlways,
  kIfNone,     // NX: only a field without an end
  kIfSome,     // XX: only one with an end
  kIfLater,    // GT: only if the new end is later; no end is the latest
  kIfEarlier,  // LT
};

Condition take_condition(Args& args) {
  if (args.take("NX")) return Condition::kIfNone;
  if (args.take("XX")) return Condition::kIfSome;
  if (args.take("GT")) return Condition::kIfLater;
  return args.take("LT") ? Condition::kIfEarlier : Condition::kAlways;
}

bool admits(Condition condition, std::int64_t present, std::int64_t moment) {
  const bool ends = present != kNoExpiry;
  switch (condition) {
    case Condition::kAlways:
      return true;
    case Condition::kIfNone:
      return !ends;
    case Condition::kIfSome:
      return ends;
    case Condition::kIfLater:
      return ends && moment > present;
    case Condition::kIfEarlier:
      return !ends || moment < present;
  }
  UNREACHABLE();
}

void reply_for_all(std::size_t fields, std::int64_t answer, ReplyWriter& reply) {
  reply.array(fields);
  for (std::size_t i = 0; i < fields; ++i) reply.integer(answer);
}

// Sets or deletes the fields that `condition` admits, and tells the journal.
void expire_each(Context& ctx, ByteView key, Edit<Hash>& hash, std::span<const Word> fields,
                 std::int64_t moment, Condition condition, ReplyWriter& reply) {
  const bool over = is_over(ctx, moment);
  std::vector<ByteView> done;
  reply.array(fields.size());
  for (const Word& field : fields) {
    const std::int64_t present = hash->member_ms(field.text);
    if (present == kNoMember) {
      reply.integer(kNoField);
      continue;
    }
    if (!admits(condition, present, moment)) {
      reply.integer(kRefused);
      continue;
    }
    if (over) {
      hash->erase(field.text);
    } else {
      hash.set_member_time(field.text, moment);
    }
    reply.integer(over ? kDeleted : kDone);
    done.push_back(field.text);
  }
  if (done.empty()) return;
  hash.mark_changed(over ? "hdel" : "hexpire", done.size());
  if (over) {
    ctx.count_expired_members(done.size());
    return tell_deleted(ctx, key, done);
  }
  tell_fields(ctx, {"HPEXPIREAT", key, Decimal(moment)}, done);
}

Status expire_fields(Context& ctx, Args args, std::int64_t unit_ms, Origin from,
                     ReplyWriter& reply) {
  const ByteView key = args.next();
  auto hash = ctx.db().edit<Hash>(key);
  if (!hash) return hash.error();
  auto moment = read_field_moment(ctx, args, unit_ms, from);
  if (!moment) return moment.error();
  const Condition condition = take_condition(args);
  auto fields = read_fields(args, "ERR Parameter `numFields` should be greater than 0");
  if (!fields) return fields.error();
  if (*hash) {
    expire_each(ctx, key, *hash, *fields, *moment, condition, reply);
  } else {
    reply_for_all(fields->size(), kNoField, reply);
  }
  return ok;
}

// HEXPIRE key seconds [NX | XX | GT | LT] FIELDS numfields field [field ...]
Status hexpire(Context& ctx, Args args, ReplyWriter& reply) {
  return expire_fields(ctx, args, 1000, Origin::kNow, reply);
}

// HPEXPIRE key milliseconds ...
Status hpexpire(Context& ctx, Args args, ReplyWriter& reply) {
  return expire_fields(ctx, args, 1, Origin::kNow, reply);
}

// HEXPIREAT key unix-seconds ...
Status hexpireat(Context& ctx, Args args, ReplyWriter& reply) {
  return expire_fields(ctx, args, 1000, Origin::kEpoch, reply);
}

// HPEXPIREAT key unix-milliseconds ...
Status hpexpireat(Context& ctx, Args args, ReplyWriter& reply) {
  return expire_fields(ctx, args, 1, Origin::kEpoch, reply);
}

// Replies for each field -2 for none, -1 for no end, else the end counted from `origin_ms` in
// `unit_ms`, rounded up.
Status reply_ends(Context& ctx, Args args, std::int64_t origin_ms, std::int64_t unit_ms,
                  ReplyWriter& reply) {
  auto hash = ctx.db().read<Hash>(args.next());
  if (!hash) return hash.error();
  auto fields = read_fields(args);
  if (!fields) return fields.error();
  if (!*hash) {
    reply_for_all(fields->size(), kNoField, reply);
    return ok;
  }
  reply.array(fields->size());
  for (const Word& field : *fields) {
    const std::int64_t end = (*hash)->member_ms(field.text);
    if (end == kNoMember || end == kNoExpiry) {
      reply.integer(end == kNoMember ? kNoField : kNoTime);
    } else {
      reply.integer((end - origin_ms + unit_ms - 1) / unit_ms);
    }
  }
  return ok;
}

// HTTL key FIELDS numfields field [field ...]
Status httl(Context& ctx, Args args, ReplyWriter& reply) {
  return reply_ends(ctx, args, ctx.now_ms(), 1000, reply);
}

// HPTTL key FIELDS numfields field [field ...]
Status hpttl(Context& ctx, Args args, ReplyWriter& reply) {
  return reply_ends(ctx, args, ctx.now_ms(), 1, reply);
}

// HEXPIRETIME key FIELDS numfields field [field ...]
Status hexpiretime(Context& ctx, Args args, ReplyWriter& reply) {
  return reply_ends(ctx, args, 0, 1000, reply);
}

// HPEXPIRETIME key FIELDS numfields field [field ...]
Status hpexpiretime(Context& ctx, Args args, ReplyWriter& reply) {
  return reply_ends(ctx, args, 0, 1, reply);
}

// HPERSIST key FIELDS numfields field [field ...]
Status hpersist(Context& ctx, Args args, ReplyWriter& reply) {
  auto hash = ctx.db().edit<Hash>(args.next());
  if (!hash) return hash.error();
  auto fields = read_fields(args);
  if (!fields) return fields.error();
  if (!*hash) {
    reply_for_all(fields->size(), kNoField, reply);
    return ok;
  }
  std::size_t persisted = 0;
  reply.array(fields->size());
  for (const Word& field : *fields) {
    const std::int64_t end = (*hash)->member_ms(field.text);
    if (end == kNoMember || end == kNoExpiry) {
      reply.integer(end == kNoMember ? kNoField : kNoTime);
      continue;
    }
    hash->set_member_time(field.text, kNoExpiry);
    ++persisted;
    reply.integer(kDone);
  }
  if (persisted != 0) hash->mark_changed("hpersist", persisted);
  return ok;
}

constexpr const char* kCost = "O(N) where N is the number of specified fields";
constexpr const char* kChanging = "nondeterministic_output";

constexpr CommandSpec expire_row(const char* name, Handler run, const char* syntax,
                                 const char* summary) {
  return {.name = name,
          .arity = at_least(6),
          .keys = first_is_key(kKeyRW | kKeyUpdate),
          .access = Access::kWrite,
          .flags = kFast,
          .journal = JournalForm::kEffects,
          .run = run,
          .group = Group::kHash,
          .syntax = syntax,
          .summary = summary,
          .since = "7.4.0",
          .complexity = kCost};
}

constexpr CommandSpec time_row(const char* name, Handler run, const char* summary,
                               const char* tips) {
  return {.name = name,
          .arity = at_least(5),
          .keys = first_is_key(kKeyRO | kKeyAccess),
          .access = Access::kRead,
          .flags = kFast,
          .run = run,
          .group = Group::kHash,
          .syntax = "key FIELDS numfields field [field ...]",
          .summary = summary,
          .since = "7.4.0",
          .complexity = kCost,
          .tips = tips};
}

constexpr CommandSpec kRows[] = {
    expire_row("hexpire", hexpire,
               "key seconds [NX | XX | GT | LT] FIELDS numfields field [field ...]",
               "Lets fields of a hash live for some seconds from now."),
    expire_row("hpexpire", hpexpire,
               "key milliseconds [NX | XX | GT | LT] FIELDS numfields field [field ...]",
               "Lets fields of a hash live for some milliseconds from now."),
    expire_row("hexpireat", hexpireat,
               "key unix-time-seconds [NX | XX | GT | LT] FIELDS numfields field [field ...]",
               "Lets fields of a hash live until a moment in Unix seconds."),
    expire_row("hpexpireat", hpexpireat,
               "key unix-time-milliseconds [NX | XX | GT | LT] FIELDS numfields field [field ...]",
               "Lets fields of a hash live until a moment in Unix milliseconds."),
    time_row("httl", httl, "Replies how many seconds fields of a hash have still to live.",
             kChanging),
    time_row("hpttl", hpttl, "Replies how many milliseconds fields of a hash have still to live.",
             kChanging),
    time_row("hexpiretime", hexpiretime, "Replies when fields of a hash end, in Unix seconds.",
             ""),
    time_row("hpexpiretime", hpexpiretime,
             "Replies when fields of a hash end, in Unix milliseconds.", ""),
    {.name = "hpersist",
     .arity = at_least(5),
     .keys = first_is_key(kKeyRW | kKeyUpdate),
     .access = Access::kWrite,
     .flags = kFast,
     .journal = JournalForm::kVerbatim,
     .run = hpersist,
     .group = Group::kHash,
     .syntax = "key FIELDS numfields field [field ...]",
     .summary = "Lets fields of a hash live without end.",
     .since = "7.4.0",
     .complexity = kCost},
};

}  // namespace

std::span<const CommandSpec> hash_expiry_commands() { return kRows; }

}  // namespace memoir
