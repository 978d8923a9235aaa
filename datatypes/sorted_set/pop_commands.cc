// ZPOPMIN, ZPOPMAX, ZMPOP and the forms that wait. What a blocking or multi-key form has popped is
// journaled as ZPOPMIN or ZPOPMAX of one key.
#include <algorithm>
#include <limits>
#include <optional>
#include <vector>

#include "datatypes/sorted_set/rows.h"
#include "datatypes/sorted_set/sorted_set.h"
#include "protocol/reply_writer.h"
#include "src/command/context.h"

namespace memoir {
namespace {

enum class End : std::uint8_t { kMin, kMax };

// How the popped members are written.
enum class Shape : std::uint8_t {
  kFlat,         // member score ...
  kFlatWithKey,  // key member score
  kPairs,        // (member score) ...
  kPairsWithKey, // key ((member score) ...)
};

const char* event_of(End end) { return end == End::kMin ? "zpopmin" : "zpopmax"; }
ByteView effect_of(End end) { return end == End::kMin ? "ZPOPMIN" : "ZPOPMAX"; }

void open_reply(ReplyWriter& reply, Shape shape, ByteView key, std::size_t count) {
  switch (shape) {
    case Shape::kFlat:
      return reply.array(2 * count);
    case Shape::kFlatWithKey:
      reply.array(2 * count + 1);
      return reply.bulk(key);
    case Shape::kPairs:
      return reply.array(count);
    case Shape::kPairsWithKey:
      reply.array(2);
      reply.bulk(key);
      return reply.array(count);
  }
}

// Pops and replies up to `count` members of a set that has some. Returns how many.
std::size_t pop(Edit<SortedSet>& set, ByteView key, End end, std::size_t count, Shape shape,
                ReplyWriter& reply) {
  const std::size_t size = set->size();
  const std::size_t popped = std::min(count, size);
  const bool pairs = shape == Shape::kPairs || shape == Shape::kPairsWithKey;
  open_reply(reply, shape, key, popped);
  const auto write = [&](ByteView member, double score) {
    if (pairs) reply.array(2);
    reply.bulk(member);
    reply.double_value(score);
  };
  if (end == End::kMin) {
    set->erase_range({0, popped}, write);
  } else {
    set->for_each_down({0, popped}, write);
    set->erase_range({size - popped, popped});
  }
  set.mark_changed(event_of(end), popped);
  return popped;
}

// ZPOPMIN, ZPOPMAX
Status pop_one_key(Context& ctx, Args args, ReplyWriter& reply, End end) {
  const ByteView key = args.next();
  const bool counted = args.more();
  if (args.left() > 1) return Error(kSyntaxError);
  constexpr std::string_view kNotPositive = "ERR value is out of range, must be positive";
  const std::int64_t count = counted ? args.integer(kNotPositive) : 1;
  if (count < 0) args.fail(kNotPositive);
  if (args.failed()) return args.status();
  auto set = ctx.db().edit<SortedSet>(key);
  if (!set) return set.error();
  if (!*set || count == 0) {
    reply.empty_array();
    return ok;
  }
  const bool nested = counted && reply.version() == Resp::kV3;
  pop(*set, key, end, static_cast<std::size_t>(count), nested ? Shape::kPairs : Shape::kFlat,
      reply);
  return ok;
}

struct PopRequest {
  std::span<const Word> keys;
  End end = End::kMin;
  std::int64_t count = 1;
  Shape shape = Shape::kFlatWithKey;
};

// Pops from the first key that has members and journals that as what it is. True if there was one.
Result<bool> pop_first(Context& ctx, const PopRequest& request, ReplyWriter& reply) {
  for (const Word& word : request.keys) {
    const ByteView key = word.text;
    auto set = ctx.db().edit<SortedSet>(key);
    if (!set) return set.error();
    if (!*set) continue;
    const std::size_t popped = pop(*set, key, request.end,
                                   static_cast<std::size_t>(request.count), request.shape, reply);
    if (request.shape == Shape::kFlatWithKey) {
      ctx.effects().add({effect_of(request.end), key});
    } else {
      ctx.effects().add({effect_of(request.end), key, Decimal(static_cast<std::int64_t>(popped))});
    }
    return true;
  }
  return false;
}

// Pops now or waits for one of the keys.
Status pop_or_wait(Context& ctx, const PopRequest& request, std::int64_t timeout_ms,
                   ReplyWriter& reply) {
  auto popped = pop_first(ctx, request, reply);
  if (!popped) return popped.error();
  if (*popped) return ok;
  std::vector<ByteView> keys;
  for (const Word& word : request.keys) keys.push_back(word.text);
  return ctx.park(keys, TypeId::kSortedSet, timeout_ms, TimeoutReply::kNullArray, reply);
}

// Reads "numkeys key [key ...] <MIN | MAX> [COUNT count]".
std::optional<PopRequest> read_request(Args& args) {
  constexpr std::int64_t kMost = std::numeric_limits<std::int64_t>::max();
  PopRequest request;
  request.shape = Shape::kPairsWithKey;
  const std::int64_t keys =
      args.integer_between(1, kMost, "ERR numkeys should be greater than 0");
  if (args.failed()) return std::nullopt;
  if (static_cast<std::size_t>(keys) >= args.left()) {
    args.fail(kSyntaxError);
    return std::nullopt;
  }
  request.keys = args.rest().first(static_cast<std::size_t>(keys));
  args.skip(request.keys.size());
  if (args.take("max")) {
    request.end = End::kMax;
  } else if (!args.take("min")) {
    args.fail(kSyntaxError);
  }
  if (!args.failed() && args.take("count", 1)) {
    request.count = args.integer_between(1, kMost, "ERR count should be greater than 0");
  }
  if (args.more()) args.fail(kSyntaxError);
  return args.failed() ? std::nullopt : std::optional(request);
}

// BZPOPMIN, BZPOPMAX
Status wait_for_one(Context& ctx, Args args, ReplyWriter& reply, End end) {
  const auto words = args.rest();
  args.skip(words.size() - 1);
  const std::int64_t timeout_ms = Context::timeout_ms(args);
  if (args.failed()) return args.status();
  return pop_or_wait(ctx, {.keys = words.first(words.size() - 1), .end = end}, timeout_ms, reply);
}

// ZPOPMIN key [count]
Status zpopmin(Context& ctx, Args args, ReplyWriter& reply) {
  return pop_one_key(ctx, args, reply, End::kMin);
}

// ZPOPMAX key [count]
Status zpopmax(Context& ctx, Args args, ReplyWriter& reply) {
  return pop_one_key(ctx, args, reply, End::kMax);
}

// ZMPOP numkeys key [key ...] <MIN | MAX> [COUNT count]
Status zmpop(Context& ctx, Args args, ReplyWriter& reply) {
  const auto request = read_request(args);
  if (!request) return args.status();
  auto popped = pop_first(ctx, *request, reply);
  if (!popped) return popped.error();
  if (!*popped) reply.null_array();
  return ok;
}

// BZPOPMIN key [key ...] timeout
Status bzpopmin(Context& ctx, Args args, ReplyWriter& reply) {
  return wait_for_one(ctx, args, reply, End::kMin);
}

// BZPOPMAX key [key ...] timeout
Status bzpopmax(Context& ctx, Args args, ReplyWriter& reply) {
  return wait_for_one(ctx, args, reply, End::kMax);
}

// BZMPOP timeout numkeys key [key ...] <MIN | MAX> [COUNT count]
Status bzmpop(Context& ctx, Args args, ReplyWriter& reply) {
  Args timeout = args;
  args.skip();
  const auto request = read_request(args);
  if (!request) return args.status();
  const std::int64_t timeout_ms = Context::timeout_ms(timeout);
  if (timeout.failed()) return timeout.status();
  return pop_or_wait(ctx, *request, timeout_ms, reply);
}

constexpr unsigned kPopFlags = kKeyRW | kKeyAccess | kKeyDelete;
constexpr const char* kPopCost =
    "O(M*log(N)) where N is the size of the sorted set and M the number of members popped.";
constexpr const char* kManyCost =
    "O(K) + O(M*log(N)) where K is the number of keys given, N the size of the sorted set and M "
    "the number of members popped.";
constexpr const char* kOneCost = "O(log(N)) where N is the size of the sorted set.";

constexpr CommandSpec kCommands[] = {
    {.name = "zpopmin",
     .arity = at_least(2),
     .keys = first_is_key(kPopFlags),
     .access = Access::kWrite,
     .flags = kFast,
     .journal = JournalForm::kVerbatim,
     .run = zpopmin,
     .group = Group::kSortedSet,
     .syntax = "key [count]",
     .summary = "Removes the members with the lowest scores and replies them.",
     .since = "5.0.0",
     .complexity = kPopCost},
    {.name = "zpopmax",
     .arity = at_least(2),
     .keys = first_is_key(kPopFlags),
     .access = Access::kWrite,
     .flags = kFast,
     .journal = JournalForm::kVerbatim,
     .run = zpopmax,
     .group = Group::kSortedSet,
     .syntax = "key [count]",
     .summary = "Removes the members with the highest scores and replies them.",
     .since = "5.0.0",
     .complexity = kPopCost},
    {.name = "zmpop",
     .arity = at_least(4),
     .keys = {key_count(1, kPopFlags)},
     .access = Access::kWrite,
     .journal = JournalForm::kEffects,
     .run = zmpop,
     .group = Group::kSortedSet,
     .syntax = "numkeys key [key ...] <MIN | MAX> [COUNT count]",
     .summary = "Pops members from the first of several sorted sets that has some.",
     .since = "7.0.0",
     .complexity = kManyCost},
    {.name = "bzpopmin",
     .arity = at_least(3),
     .keys = {key_range(1, -2, 1, kPopFlags)},
     .access = Access::kWrite,
     .flags = kBlocking | kFast,
     .journal = JournalForm::kEffects,
     .run = bzpopmin,
     .group = Group::kSortedSet,
     .syntax = "key [key ...] timeout",
     .summary = "Pops the member with the lowest score of some sorted set, waiting for one.",
     .since = "5.0.0",
     .complexity = kOneCost},
    {.name = "bzpopmax",
     .arity = at_least(3),
     .keys = {key_range(1, -2, 1, kPopFlags)},
     .access = Access::kWrite,
     .flags = kBlocking | kFast,
     .journal = JournalForm::kEffects,
     .run = bzpopmax,
     .group = Group::kSortedSet,
     .syntax = "key [key ...] timeout",
     .summary = "Pops the member with the highest score of some sorted set, waiting for one.",
     .since = "5.0.0",
     .complexity = kOneCost},
    {.name = "bzmpop",
     .arity = at_least(5),
     .keys = {key_count(2, kPopFlags)},
     .access = Access::kWrite,
     .flags = kBlocking,
     .journal = JournalForm::kEffects,
     .run = bzmpop,
     .group = Group::kSortedSet,
     .syntax = "timeout numkeys key [key ...] <MIN | MAX> [COUNT count]",
     .summary = "Pops members from the first sorted set that has some, waiting for one.",
     .since = "7.0.0",
     .complexity = kManyCost},
};

}  // namespace

std::span<const CommandSpec> sorted_set_pop_commands() { return kCommands; }

}  // namespace memoir
