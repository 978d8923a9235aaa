// A field of a large hash with its value, in one allocation, as an item of the hash's table.
//
//   block := head  [field_bytes:u32]  field  [value]
//   head  := n:u8               the value follows, n <= 250 bytes
//          | 251 n:u16          the value follows
//          | 252 buffer:u64     the value is a SharedBytes of its own
//   field_bytes only if the item's 8 spare bits say kLongField; else they are the field's length.
//
// So a short field with a short value costs one byte more than both. Heads from 253 on are free:
// a field with an expiry can get one that carries the time, without touching the others.
#pragma once

#include <cstdint>

#include "src/base/bytes.h"
#include "src/base/coding.h"
#include "src/base/hash.h"
#include "src/store/table.h"

namespace memoir {

class HashField {
 public:
  // Values from this size on are kept apart, so that they are sent and replaced without a copy.
  static constexpr std::size_t kApartBytesMin = 8192;

  // A new item. `owner`, if not null, holds exactly `value` and may be shared.
  static TableItem make(ByteView field, ByteView value, const SharedBytes& owner);
  static TableItem copy(TableItem item);
  static void destroy(TableItem item);
  // The item with another value: the same block if it fits, else a new one (the old one is freed).
  static TableItem with_value(TableItem item, ByteView value, const SharedBytes& owner);

  static ByteView field(TableItem item) {
    const char* const block = static_cast<const char*>(item.pointer);
    const char* const after = block + head_bytes(block);
    if (__builtin_expect(item.aux != kLongField, 1)) return {after, item.aux};
    return {after + 4, load<std::uint32_t>(after)};
  }
  static ByteView value(TableItem item) {
    const char* const block = static_cast<const char*>(item.pointer);
    if (is_apart(block)) return apart(block).view();
    const ByteView name = field(item);
    return {name.data() + name.size(), inline_bytes(block)};
  }
  // The value's buffer, if it has one of its own; else null.
  static SharedBytes shared(TableItem item) {
    const char* const block = static_cast<const char*>(item.pointer);
    return is_apart(block) ? apart(block) : SharedBytes();
  }
  static std::size_t memory_usage(TableItem item);

 private:
  static constexpr std::uint8_t kLongField = 255;
  static constexpr unsigned char kInlineMax = 250;
  static constexpr unsigned char kInlineWide = 251;
  static constexpr unsigned char kApart = 252;

  static unsigned char head(const char* block) { return static_cast<unsigned char>(*block); }
  static bool is_apart(const char* block) { return head(block) == kApart; }
  static std::size_t head_bytes(const char* block) {
    if (head(block) <= kInlineMax) return 1;
    return head(block) == kInlineWide ? 3 : 9;
  }
  static std::size_t inline_bytes(const char* block) {
    return head(block) <= kInlineMax ? head(block) : load<std::uint16_t>(block + 1);
  }
  static SharedBytes apart(const char* block) { return SharedBytes::share(load<void*>(block + 1)); }
  static char* write_head(char* block, ByteView value, const SharedBytes& owner);
};

struct HashFieldTraits {
  static ByteView key(TableItem item) { return HashField::field(item); }
  static std::uint64_t hash(ByteView field) { return hash_in_memory(field); }
};

}  // namespace memoir
