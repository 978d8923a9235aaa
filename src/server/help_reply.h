// The reply of the HELP subcommands: one line of introduction, the given lines, and HELP's own two.
#pragma once

#include <span>

#include "protocol/reply_writer.h"
#include "src/command/context.h"

namespace memoir {

inline void write_help(Context& ctx, std::span<const char* const> lines, ReplyWriter& reply) {
  const Bytes name = to_upper(ctx.words()[0].text);
  reply.array(lines.size() + 3);
  reply.simple(name + " <subcommand> [<arg> [value] [opt] ...]. Subcommands are:");
  for (const char* line : lines) reply.simple(line);
  reply.simple("HELP");
  reply.simple("    Prints this help.");
}

}  // namespace memoir
