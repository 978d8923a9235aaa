#include "src/base/log.h"
#include "src/server/command_line.h"

#include <filesystem>

#include "protocol/request_parser.h"
#include "src/base/glob.h"
#include "src/server/version.h"

namespace memoir {

namespace {

bool is_option(ByteView argument) { return argument.starts_with("--"); }

// Turns arguments into lines. An option's words end at the next option, but the first of them may
// begin with dashes itself (a password, say).
class OptionLines {
 public:
  explicit OptionLines(std::span<const char* const> arguments) : arguments_(arguments) {}

  void take(std::size_t index) {
    const ByteView argument = arguments_[index];
    if (!has_word_ || !is_option(argument)) {
      lines_.append(quoted(argument)).push_back(' ');
      has_word_ = true;
      return;
    }
    if (!lines_.empty()) lines_ += '\n';
    lines_.append(argument.substr(2)).push_back(' ');
    std::vector<Bytes> words;
    has_word_ = !split_line(argument, words) || words.size() != 1;  // "--port 7777" as one
    if (has_word_ || !equals_ignoring_case(argument, "--save")) return;
    // "--save" with nothing behind it means an empty list.
    const bool last = index + 1 == arguments_.size();
    if (last || is_option(arguments_[index + 1])) lines_ += "\"\"";
    has_word_ = !last;
  }
  Bytes lines() && { return std::move(lines_); }

 private:
  std::span<const char* const> arguments_;
  Bytes lines_;
  bool has_word_ = true;  // the last option has one
};

}  // namespace

CommandLine parse_command_line(std::span<const char* const> arguments) {
  CommandLine line;
  if (arguments.empty()) return line;
  const ByteView first = arguments[0];
  if (first == "-v" || first == "--version") line.action = CommandLineAction::kShowVersion;
  if (first == "-h" || first == "--help") line.action = CommandLineAction::kShowHelp;
  if (line.action != CommandLineAction::kRun) return line;

  std::size_t at = 0;
  if (!first.starts_with('-')) {
    std::error_code failed;
    const auto absolute = std::filesystem::absolute(first, failed);
    line.source.file = failed ? Bytes(first) : absolute.string();
    at = 1;
  }
  OptionLines options(arguments);
  for (; at < arguments.size(); ++at) {
    const bool outermost = at == 0 || at + 1 == arguments.size();
    if (outermost && ByteView(arguments[at]) == "-") {
      line.source.has_stdin = true;
    } else {
      options.take(at);
    }
  }
  line.source.options = std::move(options).lines();
  return line;
}

Bytes version_text() {
  return fmt::format("Memoir server v={} redis={} bits={}\n", kMemoirVersion, kRedisVersion,
                     sizeof(void*) * 8);
}

Bytes help_text() {
  return "Usage: memoir-server [/path/to/memoir.conf] [--directive word ...]... [-]\n"
         "       memoir-server - (read the configuration from standard input)\n"
         "       memoir-server -v or --version\n"
         "       memoir-server -h or --help\n"
         "\n"
         "Examples:\n"
         "       memoir-server (with the defaults)\n"
         "       memoir-server /etc/memoir/6379.conf\n"
         "       memoir-server --port 7777\n"
         "       memoir-server --port 7777 --bind 127.0.0.1 ::1\n"
         "       memoir-server /etc/memoir/6379.conf --loglevel verbose -\n"
         "\n"
         "The directives are explained in memoir.conf.\n";
}

}  // namespace memoir
