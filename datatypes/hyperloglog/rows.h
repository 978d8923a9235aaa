// The rows of this folder, file by file; hyperloglog_commands() puts them into one list. Each row
// stands beside its handler.
#pragma once

#include <span>

#include "src/command/spec.h"

namespace memoir {

std::span<const CommandSpec> hyperloglog_element_commands();  // PFADD, PFCOUNT, PFMERGE
std::span<const CommandSpec> hyperloglog_debug_commands();    // PFDEBUG, PFSELFTEST

}  // namespace memoir
