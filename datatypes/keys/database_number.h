// Reads a client's database number, as MOVE, COPY and SELECT take it.
#pragma once

#include <limits>

#include "src/command/context.h"

namespace memoir {

// Errors, remembered by `args`: no integer, none of 32 bits, no such database.
inline unsigned database_number(const Context& ctx, Args& args) {
  const std::int64_t number = args.integer();
  if (number < std::numeric_limits<std::int32_t>::min() ||
      number > std::numeric_limits<std::int32_t>::max()) {
    args.fail("ERR value is out of range, value must between -2147483648 and 2147483647");
  }
  if (number < 0 || number >= static_cast<std::int64_t>(ctx.databases())) {
    args.fail("ERR DB index is out of range");
  }
  return static_cast<unsigned>(number);
}

}  // namespace memoir
