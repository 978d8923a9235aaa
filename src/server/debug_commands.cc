// DEBUG: for tests and for looking inside. Its subcommands are no rows of the command table, as in
// Redis.
//
// All stripes are locked while it runs: SLEEP stops everything, DIGEST sees one moment. VERIFY
// alone takes one after the other.
#include <sys/mman.h>
#include <time.h>

#include <cstdlib>

#include "persistence/file.h"
#include "src/base/assert.h"
#include "src/base/c_text.h"
#include "src/base/glob.h"
#include "src/base/log.h"
#include "src/command/dispatcher.h"
#include "src/server/admin_rows.h"
#include "src/server/config_file.h"
#include "src/server/debug_object.h"
#include "src/server/debug_protocol.h"
#include "src/server/debug_verify.h"
#include "src/server/digest.h"
#include "src/server/help_reply.h"
#include "src/server/server_hooks.h"

namespace memoir {

namespace {

constexpr std::string_view kNoSuchKey = "ERR no such key";

// Atoi, as Redis reads its switches: what is no number is 0.
bool is_on(const Word& word) { return std::atoi(Bytes(word.text).c_str()) != 0; }

Status debug_accept(Context&, Args, ReplyWriter& reply) {
  reply.ok();
  return ok;
}

Status debug_sleep(Context&, Args args, ReplyWriter& reply) {
  const auto us = static_cast<std::int64_t>(std::strtod(Bytes(args.next()).c_str(), nullptr) * 1e6);
  if (us > 0) {
    timespec left{us / 1'000'000, (us % 1'000'000) * 1000};
    ::nanosleep(&left, nullptr);
  }
  reply.ok();
  return ok;
}

Status debug_segfault(Context&, Args, ReplyWriter&) {
  auto* page = static_cast<volatile char*>(
      ::mmap(nullptr, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
  *page = 'x';
  UNREACHABLE();
}

Status debug_panic(Context& ctx, Args, ReplyWriter&) {
  log_warning("DEBUG PANIC called at Unix time {}", ctx.now_ms() / 1000);
  UNREACHABLE();
}

Status debug_assert(Context&, Args args, ReplyWriter&) {
  ASSERT(args.more() && !args.more());
  return ok;
}

Status debug_oom(Context&, Args, ReplyWriter& reply) {
  release(allocate(SIZE_MAX / 2));
  reply.ok();
  return ok;
}

Status debug_log(Context&, Args args, ReplyWriter& reply) {
  log_warning("DEBUG LOG: {}", args.next());
  reply.ok();
  return ok;
}

Status debug_error(Context&, Args args, ReplyWriter& reply) {
  reply.error(args.next());
  return ok;
}

// What lies under a key, even if its time is over.
const Entry* find_as_it_is(Context& ctx, ByteView key) {
  const std::uint64_t hash = hash_in_memory(key);
  const Entry* entry = nullptr;
  ctx.stripes().with(stripe_of(hash), ctx.session().identity.db, [&](Shard& shard, Stripe&) {
    const EntryTable::Place place = shard.keys.find(key, hash);
    if (place) entry = static_cast<const Entry*>(place.item().pointer);
  });
  return entry;
}

Status debug_object(Context& ctx, Args args, ReplyWriter& reply) {
  const Entry* entry = find_as_it_is(ctx, args.next());
  if (!entry) return Error(kNoSuchKey);
  reply.simple(object_line(*entry, ctx.environment()));
  return ok;
}

Status debug_sdslen(Context& ctx, Args args, ReplyWriter& reply) {
  const Entry* entry = ctx.db().peek(args.next());
  if (!entry) return Error(kNoSuchKey);
  if (!entry->is_string() || entry->storage() == Storage::kInteger) {
    return Error("ERR Not an sds encoded string.");
  }
  // Key and value are in one block.
  const std::size_t block = entry->memory_usage(0);
  reply.simple(fmt::format(
      "key_sds_len:{}, key_sds_avail:0, key_zmalloc: {}, val_sds_len:{}, val_sds_avail:0, "
      "val_zmalloc: {}",
      entry->key().size(), block, entry->bytes().size(), block));
  return ok;
}

// DEBUG LISTPACK and QUICKLIST: the shape goes to the log.
Status show_encoded(Context& ctx, Args args, ByteView encoding, const char* complaint,
                    const char* answer, ReplyWriter& reply) {
  const ByteView key = args.next();
  const Entry* entry = ctx.db().peek(key);
  if (!entry) return Error(kNoSuchKey);
  if (!ByteView(entry->encoding()).starts_with(encoding)) return Error(complaint);
  log_notice("{}: {} elements, {} bytes", encoding, entry->object()->size(),
             entry->object()->memory_usage(0));
  reply.simple(answer);
  return ok;
}

Status debug_listpack(Context& ctx, Args args, ReplyWriter& reply) {
  return show_encoded(ctx, args, "listpack", "ERR Not a listpack encoded object.",
                      "Listpack structure printed on stdout", reply);
}

Status debug_quicklist(Context& ctx, Args args, ReplyWriter& reply) {
  return show_encoded(ctx, args, "quicklist", "ERR Not a quicklist encoded object.",
                      "Quicklist structure printed on stdout", reply);
}

Status debug_packed_threshold(Context& ctx, Args args, ReplyWriter& reply) {
  constexpr std::uint64_t kMax = (1ULL << 32) - (1 << 20);
  const auto bytes = parse_memory(args.next());
  if (!bytes || *bytes > kMax) {
    return Error("ERR argument must be a memory value bigger than 1 and smaller than 4gb");
  }
  ctx.stripes().keyspace().limits.list_packed_threshold = *bytes;
  reply.ok();
  return ok;
}

Status debug_skip_checksums(Context& ctx, Args args, ReplyWriter& reply) {
  ctx.stripes().keyspace().rdb.verify_payloads = !is_on(args.next_word());
  reply.ok();
  return ok;
}

// DEBUG POPULATE count [prefix [size]]
Status debug_populate(Context& ctx, Args args, ReplyWriter& reply) {
  constexpr std::string_view kRange = "ERR value is out of range, must be positive";
  constexpr std::int64_t kSizeMax = 512LL << 20;
  const std::int64_t count = args.integer_between(0, INT64_MAX, kRange);
  const ByteView prefix = args.more() ? args.next() : ByteView("key");
  const std::int64_t size = args.more() ? args.integer_between(0, kSizeMax, kRange) : 0;
  if (args.failed()) return args.status();
  for (std::int64_t i = 0; i < count; ++i) {
    const Bytes key = fmt::format("{}:{}", prefix, i);
    if (ctx.db().exists(key)) continue;
    Bytes value = fmt::format("value:{}", i);
    if (size > 0) value.resize(static_cast<std::size_t>(size), '\0');
    ctx.db().set_string(key, value, {}, kNoExpiry);
  }
  reply.ok();
  return ok;
}

Status debug_digest(Context& ctx, Args, ReplyWriter& reply) {
  reply.simple(keyspace_digest(ctx.stripes()).text());
  return ok;
}

Status debug_digest_value(Context& ctx, Args args, ReplyWriter& reply) {
  reply.array(args.left());
  while (args.more()) {
    Digest digest;
    if (const Entry* entry = ctx.db().peek(args.next())) add_value(digest, *entry);
    reply.simple(digest.text());
  }
  return ok;
}

Status debug_set_active_expire(Context& ctx, Args args, ReplyWriter& reply) {
  hooks_of(ctx).set_active_expire(is_on(args.next_word()));
  reply.ok();
  return ok;
}

Status debug_all_commands_in_scripts(Context& ctx, Args args, ReplyWriter& reply) {
  hooks_of(ctx).allow_all_commands_in_scripts(is_on(args.next_word()));
  reply.ok();
  return ok;
}

// DEBUG RELOAD [MERGE] [NOFLUSH] [NOSAVE]
Status debug_reload(Context& ctx, Args args, ReplyWriter& reply) {
  Reload how;
  while (args.more()) {
    if (args.take("merge")) {
      how.merge = true;
    } else if (args.take("noflush")) {
      how.flush = false;
    } else if (args.take("nosave")) {
      how.save = false;
    } else {
      return Error("ERR DEBUG RELOAD only supports the MERGE, NOFLUSH and NOSAVE options.");
    }
  }
  if (Status done = hooks_of(ctx).reload(ctx, how); !done) return done;
  log_warning("DB reloaded by DEBUG RELOAD");
  reply.ok();
  return ok;
}

Status debug_loadaof(Context& ctx, Args, ReplyWriter& reply) {
  if (Status done = hooks_of(ctx).reload(ctx, {.save = false}); !done) return done;
  log_warning("Append Only File loaded by DEBUG LOADAOF");
  reply.ok();
  return ok;
}

Status debug_change_repl_id(Context& ctx, Args, ReplyWriter& reply) {
  log_notice("Changing the replication id by DEBUG");
  if (Status done = hooks_of(ctx).change_replication_id(); !done) return done;
  reply.ok();
  return ok;
}

Status debug_rewrite_all(Context& ctx, Args, ReplyWriter& reply) {
  ServerHooks& hooks = hooks_of(ctx);
  const Status written = rewrite_config(posix_file_system(), hooks.config_file(),
                                        hooks.config_to_write(), Rewrite::kEverything);
  if (!written) {
    return Error(fmt::format("ERR CONFIG-REWRITE-FORCE-ALL failed: {}", written.error().text()));
  }
  reply.ok();
  return ok;
}

Status debug_structsize(Context&, Args, ReplyWriter& reply) {
  reply.bulk(fmt::format("bits:{} entry:{} bucket:{} stripe:{} word:{} ", sizeof(void*) * 8,
                         sizeof(Entry), sizeof(Bucket), sizeof(Stripe), sizeof(Word)));
  return ok;
}

Status debug_htstats(Context& ctx, Args args, ReplyWriter& reply) {
  const std::int64_t db = args.integer();
  if (args.failed()) return args.status();
  if (db < 0 || db >= ctx.databases()) return Error("ERR Out of range database");
  reply.verbatim(table_stats(ctx.stripes(), static_cast<unsigned>(db)), "txt");
  return ok;
}

Status debug_htstats_key(Context& ctx, Args args, ReplyWriter& reply) {
  const Entry* entry = ctx.db().peek(args.next());
  if (!entry) return Error(kNoSuchKey);
  const Bytes text = value_table_stats(*entry);
  if (text.empty()) {
    return Error(
        "ERR The value stored at the specified key is not represented using an hash table");
  }
  reply.verbatim(text, "txt");
  return ok;
}

// DEBUG STRINGMATCH-LEN length pattern: whether a text of so many 'a' matches.
Status debug_stringmatch_len(Context&, Args args, ReplyWriter& reply) {
  constexpr std::int64_t kMax = 64LL << 20;
  const std::int64_t length = args.integer_between(0, kMax);
  if (args.failed()) return args.status();
  reply.integer(glob_match(args.next(), Bytes(static_cast<std::size_t>(length), 'a')) ? 1 : 0);
  return ok;
}

// DEBUG STRINGMATCH-TEST: random patterns and texts; the point is to come back.
Status debug_stringmatch_test(Context& ctx, Args, ReplyWriter& reply) {
  constexpr int kRounds = 1'000'000;
  char pattern[32];
  char text[32];
  for (int round = 0; round < kRounds; ++round) {
    std::uint64_t bits = 0;
    for (std::size_t i = 0; i < sizeof(text); ++i) {
      if (i % 8 == 0) bits = ctx.random().next();
      pattern[i] = static_cast<char>(bits >> (i % 8 * 8) & 0x7f);
      text[i] = static_cast<char>(pattern[i] ^ 1);
    }
    (void)glob_match({pattern, ctx.random().below(sizeof(pattern))}, {text, sizeof(text)});
  }
  reply.simple("Apparently Memoir did not crash: test passed");
  return ok;
}

Status debug_client_eviction(Context& ctx, Args, ReplyWriter& reply) {
  if (hooks_of(ctx).config().current()->maxmemory_clients == 0) {
    return Error("ERR maxmemory-clients is disabled.");
  }
  reply.verbatim("Clients are compared when the limit is reached; there are no buckets.\n", "txt");
  return ok;
}

Status debug_replybuffer(Context&, Args args, ReplyWriter& reply) {
  if (args.take("peak-reset-time")) {
    if (!args.take("never") && !args.take("reset")) args.integer();
  } else if (!args.take("resizing")) {
    return Error(
        "ERR unknown subcommand or wrong number of arguments for 'REPLYBUFFER'. Try DEBUG HELP.");
  }
  if (args.failed()) return args.status();
  reply.ok();
  return ok;
}

// DEBUG VERIFY: +OK, or what is wrong with which key.
Status debug_verify(Context& ctx, Args, ReplyWriter& reply) {
  if (Status sound = verify_keyspace(ctx.stripes()); !sound) {
    log_warning("DEBUG VERIFY: {}", sound.error().text());
    return Error(fmt::format("ERR {}", sound.error().text()));
  }
  reply.ok();
  return ok;
}

Status debug_help(Context& ctx, Args, ReplyWriter& reply);

struct DebugRow {
  const char* name;
  std::size_t min;  // words behind the name
  std::size_t max;
  Handler run;
  const char* help;
};

constexpr std::size_t kAny = SIZE_MAX;

constexpr DebugRow kRows[] = {
    {"aof-flush-sleep", 1, 1, debug_accept, "<us>: accepted, without effect"},
    {"assert", 0, kAny, debug_assert, ": fails an assertion"},
    {"change-repl-id", 0, 0, debug_change_repl_id, ": changes the replication id"},
    {"client-eviction", 0, 0, debug_client_eviction, ": about maxmemory-clients"},
    {"config-rewrite-force-all", 0, 0, debug_rewrite_all,
     ": CONFIG REWRITE of all directives, default or not"},
    {"dict-resizing", 1, 1, debug_accept, "<0|1>: accepted, without effect"},
    {"digest", 0, 0, debug_digest, ": a digest of all data"},
    {"digest-value", 0, kAny, debug_digest_value, "<key> ...: digests of values"},
    {"error", 1, 1, debug_error, "<text>: replies an error"},
    {"help", 0, 0, debug_help, nullptr},
    {"htstats", 1, 2, debug_htstats, "<db> [full]: about the tables of a database"},
    {"htstats-key", 1, 2, debug_htstats_key, "<key> [full]: about the table of a value"},
    {"listpack", 1, 1, debug_listpack, "<key>: logs what a listpack holds"},
    {"loadaof", 0, 0, debug_loadaof,
     ": empties memory and builds it again from the newest snapshot and the journal"},
    {"log", 1, 1, debug_log, "<text>: writes to the log"},
    {"object", 1, 2, debug_object, "<key>: where and how a value is kept"},
    {"oom", 0, kAny, debug_oom, ": asks for more memory than there is"},
    {"panic", 0, kAny, debug_panic, ": ends the server with a stack trace"},
    {"pause-cron", 1, 1, debug_accept, "<0|1>: accepted, without effect"},
    {"populate", 1, 3, debug_populate,
     "<count> [<prefix> [<size>]]: creates keys <prefix>:0 and so on"},
    {"protocol", 1, 1, debug_protocol, "<type>: replies a value of the protocol's type"},
    {"quicklist", 1, 2, debug_quicklist, "<key>: logs what a list holds"},
    {"quicklist-packed-threshold", 1, 1, debug_packed_threshold,
     "<size>: list elements of this size get a node of their own"},
    {"reload", 0, kAny, debug_reload,
     "[MERGE] [NOFLUSH] [NOSAVE]: saves a snapshot, empties memory and loads it again"},
    {"replybuffer", 2, 2, debug_replybuffer, "...: accepted, without effect"},
    {"sdslen", 1, 1, debug_sdslen, "<key>: lengths of a key and its string"},
    {"segfault", 0, kAny, debug_segfault, ": ends the server by a bad memory access"},
    {"set-active-expire", 1, 1, debug_set_active_expire,
     "<0|1>: whether keys expire without being asked for"},
    {"set-disable-deny-scripts", 1, 1, debug_all_commands_in_scripts,
     "<0|1>: whether scripts may call commands that are not for scripts"},
    {"set-skip-checksum-validation", 1, 1, debug_skip_checksums,
     "<0|1>: 1: RESTORE ignores checksums"},
    {"sleep", 1, 1, debug_sleep, "<seconds>: stops the server for so long"},
    {"stringmatch-len", 2, 2, debug_stringmatch_len,
     "<length> <pattern>: matches a text of so many 'a'"},
    {"stringmatch-test", 0, 0, debug_stringmatch_test, ": tries random patterns"},
    {"structsize", 0, 0, debug_structsize, ": sizes of structures, in bytes"},
    {"verify", 0, 0, debug_verify, ": checks that all data agrees with itself"},
};

Status debug_help(Context& ctx, Args, ReplyWriter& reply) {
  std::vector<Bytes> texts;
  for (const DebugRow& row : kRows) {
    if (!row.help) continue;
    const ByteView gap = row.help[0] == ':' ? "" : " ";
    texts.push_back(fmt::format("{}{}{}", to_upper(row.name), gap, row.help));
  }
  std::vector<const char*> lines;
  for (const Bytes& text : texts) lines.push_back(text.c_str());
  write_help(ctx, lines, reply);
  return ok;
}

Status debug(Context& ctx, Args args, ReplyWriter& reply) {
  const ByteView name = args.next();
  for (const DebugRow& row : kRows) {
    if (!equals_ignoring_case(name, row.name)) continue;
    if (args.left() < row.min || args.left() > row.max) break;
    return row.run(ctx, args, reply);
  }
  return Error(fmt::format(
      "ERR unknown subcommand or wrong number of arguments for '{}'. Try DEBUG HELP.",
      c_text(name).substr(0, 128)));
}

// VERIFY takes its time, stripe by stripe.
Locks debug_locks(std::span<const Word> words) {
  const bool verifies = words.size() == 2 && equals_ignoring_case(words[1].text, "verify");
  return verifies ? Locks::kEach : Locks::kAll;
}

constexpr CommandSpec kCommands[] = {
    {.name = "debug",
     .arity = at_least(2),
     .flags = kAdmin | kNoScript | kLoading | kStale | kProtected,
     .journal = JournalForm::kVerbatim,  // POPULATE; nothing else changes anything
     .locks = Locks::kAll,
     .run = debug,
     .group = Group::kServer,
     .syntax = "subcommand [argument [argument ...]]",
     .summary = "Looks inside the server, and breaks it, for tests.",
     .since = "1.0.0",
     .complexity = "Depends on the subcommand",
     .choose_locks = debug_locks},
};

}  // namespace

std::span<const CommandSpec> debug_commands() { return kCommands; }

}  // namespace memoir
