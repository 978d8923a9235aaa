// What this program calls itself, and which Redis it is compatible with.
#pragma once

#include <string_view>

namespace memoir {

inline constexpr std::string_view kMemoirVersion = "0.1.0";
// INFO's redis_version and HELLO's version: what clients decide by.
inline constexpr std::string_view kRedisVersion = "7.2.4";

}  // namespace memoir
