// Where the server listens, and what it does with connections that come.
#include <sys/socket.h>

#include "src/base/log.h"
#include "src/server/server.h"
#include "src/server/worker.h"

namespace memoir {
namespace {

constexpr std::string_view kDenied =
    "-DENIED Redis is running in protected mode because protected mode is enabled and no password "
    "is set for the default user. In this mode connections are only accepted from the loopback "
    "interface. If you want to connect from external computers to Redis you may adopt one of the "
    "following solutions: 1) Just disable protected mode sending the command 'CONFIG SET "
    "protected-mode no' from the loopback interface by connecting to Redis from the same host the "
    "server is running, however MAKE SURE Redis is not publicly accessible from internet if you do "
    "so. Use CONFIG REWRITE to make this change permanent. 2) Alternatively you can just disable "
    "the protected mode by editing the Redis configuration file, and setting the protected mode "
    "option to 'no', and then restarting the server. 3) If you started the server manually just "
    "for testing, restart it with the '--protected-mode no' option. 4) Set up an authentication "
    "password for the default user. NOTE: You only need to do one of the above things in order for "
    "the server to start accepting connections from the outside.\r\n";

Bytes format_listener(ByteView name, const std::vector<Bytes>& addresses, std::int64_t port) {
  Bytes text = "name=" + Bytes(name);
  for (const Bytes& address : addresses) text += ",bind=" + address;
  if (port > 0) text += ",port=" + std::to_string(port);
  return text;
}

}  // namespace

Status Server::listen() {
  const auto config = config_.current();
  auto tcp = open_tcp(*config);
  if (!tcp) {
    log_warning("Failed listening on port {} (tcp), aborting.", config->port);
    return tcp.error();
  }
  std::optional<Socket> local;
  if (!config->unixsocket.empty()) {
    auto socket = listen_unix(config->unixsocket, static_cast<unsigned>(config->unixsocketperm),
                              static_cast<int>(config->tcp_backlog));
    if (!socket) {
      log_warning("Failed opening Unix socket: bind: {}", socket.peek_error().text());
      return socket.error();
    }
    local = *std::move(socket);
  }
  if (tcp->empty() && !local) {
    log_warning("Configured to not listen anywhere, exiting.");
    return Error("nowhere to listen");
  }
  listen_on(*std::move(tcp));
  if (local) {
    unix_listener_ = std::make_unique<Listener>(
        workers_[0]->loop(), *std::move(local), [this](Socket taken) { accept(std::move(taken)); });
  }
  return ok;
}

// One socket for each address of `bind`; none if the port is 0.
Result<std::vector<Socket>> Server::open_tcp(const Config& config) {
  std::vector<Socket> sockets;
  if (config.port == 0) return sockets;
  for (Bytes address : config.bind) {
    // "-" before an address: the machine need not have it.
    const bool optional = address.starts_with('-');
    if (optional) address.erase(0, 1);
    auto socket = listen_tcp(address, static_cast<unsigned>(config.port),
                             static_cast<int>(config.tcp_backlog));
    if (socket) {
      sockets.push_back(*std::move(socket));
      continue;
    }
    Error error = socket.error();
    const bool missing = error.code() == ErrorCode::kUnsupported;
    if (optional && missing) continue;
    log_warning("Warning: Could not create server TCP listening socket {}:{}: bind: {}", address,
                config.port, error.text());
    if (!missing) return error;
  }
  if (sockets.empty() && !config.bind.empty()) return Error("no address could be bound");
  return sockets;
}

// On worker 0, or before it runs.
void Server::listen_on(std::vector<Socket> sockets) {
  const std::lock_guard lock(listening_mutex_);
  tcp_listeners_.clear();
  tcp_descriptors_.clear();
  for (Socket& socket : sockets) {
    tcp_descriptors_.push_back(socket.fd());
    tcp_listeners_.push_back(
        std::make_unique<Listener>(workers_[0]->loop(), std::move(socket),
                                   [this](Socket taken) { accept(std::move(taken)); }));
  }
}

// CONFIG SET port or bind, on any worker. The old sockets let go of their ports first, for old and
// new addresses may overlap; if the new ones fail, the old ones listen again.
Status Server::listen_elsewhere(const Config& from, const Config& to) {
  const std::lock_guard lock(listening_mutex_);
  for (const int fd : tcp_descriptors_) ::shutdown(fd, SHUT_RDWR);
  auto opened = open_tcp(to);
  if (!opened) {
    for (const int fd : tcp_descriptors_) ::listen(fd, static_cast<int>(to.tcp_backlog));
    return Error(from.port != to.port ? "Unable to listen on this port. Check server logs."
                                      : "Failed to bind to specified addresses.");
  }
  workers_[0]->loop().post([this, sockets = *std::move(opened)]() mutable {
    if (!stopping_) listen_on(std::move(sockets));
  });
  return ok;
}

void Server::close_listeners() {
  const std::lock_guard lock(listening_mutex_);
  tcp_descriptors_.clear();
  tcp_listeners_.clear();
  unix_listener_.reset();
}

std::vector<Bytes> Server::listener_lines() const {
  const auto config = config_.current();
  std::vector<Bytes> lines;
  if (config->port > 0) lines.push_back(format_listener("tcp", config->bind, config->port));
  if (!config->unixsocket.empty()) {
    lines.push_back(format_listener("unix", {config->unixsocket}, 0));
  }
  return lines;
}

void Server::refuse(const Socket& socket, ByteView error) {
  // It either fits into the empty send buffer or the peer does not matter.
  (void)!::send(socket.fd(), error.data(), error.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
  rejected_.fetch_add(1, std::memory_order_relaxed);
}

void Server::accept(Socket socket) {
  const auto config = config_.current();
  if (!clients_.admit(static_cast<std::size_t>(config->maxclients))) {
    return refuse(socket, "-ERR max number of clients reached\r\n");
  }
  SocketNames names = socket_names(socket.fd());
  if (config->protected_mode && config->requirepass.empty() && !names.is_local) {
    clients_.left();
    return refuse(socket, kDenied);
  }
  connections_.fetch_add(1, std::memory_order_relaxed);
  set_tcp_options(socket.fd(), static_cast<int>(config->tcp_keepalive));

  auto status = std::make_shared<ClientStatus>();
  status->id = clients_.next_id();
  status->worker = next_worker_;
  status->fd = socket.fd();
  status->peer = std::move(names.peer);
  status->local = std::move(names.local);
  status->is_unix = names.is_unix;
  status->is_local = names.is_local;
  status->connected_us = clock_.monotonic_us();
  log_verbose("Accepted {}", status->peer);

  Worker& worker = *workers_[next_worker_];
  next_worker_ = (next_worker_ + 1) % worker_count();
  if (worker.index() == 0) return worker.add_client(std::move(socket), std::move(status));
  worker.loop().post([&worker, socket = std::move(socket), status = std::move(status)]() mutable {
    worker.add_client(std::move(socket), std::move(status));
  });
}

}  // namespace memoir
