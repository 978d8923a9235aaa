// The written list of data types: every folder's command rows.
#pragma once

#include <span>

#include "src/command/spec.h"

namespace memoir {

std::span<const CommandSpec> key_commands();  // keys/: DEL, EXPIRE, SCAN, ...
std::span<const CommandSpec> string_commands();
std::span<const CommandSpec> list_commands();
std::span<const CommandSpec> hash_commands();
std::span<const CommandSpec> set_commands();
std::span<const CommandSpec> sorted_set_commands();
std::span<const CommandSpec> bitmap_commands();
std::span<const CommandSpec> hyperloglog_commands();
std::span<const CommandSpec> geo_commands();
std::span<const CommandSpec> sort_commands();
std::span<const CommandSpec> stream_commands();
std::span<const CommandSpec> serial_commands();  // DUMP, RESTORE

// All of the above.
using CommandList = std::span<const CommandSpec> (*)();
std::span<const CommandList> data_type_commands();

}  // namespace memoir
