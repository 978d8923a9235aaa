#include "src/net/blocking_socket.h"

#include <netdb.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <memory>

namespace memoir {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t kPieceBytes = 64 * 1024;
constexpr std::size_t kLineBytesMax = 64 * 1024;
constexpr std::chrono::milliseconds kStopCheck{50};  // how long a stop may go unseen

}  // namespace

BlockingSocket::Outcome BlockingSocket::wait(short events, Deadline deadline) const {
  while (!stop_->load(std::memory_order_relaxed)) {
    const auto left =
        std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now());
    if (left.count() <= 0) return Outcome::kTimedOut;
    pollfd wanted{socket_.fd(), events, 0};
    const int ready = ::poll(&wanted, 1, static_cast<int>(std::min(left, kStopCheck).count()));
    if (ready > 0) return Outcome::kDone;
    if (ready < 0 && errno != EINTR) return Outcome::kFailed;
  }
  return Outcome::kTimedOut;
}

BlockingSocket::Outcome BlockingSocket::connect(const std::string& host, unsigned port,
                                                Limit limit) {
  const Deadline deadline = Clock::now() + limit;
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  if (::getaddrinfo(host.c_str(), std::to_string(port).c_str(), &hints, &found) != 0) {
    return Outcome::kUnknownHost;
  }
  const std::unique_ptr<addrinfo, void (*)(addrinfo*)> addresses(found, ::freeaddrinfo);
  Outcome outcome = Outcome::kFailed;
  for (const addrinfo* each = found; each && outcome == Outcome::kFailed; each = each->ai_next) {
    outcome = connect_to(*each, deadline);
  }
  return outcome;
}

BlockingSocket::Outcome BlockingSocket::connect_to(const addrinfo& address, Deadline deadline) {
  socket_ = Socket(::socket(address.ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!socket_) return Outcome::kFailed;
  if (::connect(socket_.fd(), address.ai_addr, address.ai_addrlen) != 0) {
    if (errno != EINPROGRESS) return Outcome::kFailed;
    const Outcome ready = wait(POLLOUT, deadline);
    if (ready != Outcome::kDone) return ready;
    int error = 0;
    socklen_t size = sizeof error;
    ::getsockopt(socket_.fd(), SOL_SOCKET, SO_ERROR, &error, &size);
    if (error != 0) return Outcome::kFailed;
  }
  set_tcp_options(socket_.fd(), 0);
  input_.clear();
  return Outcome::kDone;
}

BlockingSocket::Outcome BlockingSocket::write(ByteView bytes, Limit limit) {
  while (!bytes.empty()) {
    const Deadline deadline = Clock::now() + limit;
    for (std::size_t left = std::min(bytes.size(), kPieceBytes); left > 0;) {
      const ssize_t sent = ::send(socket_.fd(), bytes.data(), left, MSG_NOSIGNAL);
      if (sent > 0) {
        bytes.remove_prefix(static_cast<std::size_t>(sent));
        left -= static_cast<std::size_t>(sent);
        continue;
      }
      if (errno == EINTR) continue;
      if (errno != EAGAIN && errno != EWOULDBLOCK) return Outcome::kFailed;
      const Outcome ready = wait(POLLOUT, deadline);
      if (ready != Outcome::kDone) return ready;
    }
  }
  return Outcome::kDone;
}

BlockingSocket::Outcome BlockingSocket::read_line(Bytes& line, Limit limit) {
  const Deadline deadline = Clock::now() + limit;
  for (std::size_t searched = 0;;) {
    const std::size_t end = input_.find('\n', searched);
    if (end != Bytes::npos) {
      line.assign(input_, 0, end > 0 && input_[end - 1] == '\r' ? end - 1 : end);
      input_.erase(0, end + 1);
      return Outcome::kDone;
    }
    searched = input_.size();
    if (searched > kLineBytesMax) return Outcome::kFailed;
    char piece[4096];
    const ssize_t received = ::recv(socket_.fd(), piece, sizeof piece, 0);
    if (received > 0) {
      input_.append(piece, static_cast<std::size_t>(received));
      continue;
    }
    if (received == 0) return Outcome::kFailed;
    if (errno == EINTR) continue;
    if (errno != EAGAIN && errno != EWOULDBLOCK) return Outcome::kFailed;
    const Outcome ready = wait(POLLIN, deadline);
    if (ready != Outcome::kDone) return ready;
  }
}

}  // namespace memoir
