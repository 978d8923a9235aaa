#include "datatypes/encoding/intset.h"

#include "datatypes/encoding/block_steps.h"
#include "src/base/assert.h"

namespace memoir {

namespace {

// How many of the `count` ascending Ts at `from` are less than `value`; halves without branches.
template <class T>
std::size_t lower_bound(const char* from, std::size_t count, T value) {
  if (count == 0) return 0;
  const char* base = from;
  while (count > 1) {
    const std::size_t half = count / 2;
    base += load<T>(base + (half - 1) * sizeof(T)) < value ? half * sizeof(T) : 0;
    count -= half;
  }
  base += load<T>(base) < value ? sizeof(T) : 0;
  return static_cast<std::size_t>(base - from) / sizeof(T);
}

}  // namespace

Intset Intset::from_bytes(ByteView bytes) {
  Intset made;
  if (bytes.size() <= kHeader) return made;
  made.resize_block(bytes.size());
  std::memcpy(made.block(), bytes.data(), bytes.size());
  return made;
}

bool Intset::validate(ByteView bytes) {
  if (bytes.size() < kHeader) return false;
  const std::uint32_t width = load<std::uint32_t>(bytes.data());
  const std::uint64_t count = load<std::uint32_t>(bytes.data() + 4);
  if (width != 2 && width != 4 && width != 8) return false;
  if (bytes.size() - kHeader != count * width) return false;
  for (std::size_t i = 1; i < count; ++i) {
    if (read_from(bytes.data(), width, i - 1) >= read_from(bytes.data(), width, i)) return false;
  }
  return true;
}

std::size_t Intset::rank(std::int64_t value) const {
  const char* const from = block() + kHeader;
  const std::size_t w = width();
  if (width_of(value) > w) return value < 0 ? 0 : size();
  if (w == 2) return lower_bound<std::int16_t>(from, size(), static_cast<std::int16_t>(value));
  if (w == 4) return lower_bound<std::int32_t>(from, size(), static_cast<std::int32_t>(value));
  return lower_bound<std::int64_t>(from, size(), value);
}

bool Intset::contains(std::int64_t value) const {
  const std::size_t index = rank(value);
  return index < size() && at(index) == value;
}

bool Intset::add(std::int64_t value) {
  const std::size_t needed = width_of(value);
  const std::size_t w = width();
  const std::size_t count = size();
  if (needed > w) {
    widen_with(value, needed);
    return true;
  }
  const std::size_t index = rank(value);
  if (index < count && read(w, index) == value) return false;
  const std::size_t bytes = kHeader + (count + 1) * w;
  if (!has_block() || bytes > block_step_end(bytes - w)) make_room(bytes);
  char* const place = block() + kHeader + index * w;
  std::memmove(place + w, place, (count - index) * w);
  write(w, index, value);
  set_size(count + 1);
  return true;
}

bool Intset::remove(std::int64_t value) {
  const std::size_t count = size();
  const std::size_t index = rank(value);
  if (index == count || at(index) != value) return false;
  const std::size_t w = width();
  char* const place = block() + kHeader + index * w;
  std::memmove(place, place + w, (count - index - 1) * w);
  set_size(count - 1);
  const std::size_t bytes = kHeader + (count - 1) * w;
  if (block_step_end(bytes) < block_step_end(bytes + w)) {
    const std::size_t capacity = block_capacity(block());
    if (bytes * 2 <= capacity && capacity > 32) resize_block(bytes);
  }
  return true;
}

void Intset::reserve(std::size_t count) {
  const std::size_t bytes = kHeader + count * width();
  if (count > 0) make_room(bytes);
}

void Intset::make_room(std::size_t bytes) {
  if (!has_block() || bytes > block_capacity(block())) resize_block(bytes);
}

void Intset::write(std::size_t width, std::size_t index, std::int64_t value) {
  std::memcpy(block() + kHeader + index * width, &value, width);
}

void Intset::resize_block(std::size_t bytes) {
  const bool first = !has_block();
  const std::size_t whole = block_step_end(bytes);
  auto* made = static_cast<char*>(first ? allocate(whole) : reallocate(block(), whole));
  if (first) std::memcpy(made, kEmpty, kHeader);
  word_ = reinterpret_cast<std::uintptr_t>(made) | kMark;
}

// A value wider than all others is less than all of them or greater.
void Intset::widen_with(std::int64_t value, std::size_t width) {
  const std::size_t old_width = this->width();
  const std::size_t count = size();
  resize_block(kHeader + (count + 1) * width);
  const std::size_t shift = value < 0 ? 1 : 0;
  for (std::size_t i = count; i-- > 0;) write(width, i + shift, read(old_width, i));
  store(block(), static_cast<std::uint32_t>(width));
  write(width, shift != 0 ? 0 : count, value);
  set_size(count + 1);
}

}  // namespace memoir
