// A key with its value in the RDB format, from its entry in the keyspace.
//
//   record := [FC expire_ms:i64] [F8 idle:length | F9 counter:u8] type:u8 key:string value
//
// Pure functions; whoever calls holds the lock of the entry's stripe.
#pragma once

#include <cstdint>

#include "src/store/entry.h"
#include "src/store/rdb_format.h"
#include "src/store/rdb_writer.h"

namespace memoir {

// What of an entry's access clock is written with it, as maxmemory-policy wants it.
enum class RdbAccess : std::uint8_t { kNone, kIdle, kFrequency };

struct RdbEntryStyle {
  RdbAccess access = RdbAccess::kNone;
  std::int64_t now_ms = 0;
  unsigned lfu_decay_minutes = 1;
};

RdbType rdb_type_of(const Entry& entry);
// Writes the value alone, without its type.
void save_value(const Entry& entry, RdbWriter& out);
// Writes all that stands before the value: expiry, access, type, key.
void save_key(const Entry& entry, const RdbEntryStyle& style, RdbWriter& out);

}  // namespace memoir
