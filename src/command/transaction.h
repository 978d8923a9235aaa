// The rows of MULTI, EXEC, DISCARD, WATCH and UNWATCH.
#pragma once

#include <span>

#include "src/command/spec.h"

namespace memoir {

std::span<const CommandSpec> transaction_commands();

// EXEC's reply when EXEC itself was refused with `error`.
Bytes aborted_exec(ByteView error);

}  // namespace memoir
