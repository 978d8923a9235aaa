// Entry: a key with its value, in one allocation.
//
//   entry := type:4 storage:4  flags:u8  key_size:u8  value_size:u8  access:u32
//            [wide_key_size:u64]      if kWideKey (a key of 255 bytes or more)
//            [expire_ms:i64]          if kExpires; Unix time
//            [payload:u64]            unless the value is inline: an Object*, a SharedBytes or an
//            integer key bytes [value bytes]            if the value is inline
//
// A 16-byte key with an 8-byte string takes 32 bytes. Everything but a short string is behind the
// payload. Entries are owned by the keyspace's tables; whoever reads or changes one holds the lock
// of its stripe.
#pragma once

#include <cstdint>
#include <cstring>
#include <memory>

#include "src/base/bytes.h"
#include "src/base/hash.h"
#include "src/store/object.h"
#include "src/store/table.h"

namespace memoir {

// Where a value is kept.
enum class Storage : std::uint8_t {
  kInline,     // a string of at most kInlineBytesMax in the entry; OBJECT ENCODING embstr or raw by
               // size
  kInlineRaw,  // the same, after an in-place change: always "raw", as in Redis
  kInteger,    // a string that is a canonical 64-bit integer; "int"
  kShared,     // a longer string, reference-counted; "raw"
  kObject,     // any other type
};

class Entry {
 public:
  static constexpr std::size_t kInlineBytesMax = 255;
  static constexpr std::size_t kEmbeddedBytesMax = 44;  // up to here Redis says "embstr"

  // A new entry without expiry unless `expire_ms` is given. The caller owns it until a table does.
  static Entry* make_inline(ByteView key, ByteView value, Storage storage,
                            std::int64_t expire_ms = kNoExpiry);
  static Entry* make_integer(ByteView key, std::int64_t value, std::int64_t expire_ms = kNoExpiry);
  static Entry* make_shared(ByteView key, SharedBytes value, std::int64_t expire_ms = kNoExpiry);
  static Entry* make_object(ByteView key, std::unique_ptr<Object> value,
                            std::int64_t expire_ms = kNoExpiry);
  // The same value (moved, not copied) under another key or with another expiry; `from` is freed.
  static Entry* rebuild(Entry* from, ByteView key, std::int64_t expire_ms);
  // A new entry with the same value, expiry, encoding and access clock under `key`. A long string
  // is shared, an object copied.
  static Entry* copy(const Entry& from, ByteView key);
  // Frees the entry and its value.
  static void destroy(Entry* entry);
  // Frees the entry alone and hands out its value, for background freeing.
  static std::unique_ptr<Object> destroy_keeping_object(Entry* entry);

  TypeId type() const { return static_cast<TypeId>(type_storage_ & 15); }
  Storage storage() const { return static_cast<Storage>(type_storage_ >> 4); }
  bool is_string() const { return type() == TypeId::kString; }

  ByteView key() const {
    const char* at = body() + fixed_bytes();
    if (flags_ & kWideKey) [[unlikely]] return {at, wide_key_size()};
    return {at, key_size_};
  }

  bool has_expiry() const { return (flags_ & kExpires) != 0; }
  std::int64_t expire_ms() const {
    return has_expiry() ? load_at<std::int64_t>(expiry_offset()) : kNoExpiry;
  }
  // Only for an entry that has one.
  void set_expire_ms(std::int64_t ms) { store_at(expiry_offset(), ms); }

  // Whether members of its value may end: then it stands in Shard::member_expires. Stays true until
  // somebody sees that none does any more.
  bool has_member_expiry() const { return (flags_ & kMembersExpire) != 0; }
  void set_member_expiry(bool on) {
    flags_ = static_cast<std::uint8_t>(on ? flags_ | kMembersExpire : flags_ & ~kMembersExpire);
  }
  // Whether time may take anything of it.
  bool may_expire() const { return (flags_ & (kExpires | kMembersExpire)) != 0; }

  Object* object() const { return reinterpret_cast<Object*>(payload()); }
  std::int64_t integer() const { return static_cast<std::int64_t>(payload()); }
  void set_integer(std::int64_t value) { store_at(payload_offset(), value); }
  // A further reference to a kShared value.
  SharedBytes shared() const { return SharedBytes::share(reinterpret_cast<void*>(payload())); }
  // Exchanges the buffer of a kShared value.
  void set_shared(SharedBytes value);

  // The inline value, or the shared one's bytes; not for integers and objects.
  ByteView bytes() const {
    if (storage() == Storage::kShared) return borrowed_shared();
    return {body() + fixed_bytes() + key_bytes(), value_size_};
  }
  char* inline_data() { return body() + fixed_bytes() + key_bytes(); }
  // Bytes the inline value may have without another allocation.
  std::size_t inline_capacity() const;
  // Overwrites the inline value; `value` must fit.
  void set_inline(ByteView value, Storage storage);
  // Lengthens the inline value with zero bytes to `size`, which must fit; it is raw from now on.
  char* grow_inline(std::size_t size);

  // The access clock: seconds for LRU, or LFU's minutes << 8 | counter.
  std::uint32_t access() const { return access_; }
  void set_access(std::uint32_t access) {
    if (access_ != access) access_ = access;
  }

  // What OBJECT ENCODING reports.
  const char* encoding() const;
  // MEMORY USAGE's figure without the table's share.
  std::size_t memory_usage(std::size_t samples) const;

 private:
  static constexpr std::uint8_t kExpires = 1;
  static constexpr std::uint8_t kWideKey = 2;
  static constexpr std::uint8_t kMembersExpire = 4;

  static Entry* make(TypeId type, Storage storage, ByteView key, std::int64_t expire_ms,
                     std::size_t inline_bytes);
  char* body() { return reinterpret_cast<char*>(this + 1); }
  const char* body() const { return reinterpret_cast<const char*>(this + 1); }
  std::size_t expiry_offset() const { return (flags_ & kWideKey) ? 8 : 0; }
  std::size_t payload_offset() const {
    return expiry_offset() + ((flags_ & kExpires) ? 8 : 0);
  }
  bool is_inline() const { return storage() <= Storage::kInlineRaw; }
  std::size_t fixed_bytes() const { return payload_offset() + (is_inline() ? 0 : 8); }
  std::size_t wide_key_size() const { return load_at<std::uint64_t>(0); }
  std::size_t key_bytes() const { return (flags_ & kWideKey) ? wide_key_size() : key_size_; }
  std::uint64_t payload() const { return load_at<std::uint64_t>(payload_offset()); }
  void set_payload(std::uint64_t payload) { store_at(payload_offset(), payload); }
  ByteView borrowed_shared() const;

  template <class T>
  T load_at(std::size_t offset) const {
    T value;
    std::memcpy(&value, body() + offset, sizeof(T));
    return value;
  }
  template <class T>
  void store_at(std::size_t offset, T value) {
    std::memcpy(body() + offset, &value, sizeof(T));
  }

  std::uint8_t type_storage_;
  std::uint8_t flags_;
  std::uint8_t key_size_;
  std::uint8_t value_size_;
  std::uint32_t access_;
};
static_assert(sizeof(Entry) == 8);

struct EntryTraits {
  static ByteView key(TableItem item) { return static_cast<Entry*>(item.pointer)->key(); }
  static std::uint64_t hash(ByteView key) { return hash_in_memory(key); }
};
using EntryTable = Table<EntryTraits>;

}  // namespace memoir
