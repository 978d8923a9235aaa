// Intersections, unions and differences of sets.
//
// Nothing is built where only a reply is asked for: an intersection walks the smallest set and
// looks its members up in the others, a union writes the largest set and of the others what no
// earlier one has. Only with many sets it pays to collect members first.
#include <algorithm>
#include <limits>
#include <memory>
#include <vector>

#include "datatypes/set/rows.h"
#include "datatypes/set/set.h"
#include "protocol/reply_writer.h"
#include "src/command/context.h"

namespace memoir {
namespace {

using Sets = std::vector<const Set*>;

// Up to so many lookups a member are cheaper than collecting members in a set of their own.
constexpr std::size_t kLookupsMax = 4;

// The sets of all keys in order, nullptr for a missing one. WRONGTYPE if any key has another type.
Result<Sets> read_sets(Context& ctx, std::span<const Word> keys) {
  Sets sets;
  sets.reserve(keys.size());
  for (const Word& key : keys) {
    auto set = ctx.db().read<Set>(key.text);
    if (!set) return set.error();
    sets.push_back(*set);
  }
  return sets;
}

// A listpack is searched from its front, so for many lookups its members are put into a table
// first. Keeps these tables.
class LookupTables {
 public:
  void index(std::span<const Set*> sets, std::size_t lookups, const EncodingLimits& limits) {
    for (const Set*& set : sets) {
      if (!set->listpack() || set->size() < kScanned || lookups < kScanned) continue;
      auto table = std::make_unique<Set>();
      table->prepare({}, std::numeric_limits<std::size_t>::max(), limits);
      set->for_each([&](const MemberView& member) { table->add(member, limits); });
      set = table.get();
      tables_.push_back(std::move(table));
    }
  }

