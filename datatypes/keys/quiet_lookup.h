// How commands look at a key that ask about it but do not use its value (EXISTS, TYPE, TTL): a hit
// or a miss is counted and told, but the access clock stands still.
#pragma once

#include <utility>

#include "src/command/context.h"

namespace memoir {

// Sets whether reads touch the access clock, and sets it back at its end.
class TouchMode {
 public:
  TouchMode(Context& ctx, bool touch)
      : env_(ctx.environment()), before_(std::exchange(env_.touch, touch)) {}
  ~TouchMode() { env_.touch = before_; }
  TouchMode(const TouchMode&) = delete;
  TouchMode& operator=(const TouchMode&) = delete;

 private:
  RunEnvironment& env_;
  bool before_;
};

inline Entry* quiet_lookup(Context& ctx, ByteView key) {
  const TouchMode mode(ctx, false);
  return ctx.db().lookup(key);
}

}  // namespace memoir
