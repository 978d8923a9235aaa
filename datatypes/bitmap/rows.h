// The rows of this folder, file by file; bitmap_commands() puts them into one list. Each row stands
// beside its handler.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "src/command/context.h"
#include "src/command/spec.h"

namespace memoir {

std::span<const CommandSpec> bit_commands();       // SETBIT, GETBIT, BITCOUNT, BITPOS, BITOP
std::span<const CommandSpec> bitfield_commands();  // BITFIELD, BITFIELD_RO

inline constexpr std::string_view kBadBitOffset =
    "ERR bit offset is not an integer or out of range";

// Whether a string may be so long that it has a bit at this offset. What is in the journal was
// within the limit of its time.
inline bool is_bit_offset(Context& ctx, std::int64_t offset) {
  if (offset < 0) return false;
  const auto byte = static_cast<std::uint64_t>(offset) / 8;
  return byte < ctx.environment().string_bytes_max || ctx.replaying();
}

}  // namespace memoir
