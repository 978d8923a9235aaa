// MSETEX: several strings at once, with a condition and an end for all of them.

#include <limits>

#include "datatypes/string/expiry_option.h"
#include "datatypes/string/rows.h"
#include "src/command/context.h"

namespace memoir {
namespace {

struct PairOptions {
  bool if_missing = false;   // NX
  bool if_existing = false;  // XX
  bool keep_ttl = false;
  ExpiryOption expiry;

  bool take(Args& args) {
    if (!if_existing && args.take("NX")) return if_missing = true;
    if (!if_missing && args.take("XX")) return if_existing = true;
    if (!expiry.given() && args.take("KEEPTTL")) return keep_ttl = true;
    return !keep_ttl && expiry.take(args);
  }
};

// The words of "key value ..." behind the number of pairs, which `args` passes over.
std::span<const Word> take_pairs(Args& args) {
  constexpr std::string_view kBadCount = "ERR invalid numkeys value";
  const std::int64_t count =
      args.integer_between(1, std::numeric_limits<std::int32_t>::max(), kBadCount);
  if (args.failed()) return {};
  const auto words = static_cast<std::size_t>(count) * 2;
  if (words > args.left()) {
    args.fail("ERR wrong number of key-value pairs");
    return {};
  }
  const std::span<const Word> pairs = args.rest().first(words);
  args.skip(words);
  return pairs;
}

bool is_met(Context& ctx, const PairOptions& options, std::span<const Word> pairs) {
  if (!options.if_missing && !options.if_existing) return true;
  for (std::size_t i = 0; i < pairs.size(); i += 2) {
    const bool exists = ctx.db().lookup_to_change(pairs[i].text) != nullptr;
    if (exists != options.if_existing) return false;
  }
  return true;
}

void set_pair(Context& ctx, ByteView key, const Word& value, const PairOptions& options,
              std::int64_t expire_ms) {
  Database& db = ctx.db();
  if (options.keep_ttl) {
    const Entry* old = db.peek(key);
    const std::int64_t kept = old ? old->expire_ms() : kNoExpiry;
    db.set_string(key, value.text, value.owner, kept);
    ctx.effects().add({"SET", key, value.text, "KEEPTTL"});
    return;
  }
  db.set_string(key, value.text, value.owner, expire_ms);
  if (expire_ms == kNoExpiry) {
    ctx.effects().add({"SET", key, value.text});
    return;
  }
  db.notify(kEventGeneric, "expire", key);
  ctx.effects().add({"SET", key, value.text, "PXAT", Decimal(expire_ms)});
}

// MSETEX numkeys key value [key value ...] [options]
// All or, if the condition does not hold for one of the keys, none.
Status msetex(Context& ctx, Args args, ReplyWriter& reply) {
  const std::span<const Word> pairs = take_pairs(args);
  PairOptions options;
  while (args.more() && !args.failed()) {
    if (!options.take(args)) args.fail(kSyntaxError);
  }
  if (args.failed()) return args.status();
  std::int64_t expire_ms = kNoExpiry;
  if (options.expiry.given()) {
    auto moment = options.expiry.moment(ctx);
    if (!moment) return moment.error();
    expire_ms = *moment;
  }
  const bool met = is_met(ctx, options, pairs);
  for (std::size_t i = 0; met && i < pairs.size(); i += 2) {
    set_pair(ctx, pairs[i].text, pairs[i + 1], options, expire_ms);
  }
  reply.integer(met);
  return ok;
}

constexpr CommandSpec kRows[] = {
    {.name = "msetex",
     .arity = at_least(4),
     .keys = {key_count(1, kKeyOW | kKeyUpdate, 2)},
     .access = Access::kWrite,
     .flags = kDenyOom,
     .journal = JournalForm::kEffects,
     .run = msetex,
     .group = Group::kString,
     .syntax = "numkeys key value [key value ...] [NX | XX] [EX seconds | PX milliseconds | "
               "EXAT unix-time-seconds | PXAT unix-time-milliseconds | KEEPTTL]",
     .summary = "Stores several strings at once, with a condition and an end if asked for.",
     .since = "8.4.0",
     .complexity = "O(N) where N is the number of keys to set.",
     .tips = "request_policy:multi_shard,response_policy:all_succeeded"},
};

}  // namespace

std::span<const CommandSpec> msetex_commands() { return kRows; }

}  // namespace memoir
