// Commands that count or remove what lies within a range.
#include "datatypes/sorted_set/range_arguments.h"
#include "datatypes/sorted_set/rows.h"
#include "datatypes/sorted_set/sorted_set.h"
#include "protocol/reply_writer.h"
#include "src/command/context.h"

namespace memoir {
namespace {

template <class Range>
Status count_range(Context& ctx, ByteView key, const Range& range, ReplyWriter& reply) {
  auto set = ctx.db().read<SortedSet>(key);
  if (!set) return set.error();
  reply.integer(*set ? static_cast<std::int64_t>((*set)->ranks(range).count) : 0);
  return ok;
}

// Removes the ranks that resolve(const SortedSet&) gives; replies how many.
template <class F>
Status remove_range(Context& ctx, ByteView key, const char* event, ReplyWriter& reply,
                    F&& resolve) {
  auto set = ctx.db().edit<SortedSet>(key);
  if (!set) return set.error();
  RankRange range;
  if (*set) range = resolve(**set);
  if (range.count != 0) {
    (*set)->erase_range(range);
    set->mark_changed(event, range.count);
  }
  reply.integer(static_cast<std::int64_t>(range.count));
  return ok;
}

// ZCOUNT key min max
Status zcount(Context& ctx, Args args, ReplyWriter& reply) {
  const ByteView key = args.next();
  const ByteView min = args.next();
  const auto range = parse_score_range(min, args.next());
  if (!range) return Error(kNotScoreRange);
  return count_range(ctx, key, *range, reply);
}

// ZLEXCOUNT key min max
Status zlexcount(Context& ctx, Args args, ReplyWriter& reply) {
  const ByteView key = args.next();
  const ByteView min = args.next();
  const auto range = parse_lex_range(min, args.next());
  if (!range) return Error(kNotLexRange);
  return count_range(ctx, key, *range, reply);
}

// ZREMRANGEBYRANK key start stop
Status zremrangebyrank(Context& ctx, Args args, ReplyWriter& reply) {
  const ByteView key = args.next();
  const std::int64_t start = args.integer();
  const std::int64_t stop = args.integer();
  if (args.failed()) return args.status();
  return remove_range(ctx, key, "zremrangebyrank", reply, [&](const SortedSet& set) {
    return resolve_ranks(start, stop, set.size());
  });
}

// ZREMRANGEBYSCORE key min max
Status zremrangebyscore(Context& ctx, Args args, ReplyWriter& reply) {
  const ByteView key = args.next();
  const ByteView min = args.next();
  const auto range = parse_score_range(min, args.next());
  if (!range) return Error(kNotScoreRange);
  return remove_range(ctx, key, "zremrangebyscore", reply,
                      [&](const SortedSet& set) { return set.ranks(*range); });
}

// ZREMRANGEBYLEX key min max
Status zremrangebylex(Context& ctx, Args args, ReplyWriter& reply) {
  const ByteView key = args.next();
  const ByteView min = args.next();
  const auto range = parse_lex_range(min, args.next());
  if (!range) return Error(kNotLexRange);
  return remove_range(ctx, key, "zremrangebylex", reply,
                      [&](const SortedSet& set) { return set.ranks(*range); });
}

constexpr const char* kCountCost = "O(log(N)) where N is the size of the sorted set.";
constexpr const char* kRemoveCost =
    "O(log(N)+M) where N is the size of the sorted set and M the number of members removed.";

constexpr CommandSpec kCommands[] = {
    {.name = "zcount",
     .arity = exactly(4),
     .keys = first_is_key(kKeyRO | kKeyAccess),
     .access = Access::kRead,
     .flags = kFast,
     .run = zcount,
     .group = Group::kSortedSet,
     .syntax = "key min:double max:double",
     .summary = "Counts the members of a sorted set within a range of scores.",
     .since = "2.0.0",
     .complexity = kCountCost},
    {.name = "zlexcount",
     .arity = exactly(4),
     .keys = first_is_key(kKeyRO | kKeyAccess),
     .access = Access::kRead,
     .flags = kFast,
     .run = zlexcount,
     .group = Group::kSortedSet,
     .syntax = "key min max",
     .summary = "Counts the members of a sorted set of equal scores within a range of texts.",
     .since = "2.8.9",
     .complexity = kCountCost},
    {.name = "zremrangebyrank",
     .arity = exactly(4),
     .keys = first_is_key(kKeyRW | kKeyDelete),
     .access = Access::kWrite,
     .journal = JournalForm::kVerbatim,
     .run = zremrangebyrank,
     .group = Group::kSortedSet,
     .syntax = "key start:integer stop:integer",
     .summary = "Removes the members of a sorted set within a range of ranks.",
     .since = "2.0.0",
     .complexity = kRemoveCost},
    {.name = "zremrangebyscore",
     .arity = exactly(4),
     .keys = first_is_key(kKeyRW | kKeyDelete),
     .access = Access::kWrite,
     .journal = JournalForm::kVerbatim,
     .run = zremrangebyscore,
     .group = Group::kSortedSet,
     .syntax = "key min:double max:double",
     .summary = "Removes the members of a sorted set within a range of scores.",
     .since = "1.2.0",
     .complexity = kRemoveCost},
    {.name = "zremrangebylex",
     .arity = exactly(4),
     .keys = first_is_key(kKeyRW | kKeyDelete),
     .access = Access::kWrite,
     .journal = JournalForm::kVerbatim,
     .run = zremrangebylex,
     .group = Group::kSortedSet,
     .syntax = "key min max",
     .summary = "Removes the members of a sorted set of equal scores within a range of texts.",
     .since = "2.8.9",
     .complexity = kRemoveCost},
};

}  // namespace

std::span<const CommandSpec> sorted_set_count_commands() { return kCommands; }

}  // namespace memoir
