// memoir-journal: works on a journal without a server. Here: the command line.
#include "persistence/journal_tool.h"

#include <algorithm>
#include <cstdio>
#include <span>

#include "src/base/clock.h"
#include "src/base/log.h"
#include "src/base/number.h"

namespace memoir::tool {

void complain(const std::string& text) {
  std::fprintf(stderr, "memoir-journal: %s\n", text.c_str());
}

namespace {

constexpr std::string_view kHelp =
    R"(memoir-journal: look at, check, repair, export and cut a Memoir journal. No server is needed.

  memoir-journal print [options] PATH...    records as text, one request a line
      --from LSN        only records that end behind this position
      --to LSN          only records that end at or before this position
      --timeline N      this timeline instead of the newest
      --session-info    with the user, address and client name behind each record
  memoir-journal verify PATH...             checks every byte, snapshots included, and says
                                            what a start uses; exit code 1 on damage
  memoir-journal repair [--yes] PATH        cuts a journal at its first damage; what is
                                            taken away stays beside it as *.damaged
  memoir-journal export --aof --to DIR PATH     DIR/appendonlydir, which redis-server 7 loads
  memoir-journal export --json [--to FILE] PATH one request a line, as JSON; words that are
                                            not UTF-8 as {"base64":"..."}
      --at WHEN         nothing behind that moment
      --from LSN        (--json) only records that end behind this position
      --timeline N      this timeline instead of the newest
  memoir-journal cut [--yes] --at WHEN PATH takes back everything behind a moment, snapshots
                                            too; it stays beside the rest as *.cut
  memoir-journal --help

PATH is the server's data directory, its journal directory, a timeline's directory in that,
or one segment (not for repair, cut and export --aof). print, verify and export may run
beside a server; for repair and cut the server must be down.

WHEN is lsn:N, an ISO 8601 time (2026-01-31T23:59:59Z; without a zone UTC), Unix seconds or
milliseconds, or -90s, -5m, -2h, -3d: so long ago.

A line of print:  time (UTC)  LSN  db  [user address client]  "WORD" "WORD" ...
)";

struct Command {
  std::string_view name;
  std::span<const std::string_view> options;  // those it knows
  std::size_t paths_max;
  int (*run)(FileSystem& files, const Options& options);
};

constexpr std::string_view kPrintOptions[] = {"--from", "--to", "--timeline", "--session-info"};
constexpr std::string_view kRepairOptions[] = {"--yes"};
constexpr std::string_view kExportOptions[] = {"--aof",  "--json", "--to",
                                               "--from", "--at",   "--timeline"};
constexpr std::string_view kCutOptions[] = {"--yes", "--at"};

constexpr Command kCommands[] = {
    {.name = "print", .options = kPrintOptions, .paths_max = SIZE_MAX, .run = print},
    {.name = "verify", .options = {}, .paths_max = SIZE_MAX, .run = verify},
    {.name = "repair", .options = kRepairOptions, .paths_max = 1, .run = repair},
    {.name = "export", .options = kExportOptions, .paths_max = 1, .run = export_journal},
    {.name = "cut", .options = kCutOptions, .paths_max = 1, .run = cut},
};

bool take_number(const std::vector<std::string>& args, std::size_t& at, std::uint64_t& value) {
  const std::string& option = args[at];
  const auto number =
      at + 1 < args.size() ? parse_unsigned(args[++at]) : std::optional<std::uint64_t>();
  if (!number) complain(option + " needs a number");
  value = number.value_or(0);
  return number.has_value();
}

bool take_moment(const std::vector<std::string>& args, std::size_t& at, Options& options) {
  if (at + 1 == args.size()) {
    complain("--at needs a moment");
    return false;
  }
  auto moment = parse_moment(args[++at], SystemClock().now_us());
  if (!moment) {
    constexpr std::size_t kCodeBytes = std::string_view("ERR ").size();
    complain(fmt::format("'{}': {}", args[at], moment.peek_error().text().substr(kCodeBytes)));
    return false;
  }
  options.at = *moment;
  return true;
}

bool take_output(const std::vector<std::string>& args, std::size_t& at, Options& options) {
  if (at + 1 == args.size()) {
    complain("--to needs a path");
    return false;
  }
  options.output = args[++at];
  return true;
}

bool take_option(const std::vector<std::string>& args, std::size_t& at, const Command& command,
                 Options& options) {
  const std::string& option = args[at];
  if (option == "--from") return take_number(args, at, options.from);
  if (option == "--to" && command.run == export_journal) return take_output(args, at, options);
  if (option == "--to") return take_number(args, at, options.to);
  if (option == "--at") return take_moment(args, at, options);
  if (option == "--aof") options.aof = true;
  if (option == "--json") options.json = true;
  if (option == "--timeline") return take_number(args, at, options.timeline.emplace());
  if (option == "--session-info") options.session_info = true;
  if (option == "--yes") options.yes = true;
  return true;
}

bool parse_options(const std::vector<std::string>& args, const Command& command,
                   Options& options) {
  bool only_paths = false;
  for (std::size_t i = 0; i < args.size(); ++i) {
    const std::string& arg = args[i];
    if (only_paths || arg.empty() || arg[0] != '-') {
      options.paths.push_back(arg);
    } else if (arg == "--") {
      only_paths = true;
    } else if (std::ranges::find(command.options, arg) == command.options.end()) {
      complain(fmt::format("'{}' does not know the option {}; see --help", command.name, arg));
      return false;
    } else if (!take_option(args, i, command, options)) {
      return false;
    }
  }
  if (options.paths.empty()) {
    complain(fmt::format("{} needs a path; see --help", command.name));
  } else if (options.paths.size() > command.paths_max) {
    complain(fmt::format("{} takes one path", command.name));
  }
  return !options.paths.empty() && options.paths.size() <= command.paths_max;
}

int run(const std::vector<std::string>& args) {
  if (args.empty()) {
    std::fputs(kHelp.data(), stderr);
    return kFailed;
  }
  for (const std::string& arg : args) {
    if (arg == "--help" || arg == "-h" || args[0] == "help") {
      std::fputs(kHelp.data(), stdout);
      return kWell;
    }
  }
  const auto command = std::ranges::find(kCommands, args[0], &Command::name);
  if (command == std::end(kCommands)) {
    complain(fmt::format("unknown command '{}'; see --help", args[0]));
    return kFailed;
  }
  Options options;
  if (!parse_options({args.begin() + 1, args.end()}, *command, options)) return kFailed;
  return command->run(posix_file_system(), options);
}

}  // namespace

}  // namespace memoir::tool

int main(int argc, char** argv) {
  memoir::set_log_role('X');
  return memoir::tool::run({argv + 1, argv + argc});
}
