// SLOWLOG and COMMANDLOG.
#include "protocol/reply_writer.h"
#include "src/server/help_reply.h"
#include "src/server/server.h"
#include "src/server/server_row.h"
#include "src/server/server_rows.h"

namespace memoir {
namespace {

constexpr std::string_view kBadCount = "ERR count should be greater than or equal to -1";

CommandLog& log_of(Context& ctx, CommandLogKind kind) {
  return static_cast<Server&>(hooks_of(ctx)).command_log(kind);
}

Status read_kind(Args& args, CommandLogKind& kind) {
  if (args.take("slow")) {
    kind = CommandLogKind::kSlow;
  } else if (args.take("large-request")) {
    kind = CommandLogKind::kLargeRequest;
  } else if (args.take("large-reply")) {
    kind = CommandLogKind::kLargeReply;
  } else {
    return Error("ERR type should be one of the following: slow, large-request, large-reply");
  }
  return ok;
}

Status read_count(Args& args, std::int64_t& count) {
  count = args.integer_between(-1, INT64_MAX, kBadCount);
  return args.failed() ? Status(Error(kBadCount)) : Status(ok);
}

void write_entries(const CommandLog& log, std::int64_t count, ReplyWriter& reply) {
  const auto entries = log.newest(count < 0 ? SIZE_MAX : static_cast<std::size_t>(count));
  reply.array(entries.size());
  for (const CommandLog::Entry& entry : entries) {
    reply.array(6);
    reply.integer(static_cast<std::int64_t>(entry.id));
    reply.integer(entry.time_s);
    reply.integer(entry.value);
    reply.array(entry.words.size());
    for (const Bytes& word : entry.words) reply.bulk(word);
    reply.bulk(entry.address);
    reply.bulk(entry.client_name);
  }
}

// SLOWLOG GET [count]
Status slowlog_get(Context& ctx, Args args, ReplyWriter& reply) {
  std::int64_t count = 10;
  if (args.more()) {
    if (Status read = read_count(args, count); !read) return read;
  }
  write_entries(log_of(ctx, CommandLogKind::kSlow), count, reply);
  return ok;
}

// SLOWLOG LEN
Status slowlog_len(Context& ctx, Args, ReplyWriter& reply) {
  reply.integer(static_cast<std::int64_t>(log_of(ctx, CommandLogKind::kSlow).size()));
  return ok;
}

// SLOWLOG RESET
Status slowlog_reset(Context& ctx, Args, ReplyWriter& reply) {
  log_of(ctx, CommandLogKind::kSlow).clear();
  reply.ok();
  return ok;
}

Status slowlog_help(Context& ctx, Args, ReplyWriter& reply) {
  constexpr const char* kLines[] = {
      "GET [<count>]",
      "    Return top <count> entries from the slowlog (default: 10, -1 mean all).",
      "    Entries are made of:",
      "    id, timestamp, time in microseconds, arguments array, client IP and port,",
      "    client name",
      "LEN",
      "    Return the length of the slowlog.",
      "RESET",
      "    Reset the slowlog.",
  };
  write_help(ctx, kLines, reply);
  return ok;
}

// COMMANDLOG GET count type
Status commandlog_get(Context& ctx, Args args, ReplyWriter& reply) {
  std::int64_t count = 0;
  CommandLogKind kind{};
  if (Status read = read_count(args, count); !read) return read;
  if (Status read = read_kind(args, kind); !read) return read;
  write_entries(log_of(ctx, kind), count, reply);
  return ok;
}

// COMMANDLOG LEN type
Status commandlog_len(Context& ctx, Args args, ReplyWriter& reply) {
  CommandLogKind kind{};
  if (Status read = read_kind(args, kind); !read) return read;
  reply.integer(static_cast<std::int64_t>(log_of(ctx, kind).size()));
  return ok;
}

// COMMANDLOG RESET type
Status commandlog_reset(Context& ctx, Args args, ReplyWriter& reply) {
  CommandLogKind kind{};
  if (Status read = read_kind(args, kind); !read) return read;
  log_of(ctx, kind).clear();
  reply.ok();
  return ok;
}

Status commandlog_help(Context& ctx, Args, ReplyWriter& reply) {
  constexpr const char* kLines[] = {
      "GET <count> <type>",
      "    The newest <count> entries of a log (-1: all of them). Each has",
      "    an id, the time,",
      "        microseconds (type slow),",
      "        or bytes (types large-request and large-reply),",
      "    the request's words, the client's address,",
      "    the client's name.",
      "LEN <type>",
      "    How many entries a log has.",
      "RESET <type>",
      "    Empty a log.",
  };
  write_help(ctx, kLines, reply);
  return ok;
}

constexpr std::uint32_t kFlags = kAdmin | kLoading | kStale;
constexpr const char* kGetTips = "request_policy:all_nodes,nondeterministic_output";
constexpr const char* kLenTips =
    "request_policy:all_nodes,response_policy:agg_sum,nondeterministic_output";
constexpr const char* kResetTips = "request_policy:all_nodes,response_policy:all_succeeded";
constexpr const char* kPerReturned = "O(N) where N is the number of entries returned";

constexpr CommandSpec with(CommandSpec spec, std::span<const CommandSpec> subcommands) {
  spec.subcommands = subcommands;
  return spec;
}

constexpr CommandSpec kSlowLog[] = {
    row("get", between(2, 3), kFlags, slowlog_get, "[count]", "Returns the slow log's entries.",
        "2.2.12", kPerReturned, kGetTips),
    row("help", exactly(2), kLoading | kStale, slowlog_help, "",
        "Show helpful text about the different subcommands", "6.2.0"),
    row("len", exactly(2), kFlags, slowlog_len, "",
        "Returns the number of entries in the slow log.", "2.2.12", "O(1)", kLenTips),
    row("reset", exactly(2), kFlags, slowlog_reset, "", "Clears all entries from the slow log.",
        "2.2.12", "O(N) where N is the number of entries in the slowlog", kResetTips),
};

constexpr const char* kKind = "<slow | large-request | large-reply>";

constexpr CommandSpec kCommandLog[] = {
    row("get", exactly(4), kFlags, commandlog_get, "count <slow | large-request | large-reply>",
        "Returns entries of one of the command logs.", "8.1.0", kPerReturned, kGetTips),
    row("help", exactly(2), kLoading | kStale, commandlog_help, "", "Lists the subcommands.",
        "8.1.0"),
    row("len", exactly(3), kFlags, commandlog_len, kKind,
        "Returns how many entries one of the command logs has.", "8.1.0", "O(1)", kLenTips),
    row("reset", exactly(3), kFlags, commandlog_reset, kKind, "Empties one of the command logs.",
        "8.1.0", "O(N) where N is the number of entries in the commandlog", kResetTips),
};

constexpr CommandSpec kCommands[] = {
    with(row("slowlog", at_least(2), 0, nullptr, "", "A container for slow log commands.",
             "2.2.12", "Depends on subcommand."),
         kSlowLog),
    with(row("commandlog", at_least(2), 0, nullptr, "",
             "Commands about the logs of slow and of large commands.", "8.1.0",
             "Depends on subcommand."),
         kCommandLog),
};

}  // namespace

std::span<const CommandSpec> command_log_commands() { return kCommands; }

}  // namespace memoir
