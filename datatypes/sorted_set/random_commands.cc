// ZRANDMEMBER.
#include <algorithm>
#include <limits>

#include "datatypes/sorted_set/rows.h"
#include "datatypes/sorted_set/scored_reply.h"
#include "datatypes/sorted_set/sorted_set.h"
#include "protocol/reply_writer.h"
#include "src/command/context.h"

namespace memoir {
namespace {

constexpr std::int64_t kMost = std::numeric_limits<std::int64_t>::max();

struct DrawRequest {
  bool counted = false;
  std::int64_t count = 1;
  WithScores with_scores = WithScores::kNo;
};

DrawRequest read_request(Args& args) {
  DrawRequest request{.counted = args.more()};
  if (!request.counted) return request;
  request.count = args.integer();
  if (request.count < -kMost) {
    args.fail(
        "ERR value is out of range, value must between -9223372036854775807 and "
        "9223372036854775807");
  }
  if (args.failed() || !args.more()) return request;
  if (args.left() > 1 || !args.take("withscores")) args.fail(kSyntaxError);
  request.with_scores = WithScores::kYes;
  if (request.count < -kMost / 2 || request.count > kMost / 2) {
    args.fail("ERR value is out of range");
  }
  return request;
}

// ZRANDMEMBER key [count [WITHSCORES]]
// A negative count allows the same member several times.
Status zrandmember(Context& ctx, Args args, ReplyWriter& reply) {
  const ByteView key = args.next();
  const DrawRequest request = read_request(args);
  if (args.failed()) return args.status();
  auto set = ctx.db().read<SortedSet>(key);
  if (!set) return set.error();
  if (!*set) {
    request.counted ? reply.empty_array() : reply.null();
    return ok;
  }
  const std::size_t size = (*set)->size();
  if (!request.counted) {
    (*set)->for_each({ctx.random().below(size), 1},
                     [&](ByteView member, double) { reply.bulk(member); });
  } else if (request.count < 0) {
    ScoredReply members(reply, static_cast<std::size_t>(-request.count), request.with_scores);
    for (std::int64_t i = 0; i < -request.count && !reply.unwanted(); ++i) {
      (*set)->for_each({ctx.random().below(size), 1}, members);
    }
  } else {
    const std::size_t count = std::min(static_cast<std::size_t>(request.count), size);
    ScoredReply members(reply, count, request.with_scores);
    if (count != 0) (*set)->sample(count, ctx.random(), members);
  }
  return ok;
}

constexpr CommandSpec kCommands[] = {
    {.name = "zrandmember",
     .arity = at_least(2),
     .keys = first_is_key(kKeyRO | kKeyAccess),
     .access = Access::kRead,
     .run = zrandmember,
     .group = Group::kSortedSet,
     .syntax = "key [count [WITHSCORES]]",
     .summary = "Replies random members of a sorted set.",
     .since = "6.2.0",
     .complexity = "O(N) where N is the number of members replied.",
     .tips = "nondeterministic_output"},
};

}  // namespace

std::span<const CommandSpec> sorted_set_random_commands() { return kCommands; }

}  // namespace memoir
