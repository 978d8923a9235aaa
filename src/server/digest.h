// The digest of values and of the whole keyspace (DEBUG DIGEST), bit for bit Redis's.
//
// Equal data gives equal digests whatever the encodings and the order of insertion: what has no
// order is combined by xor, what has one by chaining SHA-1.
#pragma once

#include <array>
#include <cstdint>

#include "src/store/database.h"

namespace memoir {

class Digest {
 public:
  // Xors the SHA-1 of `part`: the order of such parts does not matter.
  void add(ByteView part);
  // Xors the SHA-1 of `part` and hashes the result: the order matters.
  void chain(ByteView part);
  void chain_number(std::uint32_t number);
  void combine(const Digest& other);
  // 40 hex digits.
  Bytes text() const;
  ByteView bytes() const { return {reinterpret_cast<const char*>(bytes_.data()), bytes_.size()}; }

 private:
  std::array<unsigned char, 20> bytes_{};
};

// Mixes type, value and whether there is an expiry into `digest`.
void add_value(Digest& digest, const Entry& entry);
// All databases. All stripes must be locked.
Digest keyspace_digest(const LockedStripes& locked);

}  // namespace memoir
