// A node of a stream: a listpack of entries whose ids follow each other, byte for byte Redis's.
//
//   node   := live deleted count field{count} 0 entry*
//   entry  := flags ms seq [count] (field value){count} size     fields of its own
//           | flags ms seq value{count} size                     flag 2: the fields of the node
//
// All parts are listpack elements. `live` and `deleted` count the entries without and with flag 1;
// ms and seq are what the entry's id has more than the node's id, which is that of its first entry
// and stands in the stream's tree; `size` is the number of the entry's other elements, so that
// entries can be walked backwards.
//
// Views and cursors live until the node's next change.
#pragma once

#include <span>

#include "datatypes/encoding/listpack.h"
#include "datatypes/stream/stream_id.h"
#include "protocol/request_parser.h"

namespace memoir {

// An entry where it lies.
struct StreamEntry {
  StreamId id;
  std::size_t fields = 0;
  std::uint8_t flags = 0;
  const char* flags_at = nullptr;
  const char* names = nullptr;   // the fields of the node; null if the entry has its own
  const char* values = nullptr;  // the first value, or field

  bool deleted() const { return (flags & 1) != 0; }
  // Behind the entry's last element.
  const char* end() const;

  // Calls visit(field, value) for each pair; the views live as long as the call.
  template <class F>
  void each(F&& visit) const {
    char field_text[kIntegerCharsMax];
    char value_text[kIntegerCharsMax];
    const char* name = names;
    const char* at = values;
    for (std::size_t i = 0; i < fields; ++i) {
      const char*& field_at = names ? name : at;
      const ByteView field = text_of(field_at, field_text);
      field_at += listpack::element_size(field_at);
      const ByteView value = text_of(at, value_text);
      at += listpack::element_size(at);
      visit(field, value);
    }
  }

 private:
  static ByteView text_of(const char* at, char (&buffer)[kIntegerCharsMax]) {
    if (listpack::is_text(at)) return listpack::text_at(at);
    return {buffer, format_integer(listpack::integer_at(at), buffer)};
  }
};

// What a node begins with.
struct StreamNodeCounts {
  explicit StreamNodeCounts(const Listpack& node);

  std::size_t live;
  std::size_t deleted;
  std::size_t fields;
  const char* names;
};
// The same, and where the entries are.
struct StreamNodeHead : StreamNodeCounts {
  explicit StreamNodeHead(const Listpack& node);

  const char* entries;  // the first one, or the listpack's end
};

// Reads the entry whose flags stand at `at`.
StreamEntry read_stream_entry(const char* at, StreamId node, const StreamNodeHead& head);
// The entry that ends just before `end`; one without values if there is none.
StreamEntry read_stream_entry_before(const char* end, StreamId node, const StreamNodeHead& head);

// The bytes that a node takes at least for `pairs` (fields and values in turn), as Redis counts
// them: the texts alone.
std::size_t stream_entry_bytes(std::span<const Word> pairs);

// Appends an entry to a node; an empty listpack becomes a node that begins with it. `room`: bytes
// up to which the block may grow ahead of need.
void append_stream_entry(Listpack& node, StreamId node_id, StreamId id,
                         std::span<const Word> pairs, std::size_t room);
// Marks a live entry as deleted.
void mark_stream_entry_deleted(Listpack& node, const StreamEntry& entry);

// Whether a listpack of foreign origin, accepted by Listpack::decode(), is a sound node.
bool is_stream_node(const Listpack& node);

}  // namespace memoir
