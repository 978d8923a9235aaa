// Commands about members of one sorted set.
#include <array>
#include <cstdio>
#include <vector>

#include "datatypes/sorted_set/rows.h"
#include "datatypes/sorted_set/sorted_set.h"
#include "protocol/reply_writer.h"
#include "src/command/context.h"
#include "src/command/scan_arguments.h"

namespace memoir {
namespace {

// The scores of a ZADD, read before anything is changed. Usual numbers of them need no allocation.
class Scores {
 public:
  // From `pairs`: score, member, score, member ... False if one is not a number.
  bool read(std::span<const Word> pairs) {
    const std::size_t count = pairs.size() / 2;
    if (count > few_.size()) many_.resize(count);
    at_ = count > few_.size() ? many_.data() : few_.data();
    for (std::size_t i = 0; i < count; ++i) {
      const auto score = parse_double(pairs[2 * i].text);
      if (!score) return false;
      at_[i] = *score;
    }
    return true;
  }
  double operator[](std::size_t i) const { return at_[i]; }

 private:
  double* at_{nullptr};
  std::array<double, 16> few_;
  std::vector<double> many_;
};

struct AddOptions {
  SortedSet::Rules rules;
  bool counts_changed = false;  // CH
};

// Takes the options in front of the pairs and checks that they agree with each other and with the
// pairs.
void read_options(Args& args, AddOptions& options) {
  SortedSet::Rules& rules = options.rules;
  while (args.more()) {
    if (args.take("nx")) {
      rules.only_new = true;
    } else if (args.take("xx")) {
      rules.only_existing = true;
    } else if (args.take("gt")) {
      rules.only_greater = true;
    } else if (args.take("lt")) {
      rules.only_less = true;
    } else if (args.take("ch")) {
      options.counts_changed = true;
    } else if (args.take("incr")) {
      rules.increment = true;
    } else {
      break;
    }
  }
  if (args.left() == 0 || args.left() % 2 != 0) return args.fail(kSyntaxError);
  if (rules.only_new && rules.only_existing) {
    return args.fail("ERR XX and NX options at the same time are not compatible");
  }
  const int orders = int{rules.only_greater} + int{rules.only_less} + int{rules.only_new};
  if (orders > 1) {
    return args.fail("ERR GT, LT, and/or NX options at the same time are not compatible");
  }
  if (rules.increment && args.left() > 2) {
    args.fail("ERR INCR option supports a single increment-element pair");
  }
}

struct AddResult {
  std::int64_t added = 0;
  std::int64_t updated = 0;
  SortedSet::Added last{};
};

AddResult add_pairs(SortedSet& set, std::span<const Word> pairs, const Scores& scores,
                    const SortedSet::Rules& rules, const EncodingLimits& limits) {
  using Outcome = SortedSet::Outcome;
  AddResult result;
  set.prepare(pairs.size() / 2, pairs[1].text.size(), limits);
  for (std::size_t i = 0; i < pairs.size() / 2; ++i) {
    result.last = set.add(pairs[2 * i + 1].text, scores[i], rules, limits);
    if (result.last.outcome == Outcome::kAdded) ++result.added;
    if (result.last.outcome == Outcome::kUpdated) ++result.updated;
    if (result.last.outcome == Outcome::kNan) break;
  }
  return result;
}

Status add(Context& ctx, Args args, ReplyWriter& reply, AddOptions options) {
  using Outcome = SortedSet::Outcome;
  const ByteView key = args.next();
  read_options(args, options);
  if (args.failed()) return args.status();
  const auto pairs = args.rest();
  Scores scores;
  if (!scores.read(pairs)) return Error(kNotFloat);

  const SortedSet::Rules& rules = options.rules;
  const auto mode = rules.only_existing ? IfMissing::kNone : IfMissing::kCreate;
  auto set = ctx.db().edit<SortedSet>(key, mode);
  if (!set) return set.error();
  AddResult result{.last = {Outcome::kRefused, 0}};
  if (*set) result = add_pairs(**set, pairs, scores, rules, ctx.limits());
  const std::int64_t changed = result.added + result.updated;
  if (changed != 0) {
    set->mark_changed(rules.increment ? "zincr" : "zadd", static_cast<std::uint64_t>(changed));
  }
  if (result.last.outcome == Outcome::kNan) {
    return Error("ERR resulting score is not a number (NaN)");
  }
  if (!rules.increment) {
    reply.integer(options.counts_changed ? changed : result.added);
  } else if (result.last.outcome == Outcome::kRefused) {
    reply.null();
  } else {
    reply.double_value(result.last.score);
  }
  return ok;
}

// ZADD key [NX | XX] [GT | LT] [CH] [INCR] score member [score member ...]
// Replies how many members are new (CH: or have another score); INCR: the score.
Status zadd(Context& ctx, Args args, ReplyWriter& reply) { return add(ctx, args, reply, {}); }

// ZINCRBY key increment member
// Replies the new score.
Status zincrby(Context& ctx, Args args, ReplyWriter& reply) {
  return add(ctx, args, reply, {.rules = {.increment = true}});
}

// ZREM key member [member ...]
// Replies how many members were there.
Status zrem(Context& ctx, Args args, ReplyWriter& reply) {
  auto set = ctx.db().edit<SortedSet>(args.next());
  if (!set) return set.error();
  std::uint64_t removed = 0;
  while (*set && args.more()) removed += (*set)->remove(args.next()) ? 1 : 0;
  if (removed != 0) set->mark_changed("zrem", removed);
  reply.integer(static_cast<std::int64_t>(removed));
  return ok;
}

// ZCARD key
Status zcard(Context& ctx, Args args, ReplyWriter& reply) {
  auto set = ctx.db().read<SortedSet>(args.next());
  if (!set) return set.error();
  reply.integer(*set ? static_cast<std::int64_t>((*set)->size()) : 0);
  return ok;
}

void reply_score(const SortedSet* set, ByteView member, ReplyWriter& reply) {
  const auto score = set ? set->score(member) : std::nullopt;
  score ? reply.double_value(*score) : reply.null();
}

// ZSCORE key member
Status zscore(Context& ctx, Args args, ReplyWriter& reply) {
  auto set = ctx.db().read<SortedSet>(args.next());
  if (!set) return set.error();
  reply_score(*set, args.next(), reply);
  return ok;
}

// ZMSCORE key member [member ...]
Status zmscore(Context& ctx, Args args, ReplyWriter& reply) {
  auto set = ctx.db().read<SortedSet>(args.next());
  if (!set) return set.error();
  reply.array(args.left());
  while (args.more()) reply_score(*set, args.next(), reply);
  return ok;
}

Status reply_rank(Context& ctx, Args args, ReplyWriter& reply, bool from_end) {
  const ByteView key = args.next();
  const ByteView member = args.next();
  const bool with_score = args.take("withscore");
  if (args.more()) return Error(kSyntaxError);
  auto set = ctx.db().read<SortedSet>(key);
  if (!set) return set.error();
  const auto ranked = *set ? (*set)->rank(member) : std::nullopt;
  if (!ranked) {
    with_score ? reply.null_array() : reply.null();
    return ok;
  }
  const std::size_t rank = from_end ? (*set)->size() - 1 - ranked->rank : ranked->rank;
  if (with_score) reply.array(2);
  reply.integer(static_cast<std::int64_t>(rank));
  if (with_score) reply.double_value(ranked->score);
  return ok;
}

// ZRANK key member [WITHSCORE]
Status zrank(Context& ctx, Args args, ReplyWriter& reply) {
  return reply_rank(ctx, args, reply, false);
}

// ZREVRANK key member [WITHSCORE]
Status zrevrank(Context& ctx, Args args, ReplyWriter& reply) {
  return reply_rank(ctx, args, reply, true);
}

// ZSCAN key cursor [MATCH pattern] [COUNT count]
// Scores are written as Redis writes them here: with 17 digits in the large form.
Status zscan(Context& ctx, Args args, ReplyWriter& reply) {
  const ByteView key = args.next();
  ScanArguments arguments;
  arguments.read_cursor(args);
  if (args.failed()) return args.status();
  auto set = ctx.db().read<SortedSet>(key);
  if (!set) return set.error();
  if (*set) arguments.read_options(args, ScanArguments::Of::kSortedSet);
  if (args.failed()) return args.status();

  const ReplyWriter::Mark start = reply.begin();
  std::size_t found = 0;
  std::uint64_t cursor = 0;
  if (*set) {
    const bool is_small = (*set)->listpack() != nullptr;
    cursor = scan_some(arguments, found, [&](std::uint64_t from) {
      return (*set)->scan(from, [&](ByteView member, double score) {
        if (!arguments.admits(member)) return;
        reply.bulk(member);
        found += arguments.bare() ? 1 : 2;
        if (arguments.bare()) return;
        if (is_small) return reply.bulk_double(score);
        char text[64];
        const int length = std::snprintf(text, sizeof text, "%.17g", score);
        reply.bulk(ByteView(text, static_cast<std::size_t>(length)));
      });
    });
  }
  end_scan(reply, start, cursor, found);
  return ok;
}

constexpr const char* kLogCost = "O(log(N)) where N is the size of the sorted set.";

constexpr CommandSpec kCommands[] = {
    {.name = "zadd",
     .arity = at_least(4),
     .keys = first_is_key(kKeyRW | kKeyUpdate),
     .access = Access::kWrite,
     .flags = kDenyOom | kFast,
     .journal = JournalForm::kVerbatim,
     .run = zadd,
     .group = Group::kSortedSet,
     .syntax = "key [NX | XX] [GT | LT] [CH] [INCR] score member [score member ...]",
     .summary = "Adds members to a sorted set or gives them other scores, creating it if needed.",
     .since = "1.2.0",
     .complexity = "O(log(N)) for each member, where N is the size of the sorted set."},
    {.name = "zincrby",
     .arity = exactly(4),
     .keys = first_is_key(kKeyRW | kKeyAccess | kKeyUpdate),
     .access = Access::kWrite,
     .flags = kDenyOom | kFast,
     .journal = JournalForm::kVerbatim,
     .run = zincrby,
     .group = Group::kSortedSet,
     .syntax = "key increment member",
     .summary = "Adds to the score of a member, which is taken as 0 if it is not there.",
     .since = "1.2.0",
     .complexity = kLogCost},
    {.name = "zrem",
     .arity = at_least(3),
     .keys = first_is_key(kKeyRW | kKeyDelete),
     .access = Access::kWrite,
     .flags = kFast,
     .journal = JournalForm::kVerbatim,
     .run = zrem,
     .group = Group::kSortedSet,
     .syntax = "key member [member ...]",
     .summary = "Removes members from a sorted set; a set left empty goes.",
     .since = "1.2.0",
     .complexity =
         "O(M*log(N)) where N is the size of the sorted set and M the number of members given."},
    {.name = "zcard",
     .arity = exactly(2),
     .keys = first_is_key(kKeyRO),
     .access = Access::kRead,
     .flags = kFast,
     .run = zcard,
     .group = Group::kSortedSet,
     .syntax = "key",
     .summary = "Counts the members of a sorted set.",
     .since = "1.2.0",
     .complexity = "O(1)"},
    {.name = "zscore",
     .arity = exactly(3),
     .keys = first_is_key(kKeyRO | kKeyAccess),
     .access = Access::kRead,
     .flags = kFast,
     .run = zscore,
     .group = Group::kSortedSet,
     .syntax = "key member",
     .summary = "Replies the score of a member of a sorted set.",
     .since = "1.2.0",
     .complexity = "O(1)"},
    {.name = "zmscore",
     .arity = at_least(3),
     .keys = first_is_key(kKeyRO | kKeyAccess),
     .access = Access::kRead,
     .flags = kFast,
     .run = zmscore,
     .group = Group::kSortedSet,
     .syntax = "key member [member ...]",
     .summary = "Replies the scores of several members of a sorted set.",
     .since = "6.2.0",
     .complexity = "O(N) where N is the number of members asked for."},
    {.name = "zrank",
     .arity = between(3, 4),
     .keys = first_is_key(kKeyRO | kKeyAccess),
     .access = Access::kRead,
     .flags = kFast,
     .run = zrank,
     .group = Group::kSortedSet,
     .syntax = "key member [WITHSCORE]",
     .summary = "Replies the rank of a member of a sorted set, counted from the lowest score.",
     .since = "2.0.0",
     .complexity = kLogCost},
    {.name = "zrevrank",
     .arity = between(3, 4),
     .keys = first_is_key(kKeyRO | kKeyAccess),
     .access = Access::kRead,
     .flags = kFast,
     .run = zrevrank,
     .group = Group::kSortedSet,
     .syntax = "key member [WITHSCORE]",
     .summary = "Replies the rank of a member of a sorted set, counted from the highest score.",
     .since = "2.0.0",
     .complexity = kLogCost},
    {.name = "zscan",
     .arity = at_least(3),
     .keys = first_is_key(kKeyRO | kKeyAccess),
     .access = Access::kRead,
     .run = zscan,
     .group = Group::kSortedSet,
     .syntax = "key cursor [MATCH pattern] [COUNT count] [NOSCORES]",
     .summary = "Walks through the members of a sorted set with their scores, some at each call.",
     .since = "2.8.0",
     .complexity = "O(1) for a call, O(N) for the whole walk over N members.",
     .tips = "nondeterministic_output"},
};

}  // namespace

std::span<const CommandSpec> sorted_set_member_commands() { return kCommands; }

}  // namespace memoir
