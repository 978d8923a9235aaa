#include "src/base/random.h"

#include <sys/random.h>

#include <bit>
#include <cerrno>
#include <cstddef>

#include "src/base/assert.h"

namespace memoir {
namespace {

// SplitMix64 spreads one seed word over the generator's state.
std::uint64_t split_mix(std::uint64_t& state) {
  std::uint64_t z = (state += 0x9e3779b97f4a7c15ULL);
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
  return z ^ (z >> 31);
}

void fill_from_system(void* out, std::size_t size) {
  auto* at = static_cast<char*>(out);
  while (size > 0) {
    const ssize_t got = ::getrandom(at, size, 0);
    if (got < 0 && errno == EINTR) continue;
    ASSERT(got > 0);
    at += got;
    size -= static_cast<std::size_t>(got);
  }
}

}  // namespace

Random::Random(std::uint64_t seed) {
  for (std::uint64_t& word : state_) word = split_mix(seed);
}

std::uint64_t Random::next() {
  const std::uint64_t result = std::rotl(state_[1] * 5, 7) * 9;
  const std::uint64_t shifted = state_[1] << 17;
  state_[2] ^= state_[0];
  state_[3] ^= state_[1];
  state_[1] ^= state_[2];
  state_[0] ^= state_[3];
  state_[2] ^= shifted;
  state_[3] = std::rotl(state_[3], 45);
  return result;
}

std::uint64_t system_random() {
  std::uint64_t value;
  fill_from_system(&value, sizeof(value));
  return value;
}

Bytes random_hex(std::size_t chars) {
  Bytes out(chars, '\0');
  fill_from_system(out.data(), out.size());
  for (char& c : out) c = "0123456789abcdef"[c & 15];
  return out;
}

}  // namespace memoir
