// MIGRATE: moves keys to another server.
//
// The keys' stripes are not held while the other server is talked to. The handler reads the keys,
// watches them and lets a thread of the Migrator send them; its client waits. Then it runs once
// more: keys that are as they were are deleted, and the deletion journaled; those that changed
// meanwhile are sent again in their new form, and after some such rounds under the locks, so that
// it ends. In a transaction or script, which must not wait, everything is done under the locks, as
// in Redis.
#include "datatypes/serial/values.h"
#include "src/base/c_text.h"
#include "src/command/dispatcher.h"
#include "src/command/watching.h"
#include "src/server/client.h"
#include "src/server/migrator.h"
#include "src/server/server.h"
#include "src/server/server_rows.h"
#include "src/server/worker.h"

namespace memoir {
namespace {

constexpr unsigned kRoundsMax = 8;

// The session in whose name a migration's handler runs again.
class MigrationSession final : public Session {
 public:
  MigrationSession(const Client& client, Migrator& migrator)
      : migrator_(migrator),
        user_(client.user()),
        address_(client.address()),
        client_name_(client.client_name()) {
    identity = client.identity;
    identity.may_block = false;
  }

  Bytes user() const override { return user_; }
  Bytes address() const override { return address_; }
  Bytes client_name() const override { return client_name_; }

  Migrator& migrator() { return migrator_; }

  std::shared_ptr<Migration> migration = std::make_shared<Migration>();
  StoredRequest request;
  bool over = false;

