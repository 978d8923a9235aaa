// Commands that walk through a database: SCAN, KEYS, RANDOMKEY, DBSIZE.
//
// They hold one stripe at a time, so a walk delays nobody for long; inside EXEC and scripts all
// stripes are held already. Keys whose time has come are passed over; those that SCAN and RANDOMKEY
// come across are removed when the walk is over.
//
//   cursor := stripe << Table::kCursorBits | place in the stripe's table;  0 starts and ends

#include <algorithm>
#include <array>

#include "datatypes/keys/rows.h"
#include "datatypes/keys/type_name.h"
#include "src/command/context.h"
#include "src/command/scan_arguments.h"

namespace memoir {
namespace {

bool is_live(const Context& ctx, const Entry& entry) {
  const bool due = (entry.has_expiry() && entry.expire_ms() < ctx.now_ms()) ||
                   (entry.has_member_expiry() && entry.object()->has_ended(ctx.now_ms()));
  return !due || ctx.replaying();
}

const Entry& entry_in(TableItem item) { return *static_cast<const Entry*>(item.pointer); }

// Calls visit(Shard&) for the session's database in stripe `index`, under its lock.
template <class F>
void with_shard(Context& ctx, unsigned index, F&& visit) {
  ctx.stripes().with(index, ctx.db().index(), [&](Shard& shard, Stripe&) { visit(shard); });
}

// As is_live(); a key that is not will be removed.
bool is_live_or_goes(Context& ctx, const Entry& entry) {
  if (is_live(ctx, entry)) [[likely]] return true;
  ctx.environment().changes->overdue.push_back({ctx.db().index(), Bytes(entry.key())});
  return false;
}

bool admits(Context& ctx, const ScanArguments& arguments, const Entry& entry) {
  return arguments.admits(entry.key()) && is_live_or_goes(ctx, entry) &&
         arguments.admits_type(type_name(entry.type()));
}

// Walks on until as many keys as asked for were seen, or ten times as many buckets; writes those
// that are wanted. Returns the next cursor and adds to `written`.
std::uint64_t scan_from(Context& ctx, const ScanArguments& arguments, ReplyWriter& reply,
                        std::size_t& written) {
  std::uint64_t stripe = arguments.cursor() >> EntryTable::kCursorBits;
  std::uint64_t place = arguments.cursor() & ((std::uint64_t{1} << EntryTable::kCursorBits) - 1);
  const std::uint64_t count = arguments.count();
  std::uint64_t seen = 0;
  std::uint64_t buckets_left = count < UINT64_MAX / 10 ? count * 10 : UINT64_MAX;
  const auto spent = [&] { return seen >= count || buckets_left == 0; };
  for (; stripe < kStripes && !spent(); stripe += place == 0 ? 1 : 0) {
    with_shard(ctx, static_cast<unsigned>(stripe), [&](Shard& shard) {
      if (shard.keys.empty()) {
        place = 0;
        return;
      }
      do {
        place = shard.keys.scan(place, [&](TableItem item) {
          ++seen;
          const Entry& entry = entry_in(item);
          if (!admits(ctx, arguments, entry)) return;
          reply.bulk(entry.key());
          ++written;
        });
        --buckets_left;
      } while (place != 0 && !spent());
    });
  }
  return stripe < kStripes ? stripe << EntryTable::kCursorBits | place : 0;
}

// SCAN cursor [options]
Status scan(Context& ctx, Args args, ReplyWriter& reply) {
  ScanArguments arguments;
  arguments.read_cursor(args);
  if (!args.failed()) arguments.read_options(args, ScanArguments::Of::kDatabase);
  if (args.failed()) return args.status();

  const ReplyWriter::Mark start = reply.begin();
  std::size_t written = 0;
  const std::uint64_t next = scan_from(ctx, arguments, reply, written);
  end_scan(reply, start, next, written);
  return ok;
}

// KEYS pattern
Status keys(Context& ctx, Args args, ReplyWriter& reply) {
  const ByteView pattern = args.next();
  const ReplyWriter::Mark mark = reply.begin();
  std::size_t written = 0;
  const auto write = [&](const Entry& entry) {
    if (!is_live(ctx, entry)) return;
    reply.bulk(entry.key());
    ++written;
  };
  if (glob_is_literal(pattern)) {
    const std::uint64_t hash = ctx.db().hash_of(pattern);
    with_shard(ctx, stripe_of(hash), [&](Shard& shard) {
      if (const auto found = shard.keys.find(pattern, hash)) write(entry_in(found.item()));
    });
  } else {
    const bool all = pattern == "*";
    for (unsigned stripe = 0; stripe < kStripes && !reply.unwanted(); ++stripe) {
      with_shard(ctx, stripe, [&](Shard& shard) {
        shard.keys.for_each([&](TableItem item) {
          const Entry& entry = entry_in(item);
          if (all || glob_match(pattern, entry.key())) write(entry);
        });
      });
    }
  }
  reply.end_array(mark, written);
  return ok;
}

std::size_t stripe_size(Context& ctx, unsigned stripe) {
  std::size_t size = 0;
  with_shard(ctx, stripe, [&](Shard& shard) { size = shard.keys.size(); });
  return size;
}

// Replies a random live key of a stripe; false if chance hit one that is dead, or there is none.
bool reply_random_of(Context& ctx, unsigned stripe, ReplyWriter& reply) {
  bool found = false;
  with_shard(ctx, stripe, [&](Shard& shard) {
    if (shard.keys.empty()) return;
    const Entry& entry = entry_in(shard.keys.random(ctx.random()));
    found = is_live_or_goes(ctx, entry);
    if (found) reply.bulk(entry.key());
  });
  return found;
}

// Replies the first live key of a stripe, if there is one.
bool reply_any_of(Context& ctx, unsigned stripe, ReplyWriter& reply) {
  bool found = false;
  with_shard(ctx, stripe, [&](Shard& shard) {
    std::uint64_t place = 0;
    do {
      place = shard.keys.scan(place, [&](TableItem item) {
        const Entry& entry = entry_in(item);
        if (found || !is_live(ctx, entry)) return;
        reply.bulk(entry.key());
        found = true;
      });
    } while (place != 0 && !found);
  });
  return found;
}

// RANDOMKEY
// Every key is equally likely: a stripe is chosen by its share of the keys, then a key in it.
Status randomkey(Context& ctx, Args, ReplyWriter& reply) {
  constexpr int kTriesMax = 100;
  std::array<std::size_t, kStripes> ends;  // of each stripe's share
  std::size_t total = 0;
  for (unsigned stripe = 0; stripe < kStripes; ++stripe) {
    ends[stripe] = total += stripe_size(ctx, stripe);
  }
  for (int i = 0; total > 0 && i < kTriesMax; ++i) {
    const auto at = std::upper_bound(ends.begin(), ends.end(), ctx.random().below(total));
    if (reply_random_of(ctx, static_cast<unsigned>(at - ends.begin()), reply)) return ok;
  }
  // Nearly all keys are dead: look for one that is not.
  for (unsigned stripe = 0; total > 0 && stripe < kStripes; ++stripe) {
    if (reply_any_of(ctx, stripe, reply)) return ok;
  }
  reply.null();
  return ok;
}

// DBSIZE
Status dbsize(Context& ctx, Args, ReplyWriter& reply) {
  std::size_t size = 0;
  for (unsigned stripe = 0; stripe < kStripes; ++stripe) size += stripe_size(ctx, stripe);
  reply.integer(static_cast<std::int64_t>(size));
  return ok;
}

constexpr CommandSpec kRows[] = {
    {.name = "scan",
     .arity = at_least(2),
     .access = Access::kRead,
     .locks = Locks::kEach,
     .run = scan,
     .syntax = "cursor [MATCH pattern] [COUNT count] [TYPE type]",
     .summary = "Walks through the keys of a database, some at a time.",
     .since = "2.8.0",
     .complexity = "O(1) for a call, O(N) for a whole walk where N is the number of keys.",
     .tips = "nondeterministic_output,request_policy:special"},
    {.name = "keys",
     .arity = exactly(2),
     .access = Access::kRead,
     .flags = kDangerous,
     .locks = Locks::kEach,
     .run = keys,
     .syntax = "pattern",
     .summary = "Replies all keys that match a pattern.",
     .complexity = "O(N) where N is the number of keys in the database.",
     .tips = "request_policy:all_shards,nondeterministic_output_order"},
    {.name = "randomkey",
     .arity = exactly(1),
     .access = Access::kRead,
     .locks = Locks::kEach,
     .run = randomkey,
     .summary = "Replies one of the keys by chance.",
     .tips = "request_policy:all_shards,response_policy:special,nondeterministic_output"},
    {.name = "dbsize",
     .arity = exactly(1),
     .access = Access::kRead,
     .flags = kFast | kKeyspaceCategory,
     .locks = Locks::kEach,
     .run = dbsize,
     .group = Group::kServer,
     .summary = "Replies how many keys the database has.",
     .tips = "request_policy:all_shards,response_policy:agg_sum"},
};

}  // namespace

std::span<const CommandSpec> scan_commands() { return kRows; }

}  // namespace memoir
