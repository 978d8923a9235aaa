// Listpack: many short values in one block, byte-compatible with Redis 7's.
//
//   listpack := bytes:u32 count:u16 element* FF      count 65535: not known, to be counted
//
// The most frequent value of all, so memory counts: one word here and one block whose slack is
// what the allocator gives anyway. The listpack may begin anywhere in the first 32 KB of its
// block: elements come and go at both ends in O(1), and a change in the middle moves the shorter
// side. An empty one has no block. The word's highest bit is never set, so that whoever holds a
// listpack or something else can tell them apart by it (PackOr).
//
// A Cursor points to an element; null is the end. Cursors and views are valid until the next
// change. A value given to a method must not lie in the listpack that it changes.
#pragma once

#include <cstdint>
#include <utility>

#include "datatypes/encoding/listpack_element.h"
#include "src/base/alloc.h"
#include "src/base/assert.h"
#include "src/base/bytes.h"

namespace memoir {

class Listpack {
 public:
  using Cursor = const char*;

  struct Item {
    bool is_integer;
    std::int64_t integer;  // if is_integer
    ByteView text;         // if not
  };

  Listpack() = default;
  Listpack(Listpack&& other) noexcept { swap(other); }
  Listpack& operator=(Listpack&& other) noexcept {
    Listpack moved(std::move(other));
    swap(moved);
    return *this;
  }
  ~Listpack() {
    if (has_block()) memoir::release(block());
  }

  // Takes bytes that bytes() gave, or that validate() has accepted.
  static Listpack from_bytes(ByteView bytes);
  // Whether `bytes` are a sound listpack: every length checked, every element in its shortest form.
  static bool validate(ByteView bytes) { return inspect(bytes) == Form::kCanonical; }
  // Takes bytes of foreign origin; elements not in their shortest form are written anew. False if
  // unsound.
  static bool decode(ByteView bytes, Listpack& out);

  Listpack copy() const { return from_bytes(bytes()); }
  void swap(Listpack& other) noexcept { std::swap(word_, other.word_); }

  ByteView bytes() const { return {data(), size_bytes()}; }
  std::size_t size_bytes() const { return load<std::uint32_t>(data()); }
  std::size_t count() const {
    const std::uint16_t count = load<std::uint16_t>(data() + 4);
    return __builtin_expect(count != kCountUnknown, 1) ? count : count_elements();
  }
  bool empty() const { return byte_at_front() == listpack::kEnd; }
  // Bytes allocated, without this object.
  std::size_t memory_usage() const { return has_block() ? usable_size(block()) : 0; }

  Cursor first() const { return empty() ? nullptr : data() + kHeader; }
  Cursor last() const { return empty() ? nullptr : listpack::element_before(end()); }
  Cursor next(Cursor at) const {
    at += listpack::element_size(at);
    return listpack::byte_at(at) == listpack::kEnd ? nullptr : at;
  }
  Cursor prev(Cursor at) const {
    return at == data() + kHeader ? nullptr : listpack::element_before(at);
  }
  // The element at `index`, from the end if negative (-1: the last); null if there is none.
  Cursor at(long index) const;

  Item get(Cursor at) const {
    if (listpack::is_text(at)) return {false, 0, listpack::text_at(at)};
    return {true, listpack::integer_at(at), {}};
  }
  // The element as text; an integer is written into `buffer`.
  ByteView text_of(Cursor at, char (&buffer)[kIntegerCharsMax]) const {
    if (__builtin_expect(listpack::is_text(at), 1)) return listpack::text_at(at);
    return {buffer, format_integer(listpack::integer_at(at), buffer)};
  }
  static bool equals(Cursor at, const listpack::Encoded& value) { return value.equals(at); }

  // Calls visit(Cursor) for every element from `from` on (null: none).
  template <class F>
  static void for_each_from(Cursor from, F&& visit) {
    if (!from) return;
    for (; listpack::byte_at(from) != listpack::kEnd; from += listpack::element_size(from)) {
      visit(from);
    }
  }
  template <class F>
  void for_each(F&& visit) const {
    for_each_from(data() + kHeader, visit);
  }

