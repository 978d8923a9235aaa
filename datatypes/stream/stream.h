// Stream: the value of a key that is a log: entries of fields and values, in the order of their
// ids, and groups of consumers who share reading them.
//
// Entries lie in nodes (stream_node.h) under a tree by the id of each node's first entry; a node
// is closed once it has stream-node-max-bytes or stream-node-max-entries. Deleting marks an entry;
// its node goes when none is left in it. A stream may be empty: ids never go back.
//
// A Stream knows no key, client, clock or journal. Whoever uses it holds the lock of its stripe.
#pragma once

#include <memory>
#include <optional>
#include <set>
#include <span>

#include "datatypes/encoding/ordered_tree.h"
#include "datatypes/stream/stream_group.h"
#include "datatypes/stream/stream_node.h"
#include "src/store/encoding_limits.h"
#include "src/store/object.h"

namespace memoir {

// What becomes of a deleted entry's places in the groups' pending entries.
enum class StreamReferences : std::uint8_t {
  kKeep,   // they stay
  kDrop,   // they go too
  kAcked,  // only entries that every group has read and acknowledged are deleted
};

// What trimming takes off the front of a stream.
struct StreamTrim {
  enum class By : std::uint8_t { kNothing, kLength, kId };
  By by = By::kNothing;
  bool whole_nodes = false;     // only nodes that go as a whole
  std::uint64_t length = 0;     // kLength: entries that stay
  StreamId first{};             // kId: the smallest id that stays
  std::uint64_t limit = 0;      // entries removed at most; 0: no limit. For whole_nodes only
  StreamReferences references = StreamReferences::kKeep;
};
struct StreamTrimmed {
  std::uint64_t entries = 0;
  StreamId reached;  // no entry before this id was left to look at
};

class RdbReader;

class Stream final : public Object {
 public:
  static constexpr TypeId kTypeId = TypeId::kStream;
  static constexpr bool kMayBeEmpty = true;
  static constexpr std::size_t kNodeBytesMax = std::size_t{1} << 30;

  using Nodes = OrderedTree<StreamId, Listpack>;
  using Groups = std::set<std::unique_ptr<StreamGroup>, ByName>;

  // What a stream remembers beside its entries.
  struct Marks {
    StreamId last;         // the largest id ever given
    StreamId first;        // of the first entry; 0-0 if there is none
    StreamId max_deleted;  // the largest id that was deleted by name
    std::uint64_t added = 0;  // how many entries were ever added
  };

  Stream() = default;

  TypeId type() const override { return kTypeId; }
  const char* encoding() const override { return "stream"; }
  std::size_t size() const override { return length_; }
  std::size_t memory_usage(std::size_t samples) const override;
  std::unique_ptr<Object> copy() const override;
  std::size_t free_effort() const override;
  void digest(DigestSink& sink) const override;

  const Nodes& nodes() const { return nodes_; }
  const Marks& marks() const { return marks_; }
  void set_marks(const Marks& marks) { marks_ = marks; }

  // Adds an entry under an id above marks().last. `pairs` (fields and values in turn) have less
  // than kNodeBytesMax bytes in all.
  void append(StreamId id, std::span<const Word> pairs, const EncodingLimits& limits);
  bool contains(StreamId id) const;
  // Deletes the entry of this id; false if there is none. To be followed by settle_first().
  bool erase(StreamId id);
  // Finds the first entry anew if it was deleted.
  void settle_first();
  StreamTrimmed trim(const StreamTrim& wanted);
  // The id of the last entry that is there; 0-0 without any.
  StreamId last_entry_id() const;

  const Groups& groups() const { return groups_; }
  StreamGroup* find_group(ByteView name) const;
  // A group that is not there yet.
  StreamGroup& add_group(ByteView name, StreamId last, std::int64_t entries_read);
  void remove_group(StreamGroup& group);
  // Takes an entry out of all groups' pending entries; false if it was in none.
  bool drop_references(StreamId id);
  // Whether a group has yet to read the entry or to acknowledge it.
  bool is_referenced(StreamId id) const;

  // A group goes on to an entry behind its last one: its count of entries read is kept, found
  // anew, or becomes unknown.
  void advance(StreamGroup& group, StreamId id) const;
  // How many entries a group has yet to read, or nothing if deleted ones make that unknown.
  std::optional<std::int64_t> lag(const StreamGroup& group) const;

  // Inner and leaf nodes that Redis's radix tree would have for these nodes. O(nodes).
  std::size_t radix_nodes() const;

  RdbType rdb_type() const override;
  void save(RdbWriter& out) const override;
  // Reads a value of one of the RDB types for streams; null if `in` has failed.
  static std::unique_ptr<Object> load(RdbReader& in, RdbType type, const EncodingLimits& limits);

  Status verify() const override;

 private:
  void load_entries(RdbReader& in);
  void load_marks(RdbReader& in, RdbType type);
  // Appends a node behind the others; false if it is unsound or does not belong there.
  bool load_node(StreamId id, Listpack&& node);
  // Whether the ids of all entries ascend, within nodes and from one to the next, up to the last.
  bool has_ordered_entries() const;
  bool is_full(const Listpack& node, std::size_t extra, const EncodingLimits& limits) const;
  bool has_deleted_from(StreamId id) const;
  std::int64_t entries_up_to(StreamId id) const;
  bool is_to_be_trimmed(const StreamTrim& wanted, StreamId id) const;
  std::uint64_t trim_node(const StreamTrim& wanted, StreamId id, Listpack& node);

  Nodes nodes_;
  std::uint64_t length_{0};
  Marks marks_;
  bool first_erased_{false};  // marks_.first is to be found anew
  Groups groups_;
};

// The entries of a stream within a range of ids, one after the other, in either direction. Deleted
// ones are left out. The stream must not change meanwhile.
class StreamReader {
 public:
  enum class Order : std::uint8_t { kForward, kBackward };

  StreamReader(const Stream& stream, StreamId first, StreamId last,
               Order order = Order::kForward);

  // The next entry, or false at the end.
  bool next(StreamEntry& entry) {
    return order_ == Order::kForward ? next_forward(entry) : next_backward(entry);
  }

 private:
  void open_forward();
  bool next_forward(StreamEntry& entry);
  bool next_backward(StreamEntry& entry);

  const Stream::Nodes& nodes_;
  Stream::Nodes::Cursor node_;
  const char* at_{nullptr};       // the next entry, or (backward) the end of the next one
  std::optional<StreamNodeHead> head_;
  StreamId first_;
  StreamId last_;
  Order order_;
};

}  // namespace memoir
