// TIME, SHUTDOWN, WAIT, WAITAOF, ROLE and MONITOR.
#include "protocol/reply_writer.h"
#include "src/server/client.h"
#include "src/server/server.h"
#include "src/server/server_row.h"
#include "src/server/server_rows.h"
#include "src/server/worker.h"

namespace memoir {
namespace {

Server& server_of(Context& ctx) { return static_cast<Server&>(hooks_of(ctx)); }

// TIME
Status time(Context& ctx, Args, ReplyWriter& reply) {
  // In transactions and scripts time stands still.
  const std::int64_t now_us = ctx.in_transaction() ? ctx.dispatcher().run_time_us()
                                                   : ctx.dispatcher().clock().now_us();
  reply.array(2);
  reply.bulk_integer(now_us / 1'000'000);
  reply.bulk_integer(now_us % 1'000'000);
  return ok;
}

// SHUTDOWN [NOSAVE | SAVE] [NOW] [FORCE] [ABORT]
// Answers only if it fails.
Status shutdown(Context& ctx, Args args, ReplyWriter&) {
  bool save = false, nosave = false, now = false, force = false, abort = false;
  while (args.more()) {
    if (args.take("NOSAVE")) {
      nosave = true;
    } else if (args.take("SAVE")) {
      save = true;
    } else if (args.take("NOW")) {
      now = true;
    } else if (args.take("FORCE")) {
      force = true;
    } else if (args.take("ABORT")) {
      abort = true;
    } else {
      return Error(kSyntaxError);
    }
  }
  if ((save && nosave) || (abort && (save || nosave || now || force))) return Error(kSyntaxError);
  if (abort) return Error("ERR No shutdown in progress.");
  if (!nosave && ctx.dispatcher().keyspace().busy()) return ctx.dispatcher().host().busy_error();
  Client* client = client_of(ctx);
  if (!client) return Error("ERR SHUTDOWN needs a connection");
  if (!ctx.in_transaction()) client->block(Blocked::kOnShutdown, 0);
  const auto saves = save     ? Server::ShutdownSave::kYes
                     : nosave ? Server::ShutdownSave::kNo
                              : Server::ShutdownSave::kAsConfigured;
  server_of(ctx).shut_down({.force = force,
                            .save = saves,
                            .client = client->identity.id,
                            .worker = client->worker().index()});
  return ok;
}

// A timeout in milliseconds as a deadline on the wall clock; 0: none.
Result<std::int64_t> read_deadline(Args& args, std::int64_t now_ms) {
  const std::int64_t timeout_ms = args.integer("ERR timeout is not an integer or out of range");
  if (args.failed()) return args.status().error();
  if (timeout_ms < 0) return Error("ERR timeout is negative");
  std::int64_t deadline_ms;
  if (__builtin_add_overflow(timeout_ms, now_ms, &deadline_ms)) {
    return Error("ERR timeout is out of range");
  }
  return timeout_ms == 0 ? 0 : deadline_ms;
}

bool may_block(Context& ctx) {
  return !ctx.in_transaction() && ctx.session().identity.may_block && client_of(ctx);
}

// WAIT numreplicas timeout
Status wait(Context& ctx, Args args, ReplyWriter& reply) {
  const std::int64_t replicas = args.integer();
  if (args.failed()) return args.status();
  const auto deadline_ms = read_deadline(args, ctx.now_ms());
  if (!deadline_ms) return Error(deadline_ms.peek_error().text());
  if (replicas <= 0 || !may_block(ctx)) {
    reply.integer(0);
  } else {
    client_of(ctx)->block(Blocked::kOnReplicas, *deadline_ms);
  }
  return ok;
}

// WAITAOF numlocal numreplicas timeout
Status waitaof(Context& ctx, Args args, ReplyWriter& reply) {
  const std::int64_t local = args.integer();
  if (args.failed()) return args.status();
  if (local < 0 || local > 1) {
    return Error("ERR value is out of range, value must between 0 and 1");
  }
  const std::int64_t replicas = args.integer();
  if (args.failed()) return args.status();
  if (replicas < 0) return Error("ERR value is out of range, must be positive");
  const auto deadline_ms = read_deadline(args, ctx.now_ms());
  if (!deadline_ms) return Error(deadline_ms.peek_error().text());
  if (local > 0 && !server_of(ctx).config().current()->appendonly) {
    return Error("ERR WAITAOF cannot be used when numlocal is set but appendonly is disabled.");
  }
  Client* client = client_of(ctx);
  const Lsn written = client ? client->last_write() : 0;
  const bool synced = ctx.dispatcher().journal().synced() >= written;
  if ((replicas == 0 && (local == 0 || synced)) || !may_block(ctx)) {
    reply.array(2);
    reply.integer(synced ? 1 : 0);
    reply.integer(0);
  } else {
    // Replicas that do not exist never have it: then only the time ends the wait.
    client->block(replicas == 0 ? Blocked::kOnSync : Blocked::kOnSyncAndReplicas, *deadline_ms,
                  written);
  }
  return ok;
}

// ROLE
Status role(Context& ctx, Args, ReplyWriter& reply) {
  reply.array(3);
  reply.bulk("master");
  reply.integer(static_cast<std::int64_t>(ctx.dispatcher().journal().position()));
  reply.array(0);
  return ok;
}

// MONITOR
Status monitor(Context& ctx, Args, ReplyWriter& reply) {
  Client* client = client_of(ctx);
  if (!client || ctx.in_transaction()) {
    return Error("ERR MONITOR isn't allowed for DENY BLOCKING client");
  }
  client->worker().add_monitor(*client);
  reply.ok();
  return ok;
}

constexpr CommandSpec in_group(CommandSpec spec, Group group) {
  spec.group = group;
  return spec;
}

constexpr CommandSpec kCommands[] = {
    row("time", exactly(1), kLoading | kStale | kFast, time, "", "Returns the server time.",
        "2.6.0", "O(1)", "nondeterministic_output"),
    row("shutdown", at_least(1),
        kAdmin | kNoScript | kLoading | kStale | kNoMulti | kAllowBusy, shutdown,
        "[NOSAVE | SAVE] [NOW] [FORCE] [ABORT]",
        "Synchronously saves the database(s) to disk and shuts down the server.", "1.0.0",
        "O(N) when saving, where N is the total number of keys in all databases when saving data, "
        "otherwise O(1)"),
    in_group(row("wait", exactly(3), kConnection, wait, "numreplicas timeout:integer",
                 "Blocks until the asynchronous replication of all preceding write commands sent "
                 "by the connection is completed.",
                 "3.0.0", "O(1)", "request_policy:all_shards,response_policy:agg_min"),
             Group::kGeneric),
    in_group(row("waitaof", exactly(4), kNoScript | kConnection, waitaof,
                 "numlocal numreplicas timeout:integer",
                 "Blocks until all of the preceding write commands sent by the connection are "
                 "written to the append-only file of the master and/or replicas.",
                 "7.2.0", "O(1)", "request_policy:all_shards,response_policy:agg_min"),
             Group::kGeneric),
    row("role", exactly(1), kNoScript | kLoading | kStale | kFast | kAdminCategory, role, "",
        "Returns the replication role.", "2.8.12"),
    row("monitor", exactly(1), kAdmin | kNoScript | kLoading | kStale, monitor, "",
        "Listens for all requests received by the server in real-time.", "1.0.0"),
};

}  // namespace

std::span<const CommandSpec> server_commands() { return kCommands; }

}  // namespace memoir
