#include "src/net/socket.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <memory>

namespace memoir {
namespace {

Error system_error(int number) {
  const bool unsupported = number == EADDRNOTAVAIL || number == EAFNOSUPPORT ||
                           number == EPROTONOSUPPORT || number == ESOCKTNOSUPPORT ||
                           number == EPFNOSUPPORT || number == ENOPROTOOPT;
  return {unsupported ? ErrorCode::kUnsupported : ErrorCode::kIo, std::strerror(number)};
}

void set_option(int fd, int level, int option, int value) {
  ::setsockopt(fd, level, option, &value, sizeof(value));
}

Result<Socket> listen_at(const addrinfo& address, int backlog) {
  Socket socket(::socket(address.ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!socket) return system_error(errno);
  // Both families are bound on their own, so that "*" and "::*" do not collide.
  if (address.ai_family == AF_INET6) set_option(socket.fd(), IPPROTO_IPV6, IPV6_V6ONLY, 1);
  set_option(socket.fd(), SOL_SOCKET, SO_REUSEADDR, 1);
  if (::bind(socket.fd(), address.ai_addr, address.ai_addrlen) != 0 ||
      ::listen(socket.fd(), backlog) != 0) {
    return system_error(errno);
  }
  return socket;
}

struct Name {
  std::string text;
  bool is_unix = false;
  bool is_loopback = false;
};

Name name_of(const sockaddr_storage& address) {
  char text[INET6_ADDRSTRLEN] = "";
  if (address.ss_family == AF_INET) {
    const auto& in = reinterpret_cast<const sockaddr_in&>(address);
    ::inet_ntop(AF_INET, &in.sin_addr, text, sizeof(text));
    const bool loopback = (ntohl(in.sin_addr.s_addr) >> 24) == 127;
    return {std::string(text) + ":" + std::to_string(ntohs(in.sin_port)), false, loopback};
  }
  if (address.ss_family == AF_INET6) {
    const auto& in = reinterpret_cast<const sockaddr_in6&>(address);
    ::inet_ntop(AF_INET6, &in.sin6_addr, text, sizeof(text));
    const bool loopback = IN6_IS_ADDR_LOOPBACK(&in.sin6_addr) != 0;
    return {"[" + std::string(text) + "]:" + std::to_string(ntohs(in.sin6_port)), false, loopback};
  }
  if (address.ss_family == AF_UNIX) {
    const auto& un = reinterpret_cast<const sockaddr_un&>(address);
    return {std::string(un.sun_path) + ":0", true, true};
  }
  return {"?:0"};
}

}  // namespace

Socket::~Socket() {
  if (fd_ >= 0) ::close(fd_);
}

Result<Socket> listen_tcp(const std::string& host, unsigned port, int backlog) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_PASSIVE;
  hints.ai_family = AF_UNSPEC;
  const char* node = host.c_str();
  if (host == "*" || host == "::*") {
    hints.ai_family = host == "*" ? AF_INET : AF_INET6;
    node = nullptr;
  } else {
    hints.ai_family = host.find(':') == std::string::npos ? AF_INET : AF_INET6;
  }
  addrinfo* found = nullptr;
  const int failure = ::getaddrinfo(node, std::to_string(port).c_str(), &hints, &found);
  if (failure != 0) return Error(ErrorCode::kIo, ::gai_strerror(failure));
  const std::unique_ptr<addrinfo, void (*)(addrinfo*)> addresses(found, ::freeaddrinfo);
  return listen_at(*addresses, backlog);
}

Result<Socket> listen_unix(const std::string& path, unsigned permissions, int backlog) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof(address.sun_path)) {
    return Error(ErrorCode::kTooLarge, "the path of the socket is too long");
  }
  std::memcpy(address.sun_path, path.data(), path.size());
  ::unlink(path.c_str());
  Socket socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!socket) return system_error(errno);
  if (::bind(socket.fd(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) {
    return system_error(errno);
  }
  // Before listen(), so that nobody connects under looser permissions.
  if (permissions != 0) ::chmod(path.c_str(), permissions);
  if (::listen(socket.fd(), backlog) != 0) return system_error(errno);
  return socket;
}

void set_tcp_options(int fd, int keepalive_seconds) {
  int domain = 0;
  socklen_t size = sizeof(domain);
  if (::getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &size) != 0 || domain == AF_UNIX) return;
  set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1);
  if (keepalive_seconds <= 0) return;
  // Probes begin after the interval, come three times as often, and three lost ones are the end.
  set_option(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
  set_option(fd, IPPROTO_TCP, TCP_KEEPIDLE, keepalive_seconds);
  set_option(fd, IPPROTO_TCP, TCP_KEEPINTVL, keepalive_seconds < 3 ? 1 : keepalive_seconds / 3);
  set_option(fd, IPPROTO_TCP, TCP_KEEPCNT, 3);
}

SocketNames socket_names(int fd) {
  sockaddr_storage address{};
  socklen_t size = sizeof(address);
  SocketNames names;
  if (::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size) == 0) {
    const Name local = name_of(address);
    names.local = local.text;
    names.is_unix = local.is_unix;
  }
  if (names.is_unix) {
    names.peer = names.local;  // the other end of a Unix socket has no name
    names.is_local = true;
    return names;
  }
  address = {};
  size = sizeof(address);
  if (::getpeername(fd, reinterpret_cast<sockaddr*>(&address), &size) == 0) {
    const Name peer = name_of(address);
    names.peer = peer.text;
    names.is_local = peer.is_loopback;
  } else {
    names.peer = "?:0";
  }
  return names;
}

}  // namespace memoir
