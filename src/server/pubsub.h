// Publish and subscribe across workers.
//
// PubSub, the server's, knows how many subscribers each worker has for a name: enough to count the
// receivers of a message and to send it to the workers concerned. Subscriptions, one a worker,
// knows the clients; a client is on a name's list once, and knows its place there, so leaving is
// O(1). Messages of one publisher reach each subscriber in order, since a worker's inbox is in
// order.
#pragma once

#include <array>
#include <atomic>
#include <bitset>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>
#include <vector>

#include "protocol/output_buffer.h"
#include "protocol/reply_writer.h"
#include "src/base/bytes.h"
#include "src/base/mutex.h"
#include "src/command/session.h"

namespace memoir {

class Client;

inline constexpr unsigned kIoWorkersMax = 64;
inline constexpr unsigned kWorkersMax = 2 * kIoWorkersMax;
using WorkerSet = std::bitset<kWorkersMax>;

enum class Topic : std::uint8_t { kChannel, kPattern, kShardChannel };
inline constexpr std::size_t kTopics = 3;

struct ByteHash {
  using is_transparent = void;
  std::size_t operator()(ByteView text) const { return std::hash<ByteView>{}(text); }
};
template <class T>
using NameMap = std::unordered_map<Bytes, T, ByteHash, std::equal_to<>>;

// Thread-safe.
class PubSub {
 public:
  struct Audience {
    WorkerSet workers;
    std::size_t receivers = 0;
  };

  void subscribe(Topic topic, ByteView name, unsigned worker);
  void unsubscribe(Topic topic, ByteView name, unsigned worker);

  // Who gets a message published now: a channel's subscribers and those of matching patterns, or a
  // shard channel's.
  Audience audience(Topic topic, ByteView channel) const;
  // Names with subscribers that match `pattern` (empty: all).
  std::vector<Bytes> names(Topic topic, ByteView pattern) const;
  std::size_t subscribers(Topic topic, ByteView name) const;
  // How many distinct names have subscribers.
  std::size_t count(Topic topic) const;

 private:
  struct Subscribers {
    std::size_t total = 0;
    std::vector<std::uint32_t> by_worker;
    void add_to(Audience& audience) const;
  };
  // Channels are spread by hash, so that publishers seldom meet; patterns are few and in one.
  struct alignas(64) Shard {
    mutable Mutex mutex;
    NameMap<Subscribers> names;
  };
  static constexpr std::size_t kShards = 16;

  Shard& shard(Topic topic, ByteView name);
  const Shard& shard(Topic topic, ByteView name) const {
    return const_cast<PubSub*>(this)->shard(topic, name);
  }
  std::span<const Shard> shards(Topic topic) const;

  std::array<Shard, kShards> channels_;
  std::array<Shard, kShards> shard_channels_;
  Shard patterns_;
  std::atomic<std::size_t> pattern_count_{0};
};

// A message on its way to another worker.
struct Published {
  Topic topic;
  Bytes channel;
  Bytes text;
  std::uint64_t lsn;  // not to be sent before this position is safe
};

// A name with the clients of one worker.
struct Channel {
  Topic topic;
  Bytes name;
  std::vector<Client*> members;
};

// What a client is subscribed to: for each name its place in the name's list.
class ClientSubscriptions {
 public:
  std::size_t count(Topic topic) const { return of(topic).size(); }
  std::size_t total() const {
    return by_topic_[0].size() + by_topic_[1].size() + by_topic_[2].size();
  }
  std::vector<Bytes> names(Topic topic) const;

 private:
  friend class Subscriptions;
  using Places = std::unordered_map<Channel*, std::size_t>;
  Places& of(Topic topic) { return by_topic_[static_cast<std::size_t>(topic)]; }
  const Places& of(Topic topic) const { return by_topic_[static_cast<std::size_t>(topic)]; }
  std::array<Places, kTopics> by_topic_;
};

// A worker's own.
class Subscriptions {
 public:
  Subscriptions(PubSub& pubsub, unsigned worker) : pubsub_(pubsub), worker_(worker) {}

  // False if the client is subscribed already, or is not.
  bool subscribe(Client& client, Topic topic, ByteView name);
  bool unsubscribe(Client& client, Topic topic, ByteView name);
  void unsubscribe_all(Client& client);

  // Gives the message to this worker's subscribers; returns how many.
  std::size_t deliver(Topic topic, ByteView channel, ByteView text, std::uint64_t lsn);

 private:
  std::size_t deliver_to(Channel& channel, ByteView published_on, ByteView text, std::uint64_t lsn);

  PubSub& pubsub_;
  unsigned worker_;
  std::array<NameMap<std::unique_ptr<Channel>>, kTopics> channels_;
};

}  // namespace memoir
