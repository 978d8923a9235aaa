// Commands on keys of any type: DEL, UNLINK, EXISTS, TYPE, TOUCH; and the list of all rows of this
// folder.

#include <vector>

#include "datatypes/keys/quiet_lookup.h"
#include "datatypes/keys/rows.h"
#include "datatypes/keys/type_name.h"
#include "datatypes/registry.h"
#include "src/command/dispatcher.h"

namespace memoir {
namespace {

// Replies how many of the keys were there.
Status remove_keys(Context& ctx, Args args, bool free_later, ReplyWriter& reply) {
  bool& lazy_free = ctx.environment().lazy_free;
  const bool before = std::exchange(lazy_free, free_later);
  std::int64_t removed = 0;
  while (args.more()) removed += ctx.db().remove(args.next()) ? 1 : 0;
  lazy_free = before;
  reply.integer(removed);
  return ok;
}

// DEL key [key ...]
Status del(Context& ctx, Args args, ReplyWriter& reply) {
  return remove_keys(ctx, args, ctx.dispatcher().settings.lazyfree_user_del, reply);
}

// UNLINK key [key ...]
// DEL that leaves the freeing of large values to the background.
Status unlink(Context& ctx, Args args, ReplyWriter& reply) {
  return remove_keys(ctx, args, true, reply);
}

// EXISTS key [key ...]
// A key named twice counts twice.
Status exists(Context& ctx, Args args, ReplyWriter& reply) {
  std::int64_t found = 0;
  while (args.more()) found += quiet_lookup(ctx, args.next()) ? 1 : 0;
  reply.integer(found);
  return ok;
}

// TYPE key
Status type(Context& ctx, Args args, ReplyWriter& reply) {
  const Entry* entry = quiet_lookup(ctx, args.next());
  reply.simple(entry ? type_name(entry->type()) : "none");
  return ok;
}

// TOUCH key [key ...]
// The one read that moves the access clock even for a client that asked for CLIENT NO-TOUCH.
Status touch(Context& ctx, Args args, ReplyWriter& reply) {
  const TouchMode mode(ctx, true);
  std::int64_t found = 0;
  while (args.more()) found += ctx.db().lookup(args.next()) ? 1 : 0;
  reply.integer(found);
  return ok;
}

constexpr CommandSpec kRows[] = {
    {.name = "del",
     .arity = at_least(2),
     .keys = all_are_keys(kKeyRM | kKeyDelete),
     .access = Access::kWrite,
     .journal = JournalForm::kVerbatim,
     .run = del,
     .syntax = "key [key ...]",
     .summary = "Deletes keys.",
     .complexity = "O(N) where N is the number of keys, plus the elements of collections.",
     .tips = "request_policy:multi_shard,response_policy:agg_sum"},
    {.name = "unlink",
     .arity = at_least(2),
     .keys = all_are_keys(kKeyRM | kKeyDelete),
     .access = Access::kWrite,
     .flags = kFast,
     .journal = JournalForm::kVerbatim,
     .run = unlink,
     .syntax = "key [key ...]",
     .summary = "Deletes keys; large values are freed in the background.",
     .since = "4.0.0",
     .complexity = "O(N) where N is the number of keys; freeing costs the background as much as "
                   "the values have allocations.",
     .tips = "request_policy:multi_shard,response_policy:agg_sum"},
    {.name = "exists",
     .arity = at_least(2),
     .keys = all_are_keys(kKeyRO),
     .access = Access::kRead,
     .flags = kFast,
     .run = exists,
     .syntax = "key [key ...]",
     .summary = "Counts how many of the given keys exist.",
     .complexity = "O(N) where N is the number of keys.",
     .tips = "request_policy:multi_shard,response_policy:agg_sum"},
    {.name = "type",
     .arity = exactly(2),
     .keys = first_is_key(kKeyRO),
     .access = Access::kRead,
     .flags = kFast,
     .run = type,
     .syntax = "key",
     .summary = "Replies the type of the value stored under a key."},
    {.name = "touch",
     .arity = at_least(2),
     .keys = all_are_keys(kKeyRO),
     .access = Access::kRead,
     .flags = kFast,
     .run = touch,
     .syntax = "key [key ...]",
     .summary = "Marks keys as used now and counts those that exist.",
     .since = "3.2.1",
     .complexity = "O(N) where N is the number of keys.",
     .tips = "request_policy:multi_shard,response_policy:agg_sum"},
};

}  // namespace

std::span<const CommandSpec> key_commands() {
  static const std::vector<CommandSpec> rows = [] {
    std::vector<CommandSpec> all(std::begin(kRows), std::end(kRows));
    for (const auto part : {expiry_commands(), member_expiry_commands(), rename_commands(),
                            object_commands(), scan_commands(), prefix_commands(),
                            database_commands()}) {
      all.insert(all.end(), part.begin(), part.end());
    }
    return all;
  }();
  return rows;
}

}  // namespace memoir
