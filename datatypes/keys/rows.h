// The rows of this folder, file by file; key_commands() puts them into one list. Each row stands
// beside its handler.
#pragma once

#include <span>

#include "src/command/spec.h"

namespace memoir {

std::span<const CommandSpec> expiry_commands();    // EXPIRE, TTL, PERSIST, ...
std::span<const CommandSpec> member_expiry_commands();  // EXPIREMEMBER, MEMBERTTL, ...
std::span<const CommandSpec> rename_commands();    // RENAME, MOVE, COPY
std::span<const CommandSpec> object_commands();    // OBJECT
std::span<const CommandSpec> scan_commands();      // SCAN, KEYS, RANDOMKEY, DBSIZE
std::span<const CommandSpec> prefix_commands();    // DELPREFIX
std::span<const CommandSpec> database_commands();  // FLUSHDB, FLUSHALL, SWAPDB, SELECT

}  // namespace memoir
