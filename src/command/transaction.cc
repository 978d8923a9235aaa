// MULTI, EXEC, DISCARD, WATCH and UNWATCH.
//
// EXEC locks the union of the stripes of its queue and of what is watched, runs the queue, and
// journals all that was done as one record, MULTI ... EXEC.
#include "src/command/transaction.h"

#include "src/command/dispatcher.h"
#include "src/command/keys.h"
#include "src/command/removals.h"
#include "src/command/watching.h"
#include "src/store/undo.h"

namespace memoir {
namespace {

// Whether the one optional word is there. Any other is one word too many, as in Redis.
Result<bool> take_option(Context& ctx, Args& args, std::string_view option) {
  const bool taken = args.take(option);
  if (args.more()) return Error(CommandTable::arity_error(ctx.row(), ctx.words()));
  return taken;
}

// MULTI [ROLLBACK]
Status multi(Context& ctx, Args args, ReplyWriter& reply) {
  Result<bool> rollback = take_option(ctx, args, "ROLLBACK");
  Transaction& transaction = ctx.session().transaction;
  if (!rollback) {
    // As any request with a wrong number of words does.
    if (transaction.open) transaction.broken = true;
    return rollback.error();
  }
  if (transaction.open) return Error("ERR MULTI calls can not be nested");
  transaction.open = true;
  transaction.rollback = *rollback;
  reply.ok();
  return ok;
}

// EXEC [DRYRUN]
Status exec(Context& ctx, Args args, ReplyWriter& reply) {
  Result<bool> dry = take_option(ctx, args, "DRYRUN");
  if (!dry) {
    ctx.dispatcher().discard(ctx.session());
    return Error(aborted_exec(dry.error().text()));
  }
  return ctx.dispatcher().exec(ctx, *dry ? Outcome::kUndo : Outcome::kKeep, reply);
}

Status discard(Context& ctx, Args, ReplyWriter& reply) {
  if (!ctx.session().transaction.open) return Error("ERR DISCARD without MULTI");
  ctx.dispatcher().discard(ctx.session());
  reply.ok();
  return ok;
}

Status watch(Context& ctx, Args args, ReplyWriter& reply) {
  if (ctx.session().transaction.open) return Error("ERR WATCH inside MULTI is not allowed");
  ctx.dispatcher().watch(ctx, args.rest());
  reply.ok();
  return ok;
}

Status unwatch(Context& ctx, Args, ReplyWriter& reply) {
  ctx.dispatcher().unwatch(ctx.session());
  reply.ok();
  return ok;
}

constexpr std::uint32_t kAlways = kNoScript | kLoading | kStale | kFast | kAllowBusy;

constexpr CommandSpec kCommands[] = {
    {.name = "multi",
     .arity = between(1, 2),
     .flags = kAlways | kTransactionControl,
     .locks = Locks::kNone,
     .run = multi,
     .group = Group::kTransactions,
     .syntax = "[ROLLBACK]",
     .summary = "Starts a transaction.",
     .since = "1.2.0"},
    {.name = "exec",
     .arity = between(1, 2),
     .flags = kNoScript | kLoading | kStale | kSkipSlowlog | kTransactionControl,
     .locks = Locks::kNone,
     .run = exec,
     .group = Group::kTransactions,
     .syntax = "[DRYRUN]",
     .summary = "Executes all commands in a transaction.",
     .since = "1.2.0",
     .complexity = "Depends on commands in the transaction"},
    {.name = "discard",
     .arity = exactly(1),
     .flags = kAlways | kTransactionControl,
     .locks = Locks::kNone,
     .run = discard,
     .group = Group::kTransactions,
     .summary = "Discards a transaction.",
     .since = "2.0.0",
     .complexity = "O(N), when N is the number of queued commands"},
    {.name = "watch",
     .arity = at_least(2),
     .keys = all_are_keys(kKeyRO),
     .flags = kAlways | kTransactionControl,
     .run = watch,
     .group = Group::kTransactions,
     .syntax = "key [key ...]",
     .summary = "Monitors changes to keys to determine the execution of a transaction.",
     .since = "2.2.0",
     .complexity = "O(1) for every key."},
    {.name = "unwatch",
     .arity = exactly(1),
     .flags = kAlways,
     .locks = Locks::kNone,
     .run = unwatch,
     .group = Group::kTransactions,
     .summary = "Forgets about watched keys of a transaction.",
     .since = "2.2.0"},
};

constexpr std::string_view kAborted = "EXECABORT Transaction discarded because of";
constexpr std::string_view kRolledBack = "EXECABORT Transaction rolled back because of: ";

// The text of a reply that is an error; empty if it is none.
Bytes error_text(const OutputBuffer& reply) {
  OutputBuffer::Slice first[1];
  if (reply.slices(first, reply.end_position()) == 0 || first[0].data[0] != '-') return {};
  Bytes text = reply.flatten();
  return text.substr(1, text.size() - 3);
}

Presence presence_of(LockedStripes& locked, unsigned db, ByteView key, std::int64_t now_ms) {
  const std::uint64_t hash = hash_in_memory(key);
  const EntryTable::Place place = locked.shard(db, hash).keys.find(key, hash);
  if (!place) return Presence::kAbsent;
  const auto* entry = static_cast<const Entry*>(place.item().pointer);
  const bool stale = entry->has_expiry() && entry->expire_ms() < now_ms;
  return stale ? Presence::kStale : Presence::kFresh;
}

// Whether the time of a watched key has run out since it is watched.
bool ran_out(LockedStripes& locked, const WatchedKey& key, const WatchState* state,
             std::int64_t now_ms) {
  if (presence_of(locked, key.db, key.key, now_ms) != Presence::kStale) return false;
  const Stripe& stripe = locked.stripe(stripe_of(hash_in_memory(key.key)));
  return !static_cast<const Watchers&>(*stripe.watchers).known_expired({key.db, key.key}, state);
}

}  // namespace

std::span<const CommandSpec> transaction_commands() { return kCommands; }

StoredRequest StoredRequest::copy_of(std::span<const Word> words, const CommandTable::Row* row) {
  StoredRequest stored;
  stored.row = row;
  std::size_t bytes = 0;
  for (const Word& word : words) bytes += word.owner ? 0 : word.text.size();
  stored.bytes = std::make_unique<char[]>(bytes);
  char* at = stored.bytes.get();
  stored.words.reserve(words.size());
  for (const Word& word : words) {
    if (word.owner) {
      stored.words.push_back(word);
      continue;
    }
    std::memcpy(at, word.text.data(), word.text.size());
    stored.words.push_back({ByteView(at, word.text.size()), {}});
    at += word.text.size();
  }
  return stored;
}

bool Dispatcher::is_exec(const CommandSpec& spec) { return spec.run == memoir::exec; }

Bytes aborted_exec(ByteView error) {
  const ByteView code = "ERR ";
  if (error.starts_with(code)) error.remove_prefix(code.size());
  Bytes text(kAborted);
  text += ": ";
  return text += error;
}

// The words of what a transaction did, back to back.
struct Dispatcher::TransactionLog {
  unsigned record_db;
  unsigned db;
  std::size_t count = 0;
  std::uint64_t changes = 0;
  Bytes resp;

