#include "datatypes/stream/stream.h"

#include <algorithm>

namespace memoir {

// --- entries -------------------------------------------------------------------------------------

bool Stream::is_full(const Listpack& node, std::size_t extra, const EncodingLimits& limits) const {
  const std::size_t bytes = limits.stream_node_bytes;
  const std::size_t most = bytes == 0 ? kNodeBytesMax : std::min(bytes, kNodeBytesMax);
  if (node.size_bytes() + extra >= most) return true;
  if (limits.stream_node_entries <= 0) return false;
  const StreamNodeCounts head(node);
  return head.live + head.deleted >= static_cast<std::size_t>(limits.stream_node_entries);
}

void Stream::append(StreamId id, std::span<const Word> pairs, const EncodingLimits& limits) {
  const std::size_t extra = stream_entry_bytes(pairs);
  Nodes::Cursor at = nodes_.last();
  if (!at || is_full(at.value(), extra, limits)) {
    // The room that the full node had ahead is given back.
    if (at && at.value().memory_usage() > at.value().size_bytes() * 9 / 8) {
      at.value() = at.value().copy();
    }
    at = nodes_.insert(id).at;
  }
  const std::size_t room =
      limits.stream_node_bytes == 0 ? kNodeBytesMax : limits.stream_node_bytes;
  append_stream_entry(at.value(), at.key(), id, pairs, room);
  ++length_;
  ++marks_.added;
  marks_.last = id;
  if (length_ == 1) marks_.first = id;
}

bool Stream::contains(StreamId id) const {
  StreamEntry entry;
  return StreamReader(*this, id, id).next(entry);
}

bool Stream::erase(StreamId id) {
  const Nodes::Cursor at = nodes_.floor(id);
  StreamEntry entry;
  if (!at || !StreamReader(*this, id, id).next(entry)) return false;
  if (StreamNodeCounts(at.value()).live == 1) nodes_.erase(at.key());
  else mark_stream_entry_deleted(at.value(), entry);
  --length_;
  if (id == marks_.first) first_erased_ = true;
  if (id > marks_.max_deleted) marks_.max_deleted = id;
  return true;
}

void Stream::settle_first() {
  if (!first_erased_) return;
  first_erased_ = false;
  if (length_ == 0) {
    marks_.first = {};
    return;
  }
  StreamEntry entry;
  if (StreamReader(*this, marks_.first, kStreamIdMax).next(entry)) marks_.first = entry.id;
}

StreamId Stream::last_entry_id() const {
  StreamEntry entry;
  StreamReader reader(*this, kStreamIdMin, kStreamIdMax, StreamReader::Order::kBackward);
  return reader.next(entry) ? entry.id : StreamId();
}

// --- trimming ------------------------------------------------------------------------------------

bool Stream::is_to_be_trimmed(const StreamTrim& wanted, StreamId id) const {
  return wanted.by == StreamTrim::By::kLength ? length_ > wanted.length : id < wanted.first;
}

// Deletes what is to go of one node's entries; returns how many those were.
std::uint64_t Stream::trim_node(const StreamTrim& wanted, StreamId id, Listpack& node) {
  std::uint64_t removed = 0;
  const char* at = StreamNodeHead(node).entries;
  while (listpack::byte_at(at) != listpack::kEnd) {
    const StreamNodeHead head(node);
    const StreamEntry entry = read_stream_entry(at, id, head);
    if (!is_to_be_trimmed(wanted, entry.id)) break;
    const std::size_t size = static_cast<std::size_t>(entry.end() - at);
    const std::size_t left = node.size_bytes() - static_cast<std::size_t>(at - node.bytes().data());
    const bool stays = entry.deleted() || (wanted.references == StreamReferences::kAcked &&
                                           is_referenced(entry.id));
    if (!stays) {
      if (wanted.references == StreamReferences::kDrop) drop_references(entry.id);
      mark_stream_entry_deleted(node, entry);
      --length_;
      ++removed;
    }
    // Marking may have moved the node, but nothing behind the counters changed its size.
    at = node.bytes().data() + node.size_bytes() - left + size;
  }
  return removed;
}

StreamTrimmed Stream::trim(const StreamTrim& wanted) {
  StreamTrimmed done;
  if (wanted.by == StreamTrim::By::kNothing) return done;
  Nodes::Cursor at = nodes_.first();
  while (at && (wanted.by == StreamTrim::By::kId || length_ > wanted.length)) {
    const StreamId id = at.key();
    Listpack& node = at.value();
    const StreamNodeHead head(node);
    if (wanted.limit != 0 && done.entries + head.live > wanted.limit) break;
    const StreamId last = read_stream_entry_before(
        node.bytes().data() + node.size_bytes() - 1, id, head).id;
    const bool whole = wanted.by == StreamTrim::By::kLength
                           ? length_ - head.live >= wanted.length
                           : last < wanted.first;
    if (!whole && wanted.whole_nodes) break;
    if (whole && wanted.references == StreamReferences::kKeep) {
      length_ -= head.live;
      done.entries += head.live;
      nodes_.erase(id);
      at = nodes_.lower_bound(id);
      continue;
    }
    done.entries += trim_node(wanted, id, node);
    if (StreamNodeCounts(node).live == 0) nodes_.erase(id);
    // Entries that a group still needs may leave too much behind.
    const bool enough = wanted.references != StreamReferences::kAcked ||
                        wanted.by == StreamTrim::By::kId;
    if (!whole && enough) break;
    StreamId after = id;
    after.increment();
    at = nodes_.lower_bound(after);
  }
  done.reached = at ? at.key() : kStreamIdMax;
  first_erased_ = done.entries > 0;
  settle_first();
  return done;
}

// --- groups --------------------------------------------------------------------------------------

StreamGroup* Stream::find_group(ByteView name) const {
  const auto found = groups_.find(name);
  return found == groups_.end() ? nullptr : found->get();
}

StreamGroup& Stream::add_group(ByteView name, StreamId last, std::int64_t entries_read) {
  return **groups_.insert(std::make_unique<StreamGroup>(name, last, entries_read)).first;
}

void Stream::remove_group(StreamGroup& group) {
  groups_.erase(groups_.find(ByteView(group.name)));
}

bool Stream::drop_references(StreamId id) {
  bool dropped = false;
  for (const auto& group : groups_) dropped = group->acknowledge(id) || dropped;
  return dropped;
}

bool Stream::is_referenced(StreamId id) const {
  return std::ranges::any_of(groups_, [&](const std::unique_ptr<StreamGroup>& group) {
    return group->last_id < id || group->find_delivery(id) != nullptr;
  });
}

// Whether an entry at or behind `id` was deleted by name, as far as is known.
bool Stream::has_deleted_from(StreamId id) const {
  if (length_ == 0 || marks_.max_deleted.is_zero() || marks_.first > marks_.max_deleted) {
    return false;
  }
  return id <= marks_.max_deleted;
}

// How many of all entries ever added have an id up to this one; kUnknown if that cannot be told
// without counting.
std::int64_t Stream::entries_up_to(StreamId id) const {
  const auto added = static_cast<std::int64_t>(marks_.added);
  if (added == 0) return 0;
  if (length_ == 0 && id <= marks_.last) return added;
  if (id == marks_.last) return added;
  if (id > marks_.last) return StreamGroup::kUnknown;
  if (marks_.max_deleted.is_zero() || marks_.max_deleted < marks_.first) {
    const auto before = added - static_cast<std::int64_t>(length_);
    if (id < marks_.first) return before;
    if (id == marks_.first) return before + 1;
  }
  return StreamGroup::kUnknown;
}

void Stream::advance(StreamGroup& group, StreamId id) const {
  if (group.entries_read != StreamGroup::kUnknown && !has_deleted_from(id)) {
    ++group.entries_read;
  } else if (marks_.added != 0) {
    group.entries_read = entries_up_to(id);
  }
  group.last_id = id;
}

std::optional<std::int64_t> Stream::lag(const StreamGroup& group) const {
  const auto added = static_cast<std::int64_t>(marks_.added);
  if (added == 0) return 0;
  if (group.entries_read != StreamGroup::kUnknown && !has_deleted_from(group.last_id)) {
    return added - group.entries_read;
  }
  const std::int64_t read = entries_up_to(group.last_id);
  if (read == StreamGroup::kUnknown) return std::nullopt;
  return added - read;
}

}  // namespace memoir
