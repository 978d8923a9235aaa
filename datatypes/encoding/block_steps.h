// The sizes of small blocks, known without asking the allocator.
//
// Blocks are allocated in steps of a quarter of their power of two, from 16 bytes to 32 KB, as the
// allocator's classes go. So who keeps no capacity need seldom ask for it: what fits into the step
// that the contents reach into fits into the block.
#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>

#include "src/base/alloc.h"

namespace memoir {

inline std::size_t block_step(std::size_t bytes) {
  return std::clamp<std::size_t>(std::bit_floor(bytes) / 4, 16, 32768);
}
// `bytes` (at least 1) rounded up to a whole step.
inline std::size_t block_step_end(std::size_t bytes) {
  const std::size_t step = block_step(bytes - 1);
  return (bytes + step - 1) & ~(step - 1);
}
// Bytes of a block, in whole steps.
inline std::size_t block_capacity(const void* block) {
  const std::size_t usable = usable_size(block);
  return usable & ~(block_step(usable) - 1);
}

}  // namespace memoir
