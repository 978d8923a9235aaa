#include "src/command/context.h"

#include <cmath>
#include <limits>

#include "src/base/number.h"
#include "src/command/dispatcher.h"

namespace memoir {

bool Context::may_read_all_keys() {
  return dispatcher_.host().may_read_all_keys(session_, *row_, words_);
}

Status Context::park(std::span<const ByteView> keys, TypeId type, std::int64_t timeout_ms,
                     TimeoutReply on_timeout, ReplyWriter& reply) {
  if (in_transaction_ || !session_.identity.may_block || replaying()) {
    write_timeout_reply(on_timeout, reply);
    return ok;
  }
  parking_.requested = true;
  parking_.keys.assign(keys.begin(), keys.end());
  parking_.type = type;
  parking_.timeout_ms = timeout_ms;
  parking_.on_timeout = on_timeout;
  return ok;
}

std::int64_t Context::timeout_ms(Args& args) {
  const auto seconds = parse_long_double(args.next());
  if (!seconds || std::isnan(*seconds)) {
    args.fail("ERR timeout is not a float or out of range");
    return 0;
  }
  const long double ms = std::ceil(*seconds * 1000);
  if (ms > static_cast<long double>(std::numeric_limits<std::int64_t>::max() / 2)) {
    args.fail("ERR timeout is out of range");
    return 0;
  }
  if (ms < 0) {
    args.fail("ERR timeout is negative");
    return 0;
  }
  return static_cast<std::int64_t>(ms);
}

void write_timeout_reply(TimeoutReply on_timeout, ReplyWriter& reply) {
  switch (on_timeout) {
    case TimeoutReply::kNullArray:
      return reply.null_array();
    case TimeoutReply::kNull:
      return reply.null();
    case TimeoutReply::kInteger:
      return reply.integer(0);
  }
}

}  // namespace memoir
