// The rows of this folder, file by file; set_commands() puts them into one list. Each row stands
// beside its handler.
#pragma once

#include <span>

#include "src/command/spec.h"

namespace memoir {

std::span<const CommandSpec> set_member_commands();   // SADD, SREM, SISMEMBER, SMEMBERS, SSCAN, ...
std::span<const CommandSpec> set_random_commands();   // SPOP, SRANDMEMBER
std::span<const CommandSpec> set_algebra_commands();  // SINTER, SUNION, SDIFF and their kin

}  // namespace memoir
