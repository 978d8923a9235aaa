// MEMORY: what keys and the server take.
#include <algorithm>

#include "protocol/reply_writer.h"
#include "src/base/alloc.h"
#include "src/server/help_reply.h"
#include "src/server/memory_report.h"
#include "src/server/server_hooks.h"
#include "src/server/server_rows.h"

namespace memoir {
namespace {

// What a key's place in its table takes, on average.
constexpr std::size_t kPlaceBytes = 16;

// MEMORY USAGE key [SAMPLES count]
Status usage(Context& ctx, Args args, ReplyWriter& reply) {
  const ByteView key = args.next();
  std::int64_t samples = 5;
  while (args.more()) {
    if (!args.take("SAMPLES", 1)) return Error(kSyntaxError);
    samples = args.integer();
    if (args.failed()) return args.status();
    if (samples < 0) return Error(kSyntaxError);
  }
  const Entry* entry = ctx.db().peek(key);
  if (!entry) {
    reply.null();
    return ok;
  }
  const std::size_t bytes = entry->memory_usage(static_cast<std::size_t>(samples)) + kPlaceBytes;
  reply.integer(static_cast<std::int64_t>(bytes));
  return ok;
}

struct TableFigures {
  unsigned db = 0;
  std::size_t keys = 0;
  std::size_t main_bytes = 0;
  std::size_t expires_bytes = 0;
};

std::vector<TableFigures> measure_tables(Context& ctx) {
  const Keyspace& keyspace = ctx.stripes().keyspace();
  std::vector<TableFigures> all(keyspace.databases());
  for (unsigned index = 0; index < kStripes; ++index) {
    for (unsigned db = 0; db < keyspace.databases(); ++db) {
      ctx.stripes().with(index, db, [&](Shard& shard, Stripe&) {
        all[db].db = db;
        all[db].keys += shard.keys.size();
        all[db].main_bytes += shard.keys.memory_usage();
        all[db].expires_bytes += shard.expires.memory_usage();
      });
    }
  }
  std::erase_if(all, [](const TableFigures& each) { return each.keys == 0; });
  return all;
}

class StatsWriter {
 public:
  explicit StatsWriter(ReplyWriter& reply) : reply_(reply) {}
  void number(ByteView name, std::size_t value) {
    reply_.bulk(name);
    reply_.integer(static_cast<std::int64_t>(value));
  }
  void fraction(ByteView name, double value) {
    reply_.bulk(name);
    reply_.double_value(value);
  }
  void table(const TableFigures& figures) {
    reply_.bulk("db." + std::to_string(figures.db));
    reply_.map(3);
    number("overhead.hashtable.main", figures.main_bytes);
    number("overhead.hashtable.expires", figures.expires_bytes);
    number("overhead.hashtable.slot-to-keys", 0);
  }

