#include "datatypes/stream/stream_node.h"

#include <algorithm>

namespace memoir {

using listpack::element_before;
using listpack::element_size;
using listpack::Encoded;
using listpack::encode_integer;
using listpack::integer_at;

namespace {

constexpr std::uint8_t kDeleted = 1;
constexpr std::uint8_t kSameFields = 2;

const char* after(const char* at) { return at + element_size(at); }

const char* skip(const char* at, std::size_t count) {
  for (; count > 0; --count) at = after(at);
  return at;
}

bool at_end(const char* at) { return listpack::byte_at(at) == listpack::kEnd; }

std::size_t count_at(const char* at) { return static_cast<std::size_t>(integer_at(at)); }

// Writes elements one behind the other.
class ElementWriter {
 public:
  explicit ElementWriter(char* at) : at_(at) {}
  void integer(std::size_t value) { put(encode_integer(static_cast<std::int64_t>(value))); }
  void text(ByteView value) { put(listpack::encode(value)); }

 private:
  void put(const Encoded& element) {
    element.write(at_);
    at_ += element.size();
  }
  char* at_;
};

// The same, but only counts.
class ElementCounter {
 public:
  void integer(std::size_t value) { put(encode_integer(static_cast<std::int64_t>(value))); }
  void text(ByteView value) { put(listpack::encode(value)); }
  std::size_t bytes() const { return bytes_; }
  std::size_t count() const { return count_; }

 private:
  void put(const Encoded& element) {
    bytes_ += element.size();
    ++count_;
  }
  std::size_t bytes_{0};
  std::size_t count_{0};
};

template <class Writer>
void write_head(Writer& to, std::span<const Word> pairs) {
  to.integer(1);
  to.integer(0);
  to.integer(pairs.size() / 2);
  for (std::size_t i = 0; i < pairs.size(); i += 2) to.text(pairs[i].text);
  to.integer(0);
}

struct NewEntry {
  std::span<const Word> pairs;
  std::uint64_t ms;  // beyond the node's id
  std::uint64_t seq;
  bool same_fields;
};

template <class Writer>
void write_entry(Writer& to, const NewEntry& entry) {
  const std::size_t count = entry.pairs.size() / 2;
  to.integer(entry.same_fields ? kSameFields : 0);
  to.integer(entry.ms);
  to.integer(entry.seq);
  if (!entry.same_fields) to.integer(count);
  for (std::size_t i = 0; i < entry.pairs.size(); i += 2) {
    if (!entry.same_fields) to.text(entry.pairs[i].text);
    to.text(entry.pairs[i + 1].text);
  }
  to.integer(entry.same_fields ? count + 3 : 2 * count + 4);
}

bool has_fields_of(const StreamNodeCounts& head, std::span<const Word> pairs) {
  if (pairs.size() != 2 * head.fields) return false;
  const char* at = head.names;
  for (std::size_t i = 0; i < pairs.size(); i += 2, at = after(at)) {
    if (!listpack::encode(pairs[i].text).equals(at)) return false;
  }
  return true;
}

void add_to_counters(Listpack& node, std::int64_t live, std::int64_t deleted) {
  const char* at = node.first();
  at = node.replace(at, integer_at(at) + live);
  if (deleted == 0) return;
  at = after(at);
  node.replace(at, integer_at(at) + deleted);
}

}  // namespace

const char* StreamEntry::end() const { return skip(values, names ? fields + 1 : 2 * fields + 1); }

StreamNodeCounts::StreamNodeCounts(const Listpack& node) {
  const char* at = node.first();
  live = count_at(at);
  at = after(at);
  deleted = count_at(at);
  at = after(at);
  fields = count_at(at);
  names = after(at);
}

StreamNodeHead::StreamNodeHead(const Listpack& node)
    : StreamNodeCounts(node), entries(skip(names, fields + 1)) {}

StreamEntry read_stream_entry(const char* at, StreamId node, const StreamNodeHead& head) {
  StreamEntry entry;
  entry.flags_at = at;
  entry.flags = static_cast<std::uint8_t>(integer_at(at));
  at = after(at);
  entry.id.ms = node.ms + static_cast<std::uint64_t>(integer_at(at));
  at = after(at);
  entry.id.seq = node.seq + static_cast<std::uint64_t>(integer_at(at));
  at = after(at);
  if (entry.flags & kSameFields) {
    entry.fields = head.fields;
    entry.names = head.names;
  } else {
    entry.fields = count_at(at);
    at = after(at);
  }
  entry.values = at;
  return entry;
}

StreamEntry read_stream_entry_before(const char* end, StreamId node, const StreamNodeHead& head) {
  if (end == head.entries) return {};
  const char* at = element_before(end);
  for (std::size_t size = count_at(at); size > 0; --size) at = element_before(at);
  return read_stream_entry(at, node, head);
}

std::size_t stream_entry_bytes(std::span<const Word> pairs) {
  std::size_t bytes = 0;
  for (const Word& word : pairs) bytes += word.text.size();
  return bytes;
}

void append_stream_entry(Listpack& node, StreamId node_id, StreamId id,
                         std::span<const Word> pairs, std::size_t room) {
  const bool first = node.empty();
  const bool same = first || has_fields_of(StreamNodeCounts(node), pairs);
  const NewEntry entry{pairs, id.ms - node_id.ms, id.seq - node_id.seq, same};
  if (!first) add_to_counters(node, 1, 0);
  ElementCounter counter;
  if (first) write_head(counter, pairs);
  write_entry(counter, entry);
  // Growing by half instead of a step of the allocator saves copying a node many times; the
  // stream cuts what is left over when the node is full.
  const std::size_t needed = node.size_bytes() + counter.bytes();
  if (!first && needed > node.memory_usage()) {
    node.reserve(std::max(needed, std::min(needed + needed / 2, room)), Listpack::Side::kBack);
  }
  ElementWriter writer(node.extend(counter.bytes(), counter.count()));
  if (first) write_head(writer, pairs);
  write_entry(writer, entry);
}

void mark_stream_entry_deleted(Listpack& node, const StreamEntry& entry) {
  node.replace(entry.flags_at, std::int64_t{entry.flags} | kDeleted);
  add_to_counters(node, -1, 1);
}

// --- checking ------------------------------------------------------------------------------------

namespace {

// Walks over a listpack's elements; remembers whether one was missing or not as expected.
class Checker {
 public:
  explicit Checker(const Listpack& node) : at_(node.first()), good_(at_ != nullptr) {}

