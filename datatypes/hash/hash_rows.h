// The rows of this folder, file by file; hash_commands() puts them into one list. Each row stands
// beside its handler.
#pragma once

#include <span>

#include "src/command/spec.h"

namespace memoir {

std::span<const CommandSpec> hash_write_commands();   // HSET, HDEL, HINCRBY, ...
std::span<const CommandSpec> hash_read_commands();    // HGET, HGETALL, HLEN, ...
std::span<const CommandSpec> hash_sample_commands();  // HRANDFIELD, HSCAN
std::span<const CommandSpec> hash_expiry_commands();    // HEXPIRE, HTTL, HPERSIST, ...
std::span<const CommandSpec> hash_exchange_commands();  // HGETDEL, HGETEX, HSETEX

}  // namespace memoir
