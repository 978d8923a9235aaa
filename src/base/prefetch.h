// Asks the processor to bring a cache line in, without waiting for it.
#pragma once

namespace memoir {

// Not the bare builtin: GCC takes a function that only prefetches for one without effect and drops
// its calls.
inline void prefetch_line(const void* address) {
  __builtin_prefetch(address);
  asm volatile("" ::"r"(address));
}

}  // namespace memoir
