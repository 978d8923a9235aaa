// The rows of this folder, file by file; list_commands() puts them into one list. Each row stands
// beside its handler.
#pragma once

#include <span>

#include "src/command/spec.h"

namespace memoir {

std::span<const CommandSpec> list_end_commands();       // LPUSH, LPOP, LMOVE, LMPOP, ...
std::span<const CommandSpec> list_index_commands();     // LINDEX, LRANGE, LREM, ...
std::span<const CommandSpec> list_blocking_commands();  // BLPOP, BLMOVE, BLMPOP, ...

}  // namespace memoir
