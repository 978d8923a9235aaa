// Replies fields and values of a hash, however they are stored.
#pragma once

#include "datatypes/hash/hash.h"
#include "protocol/reply_writer.h"

namespace memoir {

// A large value is sent from where it lies: the reply holds a reference.
inline void reply_text(ReplyWriter& reply, const HashText& text) {
  if (text.is_integer()) return reply.bulk_integer(text.integer());
  char unused[kIntegerCharsMax];
  const ByteView bytes = text.text(unused);
  if (bytes.size() >= OutputBuffer::kReferenceBytesMin) {
    if (const SharedBytes shared = text.shared()) return reply.bulk(shared);
  }
  reply.bulk(bytes);
}

// A value, or a null if there is none.
inline void reply_text_or_null(ReplyWriter& reply, const HashText& text) {
  if (text) return reply_text(reply, text);
  reply.null();
}

}  // namespace memoir
