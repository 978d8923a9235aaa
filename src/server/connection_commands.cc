// PING, ECHO, QUIT, RESET, HELLO and AUTH.
#include "protocol/reply_writer.h"
#include "src/base/c_text.h"
#include "src/base/log.h"
#include "src/server/client.h"
#include "src/server/client_names.h"
#include "src/server/server.h"
#include "src/server/server_rows.h"
#include "src/server/version.h"
#include "src/server/worker.h"

namespace memoir {
namespace {

constexpr std::string_view kWrongPassword =
    "WRONGPASS invalid username-password pair or user is disabled.";

// Who may not come in is noted for ACL LOG.
bool log_in(Context& ctx, Client& client, ByteView name, ByteView password) {
  Server& server = client.worker().server();
  UserPointer user = server.users().find(name);
  if (user && user->admits(password)) {
    client.become(std::move(user));
    return true;
  }
  client.publish_status();
  server.note_refusal(client.status(),
                      {.reason = Denial::kAuth,
                       .origin = ctx.in_transaction() ? Origin::kTransaction : Origin::kClient,
                       .object = Bytes(ctx.words()[0].text),
                       .user = Bytes(name)});
  return false;
}

// PING [message]
Status ping(Context& ctx, Args args, ReplyWriter& reply) {
  const Client* client = client_of(ctx);
  if (client && client->in_subscriber_mode()) {
    reply.array(2);
    reply.bulk("pong");
    reply.bulk(args.more() ? args.next() : ByteView(""));
  } else if (args.more()) {
    reply.bulk(args.next());
  } else {
    reply.simple("PONG");
  }
  return ok;
}

// ECHO message
Status echo(Context&, Args args, ReplyWriter& reply) {
  const Word& message = args.next_word();
  message.owner ? reply.bulk(message.owner) : reply.bulk(message.text);
  return ok;
}

// QUIT
Status quit(Context& ctx, Args, ReplyWriter& reply) {
  reply.ok();
  if (Client* client = client_of(ctx)) client->close_after_reply();
  return ok;
}

// RESET
Status reset(Context& ctx, Args, ReplyWriter& reply) {
  ctx.dispatcher().discard(ctx.session());
  ctx.dispatcher().unwatch(ctx.session());
  if (Client* client = client_of(ctx)) client->reset_state();
  reply.set_version(Resp::kV2);
  reply.simple("RESET");
  return ok;
}

// AUTH [username] password
Status auth(Context& ctx, Args args, ReplyWriter& reply) {
  Client* client = client_of(ctx);
  if (!client || args.left() > 2) return Error(kSyntaxError);
  ByteView user = "default";
  if (args.left() == 1) {
    if (client->worker().server().users().default_user()->needs_no_password()) {
      return Error(
          "ERR AUTH <password> called without any password configured for the default user. Are "
          "you sure your configuration is correct?");
    }
  } else {
    user = args.next();
  }
  if (!log_in(ctx, *client, user, args.next())) return Error(kWrongPassword);
  reply.ok();
  return ok;
}

void write_hello(const Client& client, ReplyWriter& reply) {
  reply.map(7);
  reply.bulk("server");
  reply.bulk("redis");
  reply.bulk("version");
  reply.bulk(kRedisVersion);
  reply.bulk("proto");
  reply.integer(static_cast<int>(client.identity.resp));
  reply.bulk("id");
  reply.integer(static_cast<std::int64_t>(client.identity.id));
  reply.bulk("mode");
  reply.bulk("standalone");
  reply.bulk("role");
  reply.bulk("master");
  reply.bulk("modules");
  reply.array(0);
}

struct HelloOptions {
  bool log_in = false;
  bool set_name = false;
  ByteView user, password, name;
};

Status read_hello_options(Args& args, HelloOptions& options) {
  while (args.more()) {
    if (args.take("AUTH", 2)) {
      options.log_in = true;
      options.user = args.next();
      options.password = args.next();
    } else if (args.take("SETNAME", 1)) {
      options.set_name = true;
      options.name = args.next();
      if (Status valid = check_client_name(options.name); !valid) return valid;
    } else {
      return Error(fmt::format("ERR Syntax error in HELLO option '{}'", c_text(args.next())));
    }
  }
  return ok;
}

// HELLO [protover [AUTH username password] [SETNAME clientname]]
Status hello(Context& ctx, Args args, ReplyWriter& reply) {
  Client* client = client_of(ctx);
  if (!client) return Error("ERR HELLO needs a connection");
  std::int64_t version = 0;
  if (args.more()) {
    version = args.integer("ERR Protocol version is not an integer or out of range");
    if (args.failed()) return args.status();
    if (version < 2 || version > 3) return Error("NOPROTO unsupported protocol version");
  }
  HelloOptions options;
  if (Status read = read_hello_options(args, options); !read) return read;
  if (options.log_in && !log_in(ctx, *client, options.user, options.password)) {
    return Error(kWrongPassword);
  }
  if (!client->logged_in()) {
    return Error(
        "NOAUTH HELLO must be called with the client already authenticated, otherwise the HELLO "
        "<proto> AUTH <user> <pass> option can be used to authenticate the client and select the "
        "RESP protocol version at the same time");
  }
  if (options.set_name) client->set_names(options.name);
  if (version != 0) {
    client->identity.resp = version == 3 ? Resp::kV3 : Resp::kV2;
    reply.set_version(client->identity.resp);
  }
  write_hello(*client, reply);
  return ok;
}

constexpr std::uint32_t kAnytime = kFast | kLoading | kStale | kConnection;
constexpr std::uint32_t kLogin = kNoAuth | kNoScript | kAnytime | kAllowBusy;

constexpr CommandSpec kCommands[] = {
    {.name = "ping",
     .arity = between(1, 2),
     .flags = kFast | kConnection | kSubscriberMode,
     .locks = Locks::kNone,
     .run = ping,
     .group = Group::kConnection,
     .syntax = "[message]",
     .summary = "Returns the server's liveliness response.",
     .tips = "request_policy:all_shards,response_policy:all_succeeded"},
    {.name = "echo",
     .arity = exactly(2),
     .flags = kAnytime,
     .locks = Locks::kNone,
     .run = echo,
     .group = Group::kConnection,
     .syntax = "message",
     .summary = "Returns the given string."},
    {.name = "quit",
     .arity = at_least(1),
     .flags = kNoAuth | kNoScript | kAnytime | kAllowBusy | kTransactionControl | kSubscriberMode,
     .locks = Locks::kNone,
     .run = quit,
     .group = Group::kConnection,
     .summary = "Closes the connection.",
     .deprecated = "7.2.0 just closing the connection"},
    {.name = "reset",
     .arity = exactly(1),
     .flags = kNoAuth | kNoScript | kAnytime | kAllowBusy | kTransactionControl | kSubscriberMode,
     .locks = Locks::kNone,
     .run = reset,
     .group = Group::kConnection,
     .summary = "Resets the connection.",
     .since = "6.2.0"},
    {.name = "auth",
     .arity = at_least(2),
     .flags = kLogin | kSecretWords,
     .locks = Locks::kNone,
     .run = auth,
     .group = Group::kConnection,
     .syntax = "[username] password",
     .summary = "Authenticates the connection.",
     .complexity = "O(N) where N is the number of passwords defined for the user"},
    {.name = "hello",
     .arity = at_least(1),
     .flags = kLogin | kSecretLogin,
     .locks = Locks::kNone,
     .run = hello,
     .group = Group::kConnection,
     .syntax = "[protover [AUTH username password] [SETNAME clientname]]",
     .summary = "Handshakes with the server.",
     .since = "6.0.0"},
};

}  // namespace

std::span<const CommandSpec> connection_commands() { return kCommands; }

}  // namespace memoir