  void append(ByteView value) { insert(end(), listpack::encode(value)); }
  void append(std::int64_t value) { insert(end(), listpack::encode_integer(value)); }
  void prepend(ByteView value) { insert(data() + kHeader, listpack::encode(value)); }
  void prepend(std::int64_t value) { insert(data() + kHeader, listpack::encode_integer(value)); }
  // Return the new element.
  Cursor insert_before(Cursor at, ByteView value) { return insert(at, listpack::encode(value)); }
  Cursor insert_after(Cursor at, ByteView value) {
    return insert(at + listpack::element_size(at), listpack::encode(value));
  }
  // Adds room for `count` elements of `bytes` bytes in all at the end; the caller writes them there
  // at once.
  char* extend(std::size_t bytes, std::size_t count);
  // `at` null: at the end.
  Cursor insert(Cursor at, const listpack::Encoded& value);
  // Returns the element that is now at this place.
  Cursor replace(Cursor at, ByteView value) { return replace(at, listpack::encode(value)); }
  Cursor replace(Cursor at, std::int64_t value) {
    return replace(at, listpack::encode_integer(value));
  }
  Cursor replace(Cursor at, const listpack::Encoded& value);
  // Return the element after those erased, null at the end.
  Cursor erase(Cursor at) { return erase_range(at, 1); }
  Cursor erase_range(Cursor at, std::size_t count);
  void clear() { Listpack().swap(*this); }

  // The first element equal to `value` among `from`, the one `skip` elements further, and so on;
  // or null.
  Cursor find(ByteView value, Cursor from, unsigned skip = 0) const {
    return find(listpack::encode(value), from, skip);
  }
  static Cursor find(const listpack::Encoded& value, Cursor from, unsigned skip);

  // Takes off all elements from `at` on and returns them.
  Listpack split(Cursor at);
  // Appends all elements of another.
  void append_all(const Listpack& other);

  // Makes room for a total of `bytes`, at the end (kBack) or in front of the elements.
  enum class Side : std::uint8_t { kFront, kBack };
  void reserve(std::size_t bytes, Side side);

  // Whether `extra` bytes more are within what any listpack may hold (1 GB, as in Redis).
  bool fits(std::size_t extra) const { return size_bytes() + extra <= kBytesMax; }
  static constexpr std::size_t kBytesMax = std::size_t{1} << 30;

 private:
  static constexpr std::size_t kHeader = 6;
  static constexpr std::uint16_t kCountUnknown = 65535;
  static constexpr char kEmpty[8] = {7, 0, 0, 0, 0, 0, static_cast<char>(0xff), 0};
  static constexpr unsigned kPointerBits = 48;
  static constexpr std::uint64_t kPointerMask = (std::uint64_t{1} << kPointerBits) - 1;
  static constexpr std::size_t kFrontMax = 0x7fff;
  enum class Form : std::uint8_t { kUnsound, kValid, kCanonical };

  const char* data() const { return reinterpret_cast<const char*>(word_ & kPointerMask); }
  char* data() { return reinterpret_cast<char*>(word_ & kPointerMask); }
  // Unused bytes of the block before the listpack.
  std::size_t front() const { return word_ >> kPointerBits; }
  const char* block() const { return data() - front(); }
  char* block() { return data() - front(); }
  bool has_block() const { return data() != kEmpty; }
  void place(char* block, std::size_t front) {
    word_ = reinterpret_cast<std::uintptr_t>(block + front) |
            (static_cast<std::uint64_t>(front) << kPointerBits);
  }
  const char* end() const { return data() + size_bytes() - 1; }
  unsigned char byte_at_front() const { return listpack::byte_at(data() + kHeader); }

  static Form inspect(ByteView bytes);
  std::size_t count_elements() const;
  void add_to_header(std::ptrdiff_t bytes, std::ptrdiff_t count);
  char* splice(std::size_t at, std::size_t remove, std::size_t add);
  char* splice_into_new(std::size_t at, std::size_t remove, std::size_t add);
  char* close_gap(std::size_t at, std::size_t remove, std::size_t add);
  char* slide_to_start(std::size_t at, std::size_t remove, std::size_t add);
  std::size_t capacity() const;
  void make_room(Side side, std::size_t add, std::size_t capacity);

  // Where the listpack begins | front() above; without a block kEmpty, which is never written.
  std::uint64_t word_{reinterpret_cast<std::uintptr_t>(kEmpty)};
};

}  // namespace memoir
