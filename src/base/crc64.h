// CRC-64 with the polynomial of D. Jones (0xad93d23594c935a9, reflected, starting from 0, no final
// complement): the checksum of RDB files and DUMP payloads.
//
// Long inputs are folded by carry-less multiplication where the processor has it (several GB/s),
// otherwise eight bytes a step go through tables computed at compile time. Pure functions.
#pragma once

#include <cstdint>

#include "src/base/bytes.h"

namespace memoir {

// The checksum of what gave `crc` (0: nothing) followed by `bytes`.
std::uint64_t crc64(std::uint64_t crc, ByteView bytes);

// The same without the processor's help; for tests.
std::uint64_t crc64_by_tables(std::uint64_t crc, ByteView bytes);

// The checksum of two parts one behind the other, from the checksum of each (the second computed
// from 0) and the length of the second: so that parts are summed apart, or one is changed without
// reading the others. O(log second_bytes).
std::uint64_t crc64_combine(std::uint64_t first, std::uint64_t second, std::uint64_t second_bytes);

}  // namespace memoir
