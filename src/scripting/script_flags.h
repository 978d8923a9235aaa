// What a script says of itself in its first line, "#!lua name=... flags=...".
//
// EVAL's scripts may leave it out and then run as before Redis 7 (kScriptCompat); libraries of
// functions must have it.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "src/base/bytes.h"
#include "src/base/result.h"

namespace memoir {

enum ScriptFlag : std::uint32_t {
  kScriptNoWrites = 1U << 0,
  kScriptAllowOom = 1U << 1,
  kScriptAllowStale = 1U << 2,
  kScriptNoCluster = 1U << 3,
  kScriptAllowCrossSlot = 1U << 4,
  kScriptRollback = 1U << 5,  // an error takes back all that the script did
  kScriptCompat = 1U << 6,    // EVAL without a first line
};

struct ScriptFlagName {
  ScriptFlag flag;
  std::string_view name;
};
// All that may be declared, in the order in which they are listed.
std::span<const ScriptFlagName> script_flag_names();

// The first line of an EVAL script. `bytes`: its length, without the line end.
struct ScriptHead {
  std::uint32_t flags = kScriptCompat;
  std::size_t bytes = 0;
};
Result<ScriptHead> read_script_head(ByteView body);

// The first line of a library: "#!<engine> name=<name>". The code begins with its line end.
struct LibraryHead {
  Bytes engine;
  Bytes name;
  std::size_t bytes = 0;
};
Result<LibraryHead> read_library_head(ByteView payload);

// Letters, digits and underscores, at least one.
bool is_function_name(ByteView name);
// What is said of a library or a function that is called otherwise.
inline constexpr std::string_view kBadFunctionName =
    "Library names can only contain letters, numbers, or underscores(_) and must be at least one "
    "character long";

}  // namespace memoir
