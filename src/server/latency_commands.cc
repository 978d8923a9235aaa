// LATENCY: what took long, and how long commands take.
#include "protocol/reply_writer.h"
#include "src/base/c_text.h"
#include "src/base/cycles.h"
#include "src/base/glob.h"
#include "src/base/log.h"
#include "src/server/help_reply.h"
#include "src/server/server.h"
#include "src/server/server_rows.h"

namespace memoir {
namespace {

Server& server_of(Context& ctx) { return static_cast<Server&>(hooks_of(ctx)); }
std::int64_t now_s(Context& ctx) { return ctx.dispatcher().clock().now_us() / 1'000'000; }

// LATENCY DOCTOR
Status doctor(Context& ctx, Args, ReplyWriter& reply) {
  Server& server = server_of(ctx);
  const auto config = server.config().current();
  const LatencyAdviceInput input{.threshold_ms = config->latency_monitor_threshold,
                                 .slowlog_us = config->slowlog_log_slower_than,
                                 .hz = config->hz,
                                 .sync_always = config->appendfsync == AppendFsync::kAlways};
  reply.verbatim(latency_report(server.latency().events(), input, now_s(ctx)), "txt");
  return ok;
}

// LATENCY GRAPH event
Status graph(Context& ctx, Args args, ReplyWriter& reply) {
  const ByteView name = args.next();
  const LatencyMonitor::Event event = server_of(ctx).latency().event(name);
  if (event.samples.empty()) {
    return Error(fmt::format("ERR No samples available for event '{}'", c_text(name)));
  }
  reply.verbatim(latency_graph(event, now_s(ctx)), "txt");
  return ok;
}

// LATENCY HISTORY event
Status history(Context& ctx, Args args, ReplyWriter& reply) {
  const LatencyMonitor::Event event = server_of(ctx).latency().event(args.next());
  reply.array(event.samples.size());
  for (const LatencyMonitor::Sample& sample : event.samples) {
    reply.array(2);
    reply.integer(sample.time_s);
    reply.integer(sample.ms);
  }
  return ok;
}

// LATENCY LATEST
Status latest(Context& ctx, Args, ReplyWriter& reply) {
  const auto events = server_of(ctx).latency().events();
  reply.array(events.size());
  for (const LatencyMonitor::Event& event : events) {
    reply.array(4);
    reply.bulk(event.name);
    reply.integer(event.samples.back().time_s);
    reply.integer(event.samples.back().ms);
    reply.integer(event.worst_ms);
  }
  return ok;
}

// LATENCY RESET [event ...]
Status reset(Context& ctx, Args args, ReplyWriter& reply) {
  LatencyMonitor& monitor = server_of(ctx).latency();
  std::size_t count = 0;
  if (!args.more()) count = monitor.reset_all();
  while (args.more()) count += monitor.reset(args.next());
  reply.integer(static_cast<std::int64_t>(count));
  return ok;
}

// Writes a command's distribution; false if it never ran.
bool write_distribution(Context& ctx, const CommandTable::Row& row, ReplyWriter& reply) {
  const LatencySummary latency = server_of(ctx).latency_of(row.index);
  if (latency.total() == 0) return false;
  reply.bulk(CommandTable::full_name(row));
  reply.map(2);
  reply.bulk("calls");
  reply.integer(static_cast<std::int64_t>(latency.total()));
  reply.bulk("histogram_usec");
  const auto steps = latency.cumulative(cycles_per_us());
  reply.map(steps.size());
  for (const LatencySummary::Step& step : steps) {
    reply.integer(step.us);
    reply.integer(static_cast<std::int64_t>(step.runs));
  }
  return true;
}

// A command's and its subcommands'; returns how many.
std::size_t write_distributions(Context& ctx, const CommandTable::Row& row, ReplyWriter& reply) {
  std::size_t count = write_distribution(ctx, row, reply) ? 1 : 0;
  for (const CommandSpec& sub : row.spec->subcommands) {
    if (write_distribution(ctx, *ctx.dispatcher().commands().row_of(&sub), reply)) ++count;
  }
  return count;
}

// The row of "name" or "container|name".
const CommandTable::Row* find_row(const CommandTable& commands, ByteView name) {
  const std::size_t bar = name.find('|');
  const CommandTable::Row* row = commands.find(name.substr(0, bar));
  if (!row || bar == ByteView::npos) return row;
  for (const CommandSpec& sub : row->spec->subcommands) {
    if (equals_ignoring_case(sub.name, name.substr(bar + 1))) return commands.row_of(&sub);
  }
  return nullptr;
}

// LATENCY HISTOGRAM [command ...]
Status histogram(Context& ctx, Args args, ReplyWriter& reply) {
  const CommandTable& commands = ctx.dispatcher().commands();
  const ReplyWriter::Mark mark = reply.begin();
  std::size_t count = 0;
  if (!args.more()) {
    for (const std::uint32_t index : commands.commands()) {
      count += write_distributions(ctx, commands.row(index), reply);
    }
  }
  while (args.more()) {
    const CommandTable::Row* row = find_row(commands, args.next());
    if (row) count += write_distributions(ctx, *row, reply);
  }
  reply.end_map(mark, count);
  return ok;
}

Status help(Context& ctx, Args, ReplyWriter& reply) {
  static constexpr const char* kLines[] = {
      "DOCTOR",
      "    A report on what took long, with advice.",
      "GRAPH <event>",
      "    An event's samples, drawn with characters.",
      "HISTORY <event>",
      "    An event's samples, as pairs of time and milliseconds.",
      "LATEST",
      "    The newest sample of each event.",
      "RESET [<event> ...]",
      "    Forget the samples of these events.",
      "    (default: of all events)",
      "HISTOGRAM [COMMAND ...]",
      "    How long the commands took, as a cumulative distribution.",
      "    Without a name that of every command that has run.",
  };
  write_help(ctx, kLines, reply);
  return ok;
}

constexpr std::uint32_t kFlags = kAdmin | kNoScript | kLoading | kStale;
constexpr const char* kTips =
    "nondeterministic_output,request_policy:all_nodes,response_policy:special";

constexpr CommandSpec row(const char* name, Arity arity, Handler run, const char* syntax,
                          const char* summary, const char* tips = kTips) {
  return {.name = name,
          .arity = arity,
          .flags = kFlags,
          .locks = Locks::kNone,
          .run = run,
          .group = Group::kServer,
          .syntax = syntax,
          .summary = summary,
          .since = "2.8.13",
          .tips = tips};
}

constexpr CommandSpec histogram_row() {
  CommandSpec spec = row("histogram", at_least(2), histogram, "[command [command ...]]",
                         "Returns how long commands took, as cumulative distributions.");
  spec.since = "7.0.0";
  spec.complexity =
      "O(N) where N is the number of commands with latency information being retrieved.";
  return spec;
}

constexpr CommandSpec help_row() {
  CommandSpec spec = row("help", exactly(2), help, "", "Lists the subcommands.", "");
  spec.flags = kLoading | kStale;
  return spec;
}

constexpr CommandSpec kSubcommands[] = {
    row("doctor", exactly(2), doctor, "", "Reports on what took long, with advice."),
    row("graph", exactly(3), graph, "event", "Draws an event's samples."),
    help_row(),
    histogram_row(),
    row("history", exactly(3), history, "event", "Returns an event's samples."),
    row("latest", exactly(2), latest, "", "Returns the newest sample of each event."),
    row("reset", at_least(2), reset, "[event [event ...]]", "Forgets the samples of events.",
        "request_policy:all_nodes,response_policy:agg_sum"),
};

constexpr CommandSpec container() {
  CommandSpec spec = row("latency", at_least(2), nullptr, "", "Commands about what takes long.",
                         "");
  spec.flags = 0;
  spec.complexity = "Depends on subcommand.";
  spec.subcommands = kSubcommands;
  return spec;
}

constexpr CommandSpec kCommands[] = {container()};

}  // namespace

std::span<const CommandSpec> latency_commands() { return kCommands; }

}  // namespace memoir
