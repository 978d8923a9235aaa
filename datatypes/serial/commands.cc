// DUMP and RESTORE: a value as bytes, and back.

#include <algorithm>
#include <vector>

#include "datatypes/registry.h"
#include "datatypes/serial/values.h"
#include "src/base/log.h"
#include "src/command/context.h"

namespace memoir {
namespace {

// DUMP key
Status dump(Context& ctx, Args args, ReplyWriter& reply) {
  const Entry* entry = ctx.db().lookup(args.next());
  if (!entry) {
    reply.null();
    return ok;
  }
  const RdbSettings& rdb = ctx.stripes().keyspace().rdb;
  reply.bulk(dump_payload(*entry, rdb.compression ? RdbCompression::kYes : RdbCompression::kNo));
  return ok;
}

struct RestoreOptions {
  bool replace = false;
  bool absolute = false;
  std::int64_t idle_seconds = -1;
  std::int64_t frequency = -1;
};

Status read_options(Args& args, RestoreOptions& options) {
  while (args.more()) {
    if (args.take("REPLACE")) {
      options.replace = true;
    } else if (args.take("ABSTTL")) {
      options.absolute = true;
    } else if (options.frequency == -1 && args.take("IDLETIME", 1)) {
      options.idle_seconds = args.integer();
      if (!args.failed() && options.idle_seconds < 0) {
        return Error("ERR Invalid IDLETIME value, must be >= 0");
      }
    } else if (options.idle_seconds == -1 && args.take("FREQ", 1)) {
      options.frequency = args.integer();
      if (!args.failed() && (options.frequency < 0 || options.frequency > 255)) {
        return Error("ERR Invalid FREQ value, must be >= 0 and <= 255");
      }
    } else {
      args.fail(kSyntaxError);
    }
    if (args.failed()) return args.status();
  }
  return ok;
}

// The access clock of a value that is restored now.
std::uint32_t access_of(const RestoreOptions& options, const RunEnvironment& env) {
  if (env.access_policy == AccessPolicy::kLfu) {
    const std::uint32_t fresh = lfu_initial(env.now_ms);
    if (options.frequency < 0) return fresh;
    return (fresh & ~0xffU) | static_cast<std::uint32_t>(options.frequency);
  }
  const std::int64_t now = lru_now(env.now_ms);
  return static_cast<std::uint32_t>(
      std::max<std::int64_t>(0, now - std::clamp<std::int64_t>(options.idle_seconds, 0, now)));
}

// The request in words that do not depend on the clock.
void journal_absolute(Context& ctx, std::int64_t expire_ms) {
  const Decimal when(expire_ms);
  std::vector<ByteView> words;
  for (const Word& word : ctx.words()) words.push_back(word.text);
  words[2] = when;
  words.push_back("ABSTTL");
  ctx.effects().add(words);
}

// A value whose time is over already: only what it would have replaced goes.
void restore_nothing(Context& ctx, ByteView key, const RestoreOptions& options) {
  if (!options.replace || !ctx.db().remove(key)) return;
  ctx.effects().add({ctx.environment().lazy_free ? "UNLINK" : "DEL", key});
}

// RESTORE key ttl serialized-value [REPLACE] [ABSTTL] [IDLETIME seconds] [FREQ frequency]
Status restore(Context& ctx, Args args, ReplyWriter& reply) {
  const ByteView key = args.next();
  Args ttl_word = args;
  args.skip();
  const ByteView payload = args.next();
  RestoreOptions options;
  if (Status read = read_options(args, options); !read) return read;

  Database& db = ctx.db();
  const bool exists = db.lookup_to_change(key) != nullptr;
  if (exists && !options.replace) return Error("BUSYKEY Target key name already exists.");
  std::int64_t ttl = ttl_word.integer();
  if (ttl_word.failed()) return ttl_word.status();
  if (ttl < 0) return Error("ERR Invalid TTL value, must be >= 0");
  // What the journal holds has been checked once.
  const bool trusted = ctx.replaying() || !ctx.stripes().keyspace().rdb.verify_payloads;
  const auto check = trusted ? PayloadCheck::kVersionOnly : PayloadCheck::kVersionAndChecksum;
  if (!is_sound_payload(payload, check)) {
    return Error("ERR DUMP payload version or checksum are wrong");
  }
  // A moment too far away to be told is one long ago, as in Redis.
  if (ttl != 0 && !options.absolute && __builtin_add_overflow(ttl, ctx.now_ms(), &ttl)) ttl = 1;
  auto loaded = load_payload(payload, key, ttl == 0 ? kNoExpiry : ttl, ctx.limits());
  if (!loaded) {
    log_verbose("RESTORE refused a payload: {}", loaded.peek_error().text());
    return Error("ERR Bad data format");
  }

  reply.ok();
  if (ttl != 0 && ttl <= ctx.now_ms() && ctx.environment().expiry == ExpiryMode::kDelete) {
    restore_nothing(ctx, key, options);
    return ok;
  }
  (*loaded)->set_access(access_of(options, ctx.environment()));
  db.put(key, loaded->release());
  db.add_changes();
  if (exists) db.notify(kEventNew, "new", key);  // it was removed and came anew
  db.notify(kEventGeneric, "restore", key);
  if (ttl != 0 && !options.absolute) journal_absolute(ctx, ttl);
  return ok;
}

constexpr const char* kRestoreSyntax =
    "key ttl:integer serialized-value [REPLACE] [ABSTTL] [IDLETIME seconds] [FREQ frequency]";
constexpr const char* kRestoreComplexity =
    "O(N) where N is the size of the value; O(N*log(N)) for sorted sets of N members.";

constexpr CommandSpec kRows[] = {
    {.name = "dump",
     .arity = exactly(2),
     .keys = first_is_key(kKeyRO | kKeyAccess),
     .access = Access::kRead,
     .run = dump,
     .syntax = "key",
     .summary = "Replies a value in a serialized form.",
     .since = "2.6.0",
     .complexity = "O(N) where N is the size of the value.",
     .tips = "nondeterministic_output"},
    {.name = "restore",
     .arity = at_least(4),
     .keys = first_is_key(kKeyOW | kKeyUpdate),
     .access = Access::kWrite,
     .flags = kDenyOom | kDangerous,
     .journal = JournalForm::kVerbatim,
     .run = restore,
     .syntax = kRestoreSyntax,
     .summary = "Creates a key from the serialized form of a value.",
     .since = "2.6.0",
     .complexity = kRestoreComplexity},
    {.name = "restore-asking",
     .arity = at_least(4),
     .keys = first_is_key(kKeyOW | kKeyUpdate),
     .access = Access::kWrite,
     .flags = kDenyOom | kAsking | kDangerous | kKeyspaceCategory,
     .journal = JournalForm::kVerbatim,
     .run = restore,
     .group = Group::kServer,
     .syntax = kRestoreSyntax,
     .summary = "RESTORE as one node of a cluster sends it to another that takes over a slot.",
     .since = "3.0.0",
     .complexity = kRestoreComplexity},
};

}  // namespace

std::span<const CommandSpec> serial_commands() { return kRows; }

}  // namespace memoir
