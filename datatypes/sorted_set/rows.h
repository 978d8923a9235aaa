// The rows of this folder, file by file; sorted_set_commands() puts them into one list. Each row
// stands beside its handler.
#pragma once

#include <span>

#include "src/command/spec.h"

namespace memoir {

std::span<const CommandSpec> sorted_set_member_commands();   // ZADD, ZREM, ZSCORE, ZRANK, ...
std::span<const CommandSpec> sorted_set_range_commands();    // ZRANGE and all like it
std::span<const CommandSpec> sorted_set_count_commands();    // ZCOUNT, ZREMRANGEBYSCORE, ...
std::span<const CommandSpec> sorted_set_pop_commands();      // ZPOPMIN, ZMPOP, BZPOPMIN, ...
std::span<const CommandSpec> sorted_set_random_commands();   // ZRANDMEMBER
std::span<const CommandSpec> sorted_set_algebra_commands();  // ZUNION, ZINTER, ZDIFF and their kin

}  // namespace memoir
