#include "src/store/rdb_entry.h"

#include <algorithm>

#include "src/store/database.h"

namespace memoir {

RdbType rdb_type_of(const Entry& entry) {
  return entry.is_string() ? RdbType::kString : entry.object()->rdb_type();
}

void save_value(const Entry& entry, RdbWriter& out) {
  if (!entry.is_string()) return entry.object()->save(out);
  entry.storage() == Storage::kInteger ? out.integer(entry.integer()) : out.string(entry.bytes());
}

void save_key(const Entry& entry, const RdbEntryStyle& style, RdbWriter& out) {
  if (entry.has_expiry()) {
    out.opcode(RdbOpcode::kExpireTimeMs);
    out.time_ms(entry.expire_ms());
  }
  if (style.access == RdbAccess::kIdle) {
    const std::uint32_t now = lru_now(style.now_ms);
    out.opcode(RdbOpcode::kIdle);
    out.length(now - std::min(now, entry.access()));
  } else if (style.access == RdbAccess::kFrequency) {
    out.opcode(RdbOpcode::kFreq);
    out.byte(lfu_counter(entry.access(), style.now_ms, style.lfu_decay_minutes));
  }
  out.type(rdb_type_of(entry));
  out.string(entry.key());
}

}  // namespace memoir
