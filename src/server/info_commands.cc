// INFO [section ...]
#include "protocol/reply_writer.h"
#include "src/command/dispatcher.h"
#include "src/server/admin_rows.h"
#include "src/server/server_hooks.h"

namespace memoir {

namespace {

// One key of each stripe stands for all of them.
struct TtlSample {
  std::int64_t total_ms = 0;
  std::int64_t keys = 0;
};

void count_shard(const Shard& shard, Context& ctx, DatabaseFigures& figures, TtlSample& sample) {
  figures.keys += shard.keys.size();
  figures.expires += shard.expires.size();
  figures.keys_with_ending_members += shard.member_expires_size();
  if (shard.expires.empty()) return;
  const auto* entry = static_cast<const Entry*>(shard.expires.random(ctx.random()).pointer);
  const std::int64_t left = entry->expire_ms() - ctx.now_ms();
  if (left <= 0) return;
  sample.total_ms += left;
  ++sample.keys;
}

std::vector<DatabaseFigures> count_keys(Context& ctx) {
  const Keyspace& keyspace = ctx.stripes().keyspace();
  std::vector<DatabaseFigures> all(keyspace.databases());
  std::vector<TtlSample> samples(keyspace.databases());
  for (unsigned index = 0; index < kStripes; ++index) {
    for (unsigned db = 0; db < keyspace.databases(); ++db) {
      ctx.stripes().with(index, db, [&](Shard& shard, Stripe&) {
        count_shard(shard, ctx, all[db], samples[db]);
      });
    }
  }
  for (unsigned db = 0; db < all.size(); ++db) {
    all[db].index = db;
    if (samples[db].keys) all[db].average_ttl_ms = samples[db].total_ms / samples[db].keys;
  }
  std::erase_if(all, [](const DatabaseFigures& each) { return each.keys == 0; });
  return all;
}

void count_awaited_keys(Context& ctx, ClientFigures& clients) {
  for (unsigned index = 0; index < kStripes; ++index) {
    ctx.stripes().with(index, 0, [&](Shard&, Stripe& stripe) {
      if (!stripe.has_waiters) return;
      const auto& queues = static_cast<const WaitQueues&>(*stripe.waiters);
      clients.blocking_keys += queues.size();
      clients.blocking_keys_on_no_key += queues.size_of_any_change();
    });
  }
}

Status info(Context& ctx, Args args, ReplyWriter& reply) {
  const std::uint32_t sections = info_sections(args.rest());
  ServerHooks& hooks = hooks_of(ctx);
  InfoSources sources;
  sources.config = hooks.config().current();
  sources.server.now_us = ctx.dispatcher().clock().now_us();
  sources.server.config_file = hooks.config_file();
  if (sections & kInfoMemory) fill_process_figures(sources);
  hooks.fill_info(sections, sources);
  if (sections & kInfoClients) count_awaited_keys(ctx, sources.clients);
  if (sections & kInfoKeyspace) sources.databases = count_keys(ctx);
  reply.verbatim(info_text(sources, sections), "txt");
  return ok;
}

constexpr CommandSpec kCommands[] = {
    {.name = "info",
     .arity = at_least(1),
     .flags = kLoading | kStale | kDangerous,
     .locks = Locks::kEach,
     .run = info,
     .group = Group::kServer,
     .syntax = "[section [section ...]]",
     .summary = "Figures about the server: memory, clients, journal, keys and others.",
     .since = "1.0.0",
     .complexity = "O(1)",
     .tips = "nondeterministic_output,request_policy:all_shards,response_policy:special"},
};

}  // namespace

std::span<const CommandSpec> info_commands() { return kCommands; }

}  // namespace memoir
