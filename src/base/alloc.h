// The allocator: mimalloc, with a count of what is allocated.
//
// Every allocation of the process, those of `new` included, is counted by its usable size, as
// Redis's zmalloc does; `used_memory`, `maxmemory` and OBJECT's figures are derived from that one
// count. Thread-safe. With MEMOIR_SYSTEM_MALLOC (sanitizer builds) the C library's allocator
// serves.
#pragma once

#include <cstddef>
#include <string>

namespace memoir {

// `size` bytes, aligned to 16 where size is 16 or more, else to 8. Never null: out of memory ends
// the process.
void* allocate(std::size_t size);
// The same, aligned to a cache line and zeroed.
void* allocate_lines(std::size_t size);
// Frees what allocate() or allocate_lines() gave; null is allowed.
void release(void* block);
// As realloc().
void* reallocate(void* block, std::size_t size);

// How many bytes the block really has.
std::size_t usable_size(const void* block);

// Bytes allocated now, by all threads. May be a few allocations behind.
std::size_t allocated_bytes();
// Gives free pages back to the system.
void release_free_pages();
// What the allocator itself tells of its state, as text.
std::string allocator_statistics();

}  // namespace memoir
