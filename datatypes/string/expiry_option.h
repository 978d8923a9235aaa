// The options EX, PX, EXAT and PXAT of SET and GETEX, and how their values become a moment.
//
// Reading the words and judging the number are two steps, since a wrong word anywhere in a request
// is to be reported before a wrong number.
#pragma once

#include <cstdint>

#include "src/command/context.h"

namespace memoir {

struct ExpiryOption {
  enum class Unit : std::uint8_t {
    kNone,
    kSeconds,           // EX: from now
    kMilliseconds,      // PX: from now
    kUnixSeconds,       // EXAT
    kUnixMilliseconds,  // PXAT
  };
  Unit unit = Unit::kNone;
  ByteView text;

  bool given() const { return unit != Unit::kNone; }
  bool absolute() const {
    return unit == Unit::kUnixSeconds || unit == Unit::kUnixMilliseconds;
  }
  // Takes one of the options with its value from `args`. False, and nothing taken, if there is none
  // or another unit was given before; repeating an option is allowed, the last one counts.
  bool take(Args& args);
  // The moment in Unix milliseconds, greater than 0. Errors: not an integer; "ERR invalid expire
  // time in '<command>' command" for what is not positive or beyond 64 bits.
  Result<std::int64_t> moment(const Context& ctx) const;
};

}  // namespace memoir
