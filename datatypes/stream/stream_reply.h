// How ids and entries of streams are replied.
#pragma once

#include "datatypes/stream/stream.h"
#include "protocol/reply_writer.h"

namespace memoir {

inline void reply_id(ReplyWriter& reply, StreamId id) { reply.bulk(ByteView(StreamIdText(id))); }

// An array of the id and an array of fields and values.
inline void reply_entry(ReplyWriter& reply, const StreamEntry& entry) {
  reply.array(2);
  reply_id(reply, entry.id);
  reply.array(2 * entry.fields);
  entry.each([&](ByteView field, ByteView value) {
    reply.bulk(field);
    reply.bulk(value);
  });
}

// Up to `count` entries (0: all) as an array; returns how many.
inline std::size_t reply_entries(ReplyWriter& reply, StreamReader&& reader, std::size_t count) {
  const ReplyWriter::Mark mark = reply.begin();
  StreamEntry entry;
  std::size_t replied = 0;
  while ((count == 0 || replied < count) && reader.next(entry)) {
    reply_entry(reply, entry);
    ++replied;
  }
  reply.end_array(mark, replied);
  return replied;
}

}  // namespace memoir
