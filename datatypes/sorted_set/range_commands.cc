// ZRANGE, ZRANGESTORE and the older commands that ZRANGE took in.
#include <memory>
#include <utility>

#include "datatypes/sorted_set/range_arguments.h"
#include "datatypes/sorted_set/rows.h"
#include "datatypes/sorted_set/scored_reply.h"
#include "datatypes/sorted_set/sorted_set.h"
#include "protocol/reply_writer.h"
#include "src/command/context.h"

namespace memoir {
namespace {

using By = RangeArguments::By;
using Direction = RangeArguments::Direction;

Status reply_range(Context& ctx, Args args, ReplyWriter& reply, const RangeArguments::Form& form) {
  const ByteView key = args.next();
  RangeArguments arguments;
  arguments.read(args, form);
  if (args.failed()) return args.status();
  auto set = ctx.db().read<SortedSet>(key);
  if (!set) return set.error();
  if (!*set) {
    reply.empty_array();
    return ok;
  }
  const RankRange range = arguments.resolve(**set);
  ScoredReply members(reply, range.count, arguments.with_scores());
  if (arguments.is_down()) {
    (*set)->for_each_down(range, members);
  } else {
    (*set)->for_each(range, members);
  }
  return ok;
}

// ZRANGE key start stop [BYSCORE | BYLEX] [REV] [LIMIT offset count] [WITHSCORES]
Status zrange(Context& ctx, Args args, ReplyWriter& reply) {
  return reply_range(ctx, args, reply, {});
}

// ZREVRANGE key start stop [WITHSCORES]
Status zrevrange(Context& ctx, Args args, ReplyWriter& reply) {
  return reply_range(ctx, args, reply, {.by = By::kRank, .direction = Direction::kDown});
}

// ZRANGEBYSCORE key min max [WITHSCORES] [LIMIT offset count]
Status zrangebyscore(Context& ctx, Args args, ReplyWriter& reply) {
  return reply_range(ctx, args, reply, {.by = By::kScore, .direction = Direction::kUp});
}

// ZREVRANGEBYSCORE key max min [WITHSCORES] [LIMIT offset count]
Status zrevrangebyscore(Context& ctx, Args args, ReplyWriter& reply) {
  return reply_range(ctx, args, reply, {.by = By::kScore, .direction = Direction::kDown});
}

// ZRANGEBYLEX key min max [LIMIT offset count]
Status zrangebylex(Context& ctx, Args args, ReplyWriter& reply) {
  return reply_range(ctx, args, reply, {.by = By::kLex, .direction = Direction::kUp});
}

// ZREVRANGEBYLEX key max min [LIMIT offset count]
Status zrevrangebylex(Context& ctx, Args args, ReplyWriter& reply) {
  return reply_range(ctx, args, reply, {.by = By::kLex, .direction = Direction::kDown});
}

// ZRANGESTORE dst src min max [BYSCORE | BYLEX] [REV] [LIMIT offset count]
// Replies the size of the result.
Status zrangestore(Context& ctx, Args args, ReplyWriter& reply) {
  const ByteView target = args.next();
  const ByteView source = args.next();
  RangeArguments arguments;
  arguments.read(args, {.stores = true});
  if (args.failed()) return args.status();
  auto set = ctx.db().read<SortedSet>(source);
  if (!set) return set.error();
  RankRange range;
  if (*set) range = arguments.resolve(**set);
  reply.integer(static_cast<std::int64_t>(range.count));
  if (range.count == 0) {
    ctx.db().remove(target);
    return ok;
  }
  auto result = std::make_unique<SortedSet>();
  result->prepare(range.count, 0, ctx.limits());
  const auto add = [&](ByteView member, double score) {
    result->set(member, score, ctx.limits());
  };
  arguments.is_down() ? (*set)->for_each_down(range, add) : (*set)->for_each(range, add);
  ctx.db().set_object(target, std::move(result), kNoExpiry, "zrangestore");
  return ok;
}

constexpr const char* kCost =
    "O(log(N)+M) where N is the size of the sorted set and M the number of members replied.";
constexpr const char* kLimitedCost =
    "O(log(N)+M) where N is the size of the sorted set and M the number of members replied; "
    "O(log(N)) for a constant LIMIT.";

constexpr CommandSpec kCommands[] = {
    {.name = "zrange",
     .arity = at_least(4),
     .keys = first_is_key(kKeyRO | kKeyAccess),
     .access = Access::kRead,
     .run = zrange,
     .group = Group::kSortedSet,
     .syntax = "key start stop [BYSCORE | BYLEX] [REV] [LIMIT offset count] [WITHSCORES]",
     .summary = "Replies the members of a sorted set within a range of ranks, scores or texts.",
     .since = "1.2.0",
     .complexity = kCost},
    {.name = "zrangestore",
     .arity = at_least(5),
     .keys = two_keys(kKeyOW | kKeyUpdate, kKeyRO | kKeyAccess),
     .access = Access::kWrite,
     .flags = kDenyOom,
     .journal = JournalForm::kVerbatim,
     .run = zrangestore,
     .group = Group::kSortedSet,
     .syntax = "dst:key src:key min max [BYSCORE | BYLEX] [REV] [LIMIT offset count]",
     .summary = "Stores the members of a sorted set within a range under another key.",
     .since = "6.2.0",
     .complexity =
         "O(log(N)+M) where N is the size of the sorted set and M the number of members stored."},
    {.name = "zrevrange",
     .arity = at_least(4),
     .keys = first_is_key(kKeyRO | kKeyAccess),
     .access = Access::kRead,
     .run = zrevrange,
     .group = Group::kSortedSet,
     .syntax = "key start:integer stop:integer [WITHSCORES]",
     .summary = "Replies the members of a sorted set within a range of ranks, last first.",
     .since = "1.2.0",
     .complexity = kCost,
     .deprecated = "6.2.0 `ZRANGE` with the `REV` argument"},
    {.name = "zrangebyscore",
     .arity = at_least(4),
     .keys = first_is_key(kKeyRO | kKeyAccess),
     .access = Access::kRead,
     .run = zrangebyscore,
     .group = Group::kSortedSet,
     .syntax = "key min:double max:double [WITHSCORES] [LIMIT offset count]",
     .summary = "Replies the members of a sorted set within a range of scores.",
     .since = "1.0.5",
     .complexity = kLimitedCost,
     .deprecated = "6.2.0 `ZRANGE` with the `BYSCORE` argument"},
    {.name = "zrevrangebyscore",
     .arity = at_least(4),
     .keys = first_is_key(kKeyRO | kKeyAccess),
     .access = Access::kRead,
     .run = zrevrangebyscore,
     .group = Group::kSortedSet,
     .syntax = "key max:double min:double [WITHSCORES] [LIMIT offset count]",
     .summary = "Replies the members of a sorted set within a range of scores, last first.",
     .since = "2.2.0",
     .complexity = kLimitedCost,
     .deprecated = "6.2.0 `ZRANGE` with the `REV` and `BYSCORE` arguments"},
    {.name = "zrangebylex",
     .arity = at_least(4),
     .keys = first_is_key(kKeyRO | kKeyAccess),
     .access = Access::kRead,
     .run = zrangebylex,
     .group = Group::kSortedSet,
     .syntax = "key min max [LIMIT offset count]",
     .summary = "Replies the members of a sorted set of equal scores within a range of texts.",
     .since = "2.8.9",
     .complexity = kLimitedCost,
     .deprecated = "6.2.0 `ZRANGE` with the `BYLEX` argument"},
    {.name = "zrevrangebylex",
     .arity = at_least(4),
     .keys = first_is_key(kKeyRO | kKeyAccess),
     .access = Access::kRead,
     .run = zrevrangebylex,
     .group = Group::kSortedSet,
     .syntax = "key max min [LIMIT offset count]",
     .summary = "Replies the members of a sorted set of equal scores within a range of texts, "
                "last first.",
     .since = "2.8.9",
     .complexity = kLimitedCost,
     .deprecated = "6.2.0 `ZRANGE` with the `REV` and `BYLEX` arguments"},
};

}  // namespace

std::span<const CommandSpec> sorted_set_range_commands() { return kCommands; }

}  // namespace memoir
