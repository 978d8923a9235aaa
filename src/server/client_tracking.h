// CLIENT TRACKING, CACHING, GETREDIR and TRACKINGINFO: handlers of rows in client_commands.cc.
#pragma once

#include "protocol/reply_writer.h"
#include "src/command/context.h"

namespace memoir {

// CLIENT TRACKING ON | OFF [REDIRECT id] [PREFIX prefix ...] [BCAST] [OPTIN] [OPTOUT] [NOLOOP]
Status client_tracking(Context& ctx, Args args, ReplyWriter& reply);
// CLIENT CACHING YES | NO
Status client_caching(Context& ctx, Args args, ReplyWriter& reply);
// CLIENT GETREDIR
Status client_getredir(Context& ctx, Args args, ReplyWriter& reply);
// CLIENT TRACKINGINFO
Status client_trackinginfo(Context& ctx, Args args, ReplyWriter& reply);

}  // namespace memoir
