// Commands about the ends of members: of hashes (their fields), sets and sorted sets alike.
// EXPIREMEMBER and its kin as KeyDB has them, with the conditions of EXPIRE.
//
// Whatever the form of the request, the journal gets the moment: HPEXPIREAT for a field, which
// Redis knows, PEXPIREMEMBERAT for others; HDEL, SREM or ZREM of what goes at once.
#include "datatypes/keys/expiry_arguments.h"
#include "datatypes/keys/quiet_lookup.h"
#include "datatypes/keys/rows.h"
#include "src/command/removals.h"

namespace memoir {
namespace {

// What notifications say; for fields of hashes as Redis does.
const char* expire_event(TypeId type) {
  return type == TypeId::kHash ? "hexpire" : "expiremember";
}
const char* persist_event(TypeId type) {
  return type == TypeId::kHash ? "hpersist" : "persistmember";
}
const char* remove_event(TypeId type) {
  if (type == TypeId::kHash) return "hdel";
  return type == TypeId::kSet ? "srem" : "zrem";
}

void tell_moment(Context& ctx, TypeId type, ByteView key, ByteView member, std::int64_t moment) {
  if (type == TypeId::kHash) {
    ctx.effects().add({"HPEXPIREAT", key, Decimal(moment), "FIELDS", "1", member});
  } else {
    ctx.effects().add({"PEXPIREMEMBERAT", key, member, Decimal(moment)});
  }
}

Result<std::int64_t> member_moment(const Context& ctx, std::int64_t amount, std::int64_t unit_ms,
                                   Since since) {
  auto moment = moment_of(ctx, amount, unit_ms, since);
  if (!moment) return moment.error();
  if (*moment >= kMemberMomentMax) {
    return Error(Bytes("ERR invalid expire time in '") + ctx.command().name + "' command");
  }
  return std::max<std::int64_t>(*moment, 0);  // before the epoch is only long ago
}

// Replies whether the member's end was set: 0 if there is no such member or a condition forbids it.
Status expire_member(Context& ctx, ByteView key, ByteView member, const ExpireOptions& options,
                     std::int64_t moment, ReplyWriter& reply) {
  auto value = ctx.db().edit_members(key);
  if (!value) return value.error();
  const std::int64_t present = *value ? (*value)->member_ms(member) : kNoMember;
  if (present == kNoMember || !options.admit(present, moment)) {
    reply.integer(0);
    return ok;
  }
  const TypeId type = (*value)->type();
  if (moment <= ctx.now_ms() && ctx.expires_here()) {
    (*value)->remove_member(member);
    value->mark_changed(remove_event(type));
    ctx.count_expired_members(1);
    ctx.effects().add({removing_command(type), key, member});
  } else {
    value->set_member_time(member, moment);
    value->mark_changed(expire_event(type));
    tell_moment(ctx, type, key, member, moment);
  }
  reply.integer(1);
  return ok;
}

Status expire_in_units(Context& ctx, Args args, std::int64_t unit_ms, Since since,
                       ReplyWriter& reply) {
  const ByteView key = args.next();
  const ByteView member = args.next();
  const std::int64_t amount = args.integer();
  if (args.failed()) return args.status();
  ExpireOptions options;
  if (Status status = options.take_all(args); !status) return status;
  auto moment = member_moment(ctx, amount, unit_ms, since);
  if (!moment) return moment.error();
  return expire_member(ctx, key, member, options, *moment, reply);
}

// EXPIREMEMBER key member delay [S | MS] [NX | XX | GT | LT]
Status expiremember(Context& ctx, Args args, ReplyWriter& reply) {
  const ByteView key = args.next();
  const ByteView member = args.next();
  const std::int64_t amount = args.integer();
  if (args.failed()) return args.status();
  std::int64_t unit_ms = 1000;
  if (args.take("MS")) {
    unit_ms = 1;
  } else {
    args.take("S");
  }
  ExpireOptions options;
  if (Status status = options.take_all(args); !status) return status;
  auto moment = member_moment(ctx, amount, unit_ms, Since::kNow);
  if (!moment) return moment.error();
  return expire_member(ctx, key, member, options, *moment, reply);
}

// PEXPIREMEMBER key member milliseconds [NX | XX | GT | LT]
Status pexpiremember(Context& ctx, Args args, ReplyWriter& reply) {
  return expire_in_units(ctx, args, 1, Since::kNow, reply);
}

// EXPIREMEMBERAT key member unix-seconds [NX | XX | GT | LT]
Status expirememberat(Context& ctx, Args args, ReplyWriter& reply) {
  return expire_in_units(ctx, args, 1000, Since::kEpoch, reply);
}

// PEXPIREMEMBERAT key member unix-milliseconds [NX | XX | GT | LT]
Status pexpirememberat(Context& ctx, Args args, ReplyWriter& reply) {
  return expire_in_units(ctx, args, 1, Since::kEpoch, reply);
}

// MEMBERTTL key member
Status memberttl(Context& ctx, Args args, ReplyWriter& reply) {
  return reply_member_end(ctx, args, ctx.now_ms(), 1000, reply);
}

// PMEMBERTTL key member
Status pmemberttl(Context& ctx, Args args, ReplyWriter& reply) {
  return reply_member_end(ctx, args, ctx.now_ms(), 1, reply);
}

// MEMBEREXPIRETIME key member
Status memberexpiretime(Context& ctx, Args args, ReplyWriter& reply) {
  return reply_member_end(ctx, args, 0, 1000, reply);
}

// PMEMBEREXPIRETIME key member
Status pmemberexpiretime(Context& ctx, Args args, ReplyWriter& reply) {
  return reply_member_end(ctx, args, 0, 1, reply);
}

constexpr CommandSpec expire_row(const char* name, Handler run, const char* syntax,
                                 const char* summary) {
  return {.name = name,
          .arity = at_least(4),
          .keys = first_is_key(kKeyRW | kKeyUpdate),
          .access = Access::kWrite,
          .flags = kFast,
          .journal = JournalForm::kEffects,
          .run = run,
          .syntax = syntax,
          .summary = summary,
          .since = "7.2.0"};
}

constexpr CommandSpec time_row(const char* name, Handler run, const char* summary,
                               const char* tips) {
  return {.name = name,
          .arity = exactly(3),
          .keys = first_is_key(kKeyRO | kKeyAccess),
          .access = Access::kRead,
          .flags = kFast,
          .run = run,
          .syntax = "key member",
          .summary = summary,
          .since = "7.2.0",
          .tips = tips};
}

constexpr const char* kChanging = "nondeterministic_output";

constexpr CommandSpec kRows[] = {
    expire_row("expiremember", expiremember, "key member delay [S | MS] [NX | XX | GT | LT]",
               "Lets a member of a hash, set or sorted set live for some seconds from now."),
    expire_row("pexpiremember", pexpiremember, "key member milliseconds [NX | XX | GT | LT]",
               "Lets a member of a hash, set or sorted set live for some milliseconds from now."),
    expire_row("expirememberat", expirememberat,
               "key member unix-time-seconds [NX | XX | GT | LT]",
               "Lets a member of a hash, set or sorted set live until a moment in Unix seconds."),
    expire_row("pexpirememberat", pexpirememberat,
               "key member unix-time-milliseconds [NX | XX | GT | LT]",
               "Lets a member of a hash, set or sorted set live until a moment in Unix "
               "milliseconds."),
    time_row("memberttl", memberttl, "Replies how many seconds a member has still to live.",
             kChanging),
    time_row("pmemberttl", pmemberttl,
             "Replies how many milliseconds a member has still to live.", kChanging),
    time_row("memberexpiretime", memberexpiretime,
             "Replies when a member ends, in Unix seconds.", ""),
    time_row("pmemberexpiretime", pmemberexpiretime,
             "Replies when a member ends, in Unix milliseconds.", ""),
    {.name = "persistmember",
     .arity = exactly(3),
     .keys = first_is_key(kKeyRW | kKeyUpdate),
     .access = Access::kWrite,
     .flags = kFast,
     .journal = JournalForm::kVerbatim,
     .run = persist_member,
     .syntax = "key member",
     .summary = "Lets a member of a hash, set or sorted set live without end.",
     .since = "7.2.0"},
};

}  // namespace

Status reply_member_end(Context& ctx, Args args, std::int64_t origin_ms, std::int64_t unit_ms,
                        ReplyWriter& reply) {
  const Entry* entry = quiet_lookup(ctx, args.next());
  const bool collection = entry && !entry->is_string();
  reply_end(collection ? entry->object()->member_ms(args.next()) : kNoMember, origin_ms, unit_ms,
            reply);
  return ok;
}

Status persist_member(Context& ctx, Args args, ReplyWriter& reply) {
  auto value = ctx.db().edit_members(args.next());
  if (!value) return value.error();
  const ByteView member = args.next();
  const std::int64_t present = *value ? (*value)->member_ms(member) : kNoMember;
  const bool ends = present != kNoMember && present != kNoExpiry;
  if (ends) {
    value->set_member_time(member, kNoExpiry);
    value->mark_changed(persist_event((*value)->type()));
  }
  reply.integer(ends);
  return ok;
}

std::span<const CommandSpec> member_expiry_commands() { return kRows; }

}  // namespace memoir
