// Intset: a sorted array of distinct integers in one block, byte-compatible with Redis's.
//
//   intset := width:u32 count:u32 element{count}      width 2, 4 or 8; little-endian, ascending
//
// All elements have the width that the widest ever added needed; it never narrows. An empty one
// has no block. The object is one word, whose highest bit is always set and the one below never, so
// that whoever holds an intset or something else can tell. Pointers into it are valid until the
// next change.
#pragma once

#include <cstdint>
#include <utility>

#include "src/base/alloc.h"
#include "src/base/bytes.h"
#include "src/base/coding.h"

namespace memoir {

class Intset {
 public:
  Intset() = default;
  Intset(Intset&& other) noexcept { swap(other); }
  Intset& operator=(Intset&& other) noexcept {
    Intset moved(std::move(other));
    swap(moved);
    return *this;
  }
  ~Intset() {
    if (has_block()) release(block());
  }

  // Takes bytes that bytes() gave, or that validate() has accepted.
  static Intset from_bytes(ByteView bytes);
  // Whether `bytes` are a sound intset: sizes agree, elements ascend.
  static bool validate(ByteView bytes);

  Intset copy() const { return from_bytes(bytes()); }
  void swap(Intset& other) noexcept { std::swap(word_, other.word_); }

  ByteView bytes() const { return {block(), kHeader + size() * width()}; }
  std::size_t size() const { return load<std::uint32_t>(block() + 4); }
  bool empty() const { return size() == 0; }
  // Bytes allocated, without this object.
  std::size_t memory_usage() const { return has_block() ? usable_size(block()) : 0; }

  // False if it is there already.
  bool add(std::int64_t value);
  // False if it is not there.
  bool remove(std::int64_t value);
  bool contains(std::int64_t value) const;
  // The number at `index` in ascending order; index < size().
  std::int64_t at(std::size_t index) const { return read(width(), index); }
  // How many elements are less than `value`.
  std::size_t rank(std::int64_t value) const;
  // Makes room for `count` elements as wide as the present ones.
  void reserve(std::size_t count);

  // Calls visit(int64_t) in ascending order.
  template <class F>
  void for_each(F&& visit) const {
    const std::size_t count = size();
    const std::size_t w = width();
    for (std::size_t i = 0; i < count; ++i) visit(read(w, i));
  }

 private:
  static constexpr std::size_t kHeader = 8;
  static constexpr char kEmpty[8] = {2, 0, 0, 0, 0, 0, 0, 0};
  static constexpr std::uint64_t kMark = std::uint64_t{1} << 63;

  const char* block() const { return reinterpret_cast<const char*>(word_ & ~kMark); }
  char* block() { return reinterpret_cast<char*>(word_ & ~kMark); }
  bool has_block() const { return block() != kEmpty; }
  std::size_t width() const { return load<std::uint32_t>(block()); }
  static std::size_t width_of(std::int64_t value) {
    if (value == static_cast<std::int16_t>(value)) return 2;
    return value == static_cast<std::int32_t>(value) ? 4 : 8;
  }
  std::int64_t read(std::size_t width, std::size_t index) const {
    return read_from(block(), width, index);
  }
  static std::int64_t read_from(const char* block, std::size_t width, std::size_t index) {
    const char* const from = block + kHeader + index * width;
    if (width == 2) return load<std::int16_t>(from);
    return width == 4 ? load<std::int32_t>(from) : load<std::int64_t>(from);
  }
  void write(std::size_t width, std::size_t index, std::int64_t value);
  void set_size(std::size_t count) { store(block() + 4, static_cast<std::uint32_t>(count)); }
  void make_room(std::size_t bytes);
  void resize_block(std::size_t bytes);
  void widen_with(std::int64_t value, std::size_t width);

  std::uint64_t word_{reinterpret_cast<std::uintptr_t>(kEmpty) | kMark};  // kEmpty: only read
};

}  // namespace memoir
