#include "src/command/dispatcher.h"

#include <algorithm>

#include "src/base/cycles.h"
#include "src/base/prefetch.h"
#include "src/command/keys.h"
#include "src/command/misconf.h"
#include "src/command/removals.h"
#include "src/command/transaction.h"

namespace memoir {
namespace {

void bump(std::atomic<std::uint64_t>& counter, std::uint64_t by = 1) {
  KeyspaceStats::bump(counter, by);
}

bool is_write(const CommandSpec& spec) { return spec.access == Access::kWrite; }
bool denies_oom(const CommandSpec& spec) { return spec.has(kDenyOom); }

// For how long the requests of a window may share one look at the clock: some 0.1 ms.
constexpr std::uint64_t kClockCycles = 300'000;

// What a record may take beyond the words of its request: MULTI, EXEC, SELECT, absolute times.
constexpr std::size_t kRecordSlack = 256;

// About as many as the request takes in RESP.
std::size_t bytes_of(std::span<const Word> words) {
  std::size_t bytes = 0;
  for (const Word& word : words) bytes += word.text.size() + 8;
  return bytes;
}

// At most as many as the request's record takes.
std::size_t record_bytes(std::span<const Word> words) {
  return bytes_of(words) + 8 * words.size() + kRecordSlack;
}

// "*3\r\n", "$5\r\n"
void append_header(Bytes& out, char type, std::size_t count) {
  char text[kIntegerCharsMax];
  out += type;
  out.append(text, format_unsigned(count, text));
  out += "\r\n";
}

}  // namespace

Dispatcher::Dispatcher(Keyspace& keyspace, const CommandTable& commands, Journal& journal,
                       const Clock& clock, DispatchHost& host, std::uint64_t seed)
    : keyspace_(keyspace),
      slot_(keyspace.take_slot()),
      commands_(commands),
      journal_(&journal),
      clock_(clock),
      host_(host),
      random_(seed),
      cycles_per_us_(cycles_per_us()),
      command_stats_(std::make_unique<CommandStats[]>(commands.size())),
      latencies_(std::make_unique<std::atomic<LatencyHistogram*>[]>(commands.size())) {}

Dispatcher::~Dispatcher() { keyspace_.give_back(slot_); }

// --- looking ahead
// ------------------------------------------------------------------------------------

void Dispatcher::prefetch(const Session& session, const RequestParser& batch) {
  batch_ = &batch;
  batch_next_ = 0;
  batch_db_ = session.identity.db;
  prepare_window();
}

void Dispatcher::forget_batch() {
  batch_ = nullptr;
  prepared_.clear();
  prepared_at_ = 0;
}

void Dispatcher::prepare_window() {
  prepared_.clear();
  hashes_.clear();
  prepared_at_ = 0;
  read_clocks();
  const std::span<const Request> requests = batch_->requests();
  const std::size_t end = std::min(requests.size(), batch_next_ + kWindow);
  for (; batch_next_ < end; ++batch_next_) {
    const std::span<const Word> words = batch_->words(requests[batch_next_]);
    const CommandTable::Row* row = resolve_next(words);
    const auto first = static_cast<std::uint32_t>(hashes_.size());
    if (row) hash_keys(*row, words, hashes_);
    prepared_.push_back(
        {words.data(), row, first, static_cast<std::uint32_t>(hashes_.size()) - first});
  }
  if (prepared_.size() > 1) prefetch_keys();
}

// The row of the next request of a window. A pipeline mostly repeats its commands.
const CommandTable::Row* Dispatcher::resolve_next(std::span<const Word> words) const {
  if (!prepared_.empty()) {
    const Prepared& last = prepared_.back();
    if (last.row && last.row->spec->subcommands.empty() && !last.row->parent &&
        last.words[0].text == words[0].text) {
      return last.row;
    }
  }
  return commands_.resolve(words);
}

void Dispatcher::hash_keys(const CommandTable::Row& row, std::span<const Word> words,
                           std::vector<HashedKey>& hashes) {
  each_key(*row.spec, words, [&](std::size_t i) {
    hashes.push_back({words[i].text, hash_in_memory(words[i].text)});
  });
}

// A missing try_lock costs only a cache miss later on.
// First all buckets, then the entries in them. With several workers a bucket may be gone once its
// stripe is unlocked, so it is looked up again.
void Dispatcher::prefetch_keys() {
  if (!keyspace_.locking()) {
    const unsigned db = keyspace_.physical(batch_db_);
    buckets_.clear();
    for (const HashedKey& key : hashes_) {
      const EntryTable& table = keyspace_.shard(stripe_of(key.hash), db).keys;
      buckets_.push_back(table.home(key.hash));
      prefetch_line(buckets_.back());
    }
    for (std::size_t i = 0; i < hashes_.size(); ++i) {
      EntryTable::prefetch_items(buckets_[i], hashes_[i].hash);
    }
    return;
  }
  for (const bool items : {false, true}) {
    keyspace_.try_each(slot_, hashes_, [&](const HashedKey& key) {
      const unsigned physical = keyspace_.physical(batch_db_);
      const EntryTable& table = keyspace_.shard(stripe_of(key.hash), physical).keys;
      const Bucket* bucket = table.home(key.hash);
      items ? EntryTable::prefetch_items(bucket, key.hash) : prefetch_line(bucket);
    });
  }
}

Dispatcher::Prepared Dispatcher::take_prepared(std::span<const Word> words) {
  if (batch_ && prepared_at_ == prepared_.size() && batch_next_ < batch_->requests().size()) {
    prepare_window();
  }
  if (prepared_at_ < prepared_.size() && prepared_[prepared_at_].words == words.data()) {
    if (cycles_ - clock_cycles_ > kClockCycles) [[unlikely]] read_clocks();
    return prepared_[prepared_at_++];
  }
  read_clocks();
  return {nullptr, commands_.resolve(words), 0, 0};
}

void Dispatcher::read_clocks() {
  now_us_ = clock_.now_us();
  cycles_ = clock_cycles_ = cycles_now();
}

// --- gates
// --------------------------------------------------------------------------------------------

RunOutcome Dispatcher::run(Session& session, std::span<const Word> words, ByteView raw,
                           ReplyWriter& reply) {
  const Prepared prepared = take_prepared(words);
  if (!prepared.row) {
    return reject(session, nullptr, Error(commands_.unknown_error(words)), reply);
  }
  const CommandTable::Row& row = *prepared.row;
  const CommandSpec& spec = *row.spec;
  // As in Redis, a request is queued if COMMAND INFO's arity lets it pass; the rest comes with
  // EXEC.
  const bool queued = session.transaction.open && !spec.has(kTransactionControl);
  if (!(queued ? spec.arity.admits_form(words.size()) : spec.arity.admits(words.size())))
      [[unlikely]] {
    return reject(session, &row, Error(CommandTable::arity_error(row, words)), reply);
  }
  if (Status admitted = refuse(session, row, words); !admitted) [[unlikely]] {
    return reject(session, &row, admitted.error(), reply);
  }
  if (queued) {
    session.transaction.queue.push_back(StoredRequest::copy_of(words, &row));
    for (const Word& word : words) session.transaction.bytes += word.text.size();
    reply.simple("QUEUED");
    return {};
  }
  // EXEC tells of itself, behind the commands it ran.
  if (settings.monitored && !is_exec(spec)) [[unlikely]] {
    host_.monitor(session, words, Origin::kClient);
  }

  std::span<const HashedKey> keys;
  if (prepared.words) {
    keys = std::span(hashes_).subspan(prepared.first_hash, prepared.hash_count);
  } else {
    own_hashes_.clear();
    hash_keys(row, words, own_hashes_);
    keys = own_hashes_;
  }
  return execute(session, row, words, raw, keys, reply, nullptr);
}

RunOutcome Dispatcher::run_again(Session& session, const StoredRequest& request,
                                 ReplyWriter& reply) {
  read_clocks();
  own_hashes_.clear();
  hash_keys(*request.row, request.words, own_hashes_);
  return execute(session, *request.row, request.words, {}, own_hashes_, reply, nullptr);
}

RunOutcome Dispatcher::reject(Session& session, const CommandTable::Row* row, const Error& error,
                              ReplyWriter& reply) {
  if (row) bump(command_stats_[row->index].rejected);
  if (row && is_exec(*row->spec)) {
    discard(session);
    const Bytes text = aborted_exec(error.text());
    host_.failed(text);
    reply.error(text);
    return {};
  }
  if (session.transaction.open) session.transaction.broken = true;
  host_.failed(error.text());
  reply.error(error);
  return {};
}

// All that may keep a command from running, in Redis's order.
Status Dispatcher::refuse(Session& session, const CommandTable::Row& row,
                          std::span<const Word> words) {
  const CommandSpec& spec = *row.spec;
  if (Status admitted = host_.admit(session, row, words); !admitted) return admitted;
  if (session.transaction.open && spec.has(kNoMulti)) {
    return Error("ERR Command not allowed inside a transaction");
  }
  if (session.transaction.rollback && !spec.has(kTransactionControl)) [[unlikely]] {
    if (Status undoable = check_undoable(row); !undoable) return undoable;
  }
  out_of_memory_ = false;
  if (settings.maxmemory != 0) {
    if (Status enough = check_memory(session, spec); !enough) return enough;
  }
  if (settings.snapshots_failing) [[unlikely]] {
    const bool writes =
        is_write(spec) ||
        (session.transaction.open && is_exec(spec) && any_queued(session, is_write));
    if (writes) return Error(kSnapshotsFailing);
  }
  if (!settings.stop_writes_on_error) return ok;
  if (is_write(spec)) return journal().writable(record_bytes(words));
  if (session.transaction.open && is_exec(spec) && any_queued(session, is_write)) {
    std::size_t bytes = 0;
    for (const StoredRequest& request : session.transaction.queue) {
      bytes += record_bytes(request.words);
    }
    return journal().writable(bytes);
  }
  return ok;
}

Status Dispatcher::check_memory(Session& session, const CommandSpec& spec) {
  constexpr std::int64_t kBudgetUs = 500;
  const std::uint64_t evicted_before = stats_.evicted.load(std::memory_order_relaxed);
  const std::uint64_t began = cycles_now();
  const bool enough = evict_some(kBudgetUs);
  if (stats_.evicted.load(std::memory_order_relaxed) != evicted_before) {
    const double us = static_cast<double>(cycles_now() - began) / cycles_per_us_;
    host_.evicted(static_cast<std::int64_t>(us));
  }
  if (enough) return ok;
  out_of_memory_ = true;
  const bool denied = denies_oom(spec) ||
                      (session.transaction.open && !spec.has(kTransactionControl)) ||
                      (is_exec(spec) && any_queued(session, denies_oom));
  if (denied) return Error("OOM command not allowed when used memory > 'maxmemory'.");
  return ok;
}

// Whether the session has queued such a command.
bool Dispatcher::any_queued(const Session& session, bool (*test)(const CommandSpec&)) {
  if (!session.transaction.open) return false;
  return std::ranges::any_of(session.transaction.queue, [&](const StoredRequest& request) {
    return test(*request.row->spec);
  });
}

// --- a run
// --------------------------------------------------------------------------------------------

// All but what the run changes as well as the mode of expiry, for the server's own runs and the
// clients'.
RunEnvironment Dispatcher::environment(LockedStripes& locked) {
  RunEnvironment env;
  env.stripes = &locked;
  env.changes = &changes_;
  env.stats = &stats_;
  env.random = &random_;
  env.now_ms = now_us_ / 1000;
  env.events_wanted = settings.events_wanted;
  env.expiry = settings.expiry;
  env.access_policy = uses_lfu(settings.maxmemory_policy) ? AccessPolicy::kLfu : AccessPolicy::kLru;
  env.lazy_free = settings.lazyfree_server_del;
  env.string_bytes_max = settings.string_bytes_max;
  env.lfu_log_factor = settings.lfu_log_factor;
  env.lfu_decay_minutes = settings.lfu_decay_minutes;
  return env;
}

// False: the keyspace is busy, and the caller is not to wait for that.
bool Dispatcher::lock_for(LockedStripes& locked, Locks locks, std::span<const HashedKey> keys,
                          Patience patience) {
  const bool may_give_up = patience == Patience::kUntilBusy;
  StripeSet set;
  switch (locks) {
    case Locks::kKeys:
      if (keys.size() == 1) {
        const unsigned stripe = stripe_of(keys[0].hash);
        if (may_give_up) return locked.lock_one_unless_busy(stripe);
        locked.lock_one(stripe);
        return true;
      }
      for (const HashedKey& key : keys) set.add(stripe_of(key.hash));
      break;
    case Locks::kAll:
      set.add_all();
      break;
    case Locks::kEach:
      // Its handler waits for each; better it does not begin.
      if (may_give_up && locked.keyspace().locking()) {
        if (!locked.lock_one_unless_busy(0)) return false;
        locked.unlock();
      }
      return true;
    case Locks::kNone:
      return true;
  }
  if (may_give_up) return locked.lock_unless_busy(set);
  locked.lock(set);
  return true;
}

// `again` is the parked request that runs once more, or null.
RunOutcome Dispatcher::execute(Session& session, const CommandTable::Row& row,
                               std::span<const Word> words, ByteView raw,
                               std::span<const HashedKey> keys, ReplyWriter& reply,
                               const std::shared_ptr<Parked>& again) {
  LockedStripes locked(keyspace_, slot_);
  const Patience patience = again ? Patience::kForever : Patience::kUntilBusy;
  if (!lock_for(locked, row.spec->locks_of(words), keys, patience)) [[unlikely]] {
    return reject(session, &row, host_.busy_error(), reply);
  }
  changes_.clear();
  effects_.clear();
  source_ = session.identity.id;
  RunEnvironment env = environment(locked);
  env.touch = !session.identity.no_touch;
  env.hashed_keys = keys;
  // Whoever visits stripe by stripe has let go of them when records are written: it must not remove
  // keys.
  if (row.spec->locks == Locks::kEach && env.expiry == ExpiryMode::kDelete) {
    env.expiry = ExpiryMode::kHide;
  }

  Context ctx(*this, session, env, effects_);
  const ReplyWriter::Mark mark = reply.begin();
  call(ctx, row, words, reply);
  RunOutcome outcome;
  if (ctx.parking_.requested) [[unlikely]] {
    park(ctx, words, again);
    outcome.parked = true;
  }
  outcome.lsn = std::max(ctx.lsn_, settle(ctx, words, raw));
  locked.unlock();
  finish(outcome.lsn);
  if (outcome.parked) [[unlikely]] {
    cycles_ = cycles_now();  // it is counted when it is answered
    return outcome;
  }
  const std::size_t request_bytes = raw.empty() ? bytes_of(words) : raw.size();
  count(row, session, words, {.request = request_bytes, .reply = reply.begin() - mark});
  if (!changes_.overdue.empty()) [[unlikely]] remove_overdue();
  return outcome;
}

// Runs the handler; its error becomes the reply.
void Dispatcher::call(Context& ctx, const CommandTable::Row& row, std::span<const Word> words,
                      ReplyWriter& reply) {
  ctx.row_ = &row;
  ctx.words_ = words;
  const ReplyWriter::Mark mark = reply.begin();
  const bool misfits = ctx.in_transaction_ && !row.spec->arity.admits(words.size());
  const Status status = misfits
                            ? Status(Error(CommandTable::arity_error(row, words)))
                            : row.spec->run(ctx, Args(words.subspan(row.parent ? 2 : 1)), reply);
  if (!status) [[unlikely]] {
    reply.buffer().truncate(mark);
    reply.error(status.error());
    bump(command_stats_[row.index].failed);
    if (status.error().code() != ErrorCode::kCountedReply) host_.failed(status.error().text());
  }
  if (ctx.session_.identity.tracker != 0) [[unlikely]] track(ctx, words);
}

void Dispatcher::count(const CommandTable::Row& row, Session& session,
                       std::span<const Word> words, RunBytes bytes) {
  const std::uint64_t now = cycles_now();
  const std::uint64_t taken = now - cycles_;
  cycles_ = now;
  CommandStats& stats = command_stats_[row.index];
  bump(stats.calls);
  bump(stats.cycles, taken);
  if (settings.latency_tracking) count_latency(row.index, taken);
  if (taken >= settings.notable_cycles || bytes.request >= settings.notable_request_bytes ||
      bytes.reply >= settings.notable_reply_bytes) [[unlikely]] {
    const double us = static_cast<double>(taken) / cycles_per_us_;
    host_.notable(session, row, words,
                  {.us = static_cast<std::int64_t>(us),
                   .request_bytes = bytes.request,
                   .reply_bytes = bytes.reply});
  }
}

void Dispatcher::count_latency(std::size_t index, std::uint64_t cycles) {
  LatencyHistogram* histogram = latencies_[index].load(std::memory_order_relaxed);
  if (!histogram) [[unlikely]] {
    histogram = own_latencies_.emplace_back(std::make_unique<LatencyHistogram>()).get();
    latencies_[index].store(histogram, std::memory_order_release);
  }
  histogram->add(cycles);
}

void append_words(Bytes& out, std::span<const Word> words) {
  append_header(out, '*', words.size());
  for (const Word& word : words) {
    append_header(out, '$', word.text.size());
    out.append(word.text);
    out += "\r\n";
  }
}

// The request as the journal takes it: large words stay where they are, the rest is put together
// around them. Returns the first piece; the others are in pieces_.
ByteView Dispatcher::request_pieces(std::span<const Word> words) {
  constexpr std::size_t kLargeBytes = 4096;
  words_scratch_.clear();
  pieces_.clear();
  const bool large = std::ranges::any_of(
      words, [](const Word& word) { return word.text.size() >= kLargeBytes; });
  if (!large) {
    append_words(words_scratch_, words);
    return words_scratch_;
  }
  std::vector<std::size_t> cuts;  // where in the scratch a large word belongs
  append_header(words_scratch_, '*', words.size());
  for (const Word& word : words) {
    append_header(words_scratch_, '$', word.text.size());
    if (word.text.size() < kLargeBytes) {
      words_scratch_ += word.text;
    } else {
      cuts.push_back(words_scratch_.size());
      pieces_.push_back(word.text);
      pieces_.push_back({});
    }
    words_scratch_ += "\r\n";
  }
  const ByteView scratch = words_scratch_;
  cuts.push_back(scratch.size());
  for (std::size_t i = 0; i + 1 < cuts.size(); ++i) {
    pieces_[2 * i + 1] = scratch.substr(cuts[i], cuts[i + 1] - cuts[i]);
  }
  return scratch.substr(0, cuts[0]);
}

// --- the end of a run
// ---------------------------------------------------------------------------------

Lsn Dispatcher::settle(Context& ctx, std::span<const Word> words, ByteView raw) {
  LockedStripes& locked = *ctx.env_.stripes;
  if (!changes_.expired.empty()) [[unlikely]] append_expired(changes_);
  if (changes_.count > 0) {
    bump(stats_.changes, changes_.count);
    journal_run(ctx, words, raw);
  }
  if (changes_.touched_any()) [[unlikely]] signal_touched(locked, changes_);
  return depends_on(locked, ctx.row_->spec->locks);
}

void Context::settle_part() { dispatcher_.settle_part(*this); }

// What the run does afterwards starts from nothing; notifications and garbage wait for its end.
void Dispatcher::settle_part(Context& ctx) {
  if (changes_.count > 0) journal_run(ctx, ctx.words_, {});
  signal_touched(*ctx.env_.stripes, changes_);
  changes_.count = 0;
  effects_.clear();
}

void Dispatcher::journal_run(Context& ctx, std::span<const Word> words, ByteView raw) {
  const CommandSpec& spec = *ctx.row_->spec;
  if (spec.journal == JournalForm::kNone || effects_.suppressed()) return;
  std::span<const ByteView> more;
  if (effects_.count() == 0) {
    if (spec.journal == JournalForm::kEffects) return;
    if (raw.empty()) {
      raw = request_pieces(words);
      more = pieces_;
    }
  } else if (effects_.count() == 1) {
    raw = effects_.resp();
  } else {
    words_scratch_ = "*1\r\n$5\r\nMULTI\r\n";
    words_scratch_ += effects_.resp();
    words_scratch_ += "*1\r\n$4\r\nEXEC\r\n";
    raw = words_scratch_;
  }
  const Lsn lsn = append(&ctx.session_, ctx.first_db_, raw, now_us_, more);
  stamp(*ctx.env_.stripes, lsn);
}

// Notes a record in the stripes that it concerns.
void Dispatcher::stamp(const LockedStripes& locked, Lsn lsn) {
  if (locked.holds_all()) return keyspace_.set_exclusive_lsn(lsn);
  locked.held().each([&](unsigned i) { keyspace_.stripe(i).last_lsn = lsn; });
}

// Expiry is the server's own doing, whoever stumbled over the key.
void Dispatcher::append_expired(const Changes& changes) {
  const ByteView del = settings.lazyfree_expire ? "UNLINK" : "DEL";
  for (const Removal& removal : changes.expired) {
    Lsn lsn = 0;
    each_removal_request(removal, del, words_scratch_, [&](ByteView request) {
      lsn = append(nullptr, removal.db, request, now_us_);
    });
    keyspace_.stripe(stripe_of(hash_in_memory(removal.key))).last_lsn = lsn;
  }
}

Lsn Dispatcher::append(Session* session, unsigned db, ByteView words, std::int64_t time_us,
                       std::span<const ByteView> more) {
  const Lsn lsn = journal().append({.words = words,
                                   .more = more,
                                   .time_us = time_us,
                                   .session = journal_session(session),
                                   .db = static_cast<std::uint16_t>(db)});
  keyspace_.advance_position(lsn);
  return lsn;
}

std::uint32_t Dispatcher::journal_session(Session* session) {
  if (!session || session->identity.id == 0) return 0;
  if (session->proxied_journal_session != 0) return session->proxied_journal_session;
  if (!session->journal_session.is_of(journal())) {
    session->journal_session = journal().open_session({.user = session->user(),
                                                      .address = session->address(),
                                                      .client_name = session->client_name()});
  }
  return session->journal_session.id();
}

Lsn Dispatcher::depends_on(const LockedStripes& locked, Locks locks) const {
  if (locks == Locks::kNone || (locks == Locks::kKeys && locked.held().empty())) return 0;
  if (locks == Locks::kEach || locked.holds_all()) return keyspace_.position();
  Lsn lsn = keyspace_.exclusive_lsn();
  locked.held().each([&](unsigned i) { lsn = std::max(lsn, keyspace_.stripe(i).last_lsn); });
  return lsn;
}

void Dispatcher::finish(Lsn lsn) {
  if (!changes_.events.empty()) [[unlikely]] {
    const std::vector<KeyEvent> events = std::move(changes_.events);
    changes_.events.clear();
    for (const KeyEvent& event : events) host_.notify(event, lsn);
  }
  if (!changes_.garbage.empty()) [[unlikely]] {
    host_.free_later(std::move(changes_.garbage));
    changes_.garbage.clear();
  }
  if (!invalidations_.empty()) [[unlikely]] {
    std::vector<Invalidation> invalidations = std::move(invalidations_);
    invalidations_.clear();
    host_.invalidate(std::move(invalidations), source_, lsn);
  }
  source_ = 0;
  if (!ready_.empty()) [[unlikely]] serve_waiting();
}

// --- replay
// -------------------------------------------------------------------------------------------

Status Dispatcher::replay(Session& session, std::span<const Word> words, std::int64_t time_us) {
  const CommandTable::Row* row = commands_.resolve(words);
  if (!row || !row->spec->arity.admits(words.size())) {
    return Error(ErrorCode::kCorrupt, row ? "a record with a wrong number of words"
                                          : commands_.unknown_error(words));
  }
  if (row->spec->has(kTransactionControl)) return ok;  // a record is atomic as it is
  own_hashes_.clear();
  hash_keys(*row, words, own_hashes_);
  return replay(session, ReplayedRequest{.row = *row, .words = words, .keys = own_hashes_,
                                         .time_us = time_us});
}

Status Dispatcher::replay(Session& session, const ReplayedRequest& request) {
  const CommandTable::Row& row = request.row;
  LockedStripes locked(keyspace_, slot_);
  lock_for(locked, row.spec->locks_of(request.words), request.keys, Patience::kForever);
  changes_.clear();
  effects_.clear();
  now_us_ = request.time_us;
  RunEnvironment env = environment(locked);
  env.hashed_keys = request.keys;
  env.expiry = ExpiryMode::kIgnore;
  env.events_wanted = 0;
  env.version = request.position;

  ReplyWriter reply(replayed_, Resp::kV2);
  const ReplyWriter::Mark mark = reply.begin();
  Context ctx(*this, session, env, effects_);
  ctx.row_ = &row;
  ctx.words_ = request.words;
  const Status status = row.spec->run(ctx, Args(request.words.subspan(row.parent ? 2 : 1)), reply);
  const Lsn lsn = request.position.value_or(keyspace_.position());
  stamp(locked, lsn);
  signal_touched(locked, changes_);
  locked.unlock();
  finish(lsn);
  replayed_.truncate(mark);
  if (!status) return Error(ErrorCode::kCorrupt, status.error().text());
  return ok;
}

}  // namespace memoir
