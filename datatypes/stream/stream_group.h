// Consumer groups of a stream: who has been given which entries and has not acknowledged them yet.
//
// A group keeps its pending entries in one tree by id: when and how often delivered, and to whom.
// A consumer keeps the ids alone of those that are its own, so an entry pending costs some 56 bytes
// in all. Both change together, through the group.
//
// Times are Unix milliseconds, given by whoever changes something.
#pragma once

#include <memory>
#include <optional>
#include <set>

#include "datatypes/encoding/ordered_tree.h"
#include "datatypes/stream/stream_id.h"

namespace memoir {

struct StreamConsumer {
  struct Nothing {};
  using Pending = OrderedTree<StreamId, Nothing>;

  Bytes name;
  std::int64_t seen_ms = 0;     // it last tried to read or claim something
  std::int64_t active_ms = -1;  // it last got something; -1: never
  Pending pending;
};

struct StreamDelivery {
  std::int64_t time_ms;
  std::uint64_t count;
  StreamConsumer* consumer;
};

// Named things by their names, in byte order.
struct ByName {
  using is_transparent = void;
  template <class T>
  static ByteView name(const std::unique_ptr<T>& named) { return named->name; }
  static ByteView name(ByteView text) { return text; }
  template <class A, class B>
  bool operator()(const A& a, const B& b) const { return name(a) < name(b); }
};

class StreamGroup {
 public:
  using Pending = OrderedTree<StreamId, StreamDelivery>;
  using Consumers = std::set<std::unique_ptr<StreamConsumer>, ByName>;
  static constexpr std::int64_t kUnknown = -1;

  StreamGroup(ByteView group_name, StreamId last, std::int64_t read)
      : name(group_name), last_id(last), entries_read(read) {}

  const Bytes name;
  StreamId last_id;           // the last entry delivered
  std::int64_t entries_read;  // how many of all entries ever added lie up to it, or kUnknown

  const Pending& pending() const { return pending_; }
  const Consumers& consumers() const { return consumers_; }

  // Null if there is none of that name.
  StreamConsumer* find_consumer(ByteView consumer) const;
  // A consumer that is not there yet.
  StreamConsumer& add_consumer(ByteView consumer, std::int64_t seen_ms,
                               std::int64_t active_ms = -1);
  // Removes one with all that is pending with it.
  void remove_consumer(StreamConsumer& consumer);

  // The delivery of a pending entry, or null. Its times and counts may be changed; valid until the
  // next change of what is pending.
  StreamDelivery* find_delivery(StreamId id) const;
  // Makes an entry pending, or the consumer's if it is so already.
  StreamDelivery& deliver(StreamId id, StreamConsumer& consumer, std::int64_t time_ms,
                          std::uint64_t count);
  // The entry is no longer pending; false if it was not.
  bool acknowledge(StreamId id);

  std::unique_ptr<StreamGroup> copy() const;
  // Bytes of its allocations, itself included.
  std::size_t memory_usage() const;
  // Allocations that freeing it takes, roughly.
  std::size_t free_effort() const;

  // --- for snapshots: a delivery without a consumer, and the consumer that it gets. False: there
  // is one already, or none without a consumer.
  bool load_delivery(StreamId id, std::int64_t time_ms, std::uint64_t count);
  bool load_owner(StreamId id, StreamConsumer& consumer);
  // Whether every pending entry has a consumer and every consumer's are the group's.
  bool verify() const;

 private:
  Pending pending_;
  Consumers consumers_;
};

}  // namespace memoir
