#include "src/store/string_edit.h"

#include <algorithm>

#include "src/base/number.h"

namespace memoir {

ByteView string_view_of(const Entry& entry, char* scratch) {
  if (entry.storage() != Storage::kInteger) return entry.bytes();
  return {scratch, format_integer(entry.integer(), scratch)};
}

std::size_t string_size(const Entry& entry) {
  char scratch[kIntegerCharsMax];
  return string_view_of(entry, scratch).size();
}

StringEdit::~StringEdit() {
  if (!entry_) return;
  if (changes_ == 0) {
    if (created_) db_->drop(key_, hash_);
    return;
  }
  db_->add_changes(changes_);
  db_->after_change(key_, hash_);
  if (created_) db_->notify(kEventNew, "new", key_);
  if (event_) db_->notify(kEventString, event_, key_);
}

std::size_t StringEdit::size() const { return string_size(*entry_); }

std::optional<std::int64_t> StringEdit::integer() const {
  if (entry_->storage() == Storage::kInteger) return entry_->integer();
  return parse_integer(entry_->bytes());
}

ByteView StringEdit::view(char* scratch) const { return string_view_of(*entry_, scratch); }

void StringEdit::exchange(Entry* fresh) {
  fresh->set_access(entry_->access());
  db_->replace(entry_, fresh, hash_);
  Entry::destroy(entry_);
  entry_ = fresh;
}

void StringEdit::set_integer(std::int64_t value) {
  if (entry_->storage() == Storage::kInteger) {
    entry_->set_integer(value);
    return;
  }
  exchange(Entry::make_integer(entry_->key(), value, entry_->expire_ms()));
}

void StringEdit::assign(ByteView bytes) {
  if (const auto value = parse_integer(bytes)) return set_integer(*value);
  assign_text(bytes);
}

void StringEdit::assign_text(ByteView bytes) {
  if (bytes.size() <= Entry::kInlineBytesMax) {
    exchange(Entry::make_inline(entry_->key(), bytes, Storage::kInline, entry_->expire_ms()));
  } else {
    exchange(Entry::make_shared(entry_->key(), SharedBytes::copy_of(bytes), entry_->expire_ms()));
  }
}

// Makes the value raw, of `size` bytes and writable (new bytes are zero), and returns its bytes.
char* StringEdit::grow_to(std::size_t size) {
  char scratch[kIntegerCharsMax];
  const std::size_t old_size = this->size();
  size = std::max(size, old_size);
  if (entry_->storage() == Storage::kShared) return grow_shared(size);
  if (entry_->storage() != Storage::kInteger && size <= entry_->inline_capacity()) {
    return entry_->grow_inline(size);
  }
  const ByteView old = view(scratch);
  if (size <= Entry::kInlineBytesMax) {
    Bytes padded(old);
    padded.resize(size);
    exchange(Entry::make_inline(entry_->key(), padded, Storage::kInlineRaw, entry_->expire_ms()));
    return entry_->inline_data();
  }
  SharedBytes grown = SharedBytes::with_size(size);
  std::memcpy(grown.data(), old.data(), old.size());
  std::memset(grown.data() + old.size(), 0, size - old.size());
  char* const data = grown.data();
  exchange(Entry::make_shared(entry_->key(), std::move(grown), entry_->expire_ms()));
  return data;
}

char* StringEdit::resize(std::size_t size, std::size_t slack) {
  const Storage storage = entry_->storage();
  if (storage == Storage::kShared) {
    SharedBytes value = entry_->shared();
    entry_->set_shared(SharedBytes());
    if (!value.unique() || value.capacity() < size) {
      SharedBytes moved = SharedBytes::with_size(size, size + slack);
      std::memcpy(moved.data(), value.data(), std::min(size, value.size()));
      value = std::move(moved);
    }
    value.set_size(size);
    char* const data = value.data();
    entry_->set_shared(std::move(value));
    return data;
  }
  if (storage != Storage::kInteger && size <= entry_->inline_capacity()) {
    entry_->set_inline({entry_->inline_data(), size}, Storage::kInlineRaw);
    return entry_->inline_data();
  }
  char scratch[kIntegerCharsMax];
  const ByteView old = view(scratch);
  if (size <= Entry::kInlineBytesMax) {
    Bytes copy(old);
    copy.resize(size);
    exchange(Entry::make_inline(entry_->key(), copy, Storage::kInlineRaw, entry_->expire_ms()));
    return entry_->inline_data();
  }
  SharedBytes moved = SharedBytes::with_size(size, size + slack);
  std::memcpy(moved.data(), old.data(), std::min(size, old.size()));
  char* const data = moved.data();
  exchange(Entry::make_shared(entry_->key(), std::move(moved), entry_->expire_ms()));
  return data;
}

// Appending again and again must not copy each time: a buffer that has to grow gets as much again,
// up to 1 MB.
char* StringEdit::grow_shared(std::size_t size) {
  constexpr std::size_t kSlackMax = 1 << 20;
  SharedBytes value = entry_->shared();
  const std::size_t old_size = value.size();
  entry_->set_shared(SharedBytes());  // so that ours is the only reference, unless a socket has one
  if (!value.unique() || value.capacity() < size) {
    const std::size_t slack = size > old_size ? std::min(size, kSlackMax) : 0;
    SharedBytes grown = SharedBytes::with_size(size, size + slack);
    std::memcpy(grown.data(), value.data(), old_size);
    value = std::move(grown);
  }
  value.set_size(size);
  if (size > old_size) std::memset(value.data() + old_size, 0, size - old_size);
  char* const data = value.data();
  entry_->set_shared(std::move(value));
  return data;
}

void StringEdit::append(ByteView bytes) { write_at(size(), bytes); }

void StringEdit::write_at(std::size_t offset, ByteView bytes) {
  char* const data = grow_to(offset + bytes.size());
  if (!bytes.empty()) std::memcpy(data + offset, bytes.data(), bytes.size());
}

}  // namespace memoir
