// CRC-64 with the polynomial of D. Jones (0xad93d23594c935a9, reflected, starting from 0, no final
// complement): the checksum of RDB files and DUMP payloads.
//
// Eight bytes a step, by tables computed at compile time. Pure functions.
#pragma once

#include <cstdint>

#include "src/base/bytes.h"

namespace memoir {

// The checksum of what gave `crc` (0: nothing) followed by `bytes`.
std::uint64_t crc64(std::uint64_t crc, ByteView bytes);

}  // namespace memoir
