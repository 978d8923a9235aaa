#include "tests/integration/server_process.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <thread>

#include "tests/integration/client.h"

namespace memoir::testing {

namespace {

std::string server_path() {
  const char* path = std::getenv("MEMOIR_SERVER");
  return path != nullptr ? path : "build/release/memoir-server";
}

int status_of(int raw) { return WIFEXITED(raw) ? WEXITSTATUS(raw) : 128 + WTERMSIG(raw); }

}  // namespace

std::vector<int> thread_counts() {
  const char* only = std::getenv("MEMOIR_TEST_IO_THREADS");
  if (only != nullptr) return {std::atoi(only)};
  return {1, 4};
}

bool eventually(const std::function<bool()>& condition, std::chrono::milliseconds limit) {
  const auto end = std::chrono::steady_clock::now() + limit;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > end) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  return true;
}

ServerProcess::ServerProcess(int io_threads, std::vector<std::string> arguments)
    : io_threads_(io_threads), arguments_(std::move(arguments)) {
  std::string name = (std::filesystem::temp_directory_path() / "memoir-test-XXXXXX").string();
  if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error("no temporary folder");
  folder_ = name;
  start();
}

ServerProcess::~ServerProcess() {
  if (pid_ > 0) stop();
  std::error_code ignored;
  std::filesystem::remove_all(folder_, ignored);
}

std::vector<std::string> ServerProcess::command_line() const {
  std::vector<std::string> words = {
      server_path(), "--port",        std::to_string(port()), "--dir",  folder_,
      "--save",      "",              "--daemonize",         "no",     "--io-threads",
      std::to_string(io_threads_), "--enable-debug-command", "yes"};
  const auto given = [this](std::string_view name) {
    return std::find(arguments_.begin(), arguments_.end(), name) != arguments_.end();
  };
  if (!given("--bind")) words.insert(words.end(), {"--bind", "127.0.0.1"});
  if (!given("--appendonly")) words.insert(words.end(), {"--appendonly", "no"});
  words.insert(words.end(), arguments_.begin(), arguments_.end());
  return words;
}

void ServerProcess::spawn() {
  const std::vector<std::string> words = command_line();
  std::vector<char*> argv;
  for (const std::string& word : words) argv.push_back(const_cast<char*>(word.c_str()));
  argv.push_back(nullptr);
  const std::string log_file = folder_ + "/server.log";

  pid_ = ::fork();
  if (pid_ == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);  // a killed test leaves no server behind
    const int out = ::open(log_file.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0644);
    ::dup2(out, STDOUT_FILENO);
    ::dup2(out, STDERR_FILENO);
    ::execvp(argv[0], argv.data());
    ::_exit(127);
  }
}

void ServerProcess::start() {
  constexpr int kTries = 5;
  for (int i = 1; !start_here(i == kTries); ++i) port_.change();
}

// False if somebody else listens on the port, unless it is the last try.
bool ServerProcess::start_here(bool last_try) {
  const std::size_t logged = log().size();
  spawn();
  bool taken = false;
  const bool ready = eventually(
      [&] {
        if (::waitpid(pid_, nullptr, WNOHANG) == pid_) {
          pid_ = -1;
          taken = log().find("Address already in use", logged) != std::string::npos;
          if (taken && !last_try) return true;
          throw std::runtime_error("the server ended at start:\n" + log());
        }
        Client client = Client::attempt(port());
        if (!client.connected()) return false;
        const Reply pong = client.call({"PING"});
        return pong.text() == "PONG" || pong.text().find("NOAUTH") == 0;
      },
      std::chrono::seconds(60));
  if (!ready) throw std::runtime_error("the server does not answer PING:\n" + log());
  return !taken;
}

int ServerProcess::stop(int signal) {
  if (pid_ <= 0) return -1;
  ::kill(pid_, signal);
  const int status = wait_for_end();
  if (status == -1) kill9();
  return status;
}

void ServerProcess::kill9() {
  if (pid_ <= 0) return;
  ::kill(pid_, SIGKILL);
  ::waitpid(pid_, nullptr, 0);
  pid_ = -1;
}

int ServerProcess::wait_for_end() {
  int raw = 0;
  if (!eventually([&] { return ::waitpid(pid_, &raw, WNOHANG) == pid_; })) return -1;
  pid_ = -1;
  return status_of(raw);
}

void ServerProcess::limit_file_size(std::size_t bytes) {
  const rlimit limit{.rlim_cur = bytes == 0 ? RLIM_INFINITY : bytes, .rlim_max = RLIM_INFINITY};
  if (::prlimit(pid_, RLIMIT_FSIZE, &limit, nullptr) != 0) throw std::runtime_error("prlimit");
}

std::string ServerProcess::log() const {
  std::ifstream file(folder_ + "/server.log");
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

}  // namespace memoir::testing
