// DEBUG PROTOCOL: a reply of each type of the protocol, for tests of clients.
#pragma once

#include "protocol/reply_writer.h"
#include "src/command/context.h"

namespace memoir {

// DEBUG PROTOCOL type
Status debug_protocol(Context& ctx, Args args, ReplyWriter& reply);

}  // namespace memoir