  void add(unsigned command_db, ByteView words, std::size_t commands = 1) {
    if (words.empty()) return;
    if (count == 0) record_db = db = command_db;
    select(command_db);
    resp += words;
    count += commands;
  }
  void select(unsigned to) {
    if (to == db) return;
    const Decimal number(to);
    const ByteView words[] = {"SELECT", number};
    append_request(resp, words);
    db = to;
    ++count;
  }
  // The record's words: one command as it is, several between MULTI and EXEC.
  Bytes finish() {
    select(record_db);
    if (count == 1) return std::move(resp);
    return "*1\r\n$5\r\nMULTI\r\n" + resp + "*1\r\n$4\r\nEXEC\r\n";
  }
};

Status Dispatcher::exec(Context& ctx, Outcome wanted, ReplyWriter& reply) {
  Transaction done;
  UndoLog undo;  // freed without locks
  Status status = run_transaction(ctx, done, undo, wanted, reply);
  if (settings.monitored) [[unlikely]] {
    for (const StoredRequest& request : done.queue) {
      host_.monitor(ctx.session_, request.words, Origin::kClient);
    }
    host_.monitor(ctx.session_, ctx.words_, Origin::kClient);
  }
  return status;
}

// A command whose effects go beyond keys, and so beyond an undo.
Status Dispatcher::check_undoable(const CommandTable::Row& row) {
  const CommandSpec& spec = *row.spec;
  if (!spec.has(kBeyondKeys) && !spec.has(kAdmin) && !spec.has(kPubSub)) return ok;
  return Error("ERR '" + CommandTable::full_name(row) +
               "' cannot be undone, so it is not allowed here");
}

void Dispatcher::roll_back(Context& ctx, UndoLog& undo) {
  ctx.env_.undo = nullptr;
  undo.undo(ctx.env_);
  if (ctx.session_.identity.db != ctx.first_db_) ctx.select(ctx.first_db_);
  effects_.clear();
  changes_.clear_but_garbage();
}

// Moves the transaction to `done` if it is run.
Status Dispatcher::run_transaction(Context& ctx, Transaction& done, UndoLog& undo, Outcome wanted,
                                   ReplyWriter& reply) {
  Session& session = ctx.session();
  if (!session.transaction.open) return Error("ERR EXEC without MULTI");
  if (session.transaction.broken) {
    discard(session);
    Bytes text(kAborted);
    return Error(text += " previous errors.");
  }
  if (wanted == Outcome::kUndo) {
    for (const StoredRequest& request : session.transaction.queue) {
      const Status undoable = check_undoable(*request.row);
      if (undoable) continue;
      discard(session);
      return Error(aborted_exec(undoable.error().text()));
    }
  }
  StripeSet set;
  for (const StoredRequest& request : session.transaction.queue) {
    const CommandSpec& spec = *request.row->spec;
    const Locks locks = spec.locks_of(request.words);
    if (locks == Locks::kAll || locks == Locks::kEach) set.add_all();
    each_key(spec, request.words,
             [&](std::size_t i) { set.add(stripe_of(hash_in_memory(request.words[i].text))); });
  }
  for (const WatchedKey& key : session.watched) set.add(stripe_of(hash_in_memory(key.key)));

  LockedStripes locked(keyspace_, slot_);
  if (!locked.lock_unless_busy(set)) [[unlikely]] {
    discard(session);
    return Error(aborted_exec(host_.busy_error().text()));
  }
  LockedStripes* const outer = std::exchange(ctx.env_.stripes, &locked);
  bool dirty = session.watch_state && session.watch_state->dirty.load();
  for (const WatchedKey& key : session.watched) {
    dirty = dirty || ran_out(locked, key, session.watch_state.get(), ctx.now_ms());
  }
  remove_watches(session);
  Transaction transaction = std::exchange(session.transaction, {});
  if (dirty) {
    reply.null_array();
  } else {
    done = std::move(transaction);
    if (done.rollback || wanted == Outcome::kUndo) {
      run_undoable(ctx, done, undo, wanted, reply);
    } else {
      run_queued(ctx, done.queue, reply);
    }
  }
  ctx.lsn_ = depends_on(locked, Locks::kKeys);
  ctx.env_.stripes = outer;
  return ok;
}

void Dispatcher::run_queued(Context& ctx, std::span<const StoredRequest> queue,
                            ReplyWriter& reply) {
  TransactionLog log{};
  reply.array(queue.size());
  for (const StoredRequest& request : queue) run_one_queued(ctx, request, log, reply);
  settle_transaction(ctx, log);
}

// The same, but all of it is taken back if it is not wanted, or not wanted with a failure in it.
void Dispatcher::run_undoable(Context& ctx, const Transaction& transaction, UndoLog& undo,
                              Outcome wanted, ReplyWriter& reply) {
  TransactionLog log{};
  Bytes failure;
  ctx.env_.undo = &undo;
  const ReplyWriter::Mark mark = reply.begin();
  reply.array(transaction.queue.size());
  for (const StoredRequest& request : transaction.queue) {
    OutputBuffer one;
    ReplyWriter writer(one, ctx.session_.identity.resp);
    run_one_queued(ctx, request, log, writer);
    if (transaction.rollback) failure = error_text(one);
    if (!failure.empty()) break;
    reply.buffer().append_all(std::move(one));
  }
  if (failure.empty() && wanted == Outcome::kKeep) {
    ctx.env_.undo = nullptr;
    settle_transaction(ctx, log);
    return;
  }
  roll_back(ctx, undo);
  if (failure.empty()) return;
  reply.buffer().truncate(mark);
  reply.error(Bytes(kRolledBack) += failure);
}

void Dispatcher::run_one_queued(Context& ctx, const StoredRequest& request, TransactionLog& log,
                                ReplyWriter& reply) {
  own_hashes_.clear();
  ctx.env_.hashed_keys = {};
  effects_.clear();
  changes_.count = 0;
  Context inner(*this, ctx.session_, ctx.env_, effects_);
  inner.in_transaction_ = true;
  const Status permitted =
      host_.permit(ctx.session_, *request.row, request.words, Origin::kTransaction);
  if (!permitted) [[unlikely]] {
    host_.failed(permitted.error().text());
    return reply.error(permitted.error());
  }
  const ReplyWriter::Mark mark = reply.begin();
  call(inner, *request.row, request.words, reply);
  for (const Removal& removal : changes_.expired) {
    each_removal_request(removal, "DEL", words_scratch_,
                         [&](ByteView words) { log.add(removal.db, words); });
  }
  if (!changes_.expired.empty()) tell_trackers(*ctx.env_.stripes, changes_);
  changes_.expired.clear();
  log.changes += changes_.count;
  add_to_log(inner, request.words, log);
  std::size_t request_bytes = 0;
  for (const Word& word : request.words) request_bytes += word.text.size();
  count(*request.row, ctx.session_, request.words,
        {.request = request_bytes, .reply = reply.begin() - mark});
}

// Journals what a transaction did and tells watchers. The stripes are locked.
void Dispatcher::settle_transaction(Context& ctx, TransactionLog& log) {
  LockedStripes& locked = *ctx.env_.stripes;
  KeyspaceStats::bump(stats_.changes, log.changes);
  changes_.count = 0;
  effects_.clear();
  signal_touched(locked, changes_);
  if (log.count == 0) return;
  const Bytes words = log.finish();
  stamp(locked, append(&ctx.session_, log.record_db, words, now_us_));
}

void Dispatcher::add_to_log(Context& ctx, std::span<const Word> words, TransactionLog& log) {
  const JournalForm form = ctx.row_->spec->journal;
  if (changes_.count == 0 || form == JournalForm::kNone || effects_.suppressed()) return;
  if (effects_.count() > 0) return log.add(ctx.first_db_, effects_.resp(), effects_.count());
  if (form == JournalForm::kEffects) return;
  words_scratch_.clear();
  append_words(words_scratch_, words);
  log.add(ctx.first_db_, words_scratch_);
}

void Dispatcher::discard(Session& session) {
  session.transaction = {};
  unwatch(session);
}

void Dispatcher::watch(Context& ctx, std::span<const Word> keys) {
  Session& session = ctx.session();
  if (!session.watch_state) session.watch_state = std::make_shared<WatchState>();
  const unsigned db = session.identity.db;
  for (const Word& word : keys) {
    const bool known = std::ranges::any_of(session.watched, [&](const WatchedKey& watched) {
      return watched.db == db && watched.key == word.text;
    });
    if (known) continue;
    const Presence presence = presence_of(ctx.stripes(), db, word.text, ctx.now_ms());
    Stripe& stripe = ctx.stripes().stripe(stripe_of(hash_in_memory(word.text)));
    if (!stripe.watchers) stripe.watchers = std::make_unique<Watchers>();
    static_cast<Watchers&>(*stripe.watchers)
        .add({db, Bytes(word.text)},
             {.state = session.watch_state,
              .existed = presence == Presence::kFresh,
              .expired = presence == Presence::kStale});
    stripe.has_watchers = true;
    session.watched.push_back({db, Bytes(word.text)});
  }
}

void Dispatcher::unwatch(Session& session) {
  if (session.watched.empty()) {
    session.watch_state.reset();
    return;
  }
  StripeSet set;
  for (const WatchedKey& key : session.watched) set.add(stripe_of(hash_in_memory(key.key)));
  LockedStripes locked(keyspace_, slot_);
  locked.lock(set);
  remove_watches(session);
}

// The stripes of all watched keys are locked.
void Dispatcher::remove_watches(Session& session) {
  for (const WatchedKey& key : session.watched) {
    Stripe& stripe = keyspace_.stripe(stripe_of(hash_in_memory(key.key)));
    auto& watchers = static_cast<Watchers&>(*stripe.watchers);
    watchers.remove({key.db, key.key}, session.watch_state.get());
    stripe.has_watchers = !watchers.empty();
  }
  session.watched.clear();
  session.watch_state.reset();
}

// Tells watchers and trackers of changed keys, and notes keys that somebody waits for. The stripes
// are locked.
void Dispatcher::signal_touched(LockedStripes& locked, Changes& changes) {
  tell_trackers(locked, changes);
  for (KeyRef& touched : changes.touched) {
    Stripe& stripe = locked.stripe(stripe_of(hash_in_memory(touched.key)));
    if (stripe.has_watchers) {
      const std::uint64_t hash = hash_in_memory(touched.key);
      const bool there =
          static_cast<bool>(locked.shard(touched.db, hash).keys.find(touched.key, hash));
      static_cast<Watchers&>(*stripe.watchers).mark({touched.db, touched.key}, there);
    }
    if (stripe.has_waiters && touched.awaited) ready_.push_back(std::move(touched));
  }
  for (const unsigned db : changes.touched_databases) {
    locked.held().each([&](unsigned i) {
      Stripe& stripe = locked.stripe(i);
      if (stripe.has_watchers) {
        static_cast<Watchers&>(*stripe.watchers).mark_database(db, [&](ByteView key) {
          return presence_of(locked, db, key, now_us_ / 1000);
        });
      }
      if (stripe.has_waiters) {
        static_cast<WaitQueues&>(*stripe.waiters).each_key([&](const WaitQueues::Key& key) {
          if (key.first == db) ready_.push_back({key.first, key.second});
        });
      }
    });
  }
  changes.clear_touched();
}

}  // namespace memoir
