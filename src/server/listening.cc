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

TlsSettings tls_settings(const Config& config) {
  TlsSettings settings;
  settings.cert_file = config.tls_cert_file;
  settings.key_file = config.tls_key_file;
  settings.key_file_pass = config.tls_key_file_pass;
  settings.dh_params_file = config.tls_dh_params_file;
  settings.ca_cert_file = config.tls_ca_cert_file;
  settings.ca_cert_dir = config.tls_ca_cert_dir;
  settings.protocols = config.tls_protocols;
  settings.ciphers = config.tls_ciphers;
  settings.ciphersuites = config.tls_ciphersuites;
  settings.peers = config.tls_auth_clients;
  settings.prefer_server_ciphers = config.tls_prefer_server_ciphers;
  settings.session_caching = config.tls_session_caching;
  settings.session_cache_size = config.tls_session_cache_size;
  settings.session_cache_timeout_s = config.tls_session_cache_timeout;
  return settings;
}

// For connections to other servers.
TlsSettings tls_client_settings(const Config& config) {
  TlsSettings settings = tls_settings(config);
  if (!config.tls_client_cert_file.empty()) {
    settings.cert_file = config.tls_client_cert_file;
    settings.key_file = config.tls_client_key_file;
    settings.key_file_pass = config.tls_client_key_file_pass;
  }
  return settings;
}

Bytes format_listener(ByteView name, const std::vector<Bytes>& addresses, std::int64_t port) {
  Bytes text = "name=" + Bytes(name);
  for (const Bytes& address : addresses) text += ",bind=" + address;
  if (port > 0) text += ",port=" + std::to_string(port);
  return text;
}

}  // namespace

// --- TLS -----------------------------------------------------------------------------------------

// Connections that there are keep the context they came with.
Status Server::apply_tls(const Config& config) {
  std::shared_ptr<const TlsContext> context;
  if (config.tls_port != 0) {
    auto made = TlsContext::make(tls_settings(config), TlsContext::Side::kServer);
    if (!made) {
      log_warning("{}", made.peek_error().text());
      return Error("Unable to update TLS configuration. Check server logs.");
    }
    context = *std::move(made);
    // What other servers are shown is checked here too, though it is used later.
    if (!config.tls_client_cert_file.empty()) {
      auto client = TlsContext::make(tls_client_settings(config), TlsContext::Side::kClient);
      if (!client) {
        log_warning("{}", client.peek_error().text());
        return Error("Unable to update TLS configuration. Check server logs.");
      }
    }
  }
  const std::lock_guard lock(listening_mutex_);
  tls_context_.swap(context);
  return ok;
}

// --- sockets -------------------------------------------------------------------------------------

Status Server::listen() {
  const auto config = config_.current();
  if (Status done = apply_tls(*config); !done) {
    log_warning("Failed to configure TLS. Check logs for more info.");
    return done;
  }
  bool anywhere = false;
  for (const Transport transport : {Transport::kTcp, Transport::kTls}) {
    auto sockets = open_sockets(*config, transport);
    if (!sockets) {
      const bool tls = transport == Transport::kTls;
      log_warning("Failed listening on port {} ({}), aborting.",
                  tls ? config->tls_port : config->port, tls ? "tls" : "tcp");
      return sockets.error();
    }
    anywhere |= !sockets->empty();
    listen_on(*std::move(sockets), transport);
  }
  if (!config->unixsocket.empty()) {
    auto socket = listen_unix(config->unixsocket, static_cast<unsigned>(config->unixsocketperm),
                              static_cast<int>(config->tcp_backlog));
    if (!socket) {
      log_warning("Failed opening Unix socket: bind: {}", socket.peek_error().text());
      return socket.error();
    }
    anywhere = true;
    unix_listener_ = std::make_unique<Listener>(
        workers_[0]->loop(), *std::move(socket),
        [this](Socket taken) { accept(std::move(taken), Transport::kTcp); });
  }
  if (anywhere) return ok;
  log_warning("Configured to not listen anywhere, exiting.");
  return Error("nowhere to listen");
}

// One socket for each address of `bind`; none if the port is 0.
Result<std::vector<Socket>> Server::open_sockets(const Config& config, Transport transport) {
  std::vector<Socket> sockets;
  const bool tls = transport == Transport::kTls;
  const std::int64_t port = tls ? config.tls_port : config.port;
  if (port == 0) return sockets;
  for (Bytes address : config.bind) {
    // "-" before an address: the machine need not have it.
    const bool optional = address.starts_with('-');
    if (optional) address.erase(0, 1);
    auto socket = listen_tcp(address, static_cast<unsigned>(port),
                             static_cast<int>(config.tcp_backlog));
    if (socket) {
      sockets.push_back(*std::move(socket));
      continue;
    }
    Error error = socket.error();
    const bool missing = error.code() == ErrorCode::kUnsupported;
    if (optional && missing) continue;
    log_warning("Warning: Could not create server {} listening socket {}:{}: bind: {}",
                tls ? "TLS" : "TCP", address, port, error.text());
    if (!missing) return error;
  }
  if (sockets.empty() && !config.bind.empty()) return Error("no address could be bound");
  return sockets;
}

