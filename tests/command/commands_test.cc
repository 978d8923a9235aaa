// The commands of the rig: as few as show every way in which a handler can work.
//
// Goal of the cases here: a command's changes are journaled in the form its row says, and only if
// there are any.
#include "tests/command/command_rig.h"

namespace memoir {
namespace {

// SET key value [unix-ms]
Status set_(Context& ctx, Args args, ReplyWriter& reply) {
  const ByteView key = args.next();
  const Word& value = args.next_word();
  const std::int64_t expire_ms = args.more() ? args.integer() : kNoExpiry;
  if (args.failed()) return args.status();
  ctx.db().set_string(key, value.text, value.owner, expire_ms);
  reply.ok();
  return ok;
}
// GET key
Status get_(Context& ctx, Args args, ReplyWriter& reply) {
  const Entry* entry = ctx.db().lookup(args.next());
  if (!entry) {
    reply.null();
    return ok;
  }
  if (!entry->is_string()) return Error(kWrongType);
  char scratch[kIntegerCharsMax];
  reply.bulk(string_view_of(*entry, scratch));
  return ok;
}
// DEL key...
Status del_(Context& ctx, Args args, ReplyWriter& reply) {
  std::int64_t removed = 0;
  while (args.more()) removed += ctx.db().remove(args.next()) ? 1 : 0;
  reply.integer(removed);
  return ok;
}
// MSET key value ...
Status mset_(Context& ctx, Args args, ReplyWriter& reply) {
  while (args.more()) {
    const ByteView key = args.next();
    ctx.db().set_string(key, args.next(), {}, kNoExpiry);
  }
  reply.ok();
  return ok;
}
// MGET key...
Status mget_(Context& ctx, Args args, ReplyWriter& reply) {
  reply.array(args.left());
  char scratch[kIntegerCharsMax];
  while (args.more()) {
    const Entry* entry = ctx.db().lookup(args.next());
    entry ? reply.bulk(string_view_of(*entry, scratch)) : reply.null();
  }
  return ok;
}
// INCR key
Status incr_(Context& ctx, Args args, ReplyWriter& reply) {
  auto edit = ctx.db().edit_string(args.next(), IfMissing::kCreate);
  if (!edit) return edit.error();
  const std::optional<std::int64_t> value = edit->created() ? 0 : edit->integer();
  if (!value) return Error(kNotInteger);
  edit->set_integer(*value + 1);
  edit->mark_changed("incrby");
  reply.integer(*value + 1);
  return ok;
}
// APPEND key text
Status append_(Context& ctx, Args args, ReplyWriter& reply) {
  auto edit = ctx.db().edit_string(args.next(), IfMissing::kCreate);
  if (!edit) return edit.error();
  edit->append(args.next());
  edit->mark_changed("append");
  reply.integer(static_cast<std::int64_t>(edit->size()));
  return ok;
}
// EXPIREAT key unix-ms: journaled as PEXPIREAT would be, by its effect
Status expireat_(Context& ctx, Args args, ReplyWriter& reply) {
  const ByteView key = args.next();
  const std::int64_t at = args.integer();
  if (args.failed()) return args.status();
  const bool there = ctx.db().exists(key);
  if (there) {
    ctx.db().set_expiry(key, at);
    ctx.effects().add({"expireat", key, Decimal(at)});
  }
  reply.integer(there);
  return ok;
}
// RENAME from to
Status rename_(Context& ctx, Args args, ReplyWriter& reply) {
  const ByteView from = args.next();
  const ByteView to = args.next();
  if (!ctx.db().exists(from)) return Error("ERR no such key");
  if (from != to) {
    ctx.db().put(to, ctx.db().take(from));
    ctx.db().add_changes();
  }
  reply.ok();
  return ok;
}
// PUSH key item...
Status push_(Context& ctx, Args args, ReplyWriter& reply) {
  auto edit = ctx.db().edit<Strings>(args.next(), IfMissing::kCreate);
  if (!edit) return edit.error();
  const std::size_t added = args.left();
  while (args.more()) (*edit)->items.emplace_back(args.next());
  if (added > 0) edit->mark_changed("rpush", added);
  reply.integer(static_cast<std::int64_t>((*edit)->items.size()));
  return ok;
}
bool pop_from(Context& ctx, ByteView key, Bytes& item) {
  auto edit = ctx.db().edit<Strings>(key);
  if (!edit || !*edit) return false;
  item = (*edit)->items.front();
  (*edit)->items.erase((*edit)->items.begin());
  edit->mark_changed("lpop");
  return true;
}
// POP key
Status pop_(Context& ctx, Args args, ReplyWriter& reply) {
  Bytes item;
  pop_from(ctx, args.next(), item) ? reply.bulk(item) : reply.null();
  return ok;
}
// BPOP key... timeout: journaled as POP
Status bpop_(Context& ctx, Args args, ReplyWriter& reply) {
  std::vector<ByteView> keys;
  while (args.left() > 1) keys.push_back(args.next());
  const std::int64_t timeout_ms = Context::timeout_ms(args);
  if (args.failed()) return args.status();
  for (const ByteView key : keys) {
    const auto list = ctx.db().read<Strings>(key);
    if (!list) return list.peek_error().clone();
    Bytes item;
    if (!pop_from(ctx, key, item)) continue;
    ctx.effects().add({"pop", key});
    reply.array(2);
    reply.bulk(key);
    reply.bulk(item);
    return ok;
  }
  return ctx.park(keys, TypeId::kList, timeout_ms, TimeoutReply::kNullArray, reply);
}
// BMOVE from to timeout: journaled as POP and PUSH
Status bmove_(Context& ctx, Args args, ReplyWriter& reply) {
  const ByteView from = args.next();
  const ByteView to = args.next();
  const std::int64_t timeout_ms = Context::timeout_ms(args);
  if (args.failed()) return args.status();
  Bytes item;
  if (!pop_from(ctx, from, item)) {
    return ctx.park(std::span(&from, 1), TypeId::kList, timeout_ms, TimeoutReply::kNull, reply);
  }
  auto edit = ctx.db().edit<Strings>(to, IfMissing::kCreate);
  (*edit)->items.push_back(item);
  edit->mark_changed("rpush");
  ctx.effects().add({"pop", from});
  ctx.effects().add({"push", to, item});
  reply.bulk(item);
  return ok;
}
// TAG key tag: a value of another type
Status tag_(Context& ctx, Args args, ReplyWriter& reply) {
  auto edit = ctx.db().edit<Tags>(args.next(), IfMissing::kCreate);
  if (!edit) return edit.error();
  (*edit)->items.emplace(args.next());
  edit->mark_changed("sadd");
  reply.integer(1);
  return ok;
}
// SELECT db
Status select_(Context& ctx, Args args, ReplyWriter& reply) {
  const std::int64_t db = args.integer_between(0, ctx.databases() - 1,
      "ERR DB index is out of range");
  if (args.failed()) return args.status();
  ctx.select(static_cast<unsigned>(db));
  reply.ok();
  return ok;
}
// SWAPDB a b
Status swapdb_(Context& ctx, Args args, ReplyWriter& reply) {
  const auto a = static_cast<unsigned>(args.integer_between(0, 3));
  const auto b = static_cast<unsigned>(args.integer_between(0, 3));
  if (args.failed()) return args.status();
  ctx.stripes().keyspace().swap_databases(a, b);
  ctx.environment().changes->touched_databases = {a, b};
  ctx.db().add_changes();
  reply.ok();
  return ok;
}
// FLUSHDB
Status flushdb_(Context& ctx, Args, ReplyWriter& reply) {
  for (unsigned i = 0; i < kStripes; ++i) {
    ctx.stripes().with(i, ctx.db().index(), [](Shard& shard, Stripe&) {
      shard.expires.clear();
      shard.keys.clear([](TableItem item) { Entry::destroy(static_cast<Entry*>(item.pointer)); });
    });
  }
  ctx.environment().changes->touched_databases.push_back(ctx.db().index());
  ctx.db().add_changes();
  reply.ok();
  return ok;
}
// DBSIZE
Status dbsize_(Context& ctx, Args, ReplyWriter& reply) {
  std::size_t size = 0;
  for (unsigned i = 0; i < kStripes; ++i) {
    ctx.stripes().with(i, ctx.db().index(),
                       [&](Shard& shard, Stripe&) { size += shard.keys.size(); });
  }
  reply.integer(static_cast<std::int64_t>(size));
  return ok;
}
// PING
Status ping_(Context&, Args, ReplyWriter& reply) {
  reply.simple("PONG");
  return ok;
}
// HALF key: replies half an answer, then fails
Status half_(Context&, Args, ReplyWriter& reply) {
  reply.array(2);
  reply.bulk("one");
  return Error("ERR half way");
}
// QUIET key value: a change that is not journaled
Status quiet_(Context& ctx, Args args, ReplyWriter& reply) {
  const ByteView key = args.next();
  ctx.db().set_string(key, args.next(), {}, kNoExpiry);
  ctx.effects().suppress();
  reply.ok();
  return ok;
}

constexpr std::uint32_t kDeny = kDenyOom;
constexpr CommandSpec kEcho[] = {
    {.name = "get", .arity = exactly(2), .locks = Locks::kNone, .run = ping_},
};
constexpr CommandSpec write_row(const char* name, Arity arity, KeySpecs keys, Handler run,
                                JournalForm journal = JournalForm::kVerbatim,
                                std::uint32_t flags = kDeny) {
  return {.name = name,
          .arity = arity,
          .keys = keys,
          .access = Access::kWrite,
          .flags = flags,
          .journal = journal,
          .run = run};
}
constexpr CommandSpec kRows[] = {
    write_row("set", between(3, 4), first_is_key(kKeyOW), set_),
    {.name = "get", .arity = exactly(2), .keys = first_is_key(kKeyRO), .access = Access::kRead,
        .run = get_},
    write_row("del", at_least(2), all_are_keys(kKeyRM), del_, JournalForm::kVerbatim, 0),
    write_row("unlink", at_least(2), all_are_keys(kKeyRM), del_, JournalForm::kVerbatim, 0),
    write_row("mset", {.min = 3, .step = 2}, {key_range(1, -1, 2, kKeyOW)}, mset_),
    {.name = "mget", .arity = at_least(2), .keys = all_are_keys(kKeyRO), .access = Access::kRead,
        .run = mget_},
    write_row("incr", exactly(2), first_is_key(kKeyRW), incr_),
    write_row("append", exactly(3), first_is_key(kKeyRW), append_),
    write_row("expireat", exactly(3), first_is_key(kKeyRW), expireat_, JournalForm::kEffects, 0),
    write_row("rename", exactly(3), two_keys(kKeyRW, kKeyOW), rename_, JournalForm::kVerbatim, 0),
    write_row("push", at_least(2), first_is_key(kKeyRW), push_),
    write_row("pop", exactly(2), first_is_key(kKeyRW), pop_, JournalForm::kVerbatim, 0),
    write_row("bpop", at_least(3), {key_range(1, -2, 1, kKeyRW)}, bpop_, JournalForm::kEffects, 0),
    write_row("bmove", exactly(4), two_keys(kKeyRW, kKeyRW), bmove_, JournalForm::kEffects),
    write_row("tag", exactly(3), first_is_key(kKeyRW), tag_),
    {.name = "select", .arity = exactly(2), .locks = Locks::kNone, .run = select_},
    {.name = "swapdb", .arity = exactly(3), .access = Access::kWrite,
        .journal = JournalForm::kVerbatim,
     .locks = Locks::kAll, .run = swapdb_},
    {.name = "flushdb", .arity = exactly(1), .access = Access::kWrite,
        .journal = JournalForm::kVerbatim,
     .locks = Locks::kAll, .run = flushdb_},
    {.name = "dbsize", .arity = exactly(1), .access = Access::kRead, .locks = Locks::kEach,
        .run = dbsize_},
    {.name = "ping", .arity = exactly(1), .locks = Locks::kNone, .run = ping_},
    {.name = "half", .arity = exactly(2), .keys = first_is_key(kKeyRO), .access = Access::kRead,
        .run = half_},
    write_row("quiet", exactly(3), first_is_key(kKeyRW), quiet_),
    {.name = "echo", .arity = at_least(2), .locks = Locks::kNone, .run = ping_,
        .subcommands = kEcho},
    {.name = "alone", .arity = exactly(1), .flags = kNoMulti, .locks = Locks::kNone, .run = ping_},
};

TEST_CASE("a change is journaled in the form of its row", "[command]") {
  CommandRig rig;
  REQUIRE(rig.run("SET key1 5") == "+OK\r\n");
  REQUIRE(rig.run("get key1") == "$1\r\n5\r\n");
  REQUIRE(rig.run("expireat key1 1800000000000") == ":1\r\n");
  REQUIRE(rig.run("expireat key2 1800000000000") == ":0\r\n");
  REQUIRE(rig.run("del key2") == ":0\r\n");
  REQUIRE(rig.run("pop key2") == "$-1\r\n");
  REQUIRE(rig.run("push key2") == ":0\r\n");
  REQUIRE(rig.run("rename key9 key1").starts_with("-ERR no such key"));
  REQUIRE(rig.run("quiet key3 x") == "+OK\r\n");
  REQUIRE(rig.run("push key2 a b") == ":2\r\n");
  REQUIRE(rig.run("bmove key2 key4 0") == "$1\r\na\r\n");
  REQUIRE(rig.run("select 2") == "+OK\r\n");
  REQUIRE(rig.run("mset key1 a key2 b key1 c") == "+OK\r\n");
  REQUIRE(rig.journal.text() ==
          "0: SET key1 5\n"
          "0: expireat key1 1800000000000\n"
          "0: push key2 a b\n"
          "0: MULTI; pop key2; push key4 a; EXEC\n"
          "2: mset key1 a key2 b key1 c\n");
  REQUIRE(rig.run("get key3") == "$-1\r\n");
  rig.run("select 0");
  rig.run("del key3");
  rig.journal.records.pop_back();
  REQUIRE(rig.replays());
}

TEST_CASE("a reply depends on the last record of the stripes it saw", "[command]") {
  CommandRig rig;
  const auto stripe = [](const Bytes& key) { return stripe_of(hash_in_memory(key)); };
  Bytes other = "key2";
  while (stripe(other) == stripe("key1")) other += '2';
  rig.run("set key1 5");
  const Lsn first = rig.worker->last.lsn;
  REQUIRE(first == rig.journal.position());
  rig.run("set " + other + " 5");
  const Lsn second = rig.worker->last.lsn;
  REQUIRE(second > first);
  rig.run("get key1");
  REQUIRE(rig.worker->last.lsn == first);
  rig.run("mget key1 " + other);
  REQUIRE(rig.worker->last.lsn == second);
  rig.run("dbsize");
  REQUIRE(rig.worker->last.lsn == second);
  rig.run("ping");
  REQUIRE(rig.worker->last.lsn == 0);
  rig.run("multi");
  REQUIRE(rig.worker->last.lsn == 0);
  rig.run("get key1");
  REQUIRE(rig.run("exec") == "*1\r\n$1\r\n5\r\n");
  REQUIRE(rig.worker->last.lsn == first);
}

TEST_CASE("requests are refused in Redis's words", "[command]") {
  CommandRig rig;
  REQUIRE(rig.run("nope a b") ==
          "-ERR unknown command 'nope', with args beginning with: 'a' 'b' \r\n");
  REQUIRE(rig.run("get") == "-ERR wrong number of arguments for 'get' command\r\n");
  REQUIRE(rig.run("mset key1 a key2") == "-ERR wrong number of arguments for 'mset' command\r\n");
  REQUIRE(rig.run("echo nope") == "-ERR unknown subcommand 'nope'. Try ECHO HELP.\r\n");
  REQUIRE(rig.run("echo GET x") ==
          "-ERR wrong number of arguments for 'echo|get' command\r\n");
  REQUIRE(rig.run("Echo Get") == "+PONG\r\n");
  REQUIRE(rig.run("half key1") == "-ERR half way\r\n");
  rig.host.refusal = "NOAUTH Authentication required.";
  REQUIRE(rig.run("get key1") == "-NOAUTH Authentication required.\r\n");
  rig.host.refusal.clear();
  rig.journal.refusal = "MISCONF no";
  REQUIRE(rig.run("set key1 1") == "-MISCONF no\r\n");
  REQUIRE(rig.run("get key1") == "$-1\r\n");
  rig.worker->dispatcher.settings.stop_writes_on_error = false;
  REQUIRE(rig.run("set key1 1") == "+OK\r\n");
  REQUIRE(rig.host.errors.size() == 8);
  const auto stats = rig.worker->dispatcher.command_stats();
  const auto& get_stats = stats[rig.table.find("get")->index];
  REQUIRE(get_stats.calls == 1);
  REQUIRE(get_stats.rejected == 2);
  REQUIRE(stats[rig.table.find("half")->index].failed == 1);
}

TEST_CASE("every name is found in any case, and nothing else", "[command]") {
  CommandRig rig;
  for (const std::uint32_t index : rig.table.commands()) {
    const Bytes name = rig.table.row(index).spec->name;
    REQUIRE(rig.table.find(name) == &rig.table.row(index));
    REQUIRE(rig.table.find(to_upper(name)) == &rig.table.row(index));
    REQUIRE(rig.table.find(name + "x") == nullptr);
  }
  REQUIRE(rig.table.find("") == nullptr);
}

TEST_CASE("events are told after the run, slow runs are told of", "[command]") {
  CommandRig rig;
  rig.worker->dispatcher.settings.events_wanted = kEventString | kEventGeneric | kEventNew;
  rig.worker->dispatcher.settings.notable_cycles = 0;
  rig.run("set key1 5");
  rig.run("del key1");
  rig.run("get key1");
  REQUIRE(rig.host.events == "new:key1 set:key1 del:key1");
  REQUIRE(rig.host.slowed == std::vector<Bytes>{"set", "del", "get"});
  rig.worker->dispatcher.settings.notable_cycles = UINT64_MAX;
  rig.run("get key1");
  REQUIRE(rig.host.slowed.size() == 3);
  rig.worker->dispatcher.settings.notable_reply_bytes = 50;
  rig.run("set key1 " + Bytes(60, 'x'));
  REQUIRE(rig.host.slowed.size() == 3);
  rig.run("get key1");
  REQUIRE(rig.host.slowed.size() == 4);
  REQUIRE(rig.host.notable_figures.reply_bytes == 67);
  rig.worker->dispatcher.settings.notable_request_bytes = 60;
  rig.run("set key2 " + Bytes(60, 'x'));
  REQUIRE(rig.host.slowed.size() == 5);
  REQUIRE(rig.host.notable_figures.request_bytes >= 67);
}

TEST_CASE("the journal knows who wrote", "[command]") {
  CommandRig rig;
  rig.run("set key1 1");
  rig.run("incr key1");
  Session other;
  other.identity.id = 9;
  rig.run(other, "incr key1");
  Session server;
  rig.run(server, "incr key1");
  REQUIRE(rig.journal.records[0].session == 1);
  REQUIRE(rig.journal.records[1].session == 1);
  REQUIRE(rig.journal.records[2].session == 2);
  REQUIRE(rig.journal.records[3].session == 0);
}

}  // namespace

std::span<const CommandSpec> test_commands() { return kRows; }

}  // namespace memoir