 private:
  Migrator& migrator_;
  const Bytes user_;
  const Bytes address_;
  const Bytes client_name_;
};

// --- reading the request ---

struct Request {
  Migration migration;
  std::span<const Word> keys;
};

// AUTH password, AUTH2 username password, or neither.
bool read_login(Args& args, Migration& migration) {
  if (args.take("AUTH")) {
    migration.user.reset();
    migration.password = args.next();
    return true;
  }
  if (!args.take("AUTH2")) return false;
  migration.user = args.next();
  migration.password = args.next();
  return true;
}

Status read_request(Args& args, Request& request) {
  Migration& migration = request.migration;
  migration.host = c_text(args.next());
  migration.port = static_cast<unsigned>(std::atoi(Bytes(args.next()).c_str()));
  request.keys = args.rest().first(1);
  const ByteView first_key = args.next();
  Args numbers = args;
  args.skip(2);
  while (args.more()) {
    if (args.take("COPY")) {
      migration.copy = true;
    } else if (args.take("REPLACE")) {
      migration.replace = true;
    } else if (args.take("KEYS")) {
      if (!first_key.empty()) {
        return Error(
            "ERR When using MIGRATE KEYS option, the key argument must be set to the empty string");
      }
      request.keys = args.rest();
      args.skip(args.left());
    } else if (!read_login(args, migration)) {
      args.fail(kSyntaxError);
    }
    if (args.failed()) return args.status();
  }
  const ByteView db_word = numbers.next();
  const std::int64_t timeout_ms = numbers.integer();
  const auto db = parse_integer(db_word);
  if (!db) numbers.fail(kNotInteger);
  if (numbers.failed()) return numbers.status();
  migration.db = *db;
  constexpr std::int64_t kTimeoutMax = 1LL << 40;
  migration.timeout =
      std::chrono::milliseconds(timeout_ms <= 0 ? 1000 : std::min(timeout_ms, kTimeoutMax));
  return ok;
}

// --- keys ---

std::shared_ptr<WatchState> watch_key(Context& ctx, ByteView key) {
  auto state = std::make_shared<WatchState>();
  Stripe& stripe = ctx.stripes().stripe(stripe_of(ctx.db().hash_of(key)));
  if (!stripe.watchers) stripe.watchers = std::make_unique<Watchers>();
  static_cast<Watchers&>(*stripe.watchers)
      .add({ctx.db().index(), Bytes(key)}, {.state = state, .existed = true, .expired = false});
  stripe.has_watchers = true;
  return state;
}

// Ends a key's watch; whether it changed.
bool unwatch_key(Context& ctx, Migration::Key& key) {
  if (!key.watch) return false;
  Stripe& stripe = ctx.stripes().stripe(stripe_of(ctx.db().hash_of(key.name)));
  auto& watchers = static_cast<Watchers&>(*stripe.watchers);
  watchers.remove({ctx.db().index(), key.name}, key.watch.get());
  stripe.has_watchers = !watchers.empty();
  const bool changed = key.watch->dirty.load();
  key.watch.reset();
  return changed;
}

Migration::Key read_key(Context& ctx, ByteView name, const Entry& entry) {
  const bool compresses = ctx.stripes().keyspace().rdb.compression;
  Migration::Key key{.name = Bytes(name)};
  key.payload = dump_payload(entry, compresses ? RdbCompression::kYes : RdbCompression::kNo);
  key.expire_ms = entry.expire_ms();
  return key;
}

// Deletes what the target has and nobody changed here; the others are to be sent again.
void settle_round(Context& ctx, Migration& migration) {
  std::vector<Migration::Key> again;
  std::vector<ByteView> deleted{"DEL"};
  for (Migration::Key& key : migration.keys) {
    const bool changed = unwatch_key(ctx, key);
    if (!key.acknowledged || migration.copy) continue;
    if (changed) {
      const Entry* entry = ctx.db().peek(key.name);
      again.push_back(entry ? read_key(ctx, key.name, *entry)
                            : Migration::Key{.name = key.name, .gone = true});
    } else if (!key.gone && ctx.db().remove(key.name)) {
      deleted.push_back(key.name);
    }
  }
  if (deleted.size() > 1) ctx.effects().add(deleted);
  migration.keys = std::move(again);
  ++migration.round;
}

Status result_of(const Migration& migration, ReplyWriter& reply) {
  if (!migration.failure.empty()) return Error(migration.failure);
  reply.ok();
  return ok;
}

// Talks to the target under the locks.
void migrate_now(Context& ctx, Migration& migration, Migrator& migrator) {
  migrator.run(migration);
  settle_round(ctx, migration);
}

// --- the rounds ---

void go_on(Server& server, unsigned worker, std::shared_ptr<MigrationSession> session);

void start_round(Server& server, unsigned worker, std::shared_ptr<MigrationSession> session) {
  std::shared_ptr<Migration> migration = session->migration;
  session->migrator().start(std::move(migration), [&server, worker, session] {
    server.worker(worker).loop().post(
        [&server, worker, session] { go_on(server, worker, session); });
  });
}

// On the client's worker: a round has come back.
void go_on(Server& server, unsigned worker, std::shared_ptr<MigrationSession> session) {
  OutputBuffer out;
  ReplyWriter reply(out, session->identity.resp);
  const Lsn lsn = server.worker(worker).run_again(*session, session->request, reply);
  if (!session->over) return start_round(server, worker, std::move(session));
  Client* client = server.worker(worker).find_client(session->identity.id);
  if (client) client->deliver(std::move(out), lsn);
}

Status finish_round(Context& ctx, MigrationSession& session, ReplyWriter& reply) {
  Migration& migration = *session.migration;
  settle_round(ctx, migration);
  if (!migration.keys.empty() && migration.failure.empty()) {
    if (migration.round < kRoundsMax) {
      for (Migration::Key& key : migration.keys) key.watch = watch_key(ctx, key.name);
      return ok;
    }
    migrate_now(ctx, migration, session.migrator());
  }
  session.over = true;
  return result_of(migration, reply);
}

// Where KEYS stands among the words; 0 if the key stands before the options.
int find_keys_option(std::span<const Word> words) {
  if (words.size() <= 3 || !words[3].text.empty()) return 0;
  for (std::size_t i = 6; i < words.size(); ++i) {
    if (equals_ignoring_case(words[i].text, "KEYS")) return static_cast<int>(i);
    if (equals_ignoring_case(words[i].text, "AUTH")) ++i;
    if (equals_ignoring_case(words[i].text, "AUTH2")) i += 2;
  }
  return 0;
}

// MIGRATE host port <key | ""> destination-db timeout [COPY] [REPLACE]
//         [AUTH password | AUTH2 username password] [KEYS key [key ...]]
Status migrate(Context& ctx, Args args, ReplyWriter& reply) {
  if (auto* again = dynamic_cast<MigrationSession*>(&ctx.session())) {
    return finish_round(ctx, *again, reply);
  }
  Request request;
  if (Status read = read_request(args, request); !read) return read;
  Migration& migration = request.migration;
  for (const Word& word : request.keys) {
    const Entry* entry = ctx.db().lookup(word.text);
    if (entry) migration.keys.push_back(read_key(ctx, word.text, *entry));
  }
  if (migration.keys.empty()) {
    reply.simple("NOKEY");
    return ok;
  }
  Client* client = client_of(ctx);
  const bool may_wait = client && !ctx.in_transaction() && ctx.session().identity.may_block;
  if (!may_wait) {
    Migrator of_its_own;
    migrate_now(ctx, migration, client ? client->worker().server().migrator() : of_its_own);
    return result_of(migration, reply);
  }
  if (!migration.copy) {
    for (Migration::Key& key : migration.keys) key.watch = watch_key(ctx, key.name);
  }
  Server& server = client->worker().server();
  auto session = std::make_shared<MigrationSession>(*client, server.migrator());
  *session->migration = std::move(migration);
  session->request = StoredRequest::copy_of(ctx.words(), &ctx.row());
  client->block(Blocked::kOnMigration, 0);
  start_round(server, client->worker().index(), std::move(session));
  return ok;
}

constexpr CommandSpec kRows[] = {
    {.name = "migrate",
     .arity = at_least(6),
     .keys = {key_range(3, 3, 1, kKeyRW | kKeyAccess | kKeyDelete | kKeyUnlessElsewhere),
              {.kind = KeySpec::Kind::kKeyword,
               .first = -2,
               .last = -1,
               .step = 1,
               .flags = kKeyRW | kKeyAccess | kKeyDelete | kKeyIncomplete,
               .keyword = "KEYS",
               .locate = find_keys_option}},
     .access = Access::kWrite,
     .flags = kDangerous | kSecretPassword | kBeyondKeys,
     .journal = JournalForm::kEffects,
     .run = migrate,
     .syntax = "host port <key | \"\"> destination-db timeout [COPY] [REPLACE] "
               "[AUTH password | AUTH2 username password] [KEYS key [key ...]]",
     .summary = "Moves keys to another server.",
     .since = "2.6.0",
     .complexity = "O(N) where N is the size of the values: here they are serialized and deleted, "
                   "there restored.",
     .tips = "nondeterministic_output"},
};

}  // namespace

std::span<const CommandSpec> migrate_commands() { return kRows; }

}  // namespace memoir
