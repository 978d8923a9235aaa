#include "datatypes/stream/stream_group.h"

namespace memoir {
namespace {

// A node of a std::set: three pointers, a colour and what it holds.
constexpr std::size_t kSetNodeBytes = 5 * sizeof(void*);

std::size_t text_bytes(const Bytes& text) {
  return text.capacity() > sizeof(Bytes) / 2 - 1 ? text.capacity() + 1 : 0;
}

}  // namespace

StreamConsumer* StreamGroup::find_consumer(ByteView consumer) const {
  const auto found = consumers_.find(consumer);
  return found == consumers_.end() ? nullptr : found->get();
}

StreamConsumer& StreamGroup::add_consumer(ByteView consumer, std::int64_t seen_ms,
                                          std::int64_t active_ms) {
  auto made = std::make_unique<StreamConsumer>();
  made->name = consumer;
  made->seen_ms = seen_ms;
  made->active_ms = active_ms;
  return **consumers_.insert(std::move(made)).first;
}

void StreamGroup::remove_consumer(StreamConsumer& consumer) {
  StreamConsumer::Pending& own = consumer.pending;
  for (auto at = own.first(); at; at = own.next(at)) pending_.erase(at.key());
  consumers_.erase(consumers_.find(ByteView(consumer.name)));
}

StreamDelivery* StreamGroup::find_delivery(StreamId id) const {
  const Pending::Cursor at = pending_.find(id);
  return at ? &at.value() : nullptr;
}

StreamDelivery& StreamGroup::deliver(StreamId id, StreamConsumer& consumer, std::int64_t time_ms,
                                     std::uint64_t count) {
  const auto [at, added] = pending_.insert(id, {time_ms, count, &consumer});
  StreamDelivery& delivery = at.value();
  if (!added) {
    delivery.time_ms = time_ms;
    delivery.count = count;
    if (delivery.consumer == &consumer) return delivery;
    delivery.consumer->pending.erase(id);
    delivery.consumer = &consumer;
  }
  consumer.pending.insert(id);
  return delivery;
}

bool StreamGroup::acknowledge(StreamId id) {
  const Pending::Cursor at = pending_.find(id);
  if (!at) return false;
  at.value().consumer->pending.erase(id);
  pending_.erase(id);
  return true;
}

std::unique_ptr<StreamGroup> StreamGroup::copy() const {
  auto made = std::make_unique<StreamGroup>(name, last_id, entries_read);
  for (auto at = pending_.first(); at; at = pending_.next(at)) {
    made->load_delivery(at.key(), at.value().time_ms, at.value().count);
  }
  for (const auto& consumer : consumers_) {
    StreamConsumer& twin =
        made->add_consumer(consumer->name, consumer->seen_ms, consumer->active_ms);
    const StreamConsumer::Pending& own = consumer->pending;
    for (auto at = own.first(); at; at = own.next(at)) made->load_owner(at.key(), twin);
  }
  return made;
}

std::size_t StreamGroup::memory_usage() const {
  std::size_t bytes = sizeof(StreamGroup) + text_bytes(name) + pending_.memory_usage();
  for (const auto& consumer : consumers_) {
    bytes += kSetNodeBytes + sizeof(StreamConsumer) + text_bytes(consumer->name) +
             consumer->pending.memory_usage();
  }
  return bytes;
}

std::size_t StreamGroup::free_effort() const {
  constexpr std::size_t kEntriesPerLeaf = 64;
  return 1 + consumers_.size() * 2 + pending_.size() * 2 / kEntriesPerLeaf;
}

bool StreamGroup::load_delivery(StreamId id, std::int64_t time_ms, std::uint64_t count) {
  return pending_.insert(id, {time_ms, count, nullptr}).added;
}

bool StreamGroup::load_owner(StreamId id, StreamConsumer& consumer) {
  StreamDelivery* const delivery = find_delivery(id);
  if (!delivery || delivery->consumer) return false;
  delivery->consumer = &consumer;
  return consumer.pending.insert(id).added;
}

bool StreamGroup::verify() const {
  if (!pending_.verify()) return false;
  std::size_t owned = 0;
  for (const auto& consumer : consumers_) {
    const StreamConsumer::Pending& own = consumer->pending;
    if (!own.verify()) return false;
    for (auto at = own.first(); at; at = own.next(at), ++owned) {
      const StreamDelivery* const delivery = find_delivery(at.key());
      if (!delivery || delivery->consumer != consumer.get()) return false;
    }
  }
  return owned == pending_.size();
}

}  // namespace memoir
