// Bytes as they travel through Memoir: a view, an owned string, and a shared, immutable-by-default
// buffer.
//
// A ByteView lives as long as the call that received it; whoever keeps data makes a visible copy.
// SharedBytes carries large values (a bulk argument received straight into its final allocation, a
// value being sent while the keyspace already forgot it) between a connection, the keyspace and a
// socket without a copy.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <new>
#include <string>
#include <string_view>
#include <utility>

#include "src/base/alloc.h"

namespace memoir {

using ByteView = std::string_view;
using Bytes = std::string;

// Whether two texts are equal, without touching a byte beyond them: the C library's comparison
// reads whole vectors under a mask, and for a short key that costs the miss of a cache line nobody
// asked for.
inline bool equal_bytes(ByteView a, ByteView b) {
  const std::size_t size = a.size();
  if (size != b.size()) return false;
  const auto differ = [&]<class Chunk>(std::size_t at, Chunk) {
    Chunk x;
    Chunk y;
    std::memcpy(&x, a.data() + at, sizeof(Chunk));
    std::memcpy(&y, b.data() + at, sizeof(Chunk));
    return x != y;
  };
  if (size >= 8) {
    if (size > 128) return std::memcmp(a.data(), b.data(), size) == 0;
    for (std::size_t at = 0; at + 8 < size; at += 8) {
      if (differ(at, std::uint64_t{})) return false;
    }
    return !differ(size - 8, std::uint64_t{});
  }
  if (size >= 4) return !differ(0, std::uint32_t{}) && !differ(size - 4, std::uint32_t{});
  for (std::size_t at = 0; at < size; ++at) {
    if (a[at] != b[at]) return false;
  }
  return true;
}

// A reference-counted buffer of one allocation. Copies share; the last one frees. The contents may
// be changed only by an owner for whom unique() holds. A default-constructed one is null (no
// buffer).
class SharedBytes {
 public:
  SharedBytes() = default;
  SharedBytes(const SharedBytes& other) : rep_(other.rep_) {
    if (rep_) rep_->refs.fetch_add(1, std::memory_order_relaxed);
  }
  SharedBytes(SharedBytes&& other) noexcept : rep_(std::exchange(other.rep_, nullptr)) {}
  SharedBytes& operator=(SharedBytes other) noexcept {
    std::swap(rep_, other.rep_);
    return *this;
  }
  ~SharedBytes() { unref(rep_); }

  // An uninitialised buffer of `size` bytes with room for at least `capacity`.
  static SharedBytes with_size(std::size_t size, std::size_t capacity = 0) {
    if (capacity < size) capacity = size;
    auto* rep = static_cast<Rep*>(allocate(sizeof(Rep) + capacity));
    new (rep) Rep{};
    rep->size = size;
    return SharedBytes(rep);
  }
  static SharedBytes copy_of(ByteView bytes) {
    SharedBytes shared = with_size(bytes.size());
    std::memcpy(shared.data(), bytes.data(), bytes.size());
    return shared;
  }

  explicit operator bool() const { return rep_ != nullptr; }
  char* data() const { return reinterpret_cast<char*>(rep_ + 1); }
  std::size_t size() const { return rep_ ? rep_->size : 0; }
  ByteView view() const { return rep_ ? ByteView(data(), rep_->size) : ByteView(); }
  // Bytes that fit without another allocation.
  std::size_t capacity() const { return usable_size(rep_) - sizeof(Rep); }
  std::size_t allocated_bytes() const { return rep_ ? usable_size(rep_) : 0; }
  bool unique() const { return rep_->refs.load(std::memory_order_acquire) == 1; }
  // Changes the size within capacity(); only for a unique owner.
  void set_size(std::size_t size) { rep_->size = size; }

  // Gives the reference away as a raw word (for packed storage) and takes it back.
  void* release() { return std::exchange(rep_, nullptr); }
  static SharedBytes adopt(void* raw) { return SharedBytes(static_cast<Rep*>(raw)); }
  // A further reference to a buffer given away with release().
  static SharedBytes share(void* raw) {
    auto* rep = static_cast<Rep*>(raw);
    rep->refs.fetch_add(1, std::memory_order_relaxed);
    return SharedBytes(rep);
  }

 private:
  struct Rep {
    std::atomic<std::uint32_t> refs{1};
    std::uint32_t unused{0};
    std::size_t size{0};
  };
  static_assert(sizeof(Rep) == 16);

  explicit SharedBytes(Rep* rep) : rep_(rep) {}
  static void unref(Rep* rep) {
    if (rep && rep->refs.fetch_sub(1, std::memory_order_acq_rel) == 1) memoir::release(rep);
  }

  Rep* rep_{nullptr};
};

}  // namespace memoir
