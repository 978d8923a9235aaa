// The count is spread over shards of one cache line. A shard has one thread as its owner, so
// counting is a plain load and store; only threads beyond kOwnedShards share the last shard and pay
// for atomic additions. A block may be freed by another thread than the one that allocated it, so a
// single shard can go below zero: only the sum means something. An exiting thread leaves its sum in
// its shard, and the next owner counts on from there.
#include "src/base/alloc.h"

#include <array>
#include <atomic>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <new>

#ifdef MEMOIR_SYSTEM_MALLOC
#include <malloc.h>
#else
#include <mimalloc.h>
#endif

namespace memoir {
namespace {

constexpr std::size_t kLineBytes = 64;
constexpr std::size_t kOwnedShards = 256;

struct alignas(kLineBytes) Shard {
  std::atomic<std::int64_t> bytes{0};
  std::atomic<bool> owned{false};
};

constinit std::array<Shard, kOwnedShards + 1> shards;
constinit std::atomic<std::size_t> shards_used{0};
// The calling thread's own shard; null before its first allocation, at its end, and if all are
// taken.
constinit thread_local Shard* own_shard = nullptr;
enum class Lease : unsigned char { kNone, kTaken, kOver };
constinit thread_local Lease lease_state = Lease::kNone;

struct LeaseEnd {
  ~LeaseEnd() {
    Shard* shard = own_shard;
    own_shard = nullptr;
    lease_state = Lease::kOver;
    if (shard) shard->owned.store(false, std::memory_order_release);
  }
  void touch() {}
};
thread_local LeaseEnd lease_end;

Shard* take_shard() {
  for (std::size_t i = 0; i < kOwnedShards; ++i) {
    bool owned = shards[i].owned.load(std::memory_order_relaxed);
    if (owned) continue;
    if (!shards[i].owned.compare_exchange_strong(owned, true, std::memory_order_acquire)) continue;
    std::size_t used = shards_used.load(std::memory_order_relaxed);
    while (used < i + 1 && !shards_used.compare_exchange_weak(used, i + 1)) {
    }
    return &shards[i];
  }
  return nullptr;
}

[[gnu::noinline]] void count_without_shard(std::int64_t delta) {
  if (lease_state == Lease::kNone) {
    lease_state = Lease::kTaken;
    own_shard = take_shard();
    lease_end.touch();  // constructs it, so that its destructor runs when the thread ends
    if (Shard* shard = own_shard) {
      shard->bytes.store(shard->bytes.load(std::memory_order_relaxed) + delta,
                         std::memory_order_relaxed);
      return;
    }
  }
  shards[kOwnedShards].bytes.fetch_add(delta, std::memory_order_relaxed);
}

inline void count(std::int64_t delta) {
  Shard* shard = own_shard;
  if (__builtin_expect(shard != nullptr, 1)) {
    shard->bytes.store(shard->bytes.load(std::memory_order_relaxed) + delta,
                       std::memory_order_relaxed);
  } else {
    count_without_shard(delta);
  }
}

#ifdef MEMOIR_SYSTEM_MALLOC
inline void* raw_allocate(std::size_t size) { return std::malloc(size); }
inline void* raw_reallocate(void* block, std::size_t size) { return std::realloc(block, size); }
inline void* raw_aligned(std::size_t size, std::size_t alignment) {
  return std::aligned_alloc(alignment, (size + alignment - 1) / alignment * alignment);
}
inline void raw_release(void* block) { std::free(block); }
inline std::size_t raw_usable(const void* block) {
  return ::malloc_usable_size(const_cast<void*>(block));
}
#else
inline void* raw_allocate(std::size_t size) { return mi_malloc(size); }
inline void* raw_reallocate(void* block, std::size_t size) { return mi_realloc(block, size); }
// A plain block of whole lines nearly always begins at a line, while the aligned allocation of it
// may take the next size class (5120 bytes for 4096).
inline void* raw_aligned(std::size_t size, std::size_t alignment) {
  if (size % alignment == 0) {
    void* block = mi_malloc(size);
    if (reinterpret_cast<std::uintptr_t>(block) % alignment == 0) return block;
    mi_free(block);
  }
  return mi_malloc_aligned(size, alignment);
}
inline void raw_release(void* block) { mi_free(block); }
inline std::size_t raw_usable(const void* block) { return mi_usable_size(block); }
#endif

// The usable size of the block just allocated for `size`. The allocator rounds a small size up to
// one of its classes, always the same, so it is asked once per size and remembered.
#ifdef MEMOIR_SYSTEM_MALLOC
inline std::size_t usable_for(std::size_t, const void* block) { return raw_usable(block); }
#else
constexpr std::size_t kSmallBytesMax = 1024;
constinit std::array<std::atomic<std::uint16_t>, kSmallBytesMax / 8 + 1> usable_by_size;

inline std::size_t usable_for(std::size_t size, const void* block) {
  if (size > kSmallBytesMax) return raw_usable(block);
  std::atomic<std::uint16_t>& known = usable_by_size[(size + 7) / 8];
  std::size_t usable = known.load(std::memory_order_relaxed);
  if (__builtin_expect(usable == 0, 0)) {
    usable = raw_usable(block);
    known.store(static_cast<std::uint16_t>(usable), std::memory_order_relaxed);
  }
  return usable;
}
#endif

[[noreturn, gnu::cold]] void out_of_memory(std::size_t size) {
  std::fprintf(stderr, "Out of memory allocating %zu bytes!\n", size);
  std::fflush(stderr);
  std::abort();
}

inline void* counted(void* block) {
  if (__builtin_expect(block != nullptr, 1)) count(static_cast<std::int64_t>(raw_usable(block)));
  return block;
}

inline void* counted_or_end(void* block, std::size_t size) {
  if (__builtin_expect(block == nullptr, 0)) out_of_memory(size);
  return counted(block);
}

inline void release_counted(void* block) {
  if (!block) return;
  count(-static_cast<std::int64_t>(raw_usable(block)));
  raw_release(block);
}

}  // namespace

void* allocate(std::size_t size) {
  if (size == 0) size = 1;
  void* block = raw_allocate(size);
  if (__builtin_expect(block == nullptr, 0)) out_of_memory(size);
  count(static_cast<std::int64_t>(usable_for(size, block)));
  return block;
}

void* allocate_lines(std::size_t size) {
  const std::size_t lines = size == 0 ? 1 : (size + kLineBytes - 1) / kLineBytes;
  const std::size_t whole = lines * kLineBytes;
  void* block = counted_or_end(raw_aligned(whole, kLineBytes), whole);
  std::memset(block, 0, whole);
  return block;
}

void release(void* block) { release_counted(block); }

void* reallocate(void* block, std::size_t size) {
  if (size == 0) size = 1;
  const std::size_t before = block ? raw_usable(block) : 0;
  void* moved = raw_reallocate(block, size);
  if (!moved) out_of_memory(size);
  count(static_cast<std::int64_t>(raw_usable(moved)) - static_cast<std::int64_t>(before));
  return moved;
}

std::size_t usable_size(const void* block) { return block ? raw_usable(block) : 0; }

std::size_t allocated_bytes() {
  std::int64_t sum = shards[kOwnedShards].bytes.load(std::memory_order_relaxed);
  const std::size_t used = shards_used.load(std::memory_order_acquire);
  for (std::size_t i = 0; i < used; ++i) sum += shards[i].bytes.load(std::memory_order_relaxed);
  return sum > 0 ? static_cast<std::size_t>(sum) : 0;
}

void release_free_pages() {
#ifdef MEMOIR_SYSTEM_MALLOC
  ::malloc_trim(0);
#else
  mi_collect(true);
#endif
}

std::string allocator_statistics() {
#ifdef MEMOIR_SYSTEM_MALLOC
  return "Stats not supported for the current allocator";
#else
  std::string text;
  mi_stats_print_out([](const char* part, void* to) { *static_cast<std::string*>(to) += part; },
                     &text);
  return text;
#endif
}

}  // namespace memoir