 private:
  ReplyWriter& reply_;
};

InfoSources figures_of(Context& ctx) {
  InfoSources sources;
  fill_process_figures(sources);
  hooks_of(ctx).fill_info(kInfoMemory | kInfoClients, sources);
  return sources;
}

double ratio(std::size_t part, std::size_t whole) {
  return whole == 0 ? 0 : static_cast<double>(part) / static_cast<double>(whole);
}

void write_allocator(const MemoryFigures& memory, StatsWriter& to) {
  const std::size_t extra = memory.resident > memory.used ? memory.resident - memory.used : 0;
  to.number("allocator.allocated", memory.used);
  to.number("allocator.active", memory.used);
  to.number("allocator.resident", memory.resident);
  // One allocator, so what is allocated and what is resident say it all.
  to.fraction("allocator-fragmentation.ratio", 1);
  to.number("allocator-fragmentation.bytes", 0);
  to.fraction("allocator-rss.ratio", ratio(memory.resident, memory.used));
  to.number("allocator-rss.bytes", extra);
  to.fraction("rss-overhead.ratio", 1);
  to.number("rss-overhead.bytes", 0);
  to.fraction("fragmentation", ratio(memory.resident, memory.used));
  to.number("fragmentation.bytes", extra);
}

// MEMORY STATS
Status stats(Context& ctx, Args, ReplyWriter& reply) {
  const MemoryFigures memory = figures_of(ctx).memory;
  const std::vector<TableFigures> tables = measure_tables(ctx);
  std::size_t overhead = memory.overhead;
  std::size_t keys = 0;
  for (const TableFigures& table : tables) {
    overhead += table.main_bytes + table.expires_bytes;
    keys += table.keys;
  }
  const std::size_t peak = std::max(memory.peak, memory.used);
  const std::size_t dataset = memory.used > overhead ? memory.used - overhead : 0;
  const std::size_t net = memory.used > memory.startup ? memory.used - memory.startup : 1;
  StatsWriter to(reply);
  reply.map(27 + tables.size());
  to.number("peak.allocated", peak);
  to.number("total.allocated", memory.used);
  to.number("startup.allocated", memory.startup);
  to.number("replication.backlog", 0);
  to.number("clients.slaves", 0);
  to.number("clients.normal", memory.clients);
  to.number("cluster.links", 0);
  to.number("aof.buffer", memory.journal_buffer);
  to.number("lua.caches", memory.scripts_cache);
  to.number("functions.caches", memory.functions_cache);
  for (const TableFigures& table : tables) to.table(table);
  to.number("overhead.total", overhead);
  to.number("keys.count", keys);
  to.number("keys.bytes-per-key", keys ? net / keys : 0);
  to.number("dataset.bytes", dataset);
  to.fraction("dataset.percentage", std::min(100 * ratio(dataset, net), 100.0));
  to.fraction("peak.percentage", 100 * ratio(memory.used, peak));
  write_allocator(memory, to);
  return ok;
}

// MEMORY DOCTOR
Status doctor(Context& ctx, Args, ReplyWriter& reply) {
  reply.verbatim(memory_report(figures_of(ctx)), "txt");
  return ok;
}

// MEMORY PURGE
Status purge(Context&, Args, ReplyWriter& reply) {
  release_free_pages();
  reply.ok();
  return ok;
}

// MEMORY MALLOC-STATS
Status malloc_stats(Context&, Args, ReplyWriter& reply) {
  reply.verbatim(allocator_statistics(), "txt");
  return ok;
}

Status help(Context& ctx, Args, ReplyWriter& reply) {
  static constexpr const char* kLines[] = {
      "DOCTOR",
      "    What is unusual about the server's memory.",
      "MALLOC-STATS",
      "    The allocator's own statistics.",
      "PURGE",
      "    Ask the allocator to give free memory back to the system.",
      "STATS",
      "    What the server's parts take.",
      "USAGE <key> [SAMPLES <count>]",
      "    What a key and its value take, in bytes. Of values with elements <count> of them",
      "    are looked at (default: 5, 0 for all).",
  };
  write_help(ctx, kLines, reply);
  return ok;
}

constexpr const char* kTips =
    "nondeterministic_output,request_policy:all_shards,response_policy:special";
constexpr const char* kPerAllocated = "Depends on how much memory is allocated, could be slow";

constexpr CommandSpec row(const char* name, Handler run, const char* summary,
                          const char* complexity = "O(1)", const char* tips = kTips) {
  return {.name = name,
          .arity = exactly(2),
          .locks = Locks::kNone,
          .run = run,
          .group = Group::kServer,
          .summary = summary,
          .since = "4.0.0",
          .complexity = complexity,
          .tips = tips};
}

constexpr CommandSpec stats_row() {
  CommandSpec spec = row("stats", stats, "Returns what the server's parts take.");
  spec.locks = Locks::kEach;
  return spec;
}

constexpr CommandSpec help_row() {
  CommandSpec spec = row("help", help, "Lists the subcommands.", "O(1)", "");
  spec.flags = kLoading | kStale;
  return spec;
}

constexpr CommandSpec usage_row() {
  CommandSpec spec = row("usage", usage, "Estimates what a key takes.",
                         "O(N) where N is the number of samples.", "");
  spec.arity = at_least(3);
  spec.keys = {key_range(2, 2, 1, kKeyRO)};
  spec.access = Access::kRead;
  spec.locks = Locks::kKeys;
  spec.syntax = "key [SAMPLES count]";
  return spec;
}

constexpr CommandSpec kSubcommands[] = {
    row("doctor", doctor, "Tells what is unusual about the server's memory."),
    help_row(),
    row("malloc-stats", malloc_stats, "Returns the allocator's statistics.", kPerAllocated),
    row("purge", purge, "Asks the allocator to give free memory back.", kPerAllocated,
        "request_policy:all_shards,response_policy:all_succeeded"),
    stats_row(),
    usage_row(),
};

constexpr CommandSpec container() {
  CommandSpec spec = row("memory", nullptr, "Commands about memory.", "Depends on subcommand.",
                         "");
  spec.arity = at_least(2);
  spec.subcommands = kSubcommands;
  return spec;
}

constexpr CommandSpec kCommands[] = {container()};

}  // namespace

std::span<const CommandSpec> memory_commands() { return kCommands; }

}  // namespace memoir
