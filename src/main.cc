// memoir-server: reads the configuration, prepares the process and runs the server.
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <iterator>
#include <string>
#include <vector>

#include "src/base/log.h"
#include "src/server/command_line.h"
#include "src/server/config_file.h"
#include "src/server/process.h"
#include "src/server/server.h"
#include "src/server/version.h"

namespace memoir {
namespace {

std::string executable_path(const char* called) {
  std::error_code failure;
  const auto path = std::filesystem::read_symlink("/proc/self/exe", failure);
  return failure ? called : path.string();
}

Bytes read_standard_input() {
  Bytes text;
  char buffer[4096];
  for (std::size_t size; (size = std::fread(buffer, 1, sizeof(buffer), stdin)) > 0;) {
    text.append(buffer, size);
  }
  return text;
}

void say_hello(const Config& config, const ConfigSource& source, const std::vector<Bytes>& notes) {
  log_notice("oO0OoO0OoO0Oo Memoir is starting oO0OoO0OoO0Oo");
  log_notice("Memoir version={}, bits=64, compatible with Redis {}, pid={}, just started",
             kMemoirVersion, kRedisVersion, ::getpid());
  if (source.file.empty() && source.options.empty() && !source.has_stdin) {
    log_warning("Warning: no config file specified, using the default config. In order to specify "
                "a config file use memoir-server /path/to/memoir.conf");
  } else {
    log_notice("Configuration loaded");
  }
  for (const Bytes& note : notes) log_notice("{}", note);
  log_notice("Running mode=standalone, port={}, workers={}", config.port, config.io_threads);
  log_notice("PID: {}", ::getpid());
}

// Everything before there are threads.
bool prepare_process(const Config& config, bool supervised) {
  set_log_level(config.loglevel);
  if (!set_log_file(config.logfile)) {
    std::fprintf(stderr, "Can't open the log file: %s\n", config.logfile.c_str());
    return false;
  }
  if (::chdir(config.dir.c_str()) != 0) {
    std::fprintf(stderr, "Can't chdir to '%s'\n", config.dir.c_str());
    return false;
  }
  if (config.crash_log_enabled) install_crash_handlers(config.logfile);
  if (config.daemonize && !supervised) become_daemon();
  return true;
}

int serve(const CommandLine& line, const char* called) {
  auto loaded = load_config(posix_file_system(), line.source, 
                            {.knows_command = Server::knows_command,
                             .check_user = Server::check_user});
  if (!loaded) {
    std::fputs(loaded.peek_error().text().c_str(), stderr);
    return 1;
  }
  const Config config = loaded->config;
  const bool supervised = is_supervised(config.supervised);
  if (!prepare_process(config, supervised)) return 1;
  say_hello(config, line.source, loaded->notes);
  const bool daemon = config.daemonize && !supervised;
  const Bytes pid_file = !config.pidfile.empty() ? config.pidfile
                         : daemon                ? Bytes("/var/run/memoir.pid")
                                                 : Bytes();
  int status = 1;
  {
    Server server(config, {.executable = executable_path(called),
                           .config_file = line.source.file,
                           .supervised = supervised});
    if (!server.load_users() || !server.listen()) return 1;
    if (!pid_file.empty()) write_pid_file(pid_file);
    set_process_title(config, line.source.file);
    (void)set_oom_score(config);  // a refusal is in the log, and no reason not to serve
    status = server.run();
  }
  if (!pid_file.empty()) ::unlink(pid_file.c_str());
  return status;
}

}  // namespace
}  // namespace memoir

int main(int count, char** arguments) {
  memoir::keep_arguments(count, arguments);
  memoir::CommandLine line =
      memoir::parse_command_line({arguments + 1, static_cast<std::size_t>(count - 1)});
  switch (line.action) {
    case memoir::CommandLineAction::kShowVersion:
      std::fputs(memoir::version_text().c_str(), stdout);
      return 0;
    case memoir::CommandLineAction::kShowHelp:
      std::fputs(memoir::help_text().c_str(), stdout);
      return 0;
    case memoir::CommandLineAction::kRun:
      break;
  }
  if (line.source.has_stdin) line.source.stdin_text = memoir::read_standard_input();
  return memoir::serve(line, arguments[0]);
}
