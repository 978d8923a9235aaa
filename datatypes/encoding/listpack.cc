#include "datatypes/encoding/listpack.h"

#include <algorithm>

#include "datatypes/encoding/block_steps.h"

namespace memoir {

using listpack::byte_at;
using listpack::element_size;
using listpack::Encoded;
using listpack::kEnd;

namespace {

char* allocate_block(std::size_t bytes) {
  return static_cast<char*>(allocate(block_step_end(bytes)));
}

// Bytes of the element at `at` without its back length, or 0 if it does not lie within `room`
// bytes.
std::size_t checked_encoded_size(const char* at, std::size_t room) {
  const unsigned char b = byte_at(at);
  if (b > 0xf4) return 0;
  const std::size_t known = listpack::kElementSizes[b];
  if (known != 0) return known <= room ? known - 1 : 0;
  const std::size_t head = listpack::long_text_head(at);
  if (room < head) return 0;
  const std::size_t encoded = head + listpack::long_text_size(at);
  return encoded + listpack::back_size(encoded) <= room ? encoded : 0;
}

bool is_canonical(const char* at, std::size_t encoded) {
  if (!listpack::is_text(at)) {
    return listpack::encode_integer(listpack::integer_at(at)).head_size == encoded;
  }
  const Encoded best = listpack::encode(listpack::text_at(at));
  return best.head[0] == *at && best.encoded_size() == encoded;
}

}  // namespace

Listpack Listpack::from_bytes(ByteView bytes) {
  Listpack made;
  if (byte_at(bytes.data() + kHeader) == kEnd) return made;
  char* const block = allocate_block(bytes.size());
  std::memcpy(block, bytes.data(), bytes.size());
  made.place(block, 0);
  return made;
}

Listpack::Form Listpack::inspect(ByteView bytes) {
  if (bytes.size() < kHeader + 1 || load<std::uint32_t>(bytes.data()) != bytes.size()) {
    return Form::kUnsound;
  }
  const char* at = bytes.data() + kHeader;
  const char* const end = bytes.data() + bytes.size() - 1;
  if (byte_at(end) != kEnd) return Form::kUnsound;
  bool canonical = true;
  std::size_t count = 0;
  for (; at < end; ++count) {
    const std::size_t encoded = checked_encoded_size(at, static_cast<std::size_t>(end - at));
    if (encoded == 0) return Form::kUnsound;
    char back[5];
    Encoded::write_back(back, encoded);
    const std::size_t back_size = listpack::back_size(encoded);
    if (std::memcmp(at + encoded, back, back_size) != 0) return Form::kUnsound;
    canonical = canonical && is_canonical(at, encoded);
    at += encoded + back_size;
  }
  const std::uint16_t told = load<std::uint16_t>(bytes.data() + 4);
  if (told != kCountUnknown && told != count) return Form::kUnsound;
  return canonical ? Form::kCanonical : Form::kValid;
}

bool Listpack::decode(ByteView bytes, Listpack& out) {
  const Form form = inspect(bytes);
  if (form == Form::kUnsound) return false;
  if (form == Form::kCanonical) {
    out = from_bytes(bytes);
    return true;
  }
  Listpack made;
  made.reserve(bytes.size(), Side::kBack);
  char buffer[kIntegerCharsMax];
  for_each_from(bytes.data() + kHeader, [&](Cursor at) { made.append(made.text_of(at, buffer)); });
  out = std::move(made);
  return true;
}

std::size_t Listpack::count_elements() const {
  std::size_t count = 0;
  for_each([&](Cursor) { ++count; });
  return count;
}

Listpack::Cursor Listpack::at(long index) const {
  const auto known = static_cast<long>(count());
  if (index < 0) index += known;
  if (index < 0 || index >= known) return nullptr;
  if (index <= known / 2) {
    const char* at = data() + kHeader;
    for (; index > 0; --index) at += element_size(at);
    return at;
  }
  const char* at = end();
  for (; index < known; ++index) at = listpack::element_before(at);
  return at;
}

Listpack::Cursor Listpack::insert(Cursor at, const Encoded& value) {
  const std::size_t offset = static_cast<std::size_t>((at ? at : end()) - data());
  char* const place = splice(offset, 0, value.size());
  add_to_header(static_cast<std::ptrdiff_t>(value.size()), 1);
  value.write(place);
  return place;
}

Listpack::Cursor Listpack::replace(Cursor at, const Encoded& value) {
  const std::size_t before = element_size(at);
  const std::size_t after = value.size();
  char* const place = splice(static_cast<std::size_t>(at - data()), before, after);
  add_to_header(static_cast<std::ptrdiff_t>(after) - static_cast<std::ptrdiff_t>(before), 0);
  value.write(place);
  return place;
}

Listpack::Cursor Listpack::erase_range(Cursor at, std::size_t count) {
  const char* until = at;
  std::size_t erased = 0;
  for (; erased < count && byte_at(until) != kEnd; ++erased) until += element_size(until);
  const auto bytes = static_cast<std::size_t>(until - at);
  const std::size_t offset = static_cast<std::size_t>(at - data());
  if (bytes != 0 && size_bytes() - bytes == kHeader + 1) {
    clear();
    return nullptr;
  }
  char* const place = splice(offset, bytes, 0);
  if (bytes != 0) {
    add_to_header(-static_cast<std::ptrdiff_t>(bytes), -static_cast<std::ptrdiff_t>(erased));
  }
  return byte_at(place) == kEnd ? nullptr : place;
}

Listpack::Cursor Listpack::find(const Encoded& value, Cursor from, unsigned skip) {
  if (!from) return nullptr;
  while (byte_at(from) != kEnd) {
    if (value.equals(from)) return from;
    from += element_size(from);
    for (unsigned i = 0; i < skip && byte_at(from) != kEnd; ++i) from += element_size(from);
  }
  return nullptr;
}

Listpack Listpack::split(Cursor at) {
  Listpack tail;
  std::size_t moved = 0;
  const char* until = at;
  for (; byte_at(until) != kEnd; ++moved) until += element_size(until);
  if (moved == 0) return tail;
  const auto bytes = static_cast<std::size_t>(until - at);
  char* const place = tail.splice(kHeader, 0, bytes);
  std::memcpy(place, at, bytes);
  tail.add_to_header(static_cast<std::ptrdiff_t>(bytes), static_cast<std::ptrdiff_t>(moved));
  erase_range(at, moved);
  return tail;
}

void Listpack::append_all(const Listpack& other) {
  if (other.empty()) return;
  const std::size_t bytes = other.size_bytes() - kHeader - 1;
  std::memcpy(extend(bytes, other.count()), other.data() + kHeader, bytes);
}

char* Listpack::extend(std::size_t bytes, std::size_t count) {
  char* const place = splice(size_bytes() - 1, 0, bytes);
  add_to_header(static_cast<std::ptrdiff_t>(bytes), static_cast<std::ptrdiff_t>(count));
  return place;
}

void Listpack::reserve(std::size_t bytes, Side side) {
  const std::size_t used = size_bytes();
  if (bytes < used) bytes = used;
  std::size_t front = 0;
  if (side == Side::kBack) {
    if (this->front() + bytes <= capacity()) return;
  } else {
    front = std::min(bytes - used, kFrontMax);
    if (this->front() >= front) return;
  }
  char* const block = allocate_block(bytes);
  std::memcpy(block + front, data(), used);
  if (has_block()) memoir::release(this->block());
  place(block, front);
}

// Bytes of the block, in whole steps; 0 without one.
std::size_t Listpack::capacity() const {
  return has_block() ? block_capacity(block()) : 0;
}

// The count stays unknown once it was, until the listpack is made anew: as in Redis.
void Listpack::add_to_header(std::ptrdiff_t bytes, std::ptrdiff_t count) {
  char* const header = data();
  store(header, static_cast<std::uint32_t>(static_cast<std::ptrdiff_t>(size_bytes()) + bytes));
  const std::uint16_t known = load<std::uint16_t>(header + 4);
  if (known == kCountUnknown) return;
  const std::ptrdiff_t sum = known + count;
  store(header + 4, sum < kCountUnknown ? static_cast<std::uint16_t>(sum) : kCountUnknown);
}

// Replaces `remove` bytes at offset `at` by `add` bytes to be written at the address returned.
// The header still tells the old size; the caller corrects it.
char* Listpack::splice(std::size_t at, std::size_t remove, std::size_t add) {
  if (add <= remove) return close_gap(at, remove, add);
  const std::size_t used = size_bytes();
  const std::size_t tail = used - at - remove;
  const std::size_t more = add - remove;
  const Side side = at < tail && more <= kFrontMax ? Side::kFront : Side::kBack;
  const std::size_t reach = front() + used;
  const bool fits = side == Side::kFront ? front() >= more
                                         : has_block() && reach + more <= block_step_end(reach);
  if (!fits) {
    const std::size_t room = capacity();
    if (used + more > room) return splice_into_new(at, remove, add);
    if (side == Side::kFront || reach + more > room) make_room(side, more, room);
  }
  char* const start = data();
  if (side == Side::kFront) {
    std::memmove(start - more, start, at);
    place(block(), front() - more);
    return start - more + at;
  }
  std::memmove(start + at + add, start + at + remove, tail);
  return start + at;
}

// splice() where nothing grows.
char* Listpack::close_gap(std::size_t at, std::size_t remove, std::size_t add) {
  const std::size_t used = size_bytes();
  const std::size_t tail = used - at - remove;
  const std::size_t less = remove - add;
  if (block_step_end(used - less) < block_step_end(used)) {
    const std::size_t room = capacity();
    if ((used - less) * 2 <= room && room > 64) return splice_into_new(at, remove, add);
  }
  char* const start = data();
  if (at >= tail) {
    if (less != 0) std::memmove(start + at + add, start + at + remove, tail);
    return start + at;
  }
  if (front() + less > kFrontMax) return slide_to_start(at, remove, add);
  if (less != 0) std::memmove(start + less, start, at);
  place(block(), front() + less);
  return start + less + at;
}

// The same for a listpack that would begin too far behind in its block.
char* Listpack::slide_to_start(std::size_t at, std::size_t remove, std::size_t add) {
  const char* const from = data();
  char* const to = block();
  const std::size_t tail = size_bytes() - at - remove;
  std::memmove(to, from, at);
  std::memmove(to + at + add, from + at + remove, tail);
  place(to, 0);
  return to + at;
}

// Moves the listpack within its block of `capacity` bytes, which has room for `add` bytes more, so
// that most of the free room lies on `side`; a little stays at the other side, so that changes at
// both ends take turns.
void Listpack::make_room(Side side, std::size_t add, std::size_t capacity) {
  const std::size_t used = size_bytes();
  const std::size_t small = (capacity - used - add) / 8;
  const std::size_t front =
      std::min(side == Side::kFront ? capacity - used - small : small, kFrontMax);
  char* const to = block();
  std::memmove(to + front, data(), used);
  place(to, front);
}

// splice() into a block of the right size, whose slack lies on the side of the change.
char* Listpack::splice_into_new(std::size_t at, std::size_t remove, std::size_t add) {
  const std::size_t tail = size_bytes() - at - remove;
  const std::size_t total = at + add + tail;
  char* const to = allocate_block(total);
  const std::size_t front = at < tail ? std::min(block_step_end(total) - total, kFrontMax) : 0;
  std::memcpy(to + front, data(), at);
  std::memcpy(to + front + at + add, data() + at + remove, tail);
  if (has_block()) memoir::release(block());
  place(to, front);
  return to + front + at;
}

}  // namespace memoir
