// SPOP and SRANDMEMBER: chance comes from the context, and what it hit is journaled.
#include <algorithm>
#include <limits>
#include <vector>

#include "datatypes/set/rows.h"
#include "datatypes/set/set.h"
#include "protocol/reply_writer.h"
#include "src/command/context.h"

namespace memoir {
namespace {

// A journaled SREM names at most so many members.
constexpr std::size_t kMembersPerEffect = 1024;

constexpr std::string_view kNotPositive = "ERR value is out of range, must be positive";
constexpr std::string_view kOutOfRange =
    "ERR value is out of range, value must between -9223372036854775807 and 9223372036854775807";

Status pop_one(Context& ctx, ByteView key, ReplyWriter& reply) {
  auto set = ctx.db().edit<Set>(key);
  if (!set) return set.error();
  if (!*set) {
    reply.null();
    return ok;
  }
  const MemberView member = (*set)->random(ctx.random());
  reply.bulk(member.text());
  ctx.effects().add({"SREM", key, member.text()});
  (*set)->remove(member);
  set->mark_changed("spop");
  return ok;
}

// Everything: the key goes as a whole, which may free it in the background.
Status pop_all(Context& ctx, ByteView key, const Set& set, ReplyWriter& reply) {
  const std::size_t size = set.size();
  reply.set(size);
  set.for_each([&](const MemberView& member) { reply.bulk(member.text()); });
  ctx.db().notify(kEventSet, "spop", key);
  ctx.db().remove(key);
  ctx.db().add_changes(size - 1);
  ctx.effects().add({"DEL", key});
  return ok;
}

Status pop_some(Context& ctx, ByteView key, std::size_t count, ReplyWriter& reply) {
  auto set = ctx.db().edit<Set>(key);
  if (!set) return set.error();
  std::vector<Bytes> popped;  // copies, since removal invalidates views
  popped.reserve(count);
  (*set)->sample(count, ctx.random(),
                 [&](const MemberView& member) { popped.emplace_back(member.text()); });
  reply.set(count);
  std::vector<ByteView> words;
  for (std::size_t i = 0; i < count; ++i) {
    reply.bulk(popped[i]);
    (*set)->remove(popped[i]);
    if (words.empty()) words = {"SREM", key};
    words.push_back(popped[i]);
    if (words.size() < kMembersPerEffect + 2 && i + 1 < count) continue;
    ctx.effects().add(words);
    words.clear();
  }
  set->mark_changed("spop", count);
  return ok;
}

// SPOP key [count]
Status spop(Context& ctx, Args args, ReplyWriter& reply) {
  const ByteView key = args.next();
  if (!args.more()) return pop_one(ctx, key, reply);
  if (args.left() > 1) return Error(kSyntaxError);
  const std::int64_t count = args.integer(kNotPositive);
  if (count < 0) args.fail(kNotPositive);
  if (args.failed()) return args.status();

  const Entry* entry = ctx.db().lookup_to_change(key);
  if (entry && entry->type() != TypeId::kSet) return Error(kWrongType);
  if (!entry || count == 0) {
    reply.set(0);
    return ok;
  }
  const auto& set = static_cast<const Set&>(*entry->object());
  const auto wanted = static_cast<std::size_t>(count);
  if (wanted >= set.size()) return pop_all(ctx, key, set, reply);
  return pop_some(ctx, key, wanted, reply);
}

// SRANDMEMBER key [count]
// A negative count allows the same member several times.
Status srandmember(Context& ctx, Args args, ReplyWriter& reply) {
  const ByteView key = args.next();
  const bool counted = args.more();
  if (args.left() > 1) return Error(kSyntaxError);
  const std::int64_t count = counted ? args.integer() : 1;
  if (count == std::numeric_limits<std::int64_t>::min()) args.fail(kOutOfRange);
  if (args.failed()) return args.status();

  auto set = ctx.db().read<Set>(key);
  if (!set) return set.error();
  if (!*set) {
    counted ? reply.empty_array() : reply.null();
    return ok;
  }
  const auto write = [&](const MemberView& member) { reply.bulk(member.text()); };
  if (!counted) {
    write((*set)->random(ctx.random()));
  } else if (count < 0) {
    reply.array(static_cast<std::size_t>(-count));
    for (std::int64_t i = 0; i < -count && !reply.unwanted(); ++i) {
      write((*set)->random(ctx.random()));
    }
  } else {
    const std::size_t drawn = std::min(static_cast<std::size_t>(count), (*set)->size());
    reply.array(drawn);
    if (drawn != 0) (*set)->sample(drawn, ctx.random(), write);
  }
  return ok;
}

constexpr CommandSpec kCommands[] = {
    {.name = "spop",
     .arity = at_least(2),
     .keys = first_is_key(kKeyRW | kKeyAccess | kKeyDelete),
     .access = Access::kWrite,
     .flags = kFast,
     .journal = JournalForm::kEffects,
     .run = spop,
     .group = Group::kSet,
     .syntax = "key [count]",
     .summary = "Removes random members from a set and replies them.",
     .since = "1.0.0",
     .complexity = "O(1) without a count, else O(N) where N is the count.",
     .tips = "nondeterministic_output"},
    {.name = "srandmember",
     .arity = at_least(2),
     .keys = first_is_key(kKeyRO | kKeyAccess),
     .access = Access::kRead,
     .run = srandmember,
     .group = Group::kSet,
     .syntax = "key [count]",
     .summary = "Replies random members of a set.",
     .since = "1.0.0",
     .complexity = "O(1) without a count, else O(N) where N is the count's absolute value.",
     .tips = "nondeterministic_output"},
};

}  // namespace

std::span<const CommandSpec> set_random_commands() { return kCommands; }

}  // namespace memoir
