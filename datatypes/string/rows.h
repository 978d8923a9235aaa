// The rows of this folder, file by file; string_commands() puts them into one list. Each row stands
// beside its handler.
#pragma once

#include <span>

#include "src/command/spec.h"

namespace memoir {

std::span<const CommandSpec> string_write_commands();   // SET, MSET, ...
std::span<const CommandSpec> string_read_commands();    // GET, GETRANGE, GETEX, ...
std::span<const CommandSpec> string_change_commands();  // APPEND, INCR, ...
std::span<const CommandSpec> lcs_commands();
std::span<const CommandSpec> string_compare_commands();  // DELEX, DELIFEQ, DIGEST
std::span<const CommandSpec> msetex_commands();

}  // namespace memoir