  bool good() const { return good_; }
  bool more() const { return good_ && !at_end(at_); }
  std::int64_t integer() {
    if (!more() || listpack::is_text(at_)) return fail();
    const std::int64_t value = integer_at(at_);
    at_ = after(at_);
    return value;
  }
  std::size_t count() {
    const std::int64_t value = integer();
    return value >= 0 ? static_cast<std::size_t>(value) : static_cast<std::size_t>(fail());
  }
  void any(std::size_t count) {
    for (; count > 0 && good_; --count) {
      if (more()) at_ = after(at_);
      else fail();
    }
  }
  std::int64_t fail() {
    good_ = false;
    return 0;
  }

 private:
  const char* at_;
  bool good_;
};

}  // namespace

bool is_stream_node(const Listpack& node) {
  Checker check(node);
  const std::size_t live = check.count();
  const std::size_t deleted = check.count();
  const std::size_t fields = check.count();
  check.any(fields);
  if (check.integer() != 0) return false;
  std::size_t seen_live = 0;
  std::size_t seen_deleted = 0;
  while (check.more()) {
    const std::int64_t flags = check.integer();
    check.integer();
    check.integer();
    const bool same = (flags & kSameFields) != 0;
    const std::size_t count = same ? fields : check.count();
    check.any(same ? count : 2 * count);
    if (check.count() != (same ? count + 3 : 2 * count + 4)) return false;
    ++((flags & kDeleted) != 0 ? seen_deleted : seen_live);
  }
  return check.good() && seen_live == live && seen_deleted == deleted && live > 0;
}

}  // namespace memoir
