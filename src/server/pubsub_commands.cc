// SUBSCRIBE and its kin, PUBLISH, SPUBLISH, PUBSUB.
#include "protocol/reply_writer.h"
#include "src/server/client.h"
#include "src/server/help_reply.h"
#include "src/server/server.h"
#include "src/server/server_rows.h"
#include "src/server/worker.h"

namespace memoir {
namespace {

struct TopicWords {
  const char* subscribe;
  const char* unsubscribe;
};

constexpr TopicWords words_of(Topic topic) {
  switch (topic) {
    case Topic::kPattern: return {"psubscribe", "punsubscribe"};
    case Topic::kShardChannel: return {"ssubscribe", "sunsubscribe"};
    case Topic::kChannel: break;
  }
  return {"subscribe", "unsubscribe"};
}

// Channels and patterns are counted together, shard channels apart.
std::int64_t count_of(const ClientSubscriptions& subscriptions, Topic topic) {
  const std::size_t count =
      topic == Topic::kShardChannel
          ? subscriptions.count(topic)
          : subscriptions.count(Topic::kChannel) + subscriptions.count(Topic::kPattern);
  return static_cast<std::int64_t>(count);
}

void confirm(const char* what, const ByteView* name, std::int64_t count, ReplyWriter& reply) {
  reply.push(3);
  reply.bulk(what);
  name ? reply.bulk(*name) : reply.null();
  reply.integer(count);
}

Error not_allowed(Context& ctx) {
  return Error("ERR '" + CommandTable::full_name(ctx.row()) +
               "' is not allowed without a connection");
}

template <Topic topic>
Status subscribe(Context& ctx, Args args, ReplyWriter& reply) {
  Client* client = client_of(ctx);
  if (!client) return not_allowed(ctx);
  client->keep_reply();
  while (args.more()) {
    const ByteView name = args.next();
    client->worker().subscriptions().subscribe(*client, topic, name);
    confirm(words_of(topic).subscribe, &name, count_of(client->subscriptions(), topic), reply);
  }
  return ok;
}

template <Topic topic>
Status unsubscribe(Context& ctx, Args args, ReplyWriter& reply) {
  Client* client = client_of(ctx);
  if (!client) return not_allowed(ctx);
  client->keep_reply();
  const ClientSubscriptions& subscriptions = client->subscriptions();
  const char* const what = words_of(topic).unsubscribe;
  const auto leave = [&](ByteView name) {
    client->worker().subscriptions().unsubscribe(*client, topic, name);
    confirm(what, &name, count_of(subscriptions, topic), reply);
  };
  if (args.more()) {
    while (args.more()) leave(args.next());
    return ok;
  }
  const std::vector<Bytes> names = subscriptions.names(topic);
  for (const Bytes& name : names) leave(name);
  if (names.empty()) confirm(what, nullptr, count_of(subscriptions, topic), reply);
  return ok;
}

template <Topic topic>
Status publish(Context& ctx, Args args, ReplyWriter& reply) {
  Client* client = client_of(ctx);
  if (!client) return not_allowed(ctx);
  const ByteView channel = args.next();
  const ByteView text = args.next();
  // What the publisher may know must be safe before others hear of it.
  const Lsn lsn = ctx.in_transaction() ? ctx.dispatcher().journal().position() : client->lsn();
  const std::size_t receivers = client->worker().publish(topic, channel, text, lsn);
  reply.integer(static_cast<std::int64_t>(receivers));
  return ok;
}

PubSub& pubsub_of(Context& ctx) { return static_cast<Server&>(hooks_of(ctx)).pubsub(); }

template <Topic topic>
Status channels(Context& ctx, Args args, ReplyWriter& reply) {
  const ByteView pattern = args.more() ? args.next() : ByteView();
  const std::vector<Bytes> names = pubsub_of(ctx).names(topic, pattern);
  reply.array(names.size());
  for (const Bytes& name : names) reply.bulk(name);
  return ok;
}

template <Topic topic>
Status numsub(Context& ctx, Args args, ReplyWriter& reply) {
  reply.array(args.left() * 2);
  while (args.more()) {
    const ByteView name = args.next();
    reply.bulk(name);
    reply.integer(static_cast<std::int64_t>(pubsub_of(ctx).subscribers(topic, name)));
  }
  return ok;
}

Status numpat(Context& ctx, Args, ReplyWriter& reply) {
  reply.integer(static_cast<std::int64_t>(pubsub_of(ctx).count(Topic::kPattern)));
  return ok;
}

Status help(Context& ctx, Args, ReplyWriter& reply) {
  constexpr const char* kLines[] = {
      "CHANNELS [<pattern>]",
      "    Return the currently active channels matching a <pattern> (default: '*').",
      "NUMPAT",
      "    Return number of subscriptions to patterns.",
      "NUMSUB [<channel> ...]",
      "    Return the number of subscribers for the specified channels, excluding",
      "    pattern subscriptions(default: no channels).",
      "SHARDCHANNELS [<pattern>]",
      "    Return the currently active shard level channels matching a <pattern> (default: '*').",
      "SHARDNUMSUB [<shardchannel> ...]",
      "    Return the number of subscribers for the specified shard level channel(s)",
  };
  write_help(ctx, kLines, reply);
  return ok;
}

constexpr std::uint32_t kSubscribing = kPubSub | kNoScript | kLoading | kStale | kSubscriberMode;
constexpr std::uint32_t kPublishing = kPubSub | kLoading | kStale | kFast | kMayReplicate;
constexpr std::uint32_t kLooking = kPubSub | kLoading | kStale;
constexpr KeySpecs kFirstIsChannel{key_range(1, 1, 1, kKeyNot)};
constexpr KeySpecs kAllAreChannels{key_range(1, -1, 1, kKeyNot)};

constexpr CommandSpec row(const char* name, Arity arity, std::uint32_t flags, Handler run,
                          const char* syntax, const char* summary, const char* since,
                          const char* complexity) {
  return {.name = name,
          .arity = arity,
          .flags = flags,
          .locks = Locks::kNone,
          .run = run,
          .group = Group::kPubSub,
          .syntax = syntax,
          .summary = summary,
          .since = since,
          .complexity = complexity};
}

constexpr CommandSpec with_keys(CommandSpec spec, const KeySpecs& keys) {
  spec.keys = keys;
  return spec;
}

constexpr CommandSpec on(Channels channels, CommandSpec spec) {
  spec.channels = channels;
  return spec;
}

constexpr CommandSpec kPubSubCommands[] = {
    row("channels", between(2, 3), kLooking, channels<Topic::kChannel>, "[pattern]",
        "Returns the active channels.", "2.8.0",
        "O(N) where N is the number of active channels, and assuming constant time pattern "
        "matching (relatively short channels and patterns)"),
    row("help", exactly(2), kLoading | kStale, help, "", "Returns helpful text about the different "
        "subcommands.", "6.2.0", "O(1)"),
    row("numpat", exactly(2), kLooking, numpat, "", "Returns a count of unique pattern "
        "subscriptions.", "2.8.0", "O(1)"),
    row("numsub", at_least(2), kLooking, numsub<Topic::kChannel>, "[channel [channel ...]]",
        "Returns a count of subscribers to channels.", "2.8.0",
        "O(N) for the NUMSUB subcommand, where N is the number of requested channels"),
    row("shardchannels", between(2, 3), kLooking, channels<Topic::kShardChannel>, "[pattern]",
        "Returns the active shard channels.", "7.0.0",
        "O(N) where N is the number of active shard channels, and assuming constant time pattern "
        "matching (relatively short shard channels)."),
    row("shardnumsub", at_least(2), kLooking, numsub<Topic::kShardChannel>,
        "[shardchannel [shardchannel ...]]",
        "Returns the count of subscribers of shard channels.", "7.0.0",
        "O(N) for the SHARDNUMSUB subcommand, where N is the number of requested shard channels"),
};

constexpr CommandSpec container(const char* name, std::span<const CommandSpec> subcommands) {
  CommandSpec spec = row(name, at_least(2), 0, nullptr, "", "A container for Pub/Sub commands.",
                         "2.8.0", "Depends on subcommand.");
  spec.subcommands = subcommands;
  return spec;
}

constexpr CommandSpec kCommands[] = {
    on(Channels::kSubscribe,
       row("subscribe", at_least(2), kSubscribing, subscribe<Topic::kChannel>,
           "channel [channel ...]", "Listens for messages published to channels.", "2.0.0",
           "O(N) where N is the number of channels to subscribe to.")),
    row("unsubscribe", at_least(1), kSubscribing, unsubscribe<Topic::kChannel>,
        "[channel [channel ...]]", "Stops listening to messages posted to channels.", "2.0.0",
        "O(N) where N is the number of channels to unsubscribe."),
    on(Channels::kSubscribePatterns,
       row("psubscribe", at_least(2), kSubscribing, subscribe<Topic::kPattern>,
           "pattern [pattern ...]",
           "Listens for messages published to channels that match one or more patterns.", "2.0.0",
           "O(N) where N is the number of patterns to subscribe to.")),
    row("punsubscribe", at_least(1), kSubscribing, unsubscribe<Topic::kPattern>,
        "[pattern [pattern ...]]",
        "Stops listening to messages published to channels that match one or more patterns.",
        "2.0.0", "O(N) where N is the number of patterns to unsubscribe."),
    on(Channels::kSubscribe,
       with_keys(row("ssubscribe", at_least(2), kSubscribing, subscribe<Topic::kShardChannel>,
                     "shardchannel [shardchannel ...]",
                     "Listens for messages published to shard channels.", "7.0.0",
                     "O(N) where N is the number of shard channels to subscribe to."),
                 kAllAreChannels)),
    with_keys(row("sunsubscribe", at_least(1), kSubscribing, unsubscribe<Topic::kShardChannel>,
                  "[shardchannel [shardchannel ...]]",
                  "Stops listening to messages posted to shard channels.", "7.0.0",
                  "O(N) where N is the number of shard channels to unsubscribe."),
              kAllAreChannels),
    on(Channels::kPublish,
       row("publish", exactly(3), kPublishing, publish<Topic::kChannel>, "channel message",
           "Posts a message to a channel.", "2.0.0",
           "O(N+M) where N is the number of clients subscribed to the receiving channel and M is "
           "the total number of subscribed patterns (by any client).")),
    on(Channels::kPublish,
       with_keys(row("spublish", exactly(3), kPublishing, publish<Topic::kShardChannel>,
                     "shardchannel message", "Post a message to a shard channel", "7.0.0",
                     "O(N) where N is the number of clients subscribed to the receiving shard "
                     "channel."),
                 kFirstIsChannel)),
    container("pubsub", kPubSubCommands),
};

}  // namespace

std::span<const CommandSpec> pubsub_commands() { return kCommands; }

}  // namespace memoir
