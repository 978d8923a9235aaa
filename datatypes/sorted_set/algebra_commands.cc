// Unions, intersections and differences of sorted sets (and plain ones).
#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>
#include <vector>

#include "datatypes/sorted_set/operands.h"
#include "datatypes/sorted_set/rows.h"
#include "datatypes/sorted_set/scored_reply.h"
#include "protocol/reply_writer.h"
#include "src/command/context.h"

namespace memoir {
namespace {

enum class Operation : std::uint8_t { kUnion, kInter, kDiff };
enum class Aggregate : std::uint8_t { kSum, kMin, kMax };

using Operands = std::vector<ScoredOperand>;

struct AlgebraRequest {
  Operands operands;
  Aggregate aggregate = Aggregate::kSum;
  WithScores with_scores = WithScores::kNo;
  std::int64_t limit = 0;
};

// Which options a command has.
struct Options {
  bool weights = false;  // WEIGHTS and AGGREGATE
  bool with_scores = false;
  bool limit = false;
};

// inf - inf and 0 * inf count as 0.
double without_nan(double score) { return std::isnan(score) ? 0 : score; }

double combine(Aggregate aggregate, double a, double b) {
  switch (aggregate) {
    case Aggregate::kSum:
      return without_nan(a + b);
    case Aggregate::kMin:
      return b < a ? b : a;
    case Aggregate::kMax:
      return b > a ? b : a;
  }
  UNREACHABLE();
}

// --- arguments ---

Result<Operands> read_operands(Context& ctx, Args& args) {
  const std::int64_t keys = args.integer();
  if (args.failed()) return args.status().error();
  if (keys < 1) {
    Bytes text = "ERR at least 1 input key is needed for '";
    text.append(ctx.command().name).append("' command");
    return Error(text);
  }
  if (static_cast<std::size_t>(keys) > args.left()) return Error(kSyntaxError);
  Operands operands;
  operands.reserve(static_cast<std::size_t>(keys));
  for (std::int64_t i = 0; i < keys; ++i) {
    ScoredOperand operand;
    if (const Entry* entry = ctx.db().lookup(args.next())) {
      if (entry->type() == TypeId::kSortedSet) {
        operand.sorted = static_cast<const SortedSet*>(entry->object());
      } else if (entry->type() == TypeId::kSet) {
        operand.plain = static_cast<const Set*>(entry->object());
      } else {
        return Error(kWrongType);
      }
    }
    operands.push_back(operand);
  }
  return operands;
}

void read_aggregate(Args& args, AlgebraRequest& request) {
  if (args.take("sum")) {
    request.aggregate = Aggregate::kSum;
  } else if (args.take("min")) {
    request.aggregate = Aggregate::kMin;
  } else if (args.take("max")) {
    request.aggregate = Aggregate::kMax;
  } else {
    args.fail(kSyntaxError);
  }
}

void read_options(Args& args, const Options& options, AlgebraRequest& request) {
  while (args.more() && !args.failed()) {
    if (options.weights && args.take("weights", request.operands.size())) {
      for (ScoredOperand& operand : request.operands) {
        operand.weight = args.number("ERR weight value is not a float");
      }
    } else if (options.weights && args.take("aggregate", 1)) {
      read_aggregate(args, request);
    } else if (options.with_scores && args.take("withscores")) {
      request.with_scores = WithScores::kYes;
    } else if (options.limit && args.take("limit", 1)) {
      request.limit = args.integer_between(0, std::numeric_limits<std::int64_t>::max(),
                                           "ERR LIMIT can't be negative");
    } else {
      args.fail(kSyntaxError);
    }
  }
}

Result<AlgebraRequest> read_request(Context& ctx, Args& args, const Options& options) {
  auto operands = read_operands(ctx, args);
  if (!operands) return operands.error();
  AlgebraRequest request;
  request.operands = *std::move(operands);
  read_options(args, options, request);
  if (args.failed()) return args.status().error();
  return request;
}

// --- operations ---

// Smallest first, as Redis does: it decides in which order scores are added up.
void sort_by_size(Operands& operands) {
  std::stable_sort(
      operands.begin(), operands.end(),
      [](const ScoredOperand& a, const ScoredOperand& b) { return a.size() < b.size(); });
}

void unite(const AlgebraRequest& request, SortedSet::Builder& result) {
  const auto join = [&](double a, double b) { return combine(request.aggregate, a, b); };
  for (const ScoredOperand& operand : request.operands) {
    operand.for_each_while([&](ByteView member, double score) {
      result.add(member, without_nan(operand.weight * score), join);
      return true;
    });
  }
}

// Calls visit(member, score) for what all operands have until it returns false.
template <class F>
void intersect(const AlgebraRequest& request, F&& visit) {
  const ScoredOperand& smallest = request.operands.front();
  const std::span<const ScoredOperand> others(request.operands.data() + 1,
                                              request.operands.size() - 1);
  smallest.for_each_while([&](ByteView member, double score) {
    double sum = without_nan(smallest.weight * score);
    for (const ScoredOperand& other : others) {
      const auto theirs = other == smallest ? std::optional(score) : other.score(member);
      if (!theirs) return true;
      sum = combine(request.aggregate, sum, *theirs * other.weight);
    }
    return visit(member, sum);
  });
}

// Calls visit(member, score) for what the first operand alone has.
template <class F>
void subtract(const AlgebraRequest& request, F&& visit) {
  const ScoredOperand& first = request.operands.front();
  const std::span<const ScoredOperand> others(request.operands.data() + 1,
                                              request.operands.size() - 1);
  if (std::find(others.begin(), others.end(), first) != others.end()) return;
  first.for_each_while([&](ByteView member, double score) {
    const bool elsewhere =
        std::any_of(others.begin(), others.end(),
                    [&](const ScoredOperand& other) { return bool(other.score(member)); });
    if (!elsewhere) visit(member, score);
    return true;
  });
}

std::unique_ptr<SortedSet> compute(Operation operation, AlgebraRequest& request) {
  SortedSet::Builder result;
  const auto add = [&](ByteView member, double score) {
    result.add_new(member, score);
    return true;
  };
  if (operation != Operation::kDiff) sort_by_size(request.operands);
  switch (operation) {
    case Operation::kUnion:
      unite(request, result);
      break;
    case Operation::kInter:
      intersect(request, add);
      break;
    case Operation::kDiff:
      subtract(request, add);
      break;
  }
  return result.finish();
}

Status reply_result(Context& ctx, Args args, ReplyWriter& reply, Operation operation) {
  const Options options{.weights = operation != Operation::kDiff, .with_scores = true};
  auto request = read_request(ctx, args, options);
  if (!request) return request.error();
  const auto result = compute(operation, *request);
  ScoredReply members(reply, result->size(), request->with_scores);
  result->for_each(members);
  return ok;
}

Status store_result(Context& ctx, Args args, ReplyWriter& reply, Operation operation,
                    const char* event) {
  const ByteView target = args.next();
  auto request = read_request(ctx, args, {.weights = operation != Operation::kDiff});
  if (!request) return request.error();
  auto result = compute(operation, *request);
  reply.integer(static_cast<std::int64_t>(result->size()));
  if (result->size() == 0) {
    ctx.db().remove(target);
    return ok;
  }
  result->compact(ctx.limits());
  ctx.db().set_object(target, std::move(result), kNoExpiry, event);
  return ok;
}

// ZUNION numkeys key [key ...] [WEIGHTS weight [weight ...]] [AGGREGATE <SUM | MIN | MAX>]
// [WITHSCORES]
Status zunion(Context& ctx, Args args, ReplyWriter& reply) {
  return reply_result(ctx, args, reply, Operation::kUnion);
}

// ZINTER, likewise
Status zinter(Context& ctx, Args args, ReplyWriter& reply) {
  return reply_result(ctx, args, reply, Operation::kInter);
}

// ZDIFF numkeys key [key ...] [WITHSCORES]
Status zdiff(Context& ctx, Args args, ReplyWriter& reply) {
  return reply_result(ctx, args, reply, Operation::kDiff);
}

// ZUNIONSTORE destination numkeys key [key ...] [WEIGHTS ...] [AGGREGATE ...]
Status zunionstore(Context& ctx, Args args, ReplyWriter& reply) {
  return store_result(ctx, args, reply, Operation::kUnion, "zunionstore");
}

// ZINTERSTORE, likewise
Status zinterstore(Context& ctx, Args args, ReplyWriter& reply) {
  return store_result(ctx, args, reply, Operation::kInter, "zinterstore");
}

// ZDIFFSTORE destination numkeys key [key ...]
Status zdiffstore(Context& ctx, Args args, ReplyWriter& reply) {
  return store_result(ctx, args, reply, Operation::kDiff, "zdiffstore");
}

// ZINTERCARD numkeys key [key ...] [LIMIT limit]
Status zintercard(Context& ctx, Args args, ReplyWriter& reply) {
  auto request = read_request(ctx, args, {.limit = true});
  if (!request) return request.error();
  sort_by_size(request->operands);
  std::int64_t count = 0;
  intersect(*request, [&](ByteView, double) { return ++count != request->limit; });
  reply.integer(count);
  return ok;
}

constexpr KeySpecs kSources = {key_count(1, kKeyRO | kKeyAccess)};
constexpr KeySpecs kTargetAndSources = {key_range(1, 1, 1, kKeyOW | kKeyUpdate),
                                        key_count(2, kKeyRO | kKeyAccess)};
constexpr const char* kUnionCost =
    "O(N)+O(M*log(M)) where N is the total size of the sets given and M the size of the result.";
constexpr const char* kInterCost =
    "O(N*K)+O(M*log(M)) at worst, where N is the size of the smallest set, K the number of sets "
    "and M the size of the result.";
constexpr const char* kDiffCost =
    "O(N*K)+O(M*log(M)) at worst, where N is the size of the first set, K the number of sets and "
    "M the size of the result.";

constexpr CommandSpec kCommands[] = {
    {.name = "zunion",
     .arity = at_least(3),
     .keys = kSources,
     .access = Access::kRead,
     .run = zunion,
     .group = Group::kSortedSet,
     .syntax = "numkeys key [key ...] [WEIGHTS weight:integer [weight:integer ...]] "
               "[AGGREGATE <SUM | MIN | MAX>] "
               "[WITHSCORES]",
     .summary = "Replies the members of all sorted sets given, their scores combined.",
     .since = "6.2.0",
     .complexity = kUnionCost},
    {.name = "zunionstore",
     .arity = at_least(4),
     .keys = kTargetAndSources,
     .access = Access::kWrite,
     .flags = kDenyOom,
     .journal = JournalForm::kVerbatim,
     .run = zunionstore,
     .group = Group::kSortedSet,
     .syntax = "destination numkeys key [key ...] [WEIGHTS weight:integer [weight:integer ...]] "
               "[AGGREGATE <SUM | MIN | MAX>]",
     .summary = "Stores the members of all sorted sets given, their scores combined.",
     .since = "2.0.0",
     .complexity = kUnionCost},
    {.name = "zinter",
     .arity = at_least(3),
     .keys = kSources,
     .access = Access::kRead,
     .run = zinter,
     .group = Group::kSortedSet,
     .syntax = "numkeys key [key ...] [WEIGHTS weight:integer [weight:integer ...]] "
               "[AGGREGATE <SUM | MIN | MAX>] "
               "[WITHSCORES]",
     .summary = "Replies what several sorted sets have in common, the scores combined.",
     .since = "6.2.0",
     .complexity = kInterCost},
    {.name = "zinterstore",
     .arity = at_least(4),
     .keys = kTargetAndSources,
     .access = Access::kWrite,
     .flags = kDenyOom,
     .journal = JournalForm::kVerbatim,
     .run = zinterstore,
     .group = Group::kSortedSet,
     .syntax = "destination numkeys key [key ...] [WEIGHTS weight:integer [weight:integer ...]] "
               "[AGGREGATE <SUM | MIN | MAX>]",
     .summary = "Stores what several sorted sets have in common, the scores combined.",
     .since = "2.0.0",
     .complexity = kInterCost},
    {.name = "zintercard",
     .arity = at_least(3),
     .keys = kSources,
     .access = Access::kRead,
     .run = zintercard,
     .group = Group::kSortedSet,
     .syntax = "numkeys key [key ...] [LIMIT limit]",
     .summary = "Counts what several sorted sets have in common.",
     .since = "7.0.0",
     .complexity =
         "O(N*K) at worst, where N is the size of the smallest set and K the number of sets."},
    {.name = "zdiff",
     .arity = at_least(3),
     .keys = kSources,
     .access = Access::kRead,
     .run = zdiff,
     .group = Group::kSortedSet,
     .syntax = "numkeys key [key ...] [WITHSCORES]",
     .summary = "Replies the members of the first sorted set that no other has.",
     .since = "6.2.0",
     .complexity = kDiffCost},
    {.name = "zdiffstore",
     .arity = at_least(4),
     .keys = kTargetAndSources,
     .access = Access::kWrite,
     .flags = kDenyOom,
     .journal = JournalForm::kVerbatim,
     .run = zdiffstore,
     .group = Group::kSortedSet,
     .syntax = "destination numkeys key [key ...]",
     .summary = "Stores the members of the first sorted set that no other has.",
     .since = "6.2.0",
     .complexity = kDiffCost},
};

}  // namespace

std::span<const CommandSpec> sorted_set_algebra_commands() { return kCommands; }

}  // namespace memoir
