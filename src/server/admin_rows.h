// The rows of CONFIG, INFO, COMMAND and DEBUG, for the command table.
#pragma once

#include <span>

#include "src/command/spec.h"

namespace memoir {

std::span<const CommandSpec> config_commands();
std::span<const CommandSpec> info_commands();
std::span<const CommandSpec> command_commands();
std::span<const CommandSpec> debug_commands();

}  // namespace memoir
