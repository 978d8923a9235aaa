// Commands on the ends of lists: pushing, popping, moving.
#include <algorithm>
#include <limits>
#include <vector>

#include "datatypes/list/list_moves.h"
#include "datatypes/list/list_rows.h"
#include "datatypes/registry.h"

namespace memoir {
namespace {

Status push(Context& ctx, Args args, ReplyWriter& reply, ListEnd end, IfMissing mode) {
  const ByteView key = args.next();
  auto edit = ctx.db().edit<List>(key, mode);
  if (!edit) return edit.error();
  if (!*edit) {
    reply.integer(0);
    return ok;
  }
  List& list = **edit;
  const std::span<const Word> values = args.rest();
  std::size_t bytes = 0;
  for (const Word& value : values) bytes += value.text.size();
  list.prepare(bytes, values.size(), ctx.limits());
  for (const Word& value : values) list.push(end, {value.text, value.owner}, ctx.limits());
  edit->mark_changed(push_event(end), values.size());
  reply.integer(static_cast<std::int64_t>(list.size()));
  return ok;
}

// LPUSH key element [element ...]
// Replies the list's length, as all of these.
Status lpush(Context& ctx, Args args, ReplyWriter& reply) {
  return push(ctx, args, reply, ListEnd::kHead, IfMissing::kCreate);
}
Status rpush(Context& ctx, Args args, ReplyWriter& reply) {
  return push(ctx, args, reply, ListEnd::kTail, IfMissing::kCreate);
}
Status lpushx(Context& ctx, Args args, ReplyWriter& reply) {
  return push(ctx, args, reply, ListEnd::kHead, IfMissing::kNone);
}
Status rpushx(Context& ctx, Args args, ReplyWriter& reply) {
  return push(ctx, args, reply, ListEnd::kTail, IfMissing::kNone);
}

Status pop(Context& ctx, Args args, ReplyWriter& reply, ListEnd end) {
  const ByteView key = args.next();
  const bool counted = args.more();
  std::size_t count = 1;
  if (counted) {
    constexpr auto kMost = std::numeric_limits<std::int64_t>::max();
    count = static_cast<std::size_t>(
        args.integer_between(0, kMost, "ERR value is out of range, must be positive"));
    if (args.failed()) return args.status();
  }
  auto list = ctx.db().edit<List>(key);
  if (!list) return list.error();
  if (!*list) {
    if (counted) {
      reply.null_array();
    } else {
      reply.null();
    }
    return ok;
  }
  count = std::min(count, (*list)->size());
  if (counted) {
    reply_elements(reply, **list, end, count);
  } else {
    reply_element(reply, (*list)->peek(end));
  }
  if (count > 0) drop_popped(*list, end, count, ctx.limits());
  return ok;
}

// LPOP key [count]
// Replies the element, or with a count an array.
Status lpop(Context& ctx, Args args, ReplyWriter& reply) {
  return pop(ctx, args, reply, ListEnd::kHead);
}
Status rpop(Context& ctx, Args args, ReplyWriter& reply) {
  return pop(ctx, args, reply, ListEnd::kTail);
}

// LLEN key
Status llen(Context& ctx, Args args, ReplyWriter& reply) {
  auto list = ctx.db().read<List>(args.next());
  if (!list) return list.error();
  reply.integer(*list ? static_cast<std::int64_t>((*list)->size()) : 0);
  return ok;
}

Status move(Context& ctx, const ListMove& move, ReplyWriter& reply) {
  auto moved = move_element(ctx, move, reply);
  if (!moved) return moved.error();
  if (!*moved) reply.null();
  return ok;
}

// LMOVE source destination <LEFT | RIGHT> <LEFT | RIGHT>
// Replies the element moved, or null if there is no source.
Status lmove(Context& ctx, Args args, ReplyWriter& reply) {
  ListMove wanted{};
  wanted.source = args.next();
  wanted.destination = args.next();
  wanted.from = take_end(args);
  wanted.to = take_end(args);
  if (args.failed()) return args.status();
  return move(ctx, wanted, reply);
}

// RPOPLPUSH source destination
Status rpoplpush(Context& ctx, Args args, ReplyWriter& reply) {
  ListMove wanted{};
  wanted.source = args.next();
  wanted.destination = args.next();
  wanted.from = ListEnd::kTail;
  wanted.to = ListEnd::kHead;
  return move(ctx, wanted, reply);
}

// LMPOP numkeys key [key ...] <LEFT | RIGHT> [COUNT count]
// Replies the key and its elements, or a null array.
Status lmpop(Context& ctx, Args args, ReplyWriter& reply) {
  const MultiPop wanted = MultiPop::parse(args);
  if (args.failed()) return args.status();
  auto popped = pop_from_first(ctx, wanted, reply);
  if (!popped) return popped.error();
  if (!*popped) reply.null_array();
  return ok;
}

constexpr const char* kPushCost = "O(1) for each element, O(N) for N elements";

constexpr CommandSpec kRows[] = {
    {.name = "lpush",
     .arity = at_least(3),
     .keys = first_is_key(kKeyRW | kKeyInsert),
     .access = Access::kWrite,
     .flags = kDenyOom | kFast,
     .journal = JournalForm::kVerbatim,
     .run = lpush,
     .group = Group::kList,
     .syntax = "key element [element ...]",
     .summary = "Puts elements in front of a list, which is created if missing.",
     .since = "1.0.0",
     .complexity = kPushCost},
    {.name = "rpush",
     .arity = at_least(3),
     .keys = first_is_key(kKeyRW | kKeyInsert),
     .access = Access::kWrite,
     .flags = kDenyOom | kFast,
     .journal = JournalForm::kVerbatim,
     .run = rpush,
     .group = Group::kList,
     .syntax = "key element [element ...]",
     .summary = "Puts elements behind a list, which is created if missing.",
     .since = "1.0.0",
     .complexity = kPushCost},
    {.name = "lpushx",
     .arity = at_least(3),
     .keys = first_is_key(kKeyRW | kKeyInsert),
     .access = Access::kWrite,
     .flags = kDenyOom | kFast,
     .journal = JournalForm::kVerbatim,
     .run = lpushx,
     .group = Group::kList,
     .syntax = "key element [element ...]",
     .summary = "Puts elements in front of a list that exists already.",
     .since = "2.2.0",
     .complexity = kPushCost},
    {.name = "rpushx",
     .arity = at_least(3),
     .keys = first_is_key(kKeyRW | kKeyInsert),
     .access = Access::kWrite,
     .flags = kDenyOom | kFast,
     .journal = JournalForm::kVerbatim,
     .run = rpushx,
     .group = Group::kList,
     .syntax = "key element [element ...]",
     .summary = "Puts elements behind a list that exists already.",
     .since = "2.2.0",
     .complexity = kPushCost},
    {.name = "lpop",
     .arity = between(2, 3),
     .keys = first_is_key(kKeyRW | kKeyAccess | kKeyDelete),
     .access = Access::kWrite,
     .flags = kFast,
     .journal = JournalForm::kVerbatim,
     .run = lpop,
     .group = Group::kList,
     .syntax = "key [count]",
     .summary = "Takes the first elements off a list and returns them.",
     .since = "1.0.0",
     .complexity = "O(N) for N elements returned"},
    {.name = "rpop",
     .arity = between(2, 3),
     .keys = first_is_key(kKeyRW | kKeyAccess | kKeyDelete),
     .access = Access::kWrite,
     .flags = kFast,
     .journal = JournalForm::kVerbatim,
     .run = rpop,
     .group = Group::kList,
     .syntax = "key [count]",
     .summary = "Takes the last elements off a list and returns them.",
     .since = "1.0.0",
     .complexity = "O(N) for N elements returned"},
    {.name = "llen",
     .arity = exactly(2),
     .keys = first_is_key(kKeyRO),
     .access = Access::kRead,
     .flags = kFast,
     .run = llen,
     .group = Group::kList,
     .syntax = "key",
     .summary = "Tells how many elements a list has.",
     .since = "1.0.0"},
    {.name = "lmove",
     .arity = exactly(5),
     .keys = two_keys(kKeyRW | kKeyAccess | kKeyDelete, kKeyRW | kKeyInsert),
     .access = Access::kWrite,
     .flags = kDenyOom,
     .journal = JournalForm::kVerbatim,
     .run = lmove,
     .group = Group::kList,
     .syntax = "source destination <LEFT | RIGHT> <LEFT | RIGHT>",
     .summary = "Moves an element from an end of one list to an end of another and returns it.",
     .since = "6.2.0"},
    {.name = "rpoplpush",
     .arity = exactly(3),
     .keys = two_keys(kKeyRW | kKeyAccess | kKeyDelete, kKeyRW | kKeyInsert),
     .access = Access::kWrite,
     .flags = kDenyOom,
     .journal = JournalForm::kVerbatim,
     .run = rpoplpush,
     .group = Group::kList,
     .syntax = "source destination",
     .summary = "Moves the last element of one list to the front of another and returns it.",
     .since = "1.2.0",
     .deprecated = "6.2.0 `LMOVE` with the `RIGHT` and `LEFT` arguments"},
    {.name = "lmpop",
     .arity = at_least(4),
     .keys = {key_count(1, kKeyRW | kKeyAccess | kKeyDelete)},
     .access = Access::kWrite,
     .journal = JournalForm::kEffects,
     .run = lmpop,
     .group = Group::kList,
     .syntax = "numkeys key [key ...] <LEFT | RIGHT> [COUNT count]",
     .summary = "Takes elements off the first of several lists that has any.",
     .since = "7.0.0",
     .complexity = "O(N+M) for N keys and M elements returned"},
};

}  // namespace

std::span<const CommandSpec> list_end_commands() { return kRows; }

std::span<const CommandSpec> list_commands() {
  static const std::vector<CommandSpec> rows = [] {
    std::vector<CommandSpec> all;
    for (const auto part : {list_end_commands(), list_index_commands(), list_blocking_commands()}) {
      all.insert(all.end(), part.begin(), part.end());
    }
    return all;
  }();
  return rows;
}

}  // namespace memoir
