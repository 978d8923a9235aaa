#include "datatypes/stream/stream.h"

namespace memoir {

StreamReader::StreamReader(const Stream& stream, StreamId first, StreamId last, Order order)
    : nodes_(stream.nodes()), first_(first), last_(last), order_(order) {
  if (first > last) return;
  node_ = nodes_.floor(order == Order::kForward ? first : last);
  if (!node_ && order == Order::kForward) node_ = nodes_.first();
}

// Goes to the first entry of a node. Of the last one mostly the last entries are asked for, so
// these are looked at from the end first.
void StreamReader::open_forward() {
  constexpr int kEntries = 12;
  head_.emplace(node_.value());
  at_ = head_->entries;
  if (first_ <= node_.key() || nodes_.next(node_)) return;
  const ByteView bytes = node_.value().bytes();
  const char* from = bytes.data() + bytes.size() - 1;
  for (int i = 0; i < kEntries && from != head_->entries; ++i) {
    const StreamEntry entry = read_stream_entry_before(from, node_.key(), *head_);
    if (entry.id < first_) {
      at_ = from;
      return;
    }
    from = entry.flags_at;
  }
}

bool StreamReader::next_forward(StreamEntry& entry) {
  while (node_) {
    if (!at_) open_forward();
    while (listpack::byte_at(at_) != listpack::kEnd) {
      entry = read_stream_entry(at_, node_.key(), *head_);
      at_ = entry.end();
      if (entry.deleted() || entry.id < first_) continue;
      if (entry.id <= last_) return true;
      node_ = {};
      return false;
    }
    node_ = nodes_.next(node_);
    at_ = nullptr;
  }
  return false;
}

bool StreamReader::next_backward(StreamEntry& entry) {
  while (node_) {
    if (!at_) {
      const ByteView bytes = node_.value().bytes();
      head_.emplace(node_.value());
      at_ = bytes.data() + bytes.size() - 1;
    }
    while (at_ != head_->entries) {
      entry = read_stream_entry_before(at_, node_.key(), *head_);
      at_ = entry.flags_at;
      if (entry.deleted() || entry.id > last_) continue;
      if (entry.id >= first_) return true;
      node_ = {};
      return false;
    }
    node_ = nodes_.prev(node_);
    at_ = nullptr;
  }
  return false;
}

}  // namespace memoir
