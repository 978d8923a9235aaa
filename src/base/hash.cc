// The hash is compiled in rather than called in the library: short keys then cost no detour through
// the dynamic linker's table.
#include "src/base/hash.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "src/base/random.h"

namespace memoir {
namespace {

// Initialised before all other objects, since constructors elsewhere may hash.
struct Seed {
  Seed() : value(system_random()) {}
  std::uint64_t value;
};
[[gnu::init_priority(101)]] const Seed seed;

}  // namespace

std::uint64_t hash_in_memory(ByteView bytes) {
  return XXH3_64bits_withSeed(bytes.data(), bytes.size(), seed.value);
}

std::uint64_t hash_on_disk(ByteView bytes) { return XXH3_64bits(bytes.data(), bytes.size()); }

std::uint64_t hash_on_disk(ByteView bytes, std::uint64_t with_seed) {
  return XXH3_64bits_withSeed(bytes.data(), bytes.size(), with_seed);
}

}  // namespace memoir
