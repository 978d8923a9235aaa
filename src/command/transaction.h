// The rows of MULTI, EXEC, DISCARD, WATCH and UNWATCH.
#pragma once

#include <span>

#include "src/command/spec.h"

namespace memoir {

std::span<const CommandSpec> transaction_commands();

}  // namespace memoir
