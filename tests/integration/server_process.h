// A server of a test: a real process on a free loopback port with a folder of its own.
//
// The binary is $MEMOIR_SERVER, or build/release/memoir-server of the checkout. The constructor
// starts it and returns once PING is answered; the destructor stops it by its own pid and removes
// the folder. kill9() and start() in turn show what survives. A test that waits for something uses
// eventually().
#pragma once

#include <signal.h>
#include <sys/types.h>

#include <chrono>
#include <functional>
#include <string>
#include <vector>

#include "tests/integration/port.h"

namespace memoir::testing {

// The io-threads every case runs with: 1 and 4, or only $MEMOIR_TEST_IO_THREADS.
std::vector<int> thread_counts();

// Calls `condition` until it is true, for at most `limit`; whether it became true.
bool eventually(const std::function<bool()>& condition,
                std::chrono::milliseconds limit = std::chrono::seconds(20));

class ServerProcess {
 public:
  // `arguments` are directives as on a command line: {"--maxclients", "10"}.
  explicit ServerProcess(int io_threads, std::vector<std::string> arguments = {});
  ~ServerProcess();
  ServerProcess(const ServerProcess&) = delete;
  ServerProcess& operator=(const ServerProcess&) = delete;

  // Starts the process again on the same port and folder; throws if it does not answer PING.
  void start();
  // Likewise, without waiting until it answers.
  void spawn();
  // SIGTERM, or another signal; returns the exit status, or 128 plus the signal that ended it.
  int stop(int signal = SIGTERM);
  void kill9();
  // Waits for the process to end by itself; as stop(). -1 if it did not within 20 seconds.
  int wait_for_end();

  // Limits the size of files the process may write; 0 lifts the limit. Stands in for a full disk.
  void limit_file_size(std::size_t bytes);

  int port() const { return port_.number(); }
  pid_t pid() const { return pid_; }
  const std::string& folder() const { return folder_; }
  std::string unix_socket() const { return folder_ + "/server.sock"; }
  std::string log() const;

 private:
  std::vector<std::string> command_line() const;
  bool start_here(bool last_try);

  int io_threads_;
  std::vector<std::string> arguments_;
  std::string folder_;
  Port port_;
  pid_t pid_ = -1;
};

}  // namespace memoir::testing