// On worker 0, or before it runs.
void Server::listen_on(std::vector<Socket> sockets, Transport transport) {
  const std::lock_guard lock(listening_mutex_);
  Entrance& in = entrance(transport);
  in.listeners.clear();
  in.descriptors.clear();
  for (Socket& socket : sockets) {
    in.descriptors.push_back(socket.fd());
    in.listeners.push_back(std::make_unique<Listener>(
        workers_[0]->loop(), std::move(socket),
        [this, transport](Socket taken) { accept(std::move(taken), transport); }));
  }
}

// CONFIG SET port, tls-port or bind, on any worker. The old sockets let go of their ports first,
// for old and new addresses may overlap; if the new ones fail, the old ones listen again.
Status Server::listen_elsewhere(const Config& from, const Config& to, Transport transport) {
  const bool tls = transport == Transport::kTls;
  const bool same_port = tls ? from.tls_port == to.tls_port : from.port == to.port;
  if (same_port && from.bind == to.bind) return ok;
  const std::lock_guard lock(listening_mutex_);
  const std::vector<int>& descriptors = entrance(transport).descriptors;
  for (const int fd : descriptors) ::shutdown(fd, SHUT_RDWR);
  auto opened = open_sockets(to, transport);
  if (!opened) {
    for (const int fd : descriptors) ::listen(fd, static_cast<int>(to.tcp_backlog));
    return Error(same_port ? "Failed to bind to specified addresses."
                           : "Unable to listen on this port. Check server logs.");
  }
  workers_[0]->loop().post([this, transport, sockets = *std::move(opened)]() mutable {
    if (!stopping_) listen_on(std::move(sockets), transport);
  });
  return ok;
}

void Server::close_listeners() {
  const std::lock_guard lock(listening_mutex_);
  for (Entrance* in : {&tcp_entrance_, &tls_entrance_}) {
    in->descriptors.clear();
    in->listeners.clear();
  }
  unix_listener_.reset();
}

std::vector<Bytes> Server::listener_lines() const {
  const auto config = config_.current();
  std::vector<Bytes> lines;
  if (config->port > 0) lines.push_back(format_listener("tcp", config->bind, config->port));
  if (!config->unixsocket.empty()) {
    lines.push_back(format_listener("unix", {config->unixsocket}, 0));
  }
  if (config->tls_port > 0) {
    lines.push_back(format_listener("tls", config->bind, config->tls_port));
  }
  return lines;
}

// --- connections ---------------------------------------------------------------------------------

void Server::refuse(const Socket& socket, ByteView error) {
  // It either fits into the empty send buffer or the peer does not matter.
  (void)!::send(socket.fd(), error.data(), error.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
  rejected_.fetch_add(1, std::memory_order_relaxed);
}

void Server::accept(Socket socket, Transport transport) {
  const auto config = config_.current();
  const bool tls = transport == Transport::kTls;
  if (!clients_.admit(static_cast<std::size_t>(config->maxclients))) {
    // Before a handshake nothing can be said.
    return refuse(socket, tls ? "" : "-ERR max number of clients reached\r\n");
  }
  SocketNames names = socket_names(socket.fd());
  const bool denied = config->protected_mode && users_.default_user()->needs_no_password() &&
                      !names.is_local;
  if (denied && !tls) {
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
  if (denied) status->refusal = kDenied;
  log_verbose("Accepted {}", status->peer);

  std::unique_ptr<TlsStream> stream;
  if (tls) {
    const std::lock_guard lock(listening_mutex_);
    if (!tls_context_) return clients_.left();
    stream = std::make_unique<TlsStream>(tls_context_, socket.fd());
  }
  Worker& worker = *workers_[next_worker_];
  next_worker_ = (next_worker_ + 1) % io_worker_count();
  if (worker.index() == 0) {
    return worker.add_client(std::move(socket), std::move(status), std::move(stream));
  }
  worker.loop().post([&worker, socket = std::move(socket), status = std::move(status),
                      stream = std::move(stream)]() mutable {
    worker.add_client(std::move(socket), std::move(status), std::move(stream));
  });
}

}  // namespace memoir