// The replaced global operators. The throwing forms never throw: out of memory ends the process.
void* operator new(std::size_t size) { return memoir::allocate(size); }
void* operator new[](std::size_t size) { return memoir::allocate(size); }
void* operator new(std::size_t size, const std::nothrow_t&) noexcept {
  return memoir::counted(memoir::raw_allocate(size == 0 ? 1 : size));
}
void* operator new[](std::size_t size, const std::nothrow_t&) noexcept {
  return memoir::counted(memoir::raw_allocate(size == 0 ? 1 : size));
}
void* operator new(std::size_t size, std::align_val_t alignment) {
  const auto align = static_cast<std::size_t>(alignment);
  return memoir::counted_or_end(memoir::raw_aligned(size == 0 ? align : size, align), size);
}
void* operator new[](std::size_t size, std::align_val_t alignment) {
  return operator new(size, alignment);
}
void* operator new(std::size_t size, std::align_val_t alignment, const std::nothrow_t&) noexcept {
  const auto align = static_cast<std::size_t>(alignment);
  return memoir::counted(memoir::raw_aligned(size == 0 ? align : size, align));
}
void* operator new[](std::size_t size, std::align_val_t alignment,
                     const std::nothrow_t& tag) noexcept {
  return operator new(size, alignment, tag);
}

void operator delete(void* block) noexcept { memoir::release_counted(block); }
void operator delete[](void* block) noexcept { memoir::release_counted(block); }
void operator delete(void* block, std::size_t) noexcept { memoir::release_counted(block); }
void operator delete[](void* block, std::size_t) noexcept { memoir::release_counted(block); }
void operator delete(void* block, const std::nothrow_t&) noexcept {
  memoir::release_counted(block);
}
void operator delete[](void* block, const std::nothrow_t&) noexcept {
  memoir::release_counted(block);
}
void operator delete(void* block, std::align_val_t) noexcept { memoir::release_counted(block); }
void operator delete[](void* block, std::align_val_t) noexcept { memoir::release_counted(block); }
void operator delete(void* block, std::size_t, std::align_val_t) noexcept {
  memoir::release_counted(block);
}
void operator delete[](void* block, std::size_t, std::align_val_t) noexcept {
  memoir::release_counted(block);
}
void operator delete(void* block, std::align_val_t, const std::nothrow_t&) noexcept {
  memoir::release_counted(block);
}
void operator delete[](void* block, std::align_val_t, const std::nothrow_t&) noexcept {
  memoir::release_counted(block);
}
