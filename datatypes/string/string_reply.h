// Replies the value of a string entry, however it is stored.
#pragma once

#include "protocol/reply_writer.h"
#include "src/store/entry.h"

namespace memoir {

// `entry` must be a string. A large value is sent from where it lies: the reply holds a reference,
// so it may be overwritten or deleted before it has left.
inline void reply_string(ReplyWriter& reply, const Entry& entry) {
  switch (entry.storage()) {
    case Storage::kInteger:
      return reply.bulk_integer(entry.integer());
    case Storage::kShared:
      // Counting references costs more than copying a short value.
      if (entry.bytes().size() >= OutputBuffer::kReferenceBytesMin) {
        return reply.bulk(entry.shared());
      }
      break;
    default:
      break;
  }
  reply.bulk(entry.bytes());
}

}  // namespace memoir
