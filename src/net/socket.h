// Sockets: opening them, their options and their names as Redis shows them.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "src/base/bytes.h"
#include "src/base/result.h"

namespace memoir {

// A file descriptor that is closed with its owner.
class Socket {
 public:
  Socket() = default;
  explicit Socket(int fd) : fd_(fd) {}
  Socket(Socket&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Socket& operator=(Socket&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~Socket();

  int fd() const { return fd_; }
  explicit operator bool() const { return fd_ >= 0; }
  int release() { return std::exchange(fd_, -1); }

 private:
  int fd_{-1};
};

// Listening, non-blocking. `host` is a numeric or resolvable address, "*" for all IPv4 and "::*"
// for all IPv6 ones. kUnsupported if the machine does not have the address or its family.
Result<Socket> listen_tcp(const std::string& host, unsigned port, int backlog);
// A stale socket file is replaced. `permissions` 0: as the umask says.
Result<Socket> listen_unix(const std::string& path, unsigned permissions, int backlog);

// TCP_NODELAY, and keepalive probes after `keepalive_seconds` of silence (0: none). Does nothing to
// other sockets.
void set_tcp_options(int fd, int keepalive_seconds);

struct SocketNames {
  std::string peer;   // "127.0.0.1:50712", "[::1]:50712", "/run/memoir.sock:0"
  std::string local;
  bool is_unix = false;
  bool is_local = false;  // a Unix socket or a loopback address
};
SocketNames socket_names(int fd);

}  // namespace memoir
