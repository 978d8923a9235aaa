#include "src/server/process.h"

#include <fcntl.h>
#include <pthread.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <optional>
#include <utility>

#include "src/base/log.h"

extern char** environ;

namespace memoir {
namespace {

// The memory of argv and the environment, which the kernel shows as the process's title.
struct Title {
  char* begin = nullptr;
  std::size_t size = 0;
  std::string program;
};

Title& title() {
  static Title the_title;
  return the_title;
}

std::string listen_address(const Config& config) {
  if (config.port <= 0) return config.unixsocket;
  Bytes address = config.bind.empty() ? "*" : config.bind.front();
  if (address.starts_with('-')) address.erase(0, 1);
  if (address.find(':') != Bytes::npos && address != "::*") address = "[" + address + "]";
  return address + ":" + std::to_string(config.port);
}

}  // namespace

void become_daemon() {
  if (::fork() != 0) std::_Exit(0);
  ::setsid();
  const int null = ::open("/dev/null", O_RDWR);
  if (null < 0) return;
  for (int fd = 0; fd <= 2; ++fd) ::dup2(null, fd);
  if (null > 2) ::close(null);
}

void write_pid_file(const std::string& path) {
  std::FILE* file = std::fopen(path.c_str(), "w");
  if (!file) {
    log_warning("Failed to write PID file: {}", std::strerror(errno));
    return;
  }
  std::fprintf(file, "%d\n", static_cast<int>(::getpid()));
  std::fclose(file);
}

void keep_arguments(int count, char** arguments) {
  if (count < 1) return;
  Title& t = title();
  t.program = arguments[0];
  t.begin = arguments[0];
  char* end = t.begin;
  for (int i = 0; i < count; ++i) {
    if (arguments[i] == end) end += std::strlen(arguments[i]) + 1;
  }
  // The environment lies behind; it moves away, so that the title may be longer than the arguments.
  for (char** variable = environ; *variable; ++variable) {
    if (*variable != end) continue;
    end += std::strlen(*variable) + 1;
    *variable = ::strdup(*variable);
  }
  t.size = static_cast<std::size_t>(end - t.begin);
}

void set_process_title(const Config& config, const std::string& config_file) {
  Title& t = title();
  if (!config.set_proc_title || t.size == 0) return;
  const std::pair<std::string_view, std::string> fields[] = {
      {"{title}", t.program},
      {"{listen-addr}", listen_address(config)},
      {"{server-mode}", ""},
      {"{port}", std::to_string(config.port)},
      {"{tls-port}", "0"},
      {"{unixsocket}", config.unixsocket},
      {"{config-file}", config_file}};
  std::string text = config.proc_title_template;
  for (const auto& [name, value] : fields) {
    for (auto at = text.find(name); at != std::string::npos; at = text.find(name, at)) {
      text.replace(at, name.size(), value);
      at += value.size();
    }
  }
  while (text.ends_with(' ')) text.pop_back();
  const std::size_t size = text.size() < t.size ? text.size() : t.size - 1;
  std::memset(t.begin, 0, t.size);
  std::memcpy(t.begin, text.data(), size);
}

Status set_oom_score(const Config& config) {
  // What it was before the server changed it; nothing if it is as it was.
  static std::optional<std::int64_t> before;
  constexpr const char* kPath = "/proc/self/oom_score_adj";
  if (config.oom_score_adj == OomScoreAdj::kNo && !before) return ok;
  if (!before) {
    std::ifstream file(kPath);
    std::int64_t score = 0;
    if (!(file >> score)) {
      log_warning("Unable to read oom_score_adj: {}", std::strerror(errno));
      return Error("Failed to set current oom_score_adj. Check server logs.");
    }
    before = score;
  }
  std::int64_t score = config.oom_score_adj_values[0];
  if (config.oom_score_adj == OomScoreAdj::kRelative) score += *before;
  if (config.oom_score_adj == OomScoreAdj::kNo) score = *std::exchange(before, std::nullopt);
  std::ofstream file(kPath);
  file << std::clamp<std::int64_t>(score, -1000, 1000) << std::flush;
  if (file) return ok;
  log_warning("Unable to write oom_score_adj: {}", std::strerror(errno));
  return Error("Failed to set current oom_score_adj. Check server logs.");
}

bool is_supervised(Supervised wanted) {
  const bool systemd = std::getenv("NOTIFY_SOCKET") != nullptr;
  const bool upstart = std::getenv("UPSTART_JOB") != nullptr;
  switch (wanted) {
    case Supervised::kNo: return false;
    case Supervised::kSystemd: return systemd;
    case Supervised::kUpstart:
      // upstart with "expect stop" waits for the process to stop itself
      if (upstart) std::raise(SIGSTOP);
      return upstart;
    case Supervised::kAuto: return systemd || (upstart && is_supervised(Supervised::kUpstart));
  }
  return false;
}

void notify_supervisor(std::string_view state) {
  const char* path = std::getenv("NOTIFY_SOCKET");
  if (!path || (path[0] != '/' && path[0] != '@')) return;
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const std::size_t length = std::strlen(path);
  if (length >= sizeof(address.sun_path)) return;
  std::memcpy(address.sun_path, path, length);
  if (path[0] == '@') address.sun_path[0] = '\0';
  const int fd = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return;
  const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + length);
  (void)!::sendto(fd, state.data(), state.size(), MSG_NOSIGNAL,
                  reinterpret_cast<const sockaddr*>(&address), size);
  ::close(fd);
}

void name_thread(const std::string& name) {
  ::pthread_setname_np(::pthread_self(), name.substr(0, 15).c_str());
}

}  // namespace memoir
