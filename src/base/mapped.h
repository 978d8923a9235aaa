// MappedAllocator: large buffers of background work, straight from the system and given back to it.
//
// They do not count as used memory: what is needed for a moment to put a file in order must not
// make a server evict keys.
#pragma once

#include <sys/mman.h>

#include <cstddef>
#include <vector>

#include "src/base/assert.h"

namespace memoir {

template <class T>
struct MappedAllocator {
  using value_type = T;
  MappedAllocator() = default;
  template <class U>
  MappedAllocator(const MappedAllocator<U>&) {}  // NOLINT

  T* allocate(std::size_t count) {
    void* const pages = ::mmap(nullptr, count * sizeof(T), PROT_READ | PROT_WRITE,
                               MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    ASSERT(pages != MAP_FAILED);
    return static_cast<T*>(pages);
  }
  void deallocate(T* pages, std::size_t count) { ::munmap(pages, count * sizeof(T)); }
  bool operator==(const MappedAllocator&) const = default;
};

template <class T>
using MappedVector = std::vector<T, MappedAllocator<T>>;

}  // namespace memoir