 private:
  static constexpr std::size_t kScanned = 16;  // members or lookups that need no table
  std::vector<std::unique_ptr<Set>> tables_;
};

bool in_any(std::span<const Set* const> sets, const MemberView& member) {
  return std::any_of(sets.begin(), sets.end(),
                     [&](const Set* set) { return set->contains(member); });
}

void drop_missing(Sets& sets) { std::erase(sets, nullptr); }

void sort_largest_first(std::span<const Set*> sets) {
  std::stable_sort(sets.begin(), sets.end(),
                   [](const Set* a, const Set* b) { return a->size() > b->size(); });
}

// Calls visit(member) for the members that all sets have until it returns false.
template <class F>
void intersect(Sets sets, const EncodingLimits& limits, F&& visit) {
  if (std::find(sets.begin(), sets.end(), nullptr) != sets.end()) return;
  std::stable_sort(sets.begin(), sets.end(),
                   [](const Set* a, const Set* b) { return a->size() < b->size(); });
  const Set* const smallest = sets.front();
  std::erase(sets, smallest);
  LookupTables tables;
  tables.index(sets, smallest->size(), limits);
  smallest->for_each_while([&](const MemberView& member) {
    const bool everywhere = std::all_of(sets.begin(), sets.end(),
                                        [&](const Set* set) { return set->contains(member); });
    return !everywhere || visit(member);
  });
}

// Calls visit(member) once for every member of any of the sets.
template <class F>
void unite(Sets sets, const EncodingLimits& limits, F&& visit) {
  drop_missing(sets);
  sort_largest_first(sets);
  if (sets.size() > kLookupsMax + 1) {
    Set all;
    all.prepare({}, std::numeric_limits<std::size_t>::max(), limits);
    for (const Set* set : sets) {
      set->for_each([&](const MemberView& member) { all.add(member, limits); });
    }
    return all.for_each(visit);
  }
  LookupTables tables;
  Sets searched = sets;
  if (sets.size() > 1) {
    tables.index(std::span(searched).first(sets.size() - 1), sets[1]->size(), limits);
  }
  for (std::size_t i = 0; i < sets.size(); ++i) {
    const std::span<const Set* const> earlier(searched.data(), i);
    sets[i]->for_each([&](const MemberView& member) {
      if (!in_any(earlier, member)) visit(member);
    });
  }
}

// Calls visit(member) for the members that the first set alone has.
template <class F>
void subtract(Sets sets, const EncodingLimits& limits, F&& visit) {
  const Set* const first = sets.front();
  if (!first) return;
  sets.erase(sets.begin());
  drop_missing(sets);
  if (std::find(sets.begin(), sets.end(), first) != sets.end()) return;
  sort_largest_first(sets);
  Set excluded;
  LookupTables tables;
  if (sets.size() <= kLookupsMax) {
    tables.index(sets, first->size(), limits);
  } else {
    excluded.prepare({}, std::numeric_limits<std::size_t>::max(), limits);
    for (const Set* set : sets) {
      set->for_each([&](const MemberView& member) {
        if (first->contains(member)) excluded.add(member, limits);
      });
    }
    sets = {&excluded};
  }
  first->for_each([&](const MemberView& member) {
    if (!in_any(sets, member)) visit(member);
  });
}

// A result of at least `size` members that no compact form may hold starts as a table.
void prepare_for(Set& result, std::size_t size, const EncodingLimits& limits) {
  if (size <= std::max(limits.set_intset_entries, limits.set_listpack_entries)) return;
  result.prepare({}, std::numeric_limits<std::size_t>::max(), limits);
}

// Replaces the key by the result; an empty one removes it. Replies the size.
void store_result(Context& ctx, ByteView key, std::unique_ptr<Set> result, const char* event,
                  ReplyWriter& reply) {
  reply.integer(static_cast<std::int64_t>(result->size()));
  if (result->size() == 0) {
    ctx.db().remove(key);
  } else {
    ctx.db().set_object(key, std::move(result), kNoExpiry, event);
  }
}

// SINTER key [key ...]
Status sinter(Context& ctx, Args args, ReplyWriter& reply) {
  auto sets = read_sets(ctx, args.rest());
  if (!sets) return sets.error();
  const ReplyWriter::Mark start = reply.begin();
  std::size_t count = 0;
  intersect(*std::move(sets), ctx.limits(), [&](const MemberView& member) {
    reply.bulk(member.text());
    return ++count != 0;
  });
  reply.end_set(start, count);
  return ok;
}

// SINTERCARD numkeys key [key ...] [LIMIT limit]
Status sintercard(Context& ctx, Args args, ReplyWriter& reply) {
  constexpr std::string_view kBadCount = "ERR numkeys should be greater than 0";
  constexpr std::string_view kBadLimit = "ERR LIMIT can't be negative";
  constexpr std::int64_t kMost = std::numeric_limits<std::int64_t>::max();
  const std::int64_t keys = args.integer_between(1, kMost, kBadCount);
  if (args.failed()) return args.status();
  if (static_cast<std::size_t>(keys) > args.left()) {
    return Error("ERR Number of keys can't be greater than number of args");
  }
  const auto words = args.rest().first(static_cast<std::size_t>(keys));
  args.skip(words.size());
  std::int64_t limit = 0;
  while (args.more() && !args.failed()) {
    if (args.take("limit", 1)) {
      limit = args.integer_between(0, kMost, kBadLimit);
    } else {
      args.fail(kSyntaxError);
    }
  }
  if (args.failed()) return args.status();
  auto sets = read_sets(ctx, words);
  if (!sets) return sets.error();
  std::int64_t count = 0;
  intersect(*std::move(sets), ctx.limits(), [&](const MemberView&) { return ++count != limit; });
  reply.integer(count);
  return ok;
}

// SINTERSTORE destination key [key ...]
Status sinterstore(Context& ctx, Args args, ReplyWriter& reply) {
  const ByteView target = args.next();
  auto sets = read_sets(ctx, args.rest());
  if (!sets) return sets.error();
  auto result = std::make_unique<Set>();
  intersect(*std::move(sets), ctx.limits(),
            [&](const MemberView& member) { return result->add(member, ctx.limits()); });
  store_result(ctx, target, std::move(result), "sinterstore", reply);
  return ok;
}

// SUNION key [key ...]
Status sunion(Context& ctx, Args args, ReplyWriter& reply) {
  auto sets = read_sets(ctx, args.rest());
  if (!sets) return sets.error();
  const ReplyWriter::Mark start = reply.begin();
  std::size_t count = 0;
  unite(*std::move(sets), ctx.limits(), [&](const MemberView& member) {
    reply.bulk(member.text());
    ++count;
  });
  reply.end_set(start, count);
  return ok;
}

// SUNIONSTORE destination key [key ...]
Status sunionstore(Context& ctx, Args args, ReplyWriter& reply) {
  const ByteView target = args.next();
  auto sets = read_sets(ctx, args.rest());
  if (!sets) return sets.error();
  auto result = std::make_unique<Set>();
  drop_missing(*sets);
  sort_largest_first(*sets);
  if (!sets->empty()) prepare_for(*result, sets->front()->size(), ctx.limits());
  for (const Set* set : *sets) {
    set->for_each([&](const MemberView& member) { result->add(member, ctx.limits()); });
  }
  store_result(ctx, target, std::move(result), "sunionstore", reply);
  return ok;
}

// SDIFF key [key ...]
Status sdiff(Context& ctx, Args args, ReplyWriter& reply) {
  auto sets = read_sets(ctx, args.rest());
  if (!sets) return sets.error();
  const ReplyWriter::Mark start = reply.begin();
  std::size_t count = 0;
  subtract(*std::move(sets), ctx.limits(), [&](const MemberView& member) {
    reply.bulk(member.text());
    ++count;
  });
  reply.end_set(start, count);
  return ok;
}

// SDIFFSTORE destination key [key ...]
Status sdiffstore(Context& ctx, Args args, ReplyWriter& reply) {
  const ByteView target = args.next();
  auto sets = read_sets(ctx, args.rest());
  if (!sets) return sets.error();
  auto result = std::make_unique<Set>();
  subtract(*std::move(sets), ctx.limits(),
           [&](const MemberView& member) { result->add(member, ctx.limits()); });
  store_result(ctx, target, std::move(result), "sdiffstore", reply);
  return ok;
}

constexpr KeySpecs target_and_sources(unsigned target_flags) {
  return {key_range(1, 1, 1, target_flags), key_range(2, -1, 1, kKeyRO | kKeyAccess)};
}
constexpr const char* kInterCost =
    "O(N*M) at worst, where N is the size of the smallest set and M the number of sets.";
constexpr const char* kSumCost = "O(N) where N is the total size of all sets given.";

constexpr CommandSpec kCommands[] = {
    {.name = "sinter",
     .arity = at_least(2),
     .keys = all_are_keys(kKeyRO | kKeyAccess),
     .access = Access::kRead,
     .run = sinter,
     .group = Group::kSet,
     .syntax = "key [key ...]",
     .summary = "Replies what several sets have in common.",
     .since = "1.0.0",
     .complexity = kInterCost,
     .tips = "nondeterministic_output_order"},
    {.name = "sintercard",
     .arity = at_least(3),
     .keys = {key_count(1, kKeyRO | kKeyAccess)},
     .access = Access::kRead,
     .run = sintercard,
     .group = Group::kSet,
     .syntax = "numkeys key [key ...] [LIMIT limit]",
     .summary = "Counts what several sets have in common.",
     .since = "7.0.0",
     .complexity = kInterCost},
    {.name = "sinterstore",
     .arity = at_least(3),
     .keys = target_and_sources(kKeyRW | kKeyUpdate),
     .access = Access::kWrite,
     .flags = kDenyOom,
     .journal = JournalForm::kVerbatim,
     .run = sinterstore,
     .group = Group::kSet,
     .syntax = "destination key [key ...]",
     .summary = "Stores what several sets have in common.",
     .since = "1.0.0",
     .complexity = kInterCost},
    {.name = "sunion",
     .arity = at_least(2),
     .keys = all_are_keys(kKeyRO | kKeyAccess),
     .access = Access::kRead,
     .run = sunion,
     .group = Group::kSet,
     .syntax = "key [key ...]",
     .summary = "Replies the members of all sets given.",
     .since = "1.0.0",
     .complexity = kSumCost,
     .tips = "nondeterministic_output_order"},
    {.name = "sunionstore",
     .arity = at_least(3),
     .keys = target_and_sources(kKeyOW | kKeyUpdate),
     .access = Access::kWrite,
     .flags = kDenyOom,
     .journal = JournalForm::kVerbatim,
     .run = sunionstore,
     .group = Group::kSet,
     .syntax = "destination key [key ...]",
     .summary = "Stores the members of all sets given.",
     .since = "1.0.0",
     .complexity = kSumCost},
    {.name = "sdiff",
     .arity = at_least(2),
     .keys = all_are_keys(kKeyRO | kKeyAccess),
     .access = Access::kRead,
     .run = sdiff,
     .group = Group::kSet,
     .syntax = "key [key ...]",
     .summary = "Replies the members of the first set that no other has.",
     .since = "1.0.0",
     .complexity = kSumCost,
     .tips = "nondeterministic_output_order"},
    {.name = "sdiffstore",
     .arity = at_least(3),
     .keys = target_and_sources(kKeyOW | kKeyUpdate),
     .access = Access::kWrite,
     .flags = kDenyOom,
     .journal = JournalForm::kVerbatim,
     .run = sdiffstore,
     .group = Group::kSet,
     .syntax = "destination key [key ...]",
     .summary = "Stores the members of the first set that no other has.",
     .since = "1.0.0",
     .complexity = kSumCost},
};

}  // namespace

std::span<const CommandSpec> set_algebra_commands() { return kCommands; }

}  // namespace memoir
