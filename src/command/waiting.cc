#include "src/command/waiting.h"

#include <algorithm>
#include <optional>
#include <thread>

#include "src/command/dispatcher.h"
#include "src/command/keys.h"

namespace memoir {
namespace {

// Stands for the client of a parked request, which may belong to another thread.
class ProxySession final : public Session {
 public:
  explicit ProxySession(const Parked& parked) : parked_(parked) {}
  Bytes address() const override { return parked_.address; }
  Bytes client_name() const override { return parked_.client_name; }

 private:
  const Parked& parked_;
};

}  // namespace

void WaitQueues::remove(const Key& key, const Parked* parked) {
  const auto found = queues_.find(key);
  if (found == queues_.end()) return;
  Queue& queue = found->second;
  // Whoever goes was mostly served, that is, first.
  const auto at = std::ranges::find(queue, parked, &std::shared_ptr<Parked>::get);
  if (at != queue.end()) queue.erase(at);
  if (queue.empty()) queues_.erase(found);
}

std::size_t WaitQueues::size_of_any_change() const {
  return static_cast<std::size_t>(std::ranges::count_if(queues_, [](const auto& entry) {
    return std::ranges::any_of(entry.second, [](const auto& one) { return one->any_change; });
  }));
}

std::vector<std::shared_ptr<Parked>> WaitQueues::all(const Key& key) const {
  const auto found = queues_.find(key);
  if (found == queues_.end()) return {};
  return {found->second.begin(), found->second.end()};
}

// Queues the request of a run that asked to wait; its stripes are locked. A request that runs
// `again` and finds nothing stays where it is in its queues.
void Dispatcher::park(Context& ctx, std::span<const Word> words,
                      const std::shared_ptr<Parked>& again) {
  if (again) {
    again->state.store(Parked::kWaiting);
    return;
  }
  const Context::Parking& parking = ctx.parking_;
  auto parked = std::make_shared<Parked>();
  if (parking.rewritten.empty()) {
    parked->request = StoredRequest::copy_of(words, ctx.row_);
  } else {
    std::vector<Word> rewritten(words.begin(), words.end());
    for (const auto& [word, text] : parking.rewritten) rewritten[word] = {text, {}};
    parked->request = StoredRequest::copy_of(rewritten, ctx.row_);
  }
  parked->identity = ctx.session_.identity;
  parked->address = ctx.session_.address();
  parked->client_name = ctx.session_.client_name();
  parked->journal_session = journal_session(&ctx.session_);
  parked->type = parking.type;
  parked->any_change = parking.any_change;
  parked->deadline_ms = parking.timeout_ms == 0 ? 0 : ctx.now_ms() + parking.timeout_ms;
  parked->on_timeout = parking.on_timeout;
  for (const Bytes& key : parking.keys) {
    const KeyRef ref{ctx.session_.identity.db, key};
    const bool known = std::ranges::any_of(
        parked->keys, [&](const KeyRef& other) { return other.key == ref.key; });
    if (known) continue;
    parked->keys.push_back(ref);
    Stripe& stripe = ctx.stripes().stripe(stripe_of(hash_in_memory(key)));
    if (!stripe.waiters) stripe.waiters = std::make_unique<WaitQueues>();
    static_cast<WaitQueues&>(*stripe.waiters).add({ref.db, ref.key}, parked);
    stripe.has_waiters = true;
  }
  host_.parked(ctx.session_, parked);
}

bool Dispatcher::withdraw(const std::shared_ptr<Parked>& parked) {
  while (true) {
    auto state = Parked::kWaiting;
    if (parked->state.compare_exchange_strong(state, Parked::kOver)) {
      remove_parked(*parked);
      return true;
    }
    if (state == Parked::kOver) return false;
    // Another worker runs it just now: it ends at once, over or waiting again.
    std::this_thread::yield();
  }
}

void Dispatcher::count_unserved(Session& session, const Parked& parked, bool failed) {
  CommandStats& stats = command_stats_[parked.request.row->index];
  KeyspaceStats::bump(stats.calls);
  if (failed) KeyspaceStats::bump(stats.failed);
  if (settings.notable_cycles == 0) {
    host_.notable(session, *parked.request.row, parked.request.words, {});
  }
}

void Dispatcher::remove_parked(const Parked& parked) {
  StripeSet set;
  for (const KeyRef& key : parked.keys) set.add(stripe_of(hash_in_memory(key.key)));
  LockedStripes locked(keyspace_, slot_);
  locked.lock(set);
  for (const KeyRef& key : parked.keys) {
    Stripe& stripe = keyspace_.stripe(stripe_of(hash_in_memory(key.key)));
    auto& queues = static_cast<WaitQueues&>(*stripe.waiters);
    queues.remove({key.db, key.key}, &parked);
    stripe.has_waiters = !queues.empty();
  }
}

// Serves the clients that wait for keys touched by the last run. What they do may touch further
// keys, which are served in their turn.
void Dispatcher::serve_waiting() {
  if (serving_) return;
  serving_ = true;
  now_us_ = clock_.now_us();  // the command may have taken its time
  for (std::size_t i = 0; i < ready_.size(); ++i) {
    const KeyRef key = ready_[i];
    serve_key(key);
  }
  ready_.clear();
  serving_ = false;
}

// Every client that waits for the key when it becomes ready gets its turn, those who go on waiting
// too. Between two turns the key may have gone or changed.
void Dispatcher::serve_key(const KeyRef& key) {
  const std::uint64_t hash = hash_in_memory(key.key);
  std::vector<std::shared_ptr<Parked>> waiting;
  bool any_change = false;
  for (std::size_t i = 0; i == 0 || i < waiting.size(); ++i) {
    std::optional<TypeId> type;
    {
      LockedStripes locked(keyspace_, slot_);
      locked.lock_one(stripe_of(hash));
      Stripe& stripe = locked.stripe(stripe_of(hash));
      if (!stripe.has_waiters) return;
      if (i == 0) waiting = static_cast<WaitQueues&>(*stripe.waiters).all({key.db, key.key});
      const EntryTable::Place place = locked.shard(key.db, hash).keys.find(key.key, hash);
      if (place) type = static_cast<const Entry*>(place.item().pointer)->type();
    }
    const auto wants_any = [](const auto& parked) { return parked->any_change; };
    if (i == 0) any_change = std::ranges::any_of(waiting, wants_any);
    if (!type && !any_change) return;
    if (i == waiting.size()) return;
    Parked& parked = *waiting[i];
    if (type != parked.type && !parked.any_change) continue;
    auto state = Parked::kWaiting;
    if (parked.state.compare_exchange_strong(state, Parked::kRunning)) run_parked(waiting[i]);
  }
}

// Runs a parked request once more. False: it goes on waiting.
bool Dispatcher::run_parked(const std::shared_ptr<Parked>& parked) {
  ProxySession proxy(*parked);
  proxy.identity = parked->identity;
  proxy.proxied_journal_session = parked->journal_session;
  OutputBuffer out;
  ReplyWriter reply(out, parked->identity.resp);
  const std::span<const Word> words = parked->request.words;
  if (Status permitted = host_.permit_again(*parked); !permitted) [[unlikely]] {
    KeyspaceStats::bump(command_stats_[parked->request.row->index].rejected);
    host_.failed(permitted.error().text());
    reply.error(permitted.error());
    end_parked(parked, std::move(out), 0);
    return true;
  }
  std::vector<HashedKey> keys;
  each_key(*parked->request.row->spec, words, [&](std::size_t i) {
    keys.push_back({words[i].text, hash_in_memory(words[i].text)});
  });
  const RunOutcome outcome = execute(proxy, *parked->request.row, words, {}, keys, reply, parked);
  if (outcome.parked) return false;
  end_parked(parked, std::move(out), outcome.lsn);
  return true;
}

void Dispatcher::end_parked(const std::shared_ptr<Parked>& parked, OutputBuffer&& reply, Lsn lsn) {
  parked->state.store(Parked::kOver);
  remove_parked(*parked);
  host_.deliver(parked, std::move(reply), lsn);
}

}  // namespace memoir
