// SAVE, BGSAVE, BGREWRITEAOF and LASTSAVE.
#include "protocol/reply_writer.h"
#include "src/server/server.h"
#include "src/server/server_row.h"
#include "src/server/server_rows.h"

namespace memoir {
namespace {

Server& server_of(Context& ctx) { return static_cast<Server&>(hooks_of(ctx)); }

// SAVE
Status save(Context& ctx, Args, ReplyWriter& reply) {
  Snapshots& snapshots = server_of(ctx).snapshots();
  if (snapshots.saving()) return Error("ERR Background save already in progress");
  if (Status saved = snapshots.save_now(); !saved) {
    // As Redis: the log tells why.
    return Error("ERR");
  }
  reply.ok();
  return ok;
}

// BGSAVE [SCHEDULE]
// In a transaction the cut comes behind it, so that it is saved as a whole.
Status bgsave(Context& ctx, Args args, ReplyWriter& reply) {
  const bool schedule = args.take("SCHEDULE");
  if (args.more()) return Error(kSyntaxError);
  Snapshots& snapshots = server_of(ctx).snapshots();
  const bool rewriting = snapshots.saving() && snapshots.reason() == Snapshots::Why::kRewrite;
  if (snapshots.saving() && !rewriting) {
    return Error("ERR Background save already in progress");
  }
  if (rewriting && !schedule && !ctx.in_transaction()) {
    return Error(
        "ERR Another child process is active (AOF?): can't BGSAVE right now. Use BGSAVE SCHEDULE "
        "in order to schedule a BGSAVE whenever possible.");
  }
  const bool begun = snapshots.begin_or_schedule(Snapshots::Why::kRequest);
  reply.simple(begun && !ctx.in_transaction() ? "Background saving started"
                                              : "Background saving scheduled");
  return ok;
}

// BGREWRITEAOF
// The journal is never rewritten; what makes a start short is a snapshot, so one is taken.
Status bgrewriteaof(Context& ctx, Args, ReplyWriter& reply) {
  Snapshots& snapshots = server_of(ctx).snapshots();
  if (snapshots.saving() && snapshots.reason() == Snapshots::Why::kRewrite) {
    return Error("ERR Background append only file rewriting already in progress");
  }
  const bool begun = snapshots.begin_or_schedule(Snapshots::Why::kRewrite);
  reply.simple(begun && !ctx.in_transaction()
                   ? "Background append only file rewriting started"
                   : "Background append only file rewriting scheduled");
  return ok;
}

// LASTSAVE
Status lastsave(Context& ctx, Args, ReplyWriter& reply) {
  reply.integer(server_of(ctx).snapshots().last_save_s());
  return ok;
}

constexpr CommandSpec under_all_locks(CommandSpec spec) {
  spec.locks = Locks::kAll;
  return spec;
}

constexpr CommandSpec kCommands[] = {
    under_all_locks(row("save", exactly(1), kAdmin | kNoScript | kNoAsyncLoading | kNoMulti, save,
                        "", "Synchronously saves the database(s) to disk.", "1.0.0",
                        "O(N) where N is the total number of keys in all databases")),
    row("bgsave", at_least(1), kAdmin | kNoScript | kNoAsyncLoading, bgsave, "[SCHEDULE]",
        "Asynchronously saves the database(s) to disk.", "1.0.0"),
    row("bgrewriteaof", exactly(1), kAdmin | kNoScript | kNoAsyncLoading, bgrewriteaof, "",
        "Asynchronously rewrites the append-only file to disk.", "1.0.0", "O(1)"),
    row("lastsave", exactly(1), kLoading | kStale | kFast | kAdminCategory, lastsave, "",
        "Returns the Unix timestamp of the last successful save to disk.", "1.0.0", "O(1)",
        "nondeterministic_output"),
};

}  // namespace

std::span<const CommandSpec> snapshot_commands() { return kCommands; }

}  // namespace memoir
