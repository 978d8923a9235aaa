#include "src/net/connection.h"

#include <sys/socket.h>
#include <sys/uio.h>
#include <uv.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "src/base/assert.h"

namespace memoir {
namespace {

constexpr std::size_t kSlicesMax = 64;
// What one connection may send in a turn; the others wait meanwhile.
constexpr std::size_t kSendBytesMax = 4UL << 20;

}  // namespace

struct Connection::Handle {
  uv_poll_t poll;
  Connection* owner;  // null once it is gone: a callback may still be under way
};

Connection::Connection(Loop& loop, Socket socket, ConnectionEvents& events)
    : handle_(new Handle{{}, this}), socket_(std::move(socket)), events_(events) {
  ASSERT(uv_poll_init(loop.native(), &handle_->poll, socket_.fd()) == 0);
  handle_->poll.data = handle_;
  watch();
}

Connection::~Connection() {
  handle_->owner = nullptr;
  uv_close(reinterpret_cast<uv_handle_t*>(&handle_->poll),
           [](uv_handle_t* handle) { delete static_cast<Handle*>(handle->data); });
}

void Connection::watch() {
  const int wanted = (want_disconnect_ ? UV_DISCONNECT : 0) | (want_read_ ? UV_READABLE : 0) |
                     (want_write_ ? UV_WRITABLE : 0);
  if (wanted == 0) {
    uv_poll_stop(&handle_->poll);
    return;
  }
  uv_poll_start(&handle_->poll, wanted, [](uv_poll_t* poll, int status, int ready) {
    auto* handle = static_cast<Handle*>(poll->data);
    // A broken socket shows itself to whoever reads it.
    if (status < 0) ready = UV_READABLE | UV_DISCONNECT;
    if ((ready & UV_WRITABLE) && handle->owner->want_write_) handle->owner->events_.on_writable();
    if (!handle->owner) return;
    if (handle->owner->want_read_) {
      if (ready & (UV_READABLE | UV_DISCONNECT)) handle->owner->events_.on_readable();
    } else if (handle->owner->want_disconnect_ && (ready & UV_DISCONNECT)) {
      handle->owner->events_.on_disconnect();
    }
  });
}

Connection::Received Connection::receive(char* into, std::size_t size) {
  for (;;) {
    const ssize_t received = ::recv(socket_.fd(), into, size, 0);
    if (received > 0) return {Io::kDone, static_cast<std::size_t>(received)};
    if (received == 0) return {Io::kEnd, 0};
    if (errno == EINTR) continue;
    if (errno == EAGAIN || errno == EWOULDBLOCK) return {Io::kWouldBlock, 0};
    error_ = errno;
    return {Io::kFailed, 0};
  }
}

Connection::Io Connection::send(OutputBuffer& out, std::uint64_t limit) {
  std::size_t sent_total = 0;
  std::array<OutputBuffer::Slice, kSlicesMax> slices;
  bool blocked = false;
  while (!blocked && out.begin_position() < limit && sent_total < kSendBytesMax) {
    const std::size_t count = out.slices(slices, limit);
    std::size_t bytes = 0;
    for (std::size_t i = 0; i < count; ++i) bytes += slices[i].size;
    ssize_t sent;
    if (count == 1) {
      sent = ::send(socket_.fd(), slices[0].data, bytes, MSG_NOSIGNAL);
    } else {
      std::array<iovec, kSlicesMax> parts;
      for (std::size_t i = 0; i < count; ++i) {
        parts[i] = {const_cast<char*>(slices[i].data), slices[i].size};
      }
      msghdr message{};
      message.msg_iov = parts.data();
      message.msg_iovlen = count;
      sent = ::sendmsg(socket_.fd(), &message, MSG_NOSIGNAL);
    }
    if (sent < 0) {
      if (errno == EINTR) continue;
      if (errno != EAGAIN && errno != EWOULDBLOCK) {
        error_ = errno;
        return Io::kFailed;
      }
      blocked = true;
      sent = 0;
    }
    out.consume(static_cast<std::size_t>(sent));
    sent_total += static_cast<std::size_t>(sent);
    // A short write fills the socket: asking again would only say so.
    if (static_cast<std::size_t>(sent) < bytes) blocked = true;
  }
  const bool unfinished = out.begin_position() < limit;
  if (unfinished != want_write_) {
    want_write_ = unfinished;
    watch();
  }
  return unfinished ? Io::kWouldBlock : Io::kDone;
}

void Connection::set_reading(bool on) {
  if (on == want_read_ || !want_disconnect_) return;
  want_read_ = on;
  watch();
}

void Connection::stop_reading() {
  if (!want_disconnect_) return;
  want_read_ = want_disconnect_ = false;
  watch();
}

const char* Connection::error_text() const { return std::strerror(error_); }

}  // namespace memoir
