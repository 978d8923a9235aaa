// Commands that wait for an element: each does at once what it can, and parks the request
// otherwise. A parked request runs again from the start, so there is one way through each
// handler.
//
// The journal gets what happened: LPOP for BLPOP, LMOVE for BLMOVE and so on.
#include <vector>

#include "datatypes/list/list_moves.h"
#include "datatypes/list/list_rows.h"

namespace memoir {
namespace {

std::vector<ByteView> texts_of(std::span<const Word> words) {
  std::vector<ByteView> texts;
  texts.reserve(words.size());
  for (const Word& word : words) texts.push_back(word.text);
  return texts;
}

// key [key ...] timeout
Status blocking_pop(Context& ctx, Args args, ReplyWriter& reply, ListEnd end) {
  const std::span<const Word> words = args.rest();
  Args last(words.last(1));
  const std::int64_t timeout_ms = Context::timeout_ms(last);
  if (last.failed()) return last.status();
  const std::span<const Word> keys = words.first(words.size() - 1);
  for (const Word& key : keys) {
    auto list = ctx.db().edit<List>(key.text);
    if (!list) return list.error();
    if (!*list) continue;
    reply.array(2);
    reply.bulk(key.text);
    reply_element(reply, (*list)->peek(end));
    drop_popped(*list, end, 1, ctx.limits());
    ctx.effects().add({pop_word(end), key.text});
    return ok;
  }
  return ctx.park(texts_of(keys), TypeId::kList, timeout_ms, TimeoutReply::kNullArray, reply);
}

// BLPOP key [key ...] timeout
// Replies key and element, or a null array when the time is over.
Status blpop(Context& ctx, Args args, ReplyWriter& reply) {
  return blocking_pop(ctx, args, reply, ListEnd::kHead);
}
Status brpop(Context& ctx, Args args, ReplyWriter& reply) {
  return blocking_pop(ctx, args, reply, ListEnd::kTail);
}

// Parks for BLMOVE and BRPOPLPUSH. Where waiting is not possible Redis answers a null, at the end
// of the time a null array.
Status wait_for_source(Context& ctx, ByteView source, std::int64_t timeout_ms,
                       ReplyWriter& reply) {
  if (ctx.in_transaction() || !ctx.session().identity.may_block) {
    reply.null();
    return ok;
  }
  const ByteView keys[] = {source};
  return ctx.park(keys, TypeId::kList, timeout_ms, TimeoutReply::kNullArray, reply);
}

// BLMOVE source destination <LEFT | RIGHT> <LEFT | RIGHT> timeout
Status blmove(Context& ctx, Args args, ReplyWriter& reply) {
  ListMove wanted{};
  const std::span<const Word> words = args.rest();
  wanted.source = args.next();
  wanted.destination = args.next();
  wanted.from = take_end(args);
  wanted.to = take_end(args);
  if (args.failed()) return args.status();
  const std::int64_t timeout_ms = Context::timeout_ms(args);
  if (args.failed()) return args.status();
  auto moved = move_element(ctx, wanted, reply);
  if (!moved) return moved.error();
  if (!*moved) return wait_for_source(ctx, wanted.source, timeout_ms, reply);
  ctx.effects().add({"LMOVE", wanted.source, wanted.destination, words[2].text, words[3].text});
  return ok;
}

// BRPOPLPUSH source destination timeout
Status brpoplpush(Context& ctx, Args args, ReplyWriter& reply) {
  ListMove wanted{};
  wanted.source = args.next();
  wanted.destination = args.next();
  wanted.from = ListEnd::kTail;
  wanted.to = ListEnd::kHead;
  const std::int64_t timeout_ms = Context::timeout_ms(args);
  if (args.failed()) return args.status();
  auto moved = move_element(ctx, wanted, reply);
  if (!moved) return moved.error();
  if (!*moved) return wait_for_source(ctx, wanted.source, timeout_ms, reply);
  ctx.effects().add({"RPOPLPUSH", wanted.source, wanted.destination});
  return ok;
}

// BLMPOP timeout numkeys key [key ...] <LEFT | RIGHT> [COUNT count]
Status blmpop(Context& ctx, Args args, ReplyWriter& reply) {
  Args timeout = args;
  args.skip();
  const MultiPop wanted = MultiPop::parse(args);
  if (args.failed()) return args.status();
  const std::int64_t timeout_ms = Context::timeout_ms(timeout);
  if (timeout.failed()) return timeout.status();
  auto popped = pop_from_first(ctx, wanted, reply);
  if (!popped) return popped.error();
  if (*popped) return ok;
  return ctx.park(texts_of(wanted.keys), TypeId::kList, timeout_ms, TimeoutReply::kNullArray,
                  reply);
}

constexpr unsigned kPopped = kKeyRW | kKeyAccess | kKeyDelete;

constexpr CommandSpec kRows[] = {
    {.name = "blpop",
     .arity = at_least(3),
     .keys = {key_range(1, -2, 1, kPopped)},
     .access = Access::kWrite,
     .flags = kBlocking,
     .journal = JournalForm::kEffects,
     .run = blpop,
     .group = Group::kList,
     .syntax = "key [key ...] timeout",
     .summary = "Takes the first element off the first of several lists that has one, or waits.",
     .since = "2.0.0",
     .complexity = "O(N) for N keys"},
    {.name = "brpop",
     .arity = at_least(3),
     .keys = {key_range(1, -2, 1, kPopped)},
     .access = Access::kWrite,
     .flags = kBlocking,
     .journal = JournalForm::kEffects,
     .run = brpop,
     .group = Group::kList,
     .syntax = "key [key ...] timeout",
     .summary = "Takes the last element off the first of several lists that has one, or waits.",
     .since = "2.0.0",
     .complexity = "O(N) for N keys"},
    {.name = "blmove",
     .arity = exactly(6),
     .keys = two_keys(kPopped, kKeyRW | kKeyInsert),
     .access = Access::kWrite,
     .flags = kDenyOom | kBlocking,
     .journal = JournalForm::kEffects,
     .run = blmove,
     .group = Group::kList,
     .syntax = "source destination <LEFT | RIGHT> <LEFT | RIGHT> timeout",
     .summary = "Moves an element from an end of one list to an end of another, or waits for it.",
     .since = "6.2.0"},
    {.name = "brpoplpush",
     .arity = exactly(4),
     .keys = two_keys(kPopped, kKeyRW | kKeyInsert),
     .access = Access::kWrite,
     .flags = kDenyOom | kBlocking,
     .journal = JournalForm::kEffects,
     .run = brpoplpush,
     .group = Group::kList,
     .syntax = "source destination timeout",
     .summary = "Moves the last element of one list to the front of another, or waits for it.",
     .since = "2.2.0",
     .deprecated = "6.2.0 `BLMOVE` with the `RIGHT` and `LEFT` arguments"},
    {.name = "blmpop",
     .arity = at_least(5),
     .keys = {key_count(2, kPopped)},
     .access = Access::kWrite,
     .flags = kBlocking,
     .journal = JournalForm::kEffects,
     .run = blmpop,
     .group = Group::kList,
     .syntax = "timeout numkeys key [key ...] <LEFT | RIGHT> [COUNT count]",
     .summary = "Takes elements off the first of several lists that has any, or waits for one.",
     .since = "7.0.0",
     .complexity = "O(N+M) for N keys and M elements returned"},
};

}  // namespace

std::span<const CommandSpec> list_blocking_commands() { return kRows; }

}  // namespace memoir
