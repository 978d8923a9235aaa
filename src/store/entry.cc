#include "src/store/entry.h"

namespace memoir {
namespace {

// An empty view may have no address, which memcpy() must not be given.
void copy_bytes(char* to, ByteView from) {
  if (!from.empty()) std::memmove(to, from.data(), from.size());
}

}  // namespace

Entry* Entry::make(TypeId type, Storage storage, ByteView key, std::int64_t expire_ms,
                   std::size_t inline_bytes) {
  const bool wide = key.size() >= 255;
  const bool expires = expire_ms != kNoExpiry;
  const std::size_t fixed = (wide ? 8 : 0) + (expires ? 8 : 0) +
                            (storage <= Storage::kInlineRaw ? 0 : 8);
  auto* entry = static_cast<Entry*>(
      allocate(sizeof(Entry) + fixed + key.size() + inline_bytes));
  entry->type_storage_ = static_cast<std::uint8_t>(static_cast<unsigned>(type) |
                                                   static_cast<unsigned>(storage) << 4);
  entry->flags_ = static_cast<std::uint8_t>((expires ? kExpires : 0) | (wide ? kWideKey : 0));
  entry->key_size_ = static_cast<std::uint8_t>(wide ? 255 : key.size());
  entry->value_size_ = static_cast<std::uint8_t>(inline_bytes);
  entry->access_ = 0;
  if (wide) entry->store_at<std::uint64_t>(0, key.size());
  if (expires) entry->set_expire_ms(expire_ms);
  copy_bytes(entry->body() + fixed, key);
  return entry;
}

Entry* Entry::make_inline(ByteView key, ByteView value, Storage storage, std::int64_t expire_ms) {
  DEBUG_ASSERT(value.size() <= kInlineBytesMax);
  Entry* entry = make(TypeId::kString, storage, key, expire_ms, value.size());
  copy_bytes(entry->inline_data(), value);
  return entry;
}

Entry* Entry::make_integer(ByteView key, std::int64_t value, std::int64_t expire_ms) {
  Entry* entry = make(TypeId::kString, Storage::kInteger, key, expire_ms, 0);
  entry->set_integer(value);
  return entry;
}

Entry* Entry::make_shared(ByteView key, SharedBytes value, std::int64_t expire_ms) {
  Entry* entry = make(TypeId::kString, Storage::kShared, key, expire_ms, 0);
  entry->set_payload(reinterpret_cast<std::uint64_t>(value.release()));
  return entry;
}

Entry* Entry::make_object(ByteView key, std::unique_ptr<Object> value, std::int64_t expire_ms) {
  Entry* entry = make(value->type(), Storage::kObject, key, expire_ms, 0);
  if (value->earliest_member_ms() != kNoExpiry) entry->set_member_expiry(true);
  entry->set_payload(reinterpret_cast<std::uint64_t>(value.release()));
  return entry;
}

Entry* Entry::rebuild(Entry* from, ByteView key, std::int64_t expire_ms) {
  const bool is_inline = from->is_inline();
  const ByteView value = is_inline ? from->bytes() : ByteView();
  Entry* entry = make(from->type(), from->storage(), key, expire_ms, value.size());
  if (is_inline) {
    copy_bytes(entry->inline_data(), value);
  } else {
    entry->set_payload(from->payload());
  }
  entry->access_ = from->access_;
  entry->set_member_expiry(from->has_member_expiry());
  release(from);
  return entry;
}

Entry* Entry::copy(const Entry& from, ByteView key) {
  Entry* entry = nullptr;
  switch (from.storage()) {
    case Storage::kInline:
    case Storage::kInlineRaw:
      entry = make_inline(key, from.bytes(), from.storage(), from.expire_ms());
      break;
    case Storage::kInteger:
      entry = make_integer(key, from.integer(), from.expire_ms());
      break;
    case Storage::kShared:
      entry = make_shared(key, from.shared(), from.expire_ms());
      break;
    case Storage::kObject:
      entry = make_object(key, from.object()->copy(), from.expire_ms());
      break;
  }
  entry->access_ = from.access_;
  return entry;
}

void Entry::destroy(Entry* entry) {
  if (entry->storage() == Storage::kObject) delete entry->object();
  if (entry->storage() == Storage::kShared) {
    SharedBytes::adopt(reinterpret_cast<void*>(entry->payload()));
  }
  release(entry);
}

std::unique_ptr<Object> Entry::destroy_keeping_object(Entry* entry) {
  std::unique_ptr<Object> object(entry->object());
  release(entry);
  return object;
}

void Entry::set_shared(SharedBytes value) {
  SharedBytes::adopt(reinterpret_cast<void*>(payload()));
  set_payload(reinterpret_cast<std::uint64_t>(value.release()));
}

ByteView Entry::borrowed_shared() const {
  SharedBytes borrowed = SharedBytes::adopt(reinterpret_cast<void*>(payload()));
  const ByteView view = borrowed.view();
  borrowed.release();
  return view;
}

std::size_t Entry::inline_capacity() const {
  const std::size_t room = usable_size(this) - sizeof(Entry) - fixed_bytes() - key_bytes();
  return room < kInlineBytesMax ? room : kInlineBytesMax;
}

void Entry::set_inline(ByteView value, Storage storage) {
  copy_bytes(inline_data(), value);
  value_size_ = static_cast<std::uint8_t>(value.size());
  type_storage_ = static_cast<std::uint8_t>((type_storage_ & 15) |
                                            static_cast<unsigned>(storage) << 4);
}

char* Entry::grow_inline(std::size_t size) {
  char* const data = inline_data();
  std::memset(data + value_size_, 0, size - value_size_);
  set_inline({data, size}, Storage::kInlineRaw);
  return data;
}

const char* Entry::encoding() const {
  switch (storage()) {
    case Storage::kInline:
      return value_size_ <= kEmbeddedBytesMax ? "embstr" : "raw";
    case Storage::kInteger:
      return "int";
    case Storage::kObject:
      return object()->encoding();
    case Storage::kInlineRaw:
    case Storage::kShared:
      break;
  }
  return "raw";
}

std::size_t Entry::memory_usage(std::size_t samples) const {
  std::size_t bytes = usable_size(this);
  if (storage() == Storage::kObject) bytes += object()->memory_usage(samples);
  if (storage() == Storage::kShared) bytes += usable_size(reinterpret_cast<void*>(payload()));
  return bytes;
}

}  // namespace memoir
