#include "src/server/tracking.h"

#include <algorithm>

#include "src/server/client.h"
#include "src/server/server.h"
#include "src/server/worker.h"

namespace memoir {
namespace {

constexpr std::string_view kRedirectionChannel = "__redis__:invalidate";

Bytes array_of(std::span<const ByteView> keys) {
  Bytes resp;
  append_request(resp, keys);
  return resp;
}

bool tracks_keys(const Client* client) {
  return client && client->tracking() && !client->tracking()->broadcast;
}

}  // namespace

std::size_t TrackingState::memory_usage() const {
  std::size_t bytes = sizeof(TrackingState);
  // A node of the set, its string and its share of the table.
  constexpr std::size_t kNodeBytes = 128;
  return bytes + prefixes.size() * kNodeBytes;
}

// ---- who listens to broadcasts ------------------------------------------------------------------

bool BroadcastTable::add(ByteView prefix, Listener listener) {
  const bool first = listeners_.empty();
  auto found = listeners_.find(prefix);
  if (found == listeners_.end()) {
    found = listeners_.emplace(Bytes(prefix), std::vector<Listener>()).first;
    ++lengths_[prefix.size()];
  }
  const auto same = [&](const Listener& each) { return each.tracker == listener.tracker; };
  const auto at = std::ranges::find_if(found->second, same);
  if (at == found->second.end()) {
    found->second.push_back(listener);
  } else {
    at->no_loop = listener.no_loop;
  }
  return first;
}

bool BroadcastTable::remove(ByteView prefix, Tracker tracker) {
  const auto found = listeners_.find(prefix);
  if (found == listeners_.end()) return false;
  std::erase_if(found->second, [&](const Listener& each) { return each.tracker == tracker; });
  if (!found->second.empty()) return false;
  const auto length = lengths_.find(prefix.size());
  if (--length->second == 0) lengths_.erase(length);
  listeners_.erase(found);
  return listeners_.empty();
}

std::size_t BroadcastTable::prefixes() const {
  const std::lock_guard lock(mutex_);
  return listeners_.size();
}

// However many prefixes there are, only their different lengths count.
void BroadcastTable::each_prefix_of(
    ByteView key,
    const std::function<void(const Bytes&, std::span<const Listener>)>& visit) const {
  const std::lock_guard lock(mutex_);
  for (const auto& [length, count] : lengths_) {
    if (length > key.size()) break;
    const auto found = listeners_.find(key.substr(0, length));
    if (found != listeners_.end()) visit(found->first, found->second);
  }
}

// ---- messages -----------------------------------------------------------------------------------

const SharedBytes& InvalidationMessage::push() {
  if (!push_) {
    OutputBuffer out;
    ReplyWriter writer(out, Resp::kV3);
    writer.push(2);
    writer.bulk("invalidate");
    keys_.empty() ? writer.null() : writer.raw(keys_);
    push_ = SharedBytes::copy_of(out.flatten());
  }
  return push_;
}

const SharedBytes& InvalidationMessage::message() {
  if (!message_) {
    OutputBuffer out;
    ReplyWriter writer(out, Resp::kV2);
    writer.array(3);
    writer.bulk("message");
    writer.bulk(kRedirectionChannel);
    keys_.empty() ? writer.null() : writer.raw(keys_);
    message_ = SharedBytes::copy_of(out.flatten());
  }
  return message_;
}

// ---- on and off ---------------------------------------------------------------------------------

void Invalidator::turn_on(Client& client, TrackingState wanted) {
  Server& server = worker_.server();
  const std::uint64_t id = client.identity.id;
  if (tracking_.insert(id).second) server.change_tracking_clients(+1);
  BroadcastTable& table = server.broadcasts();
  if (wanted.broadcast) {
    if (wanted.prefixes.empty()) wanted.prefixes.insert("");
    if (const TrackingState* old = client.tracking()) {
      wanted.prefixes.insert(old->prefixes.begin(), old->prefixes.end());
    }
    table.locked([&] {
      for (const Bytes& prefix : wanted.prefixes) {
        table.add(prefix, {make_tracker(id, worker_.index()), wanted.no_loop});
      }
      server.keyspace().set_broadcasting(true);
    });
  }
  if (const TrackingState* old = client.tracking()) {
    wanted.caching = old->caching;
    wanted.caching_set_by = old->caching_set_by;
  }
  client.set_tracking(std::make_unique<TrackingState>(std::move(wanted)));
}

void Invalidator::turn_off(Client& client) {
  const TrackingState* state = client.tracking();
  if (!state) return;
  Server& server = worker_.server();
  if (state->broadcast) {
    BroadcastTable& table = server.broadcasts();
    const Tracker tracker = make_tracker(client.identity.id, worker_.index());
    table.locked([&] {
      bool none_left = false;
      for (const Bytes& prefix : state->prefixes) none_left |= table.remove(prefix, tracker);
      if (none_left) server.keyspace().set_broadcasting(false);
    });
  }
  tracking_.erase(client.identity.id);
  server.change_tracking_clients(-1);
  client.set_tracking(nullptr);
}

// ---- what the dispatcher found ------------------------------------------------------------------

void Invalidator::invalidate(std::vector<Invalidation>&& invalidations, std::uint64_t source,
                             std::uint64_t lsn) {
  for (Invalidation& each : invalidations) {
    if (each.all_keys) {
      invalidate_all(lsn);
      continue;
    }
    if (!each.trackers.empty()) invalidate_key(each, source, lsn);
    if (!each.broadcast) continue;
    changed_.try_emplace(std::move(each.key), each.by_server ? 0 : source);
    changed_lsn_ = std::max(changed_lsn_, lsn);
  }
}

void Invalidator::invalidate_key(const Invalidation& invalidation, std::uint64_t source,
                                 std::uint64_t lsn) {
  std::map<unsigned, std::vector<Tracker>> elsewhere;
  std::vector<Tracker> here;
  for (const Tracker tracker : invalidation.trackers) {
    const unsigned index = worker_of_tracker(tracker);
    (index == worker_.index() ? here : elsewhere[index]).push_back(tracker);
  }
  for (auto& [index, trackers] : elsewhere) {
    Worker& other = worker_.server().worker(index);
    other.loop().post([&other, key = invalidation.key, trackers = std::move(trackers), source,
                       lsn] {
      other.clock().refresh();
      other.invalidator().deliver_key(key, trackers, source, lsn);
    });
  }
  if (!here.empty()) deliver_key(invalidation.key, here, source, lsn);
}

void Invalidator::invalidate_all(std::uint64_t lsn) {
  Server& server = worker_.server();
  if (server.tracking_clients() == 0) return;
  for (unsigned i = 0; i < server.worker_count(); ++i) {
    if (i == worker_.index()) continue;
    Worker& other = server.worker(i);
    other.loop().post([&other, lsn] {
      other.clock().refresh();
      other.invalidator().deliver_all(lsn);
    });
  }
  deliver_all(lsn);
}

void Invalidator::deliver_key(const Bytes& key, std::span<const Tracker> trackers,
                              std::uint64_t source, std::uint64_t lsn) {
  const ByteView keys[] = {key};
  InvalidationMessage message(array_of(keys));
  for (const Tracker tracker : trackers) {
    const std::uint64_t id = client_of_tracker(tracker);
    Client* client = worker_.find_client(id);
    if (!tracks_keys(client)) continue;
    if (client->tracking()->no_loop && id == source) continue;
    send(*client, message, lsn);
  }
}

void Invalidator::deliver_all(std::uint64_t lsn) {
  InvalidationMessage message({});
  for (const std::uint64_t id : std::vector<std::uint64_t>(tracking_.begin(), tracking_.end())) {
    if (Client* client = worker_.find_client(id)) send(*client, message, lsn);
  }
}

// ---- broadcasts ---------------------------------------------------------------------------------

// A prefix with the keys that changed under it and who is to hear of them.
struct Invalidator::Audience {
  std::vector<ByteView> keys;
  std::vector<std::uint64_t> sources;  // of the keys
  std::vector<BroadcastTable::Listener> listeners;
};

void Invalidator::end_turn() {
  if (changed_.empty()) return;
  const std::map<Bytes, std::uint64_t> changed = std::exchange(changed_, {});
  const std::uint64_t lsn = std::exchange(changed_lsn_, 0);
  std::map<Bytes, Audience> audiences;
  for (const auto& [key, source] : changed) {
    worker_.server().broadcasts().each_prefix_of(
        key, [&](const Bytes& prefix, std::span<const BroadcastTable::Listener> listeners) {
          Audience& audience = audiences[prefix];
          if (audience.keys.empty()) audience.listeners.assign(listeners.begin(), listeners.end());
          audience.keys.push_back(key);
          audience.sources.push_back(source);
        });
  }
  for (const auto& [prefix, audience] : audiences) broadcast_to(audience, lsn);
}

void Invalidator::broadcast_to(const Audience& audience, std::uint64_t lsn) {
  const auto share = [&](const Bytes& keys, const std::vector<Tracker>& trackers) {
    std::map<unsigned, std::vector<std::uint64_t>> by_worker;
    for (const Tracker tracker : trackers) {
      by_worker[worker_of_tracker(tracker)].push_back(client_of_tracker(tracker));
    }
    for (auto& [index, clients] : by_worker) {
      if (index == worker_.index()) {
        InvalidationMessage message(keys);
        deliver_broadcast(message, clients, lsn);
        continue;
      }
      Worker& other = worker_.server().worker(index);
      other.loop().post([&other, keys, clients = std::move(clients), lsn] {
        other.clock().refresh();
        InvalidationMessage message(keys);
        other.invalidator().deliver_broadcast(message, clients, lsn);
      });
    }
  };
  std::vector<Tracker> for_all;
  for (const BroadcastTable::Listener& listener : audience.listeners) {
    const std::uint64_t id = client_of_tracker(listener.tracker);
    if (!listener.no_loop || std::ranges::find(audience.sources, id) == audience.sources.end()) {
      for_all.push_back(listener.tracker);
      continue;
    }
    std::vector<ByteView> others;
    for (std::size_t i = 0; i < audience.keys.size(); ++i) {
      if (audience.sources[i] != id) others.push_back(audience.keys[i]);
    }
    if (!others.empty()) share(array_of(others), {listener.tracker});
  }
  if (!for_all.empty()) share(array_of(audience.keys), for_all);
}

void Invalidator::deliver_broadcast(InvalidationMessage& message,
                                    std::span<const std::uint64_t> clients, std::uint64_t lsn) {
  for (const std::uint64_t id : clients) {
    Client* client = worker_.find_client(id);
    if (client && client->tracking() && client->tracking()->broadcast) send(*client, message, lsn);
  }
}

// ---- on their way -------------------------------------------------------------------------------

void Invalidator::send(Client& client, InvalidationMessage& message, std::uint64_t lsn) {
  const std::uint64_t redirection = client.tracking()->redirection;
  if (redirection == 0) {
    // RESP2 has no way to send what nobody asked for.
    if (client.identity.resp == Resp::kV3) client.push_invalidation(message.push(), lsn);
  } else if (Client* target = worker_.find_client(redirection)) {
    send_redirected(*target, message, lsn);
  } else {
    redirect_elsewhere(client, message, lsn);
  }
}

void Invalidator::send_redirected(Client& target, InvalidationMessage& message,
                                  std::uint64_t lsn) {
  if (target.identity.resp == Resp::kV3) {
    target.push_invalidation(message.push(), lsn);
  } else if (target.subscriptions().total() > 0) {
    target.push_invalidation(message.message(), lsn);
  }
}

void Invalidator::redirect_elsewhere(Client& client, InvalidationMessage& message,
                                     std::uint64_t lsn) {
  const std::uint64_t redirection = client.tracking()->redirection;
  const auto status = worker_.server().clients().find(redirection);
  const bool killed = status && status->killed;
  const auto order = [&mine = worker_, redirection, id = client.identity.id, keys = message.keys(),
                      lsn](Worker& there) {
    deliver_redirected(there, {redirection, keys, lsn}, mine, id);
  };
  if (killed || !worker_.follow(redirection, order)) redirection_broken(client);
}

// On the worker where the target is expected; `owner` is the client that tracks, of `owners`.
void Invalidator::deliver_redirected(Worker& there, const Redirected& message, Worker& owners,
                                     std::uint64_t owner) {
  if (Client* target = there.find_client(message.target)) {
    InvalidationMessage again(message.keys);
    return send_redirected(*target, again, message.lsn);
  }
  const auto order = [message, &owners, owner](Worker& next) {
    deliver_redirected(next, message, owners, owner);
  };
  if (there.follow(message.target, order)) return;
  owners.loop().post([&owners, target = message.target, owner] {
    Client* client = owners.find_client(owner);
    const bool same =
        client && client->tracking() && client->tracking()->redirection == target;
    if (same) owners.invalidator().redirection_broken(*client);
  });
}

void Invalidator::redirection_broken(Client& client) {
  client.tracking()->broken_redirection = true;
  if (client.identity.resp != Resp::kV3) return;
  OutputBuffer out;
  ReplyWriter writer(out, Resp::kV3);
  writer.push(2);
  writer.bulk("tracking-redir-broken");
  writer.integer(static_cast<std::int64_t>(client.tracking()->redirection));
  client.push_invalidation(SharedBytes::copy_of(out.flatten()), 0);
}

}  // namespace memoir
