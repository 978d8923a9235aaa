#include "src/server/pubsub.h"

#include <span>

#include "src/base/glob.h"
#include "src/server/client.h"

namespace memoir {
namespace {

// A message in RESP, made at most once for each protocol version and shared by all who get it.
class Message {
 public:
  Message(const Channel& channel, ByteView published_on, ByteView text)
      : channel_(channel), published_on_(published_on), text_(text) {}

  const SharedBytes& in(Resp version) {
    SharedBytes& bytes = version == Resp::kV3 ? v3_ : v2_;
    if (!bytes) bytes = encode(version);
    return bytes;
  }

 private:
  SharedBytes encode(Resp version) const {
    OutputBuffer out;
    ReplyWriter writer(out, version);
    const bool pattern = channel_.topic == Topic::kPattern;
    writer.push(pattern ? 4 : 3);
    writer.bulk(pattern ? "pmessage"
                        : channel_.topic == Topic::kShardChannel ? "smessage" : "message");
    if (pattern) writer.bulk(channel_.name);
    writer.bulk(published_on_);
    writer.bulk(text_);
    return SharedBytes::copy_of(out.flatten());
  }

  const Channel& channel_;
  ByteView published_on_;
  ByteView text_;
  SharedBytes v2_;
  SharedBytes v3_;
};

}  // namespace

void PubSub::Subscribers::add_to(Audience& audience) const {
  audience.receivers += total;
  for (std::size_t i = 0; i < by_worker.size(); ++i) {
    if (by_worker[i] > 0) audience.workers.set(i);
  }
}

PubSub::Shard& PubSub::shard(Topic topic, ByteView name) {
  if (topic == Topic::kPattern) return patterns_;
  auto& shards = topic == Topic::kChannel ? channels_ : shard_channels_;
  return shards[ByteHash()(name) % kShards];
}

std::span<const PubSub::Shard> PubSub::shards(Topic topic) const {
  if (topic == Topic::kPattern) return {&patterns_, 1};
  return topic == Topic::kChannel ? channels_ : shard_channels_;
}

void PubSub::subscribe(Topic topic, ByteView name, unsigned worker) {
  Shard& shard = this->shard(topic, name);
  const std::lock_guard lock(shard.mutex);
  Subscribers& subscribers = shard.names[Bytes(name)];
  if (subscribers.by_worker.size() <= worker) subscribers.by_worker.resize(worker + 1);
  ++subscribers.by_worker[worker];
  if (++subscribers.total == 1 && topic == Topic::kPattern) ++pattern_count_;
}

void PubSub::unsubscribe(Topic topic, ByteView name, unsigned worker) {
  Shard& shard = this->shard(topic, name);
  const std::lock_guard lock(shard.mutex);
  const auto found = shard.names.find(name);
  if (found == shard.names.end()) return;
  --found->second.by_worker[worker];
  if (--found->second.total > 0) return;
  shard.names.erase(found);
  if (topic == Topic::kPattern) --pattern_count_;
}

PubSub::Audience PubSub::audience(Topic topic, ByteView channel) const {
  Audience audience;
  {
    const Shard& shard = this->shard(topic, channel);
    const std::lock_guard lock(shard.mutex);
    const auto found = shard.names.find(channel);
    if (found != shard.names.end()) found->second.add_to(audience);
  }
  if (topic != Topic::kChannel || pattern_count_.load(std::memory_order_relaxed) == 0) {
    return audience;
  }
  const std::lock_guard lock(patterns_.mutex);
  for (const auto& [pattern, subscribers] : patterns_.names) {
    if (glob_match(pattern, channel)) subscribers.add_to(audience);
  }
  return audience;
}

std::vector<Bytes> PubSub::names(Topic topic, ByteView pattern) const {
  std::vector<Bytes> names;
  for (const Shard& shard : shards(topic)) {
    const std::lock_guard lock(shard.mutex);
    for (const auto& [name, subscribers] : shard.names) {
      if (pattern.empty() || glob_match(pattern, name)) names.push_back(name);
    }
  }
  return names;
}

std::size_t PubSub::subscribers(Topic topic, ByteView name) const {
  const Shard& shard = this->shard(topic, name);
  const std::lock_guard lock(shard.mutex);
  const auto found = shard.names.find(name);
  return found == shard.names.end() ? 0 : found->second.total;
}

std::size_t PubSub::count(Topic topic) const {
  if (topic == Topic::kPattern) return pattern_count_.load(std::memory_order_relaxed);
  std::size_t count = 0;
  for (const Shard& shard : shards(topic)) {
    const std::lock_guard lock(shard.mutex);
    count += shard.names.size();
  }
  return count;
}

std::vector<Bytes> ClientSubscriptions::names(Topic topic) const {
  std::vector<Bytes> names;
  for (const auto& [channel, place] : of(topic)) names.push_back(channel->name);
  return names;
}

bool Subscriptions::subscribe(Client& client, Topic topic, ByteView name) {
  auto& channels = channels_[static_cast<std::size_t>(topic)];
  auto found = channels.find(name);
  if (found == channels.end()) {
    auto channel = std::make_unique<Channel>(Channel{topic, Bytes(name), {}});
    found = channels.emplace(Bytes(name), std::move(channel)).first;
  }
  Channel& channel = *found->second;
  if (!client.subscriptions().of(topic).emplace(&channel, channel.members.size()).second) {
    return false;
  }
  channel.members.push_back(&client);
  pubsub_.subscribe(topic, name, worker_);
  return true;
}

bool Subscriptions::unsubscribe(Client& client, Topic topic, ByteView name) {
  auto& channels = channels_[static_cast<std::size_t>(topic)];
  const auto found = channels.find(name);
  if (found == channels.end()) return false;
  Channel& channel = *found->second;
  auto& places = client.subscriptions().of(topic);
  const auto place = places.find(&channel);
  if (place == places.end()) return false;
  // The last member takes the place.
  const std::size_t index = place->second;
  places.erase(place);
  if (index + 1 < channel.members.size()) {
    channel.members[index] = channel.members.back();
    channel.members[index]->subscriptions().of(topic)[&channel] = index;
  }
  channel.members.pop_back();
  pubsub_.unsubscribe(topic, name, worker_);
  if (channel.members.empty()) channels.erase(found);
  return true;
}

void Subscriptions::unsubscribe_all(Client& client) {
  if (client.subscriptions().total() == 0) return;
  for (const Topic topic : {Topic::kChannel, Topic::kPattern, Topic::kShardChannel}) {
    for (const Bytes& name : client.subscriptions().names(topic)) unsubscribe(client, topic, name);
  }
}

std::size_t Subscriptions::deliver(Topic topic, ByteView channel, ByteView text,
                                   std::uint64_t lsn) {
  std::size_t receivers = 0;
  auto& channels = channels_[static_cast<std::size_t>(topic)];
  if (const auto found = channels.find(channel); found != channels.end()) {
    receivers += deliver_to(*found->second, channel, text, lsn);
  }
  if (topic != Topic::kChannel) return receivers;
  for (auto& [pattern, subscribed] : channels_[static_cast<std::size_t>(Topic::kPattern)]) {
    if (glob_match(pattern, channel)) receivers += deliver_to(*subscribed, channel, text, lsn);
  }
  return receivers;
}

std::size_t Subscriptions::deliver_to(Channel& channel, ByteView published_on, ByteView text,
                                      std::uint64_t lsn) {
  Message message(channel, published_on, text);
  for (Client* client : channel.members) client->push(message.in(client->identity.resp), lsn);
  return channel.members.size();
}

}  // namespace memoir
