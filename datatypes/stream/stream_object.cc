// What a stream does as any value: copying, measuring, digest; and what snapshots need.
#include <array>

#include "datatypes/stream/stream.h"
#include "src/base/alloc.h"

namespace memoir {

std::size_t Stream::memory_usage(std::size_t samples) const {
  std::size_t bytes = sizeof(Stream) + nodes_.memory_usage();
  std::size_t seen = 0;
  std::size_t seen_bytes = 0;
  for (auto at = nodes_.first(); at && (samples == 0 || seen < samples); at = nodes_.next(at)) {
    seen_bytes += at.value().memory_usage();
    ++seen;
  }
  if (seen > 0) bytes += seen_bytes * nodes_.size() / seen;
  for (const auto& group : groups_) bytes += group->memory_usage();
  return bytes;
}

std::unique_ptr<Object> Stream::copy() const {
  auto made = std::make_unique<Stream>();
  for (auto at = nodes_.first(); at; at = nodes_.next(at)) {
    made->nodes_.insert(at.key(), at.value().copy());
  }
  made->length_ = length_;
  made->marks_ = marks_;
  for (const auto& group : groups_) made->groups_.insert(group->copy());
  return made;
}

std::size_t Stream::free_effort() const {
  std::size_t effort = 1 + nodes_.size();
  for (const auto& group : groups_) effort += group->free_effort();
  return effort;
}

void Stream::digest(DigestSink& sink) const {
  StreamReader reader(*this, kStreamIdMin, kStreamIdMax);
  StreamEntry entry;
  while (reader.next(entry)) {
    sink.ordered(StreamIdText(entry.id, '.'));
    entry.each([&](ByteView field, ByteView value) {
      sink.ordered(field);
      sink.ordered(value);
    });
  }
}

bool Stream::load_node(StreamId id, Listpack&& node) {
  if (!is_stream_node(node)) return false;
  if (const Nodes::Cursor last = nodes_.last(); last && last.key() >= id) return false;
  length_ += StreamNodeHead(node).live;
  nodes_.insert(id, std::move(node));
  return true;
}

Status Stream::verify() const {
  if (!nodes_.verify()) return broken("a stream's tree of nodes is unsound");
  std::size_t live = 0;
  for (auto at = nodes_.first(); at; at = nodes_.next(at)) {
    const Listpack& node = at.value();
    if (!Listpack::validate(node.bytes())) return broken("a stream's node is an unsound listpack");
    if (!is_stream_node(node)) return broken("a stream's node is unsound");
    live += StreamNodeHead(node).live;
  }
  if (live != length_) return broken("a stream's nodes have not as many entries as it");
  if (!has_ordered_entries()) return broken("a stream's ids do not ascend up to its last");
  StreamEntry first;
  StreamReader reader(*this, kStreamIdMin, kStreamIdMax);
  if (!first_erased_ && reader.next(first) && first.id != marks_.first) {
    return broken("a stream does not know its first entry");
  }
  for (const auto& group : groups_) {
    if (!group->verify()) return broken("a consumer group's pending entries do not agree");
  }
  return ok;
}

bool Stream::has_ordered_entries() const {
  StreamId before;
  bool any = false;
  for (auto at = nodes_.first(); at; at = nodes_.next(at)) {
    const StreamNodeHead head(at.value());
    const char* entry_at = head.entries;
    for (std::size_t left = head.live + head.deleted; left > 0; --left) {
      const StreamEntry entry = read_stream_entry(entry_at, at.key(), head);
      if (entry.id < at.key() || (any && entry.id <= before)) return false;
      before = entry.id;
      any = true;
      entry_at = entry.end();
    }
  }
  return before <= marks_.last;
}

// --- Redis's radix tree --------------------------------------------------------------------------

namespace {

constexpr int kIdBytes = 16;

std::array<unsigned char, kIdBytes> big_endian(StreamId id) {
  std::array<unsigned char, kIdBytes> bytes;
  for (unsigned i = 0; i < 8; ++i) {
    bytes[i] = static_cast<unsigned char>(id.ms >> (56 - 8 * i));
    bytes[8 + i] = static_cast<unsigned char>(id.seq >> (56 - 8 * i));
  }
  return bytes;
}

// How many bytes two different ids have in common at their front.
int common_bytes(StreamId a, StreamId b) {
  const auto x = big_endian(a);
  const auto y = big_endian(b);
  int common = 0;
  while (x[static_cast<unsigned>(common)] == y[static_cast<unsigned>(common)]) ++common;
  return common;
}

// Counts the nodes of a path-compressed tree from what neighbouring keys have in common. `open`
// are the depths at which the tree branches on the way to the latest key.
class RadixCounter {
 public:
  void branch(int depth) {
    close_above(depth);
    if (size_ == 0 || open_[size_ - 1] < depth) open_[size_++] = depth;
  }
  void leaf(int parent_depth) { nodes_ += 1U + (parent_depth < kIdBytes - 1 ? 1U : 0U); }
  std::size_t finish() {
    close_above(-1);
    return nodes_;
  }

 private:
  void close_above(int depth) {
    while (size_ > 0 && open_[size_ - 1] > depth) {
      const int closed = open_[--size_];
      const int below = size_ > 0 ? open_[size_ - 1] : -1;
      const int parent = below > depth ? below : depth;
      // A node that branches, and one for the bytes between its parent's and its own.
      nodes_ += 1U + (closed > parent + 1 ? 1U : 0U);
    }
  }

  std::array<int, kIdBytes> open_{};
  unsigned size_{0};
  std::size_t nodes_{0};
};

}  // namespace

std::size_t Stream::radix_nodes() const {
  if (nodes_.empty()) return 1;
  RadixCounter counter;
  int before = -1;
  for (auto at = nodes_.first(); at;) {
    const auto next = nodes_.next(at);
    const int after = next ? common_bytes(at.key(), next.key()) : -1;
    if (next) counter.branch(after);
    counter.leaf(before > after ? before : after);
    before = after;
    at = next;
  }
  return counter.finish();
}

}  // namespace memoir
