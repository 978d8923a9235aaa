// The rows of this folder, file by file; stream_commands() puts them into one list. Each row stands
// beside its handler.
#pragma once

#include <span>

#include "src/command/spec.h"

namespace memoir {

std::span<const CommandSpec> stream_entry_commands();    // XADD, XDEL, XTRIM, XLEN, XSETID
std::span<const CommandSpec> stream_range_commands();    // XRANGE, XREVRANGE
std::span<const CommandSpec> stream_read_commands();     // XREAD, XREADGROUP
std::span<const CommandSpec> stream_group_commands();    // XGROUP
std::span<const CommandSpec> stream_ack_commands();      // XACK, XACKDEL, XDELEX
std::span<const CommandSpec> stream_pending_commands();  // XPENDING
std::span<const CommandSpec> stream_claim_commands();    // XCLAIM, XAUTOCLAIM
std::span<const CommandSpec> stream_info_commands();     // XINFO

}  // namespace memoir
