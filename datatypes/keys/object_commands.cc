// OBJECT: how a value is kept. Asking moves no access clock and counts as no access.

#include <limits>

#include "datatypes/keys/rows.h"
#include "src/command/context.h"

namespace memoir {
namespace {

// Redis keeps one object for each of these and reports it as referenced "for ever".
constexpr std::int64_t kSharedIntegers = 10000;

// OBJECT ENCODING key
Status object_encoding(Context& ctx, Args args, ReplyWriter& reply) {
  const Entry* entry = ctx.db().peek(args.next());
  if (entry) {
    reply.bulk(ByteView(entry->encoding()));
  } else {
    reply.null();
  }
  return ok;
}

// OBJECT REFCOUNT key
Status object_refcount(Context& ctx, Args args, ReplyWriter& reply) {
  const Entry* entry = ctx.db().peek(args.next());
  if (!entry) {
    reply.null();
    return ok;
  }
  const bool shared = entry->storage() == Storage::kInteger && entry->integer() >= 0 &&
                      entry->integer() < kSharedIntegers;
  reply.integer(shared ? std::numeric_limits<std::int32_t>::max() : 1);
  return ok;
}

// OBJECT IDLETIME key
Status object_idletime(Context& ctx, Args args, ReplyWriter& reply) {
  const Entry* entry = ctx.db().peek(args.next());
  if (!entry) {
    reply.null();
    return ok;
  }
  if (ctx.environment().access_policy == AccessPolicy::kLfu) {
    return Error(
        "ERR An LFU maxmemory policy is selected, idle time not tracked. Please note that when "
        "switching between policies at runtime LRU and LFU data will take some time to adjust.");
  }
  reply.integer(static_cast<std::uint32_t>(lru_now(ctx.now_ms()) - entry->access()));
  return ok;
}

// OBJECT FREQ key
Status object_freq(Context& ctx, Args args, ReplyWriter& reply) {
  const Entry* entry = ctx.db().peek(args.next());
  if (!entry) {
    reply.null();
    return ok;
  }
  const RunEnvironment& env = ctx.environment();
  if (env.access_policy != AccessPolicy::kLfu) {
    return Error(
        "ERR An LFU maxmemory policy is not selected, access frequency not tracked. Please note "
        "that when switching between policies at runtime LRU and LFU data will take some time to "
        "adjust.");
  }
  reply.integer(lfu_counter(entry->access(), ctx.now_ms(), env.lfu_decay_minutes));
  return ok;
}

// OBJECT HELP
Status object_help(Context&, Args, ReplyWriter& reply) {
  static constexpr const char* kLines[] = {
      "OBJECT <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
      "ENCODING <key>",
      "    Reply how the value of a <key> is kept in memory.",
      "FREQ <key>",
      "    Reply how often a <key> is used: the logarithmic counter of the LFU policies.",
      "IDLETIME <key>",
      "    Reply for how many seconds a <key> has not been used.",
      "REFCOUNT <key>",
      "    Reply how many references there are to the value of a <key>.",
      "HELP",
      "    Print this help."};
  reply.array(std::size(kLines));
  for (const char* line : kLines) reply.simple(line);
  return ok;
}

constexpr KeySpecs kSecondIsKey{key_range(2, 2, 1, kKeyRO)};

constexpr CommandSpec kSubcommands[] = {
    {.name = "encoding",
     .arity = exactly(3),
     .keys = kSecondIsKey,
     .access = Access::kRead,
     .run = object_encoding,
     .syntax = "key",
     .summary = "Replies how a value is kept in memory.",
     .since = "2.2.3",
     .tips = "nondeterministic_output"},
    {.name = "freq",
     .arity = exactly(3),
     .keys = kSecondIsKey,
     .access = Access::kRead,
     .run = object_freq,
     .syntax = "key",
     .summary = "Replies the logarithmic counter of a key's uses.",
     .since = "4.0.0",
     .tips = "nondeterministic_output"},
    {.name = "help",
     .arity = exactly(2),
     .flags = kLoading | kStale,
     .locks = Locks::kNone,
     .run = object_help,
     .summary = "Explains the subcommands.",
     .since = "6.2.0"},
    {.name = "idletime",
     .arity = exactly(3),
     .keys = kSecondIsKey,
     .access = Access::kRead,
     .run = object_idletime,
     .syntax = "key",
     .summary = "Replies for how many seconds a key has not been used.",
     .since = "2.2.3",
     .tips = "nondeterministic_output"},
    {.name = "refcount",
     .arity = exactly(3),
     .keys = kSecondIsKey,
     .access = Access::kRead,
     .run = object_refcount,
     .syntax = "key",
     .summary = "Replies how many references there are to a value.",
     .since = "2.2.3",
     .tips = "nondeterministic_output"},
};

constexpr CommandSpec kRows[] = {
    {.name = "object",
     .arity = at_least(2),
     .locks = Locks::kNone,
     .summary = "Asks how values are kept.",
     .since = "2.2.3",
     .complexity = "Depends on subcommand.",
     .subcommands = kSubcommands},
};

}  // namespace

std::span<const CommandSpec> object_commands() { return kRows; }

}  // namespace memoir
