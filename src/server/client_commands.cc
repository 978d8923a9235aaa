// CLIENT and its subcommands.
#include <algorithm>
#include <optional>

#include "protocol/reply_writer.h"
#include "src/base/c_text.h"
#include "src/base/log.h"
#include "src/server/client.h"
#include "src/server/client_filter.h"
#include "src/server/client_line.h"
#include "src/server/client_names.h"
#include "src/server/client_tracking.h"
#include "src/server/help_reply.h"
#include "src/server/server.h"
#include "src/server/server_rows.h"
#include "src/server/worker.h"

namespace memoir {
namespace {

// The row's flags keep scripts out, so a client there is.
Client& self(Context& ctx) {
  Client* client = client_of(ctx);
  ASSERT(client);
  return *client;
}

// Who asks, and which users there are.
ClientFilter::Asker asker(Context& ctx, Client& me) {
  return {.id = me.identity.id,
          .now_us = ctx.dispatcher().clock().monotonic_us(),
          .knows_user = [&users = me.worker().server().users()](ByteView name) {
            return users.find(name) != nullptr;
          }};
}

// The client's own status as of now, its running request included.
void refresh_own(Client& client, Context& ctx) {
  client.worker().publish_statuses();
  client.publish_status();
  std::size_t bytes = 0;
  for (const Word& word : ctx.words()) bytes += word.text.size();
  client.status().argument_bytes = bytes;
}

// CLIENT ID
Status id(Context& ctx, Args, ReplyWriter& reply) {
  reply.integer(static_cast<std::int64_t>(ctx.session().identity.id));
  return ok;
}

// CLIENT INFO
Status info(Context& ctx, Args, ReplyWriter& reply) {
  Client& client = self(ctx);
  refresh_own(client, ctx);
  Bytes line;
  client.worker().server().clients().locked(
      [&] { append_client_line(line, client.status(), ctx.dispatcher().clock().monotonic_us()); });
  client.status().argument_bytes = 0;
  reply.verbatim(line, "txt");
  return ok;
}

// CLIENT LIST [filter ...]
Status list(Context& ctx, Args args, ReplyWriter& reply) {
  Client& client = self(ctx);
  ClientFilter filter(ClientFilter::Purpose::kList, asker(ctx, client));
  if (Status read = filter.read(args); !read) return read;
  refresh_own(client, ctx);
  const std::int64_t now_us = ctx.dispatcher().clock().monotonic_us();
  Bytes text;
  const auto add = [&](const ClientStatus& status) {
    if (status.killed.load(std::memory_order_relaxed) || !filter.matches(status)) return;
    append_client_line(text, status, now_us);
    text += '\n';
  };
  const ClientRegistry& clients = client.worker().server().clients();
  if (const auto* ids = filter.only_ids()) {
    for (const std::uint64_t wanted : *ids) {
      if (const auto status = clients.find(wanted)) clients.locked([&] { add(*status); });
    }
  } else {
    clients.each(add);
  }
  client.status().argument_bytes = 0;
  reply.verbatim(text, "txt");
  return ok;
}

// CLIENT REPLY ON | OFF | SKIP
Status reply_mode(Context& ctx, Args args, ReplyWriter& reply) {
  Client& client = self(ctx);
  if (args.take("ON")) {
    client.set_reply_mode(ReplyMode::kOn);
    reply.ok();
  } else if (args.take("OFF")) {
    client.set_reply_mode(ReplyMode::kOff);
  } else if (args.take("SKIP")) {
    if (client.reply_mode() != ReplyMode::kOff) client.set_reply_mode(ReplyMode::kSkipNext);
  } else {
    return Error(kSyntaxError);
  }
  return ok;
}

template <void (*set)(Client&, bool)>
Status on_off(Context& ctx, Args args, ReplyWriter& reply) {
  if (args.take("ON")) {
    set(self(ctx), true);
  } else if (args.take("OFF")) {
    set(self(ctx), false);
  } else {
    return Error(kSyntaxError);
  }
  reply.ok();
  return ok;
}
void set_no_evict(Client& client, bool on) { client.set_no_evict(on); }
void set_no_touch(Client& client, bool on) { client.identity.no_touch = on; }

std::int64_t kill_matching(Client& me, const ClientFilter& filter) {
  return me.worker().server().kill_clients(
      &me, [&](const ClientStatus& status) { return filter.matches(status);
  });
}

// CLIENT KILL ip:port
// CLIENT KILL filter ...
Status kill(Context& ctx, Args args, ReplyWriter& reply) {
  Client& client = self(ctx);
  ClientFilter filter(ClientFilter::Purpose::kKill, asker(ctx, client));
  if (args.left() == 1) {
    filter.set_peer(args.next());
    if (kill_matching(client, filter) == 0) return Error("ERR No such client");
    reply.ok();
    return ok;
  }
  if (Status read = filter.read(args); !read) return read;
  reply.integer(kill_matching(client, filter));
  return ok;
}

// CLIENT UNBLOCK id [TIMEOUT | ERROR]
Status unblock(Context& ctx, Args args, ReplyWriter& reply) {
  Args id = args;
  args.skip();
  UnblockReason reason = UnblockReason::kTimeout;
  if (args.more() && !args.take("TIMEOUT")) {
    if (!args.take("ERROR")) return Error("ERR CLIENT UNBLOCK reason should be TIMEOUT or ERROR");
    reason = UnblockReason::kError;
  }
  const auto victim = static_cast<std::uint64_t>(id.integer());
  if (id.failed()) return id.status();
  Server& server = self(ctx).worker().server();
  const auto status = server.clients().find(victim);
  const bool blocked = status && status->may_be_unblocked && !status->unblocking.exchange(true);
  if (blocked) {
    Worker& worker = server.worker(status->worker);
    // A transaction holds stripes, which withdrawing a request needs.
    if (&worker == &self(ctx).worker() && !ctx.in_transaction()) {
      worker.unblock(victim, reason);
    } else {
      worker.loop().post([&worker, victim, reason] { worker.unblock(victim, reason); });
    }
  }
  reply.integer(blocked ? 1 : 0);
  return ok;
}

// CLIENT SETNAME name
Status setname(Context& ctx, Args args, ReplyWriter& reply) {
  const ByteView name = args.next();
  if (Status valid = check_client_name(name); !valid) return valid;
  self(ctx).set_names(name);
  reply.ok();
  return ok;
}

// CLIENT GETNAME
Status getname(Context& ctx, Args, ReplyWriter& reply) {
  const Bytes& name = self(ctx).status().name;
  name.empty() ? reply.null() : reply.bulk(name);
  return ok;
}

// CLIENT SETINFO LIB-NAME name | LIB-VER version
Status setinfo(Context& ctx, Args args, ReplyWriter& reply) {
  const ByteView option = args.next();
  const ByteView value = args.next();
  const bool name = equals_ignoring_case(option, "lib-name");
  if (!name && !equals_ignoring_case(option, "lib-ver")) {
    return Error(fmt::format("ERR Unrecognized option '{}'", c_text(option)));
  }
  if (!is_plain_name(value)) {
    return Error(fmt::format("ERR {} cannot contain spaces, newlines or special characters.",
                             name ? "lib-name" : "lib-ver"));
  }
  name ? self(ctx).set_library(value, {}) : self(ctx).set_library({}, value);
  reply.ok();
  return ok;
}

// CLIENT CAPA capability [capability ...]
// What a client says it can do; unknown capabilities are let pass, as Valkey does.
Status capa(Context& ctx, Args args, ReplyWriter& reply) {
  while (args.more()) {
    if (equals_ignoring_case(args.next(), "redirect")) self(ctx).set_can_be_redirected();
  }
  reply.ok();
  return ok;
}

// CLIENT PAUSE milliseconds [WRITE | ALL]
Status pause(Context& ctx, Args args, ReplyWriter& reply) {
  const std::int64_t timeout_ms = args.integer("ERR timeout is not an integer or out of range");
  PauseMode mode = PauseMode::kAll;
  if (args.more() && !args.take("ALL")) {
    if (!args.take("WRITE")) return Error("ERR CLIENT PAUSE mode must be WRITE or ALL");
    mode = PauseMode::kWrites;
  }
  if (args.failed()) return args.status();
  if (timeout_ms < 0) return Error("ERR timeout is negative");
  std::int64_t until_ms;
  if (__builtin_add_overflow(timeout_ms, ctx.now_ms(), &until_ms)) {
    return Error("ERR timeout is out of range");
  }
  self(ctx).worker().server().pause(mode, until_ms);
  self(ctx).worker().follow_pause();  // from the next request on
  reply.ok();
  return ok;
}

// CLIENT UNPAUSE
Status unpause(Context& ctx, Args, ReplyWriter& reply) {
  self(ctx).worker().server().unpause();
  self(ctx).worker().follow_pause();  // from the next request on
  reply.ok();
  return ok;
}

Status help(Context& ctx, Args, ReplyWriter& reply) {
  constexpr const char* kLines[] = {
      "CACHING (YES|NO)",
      "    Enable/disable tracking of the keys for next command in OPTIN/OPTOUT modes.",
      "GETREDIR",
      "    Return the client ID we are redirecting to when tracking is enabled.",
      "GETNAME",
      "    Return the name of the current connection.",
      "ID",
      "    Return the ID of the current connection.",
      "INFO",
      "    Return information about the current client connection.",
      "KILL <ip:port>",
      "    Kill connection made from <ip:port>.",
      "KILL <option> <value> [<option> <value> [...]]",
      "    Kill connections. Options are:",
      "    * ADDR (<ip:port>|<unixsocket>:0)",
      "      Kill connections made from the specified address",
      "    * LADDR (<ip:port>|<unixsocket>:0)",
      "      Kill connections made to specified local address",
      "    * TYPE (NORMAL|MASTER|REPLICA|PUBSUB)",
      "      Kill connections by type.",
      "    * USER <username>",
      "      Kill connections authenticated by <username>.",
      "    * SKIPME (YES|NO)",
      "      Skip killing current connection (default: yes).",
      "    * ID <client-id>",
      "      Kill connections by client id.",
      "    * MAXAGE <maxage>",
      "      Kill connections older than the specified age.",
      "LIST [options ...]",
      "    Return information about client connections. Options:",
      "    * TYPE (NORMAL|MASTER|REPLICA|PUBSUB)",
      "      Return clients of specified type.",
      "UNPAUSE",
      "    Stop the current client pause, resuming traffic.",
      "PAUSE <timeout> [WRITE|ALL]",
      "    Suspend all, or just write, clients for <timeout> milliseconds.",
      "REPLY (ON|OFF|SKIP)",
      "    Control the replies sent to the current connection.",
      "SETNAME <name>",
      "    Assign the name <name> to the current connection.",
      "SETINFO <option> <value>",
      "    Set client meta attr. Options are:",
      "    * LIB-NAME: the client lib name.",
      "    * LIB-VER: the client lib version.",
      "UNBLOCK <clientid> [TIMEOUT|ERROR]",
      "    Unblock the specified blocked client.",
      "TRACKING (ON|OFF) [REDIRECT <id>] [BCAST] [PREFIX <prefix> [...]]",
      "         [OPTIN] [OPTOUT] [NOLOOP]",
      "    Control server assisted client side caching.",
      "TRACKINGINFO",
      "    Report tracking status for the current connection.",
      "NO-EVICT (ON|OFF)",
      "    Protect current client connection from eviction.",
      "NO-TOUCH (ON|OFF)",
      "    Will not touch LRU/LFU stats when this mode is on.",
  };
  write_help(ctx, kLines, reply);
  return ok;
}

constexpr std::uint32_t kOwn = kNoScript | kLoading | kStale | kConnection;
constexpr std::uint32_t kOthers = kOwn | kAdmin;

constexpr CommandSpec row(const char* name, Arity arity, std::uint32_t flags, Handler run,
                          const char* syntax, const char* summary, const char* since,
                          const char* complexity = "O(1)") {
  return {.name = name,
          .arity = arity,
          .flags = flags,
          .locks = Locks::kNone,
          .run = run,
          .group = Group::kConnection,
          .syntax = syntax,
          .summary = summary,
          .since = since,
          .complexity = complexity};
}

constexpr CommandSpec kSubcommands[] = {
    row("caching", exactly(3), kOwn, client_caching, "<YES | NO>",
        "Instructs the server whether to track the keys in the next request.", "6.0.0"),
    row("capa", at_least(3), kOwn, capa, "<capability>...",
        "A client claims its capability.", "8.0.0"),
    row("getname", exactly(2), kOwn, getname, "", "Returns the name of the connection.", "2.6.9"),
    row("getredir", exactly(2), kOwn, client_getredir, "",
        "Returns the client ID to which the connection's tracking notifications are redirected.",
        "6.0.0"),
    row("help", exactly(2), kLoading | kStale | kConnection, help, "",
        "Returns helpful text about the different subcommands.", "5.0.0"),
    row("id", exactly(2), kOwn, id, "", "Returns the unique client ID of the connection.",
        "5.0.0"),
    row("info", exactly(2), kOwn, info, "", "Returns information about the connection.", "6.2.0"),
    row("kill", at_least(3), kOthers, kill,
        "<ip:port | <[ID client-id] | [TYPE <NORMAL | MASTER | SLAVE | REPLICA | PUBSUB>] | "
        "[USER username] | [ADDR ip:port] | [LADDR ip:port] | [SKIPME <YES | NO>]>...>",
        "Terminates open connections.", "2.4.0",
        "O(N) where N is the number of client connections"),
    row("list", at_least(2), kOthers, list,
        "[TYPE <NORMAL | MASTER | REPLICA | PUBSUB>] [ID client-id [client-id ...]]",
        "Lists open connections.", "2.4.0", "O(N) where N is the number of client connections"),
    row("no-evict", exactly(3), kOthers, on_off<set_no_evict>, "<ON | OFF>",
        "Sets the client eviction mode of the connection.", "7.0.0"),
    row("no-touch", exactly(3), kOwn, on_off<set_no_touch>, "<ON | OFF>",
        "Controls whether commands sent by the client affect the LRU/LFU of accessed keys.",
        "7.2.0"),
    row("pause", between(3, 4), kOthers, pause, "timeout [WRITE | ALL]",
        "Suspends commands processing.", "3.0.0"),
    row("reply", exactly(3), kOwn, reply_mode, "<ON | OFF | SKIP>",
        "Instructs the server whether to reply to commands.", "3.2.0"),
    row("setinfo", exactly(4), kOwn, setinfo, "<LIB-NAME libname | LIB-VER libver>",
        "Sets information specific to the client or connection.", "7.2.0"),
    row("setname", exactly(3), kOwn, setname, "connection-name", "Sets the connection name.",
        "2.6.9"),
    row("tracking", at_least(3), kOwn, client_tracking,
        "<ON | OFF> [REDIRECT client-id] [PREFIX prefix [PREFIX prefix ...]] [BCAST] [OPTIN] "
        "[OPTOUT] [NOLOOP]",
        "Controls server-assisted client-side caching for the connection.", "6.0.0",
        "O(1). Some options may introduce additional complexity."),
    row("trackinginfo", exactly(2), kOwn, client_trackinginfo, "",
        "Returns information about server-assisted client-side caching for the connection.",
        "6.2.0"),
    row("unblock", between(3, 4), kOthers, unblock, "client-id [TIMEOUT | ERROR]",
        "Unblocks a client blocked by a blocking command from a different connection.", "5.0.0",
        "O(log N) where N is the number of client connections"),
    row("unpause", exactly(2), kOthers, unpause, "",
        "Resumes processing commands from paused clients.", "6.2.0",
        "O(N) Where N is the number of paused clients"),
};

constexpr CommandSpec kCommands[] = {
    {.name = "client",
     .arity = at_least(2),
     .locks = Locks::kNone,
     .group = Group::kConnection,
     .summary = "A container for client connection commands.",
     .since = "2.4.0",
     .complexity = "Depends on subcommand.",
     .subcommands = kSubcommands},
};

}  // namespace

std::span<const CommandSpec> client_commands() { return kCommands; }

}  // namespace memoir
