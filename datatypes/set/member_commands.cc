// Commands about members of one set.
#include "datatypes/set/rows.h"
#include "datatypes/set/set.h"
#include "protocol/reply_writer.h"
#include "src/command/context.h"
#include "src/command/scan_arguments.h"

namespace memoir {
namespace {

// SADD key member [member ...]
// Replies how many members are new.
Status sadd(Context& ctx, Args args, ReplyWriter& reply) {
  auto set = ctx.db().edit<Set>(args.next(), IfMissing::kCreate);
  if (!set) return set.error();
  (*set)->prepare(args.peek(), args.left(), ctx.limits());
  std::uint64_t added = 0;
  while (args.more()) added += (*set)->add(args.next(), ctx.limits()) ? 1 : 0;
  if (added != 0) set->mark_changed("sadd", added);
  reply.integer(static_cast<std::int64_t>(added));
  return ok;
}

// SREM key member [member ...]
// Replies how many members were there.
Status srem(Context& ctx, Args args, ReplyWriter& reply) {
  auto set = ctx.db().edit<Set>(args.next());
  if (!set) return set.error();
  std::uint64_t removed = 0;
  while (*set && args.more()) removed += (*set)->remove(args.next()) ? 1 : 0;
  if (removed != 0) set->mark_changed("srem", removed);
  reply.integer(static_cast<std::int64_t>(removed));
  return ok;
}

// SMOVE source destination member
// Replies 1 if the member was in the source.
Status smove(Context& ctx, Args args, ReplyWriter& reply) {
  const ByteView from = args.next();
  const ByteView to = args.next();
  const MemberView member(args.next());
  auto source = ctx.db().edit<Set>(from);
  if (!source) return source.error();
  if (!*source) {
    reply.integer(0);
    return ok;
  }
  const Entry* present = ctx.db().peek(to);
  if (present && present->type() != TypeId::kSet) return Error(kWrongType);
  if (from == to || !(*source)->contains(member)) {
    reply.integer((*source)->contains(member) ? 1 : 0);
    return ok;
  }
  (*source)->remove(member);
  source->mark_changed("srem");
  source->close();

  auto target = ctx.db().edit<Set>(to, IfMissing::kCreate);
  if (!target) return target.error();
  if (target->created()) (*target)->prepare(member.text(), 1, ctx.limits());
  if ((*target)->add(member, ctx.limits())) target->mark_changed("sadd");
  reply.integer(1);
  return ok;
}

// SISMEMBER key member
Status sismember(Context& ctx, Args args, ReplyWriter& reply) {
  auto set = ctx.db().read<Set>(args.next());
  if (!set) return set.error();
  reply.integer(*set && (*set)->contains(MemberView(args.next())) ? 1 : 0);
  return ok;
}

// SMISMEMBER key member [member ...]
Status smismember(Context& ctx, Args args, ReplyWriter& reply) {
  auto set = ctx.db().read<Set>(args.next());
  if (!set) return set.error();
  reply.array(args.left());
  while (args.more()) {
    const MemberView member(args.next());
    reply.integer(*set && (*set)->contains(member) ? 1 : 0);
  }
  return ok;
}

// SCARD key
Status scard(Context& ctx, Args args, ReplyWriter& reply) {
  auto set = ctx.db().read<Set>(args.next());
  if (!set) return set.error();
  reply.integer(*set ? static_cast<std::int64_t>((*set)->size()) : 0);
  return ok;
}

// SMEMBERS key
Status smembers(Context& ctx, Args args, ReplyWriter& reply) {
  auto set = ctx.db().read<Set>(args.next());
  if (!set) return set.error();
  reply.set(*set ? (*set)->size() : 0);
  if (*set) (*set)->for_each([&](const MemberView& member) { reply.bulk(member.text()); });
  return ok;
}

// SSCAN key cursor [MATCH pattern] [COUNT count]
Status sscan(Context& ctx, Args args, ReplyWriter& reply) {
  const ByteView key = args.next();
  ScanArguments arguments;
  arguments.read_cursor(args);
  if (args.failed()) return args.status();
  auto set = ctx.db().read<Set>(key);
  if (!set) return set.error();
  if (*set) arguments.read_options(args);
  if (args.failed()) return args.status();

  const ReplyWriter::Mark start = reply.begin();
  std::size_t found = 0;
  std::uint64_t cursor = 0;
  if (*set) {
    cursor = scan_some(arguments, found, [&](std::uint64_t from) {
      return (*set)->scan(from, [&](const MemberView& member) {
        if (!arguments.admits(member.text())) return;
        reply.bulk(member.text());
        ++found;
      });
    });
  }
  end_scan(reply, start, cursor, found);
  return ok;
}

constexpr CommandSpec kCommands[] = {
    {.name = "sadd",
     .arity = at_least(3),
     .keys = first_is_key(kKeyRW | kKeyInsert),
     .access = Access::kWrite,
     .flags = kDenyOom | kFast,
     .journal = JournalForm::kVerbatim,
     .run = sadd,
     .group = Group::kSet,
     .syntax = "key member [member ...]",
     .summary = "Adds members to a set, creating it if needed.",
     .since = "1.0.0",
     .complexity = "O(N) where N is the number of members to add."},
    {.name = "srem",
     .arity = at_least(3),
     .keys = first_is_key(kKeyRW | kKeyDelete),
     .access = Access::kWrite,
     .flags = kFast,
     .journal = JournalForm::kVerbatim,
     .run = srem,
     .group = Group::kSet,
     .syntax = "key member [member ...]",
     .summary = "Removes members from a set; a set left empty goes.",
     .since = "1.0.0",
     .complexity = "O(N) where N is the number of members to remove."},
    {.name = "smove",
     .arity = exactly(4),
     .keys = two_keys(kKeyRW | kKeyAccess | kKeyDelete, kKeyRW | kKeyInsert),
     .access = Access::kWrite,
     .flags = kFast,
     .journal = JournalForm::kVerbatim,
     .run = smove,
     .group = Group::kSet,
     .syntax = "source destination member",
     .summary = "Moves a member from one set to another.",
     .since = "1.0.0",
     .complexity = "O(1)"},
    {.name = "sismember",
     .arity = exactly(3),
     .keys = first_is_key(kKeyRO),
     .access = Access::kRead,
     .flags = kFast,
     .run = sismember,
     .group = Group::kSet,
     .syntax = "key member",
     .summary = "Tells whether something is a member of a set.",
     .since = "1.0.0",
     .complexity = "O(1)"},
    {.name = "smismember",
     .arity = at_least(3),
     .keys = first_is_key(kKeyRO | kKeyAccess),
     .access = Access::kRead,
     .flags = kFast,
     .run = smismember,
     .group = Group::kSet,
     .syntax = "key member [member ...]",
     .summary = "Tells for each of several values whether it is a member of a set.",
     .since = "6.2.0",
     .complexity = "O(N) where N is the number of values to look up."},
    {.name = "scard",
     .arity = exactly(2),
     .keys = first_is_key(kKeyRO),
     .access = Access::kRead,
     .flags = kFast,
     .run = scard,
     .group = Group::kSet,
     .syntax = "key",
     .summary = "Counts the members of a set.",
     .since = "1.0.0",
     .complexity = "O(1)"},
    {.name = "smembers",
     .arity = exactly(2),
     .keys = first_is_key(kKeyRO | kKeyAccess),
     .access = Access::kRead,
     .run = smembers,
     .group = Group::kSet,
     .syntax = "key",
     .summary = "Lists all members of a set.",
     .since = "1.0.0",
     .complexity = "O(N) where N is the number of members.",
     .tips = "nondeterministic_output_order"},
    {.name = "sscan",
     .arity = at_least(3),
     .keys = first_is_key(kKeyRO | kKeyAccess),
     .access = Access::kRead,
     .run = sscan,
     .group = Group::kSet,
     .syntax = "key cursor [MATCH pattern] [COUNT count]",
     .summary = "Walks through the members of a set, some at each call.",
     .since = "2.8.0",
     .complexity = "O(1) for a call, O(N) for the whole walk over N members.",
     .tips = "nondeterministic_output"},
};

}  // namespace

std::span<const CommandSpec> set_member_commands() { return kCommands; }

}  // namespace memoir
