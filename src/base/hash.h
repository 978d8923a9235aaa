// XXH3: with a random secret seed for keys in memory, with seed 0 on disk.
#pragma once

#include <cstdint>

#include "src/base/bytes.h"

namespace memoir {

// For hash tables in memory. The seed is drawn once per process, before main().
std::uint64_t hash_in_memory(ByteView bytes);
// For journal frames and index files: the same on every machine.
std::uint64_t hash_on_disk(ByteView bytes);
// The same with a seed of its own: the hash of parts is each part's, seeded with the one before.
std::uint64_t hash_on_disk(ByteView bytes, std::uint64_t seed);

}  // namespace memoir
