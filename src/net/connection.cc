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

Connection::Connection(Loop& loop, Socket socket, ConnectionEvents& events,
                       std::unique_ptr<TlsStream> tls)
    : socket_(std::move(socket)), tls_(std::move(tls)), events_(events) {
  attach(loop);
}

Connection::~Connection() {
  if (handle_) detach();
}

void Connection::attach(Loop& loop) {
  handle_ = new Handle{{}, this};
  ASSERT(uv_poll_init(loop.native(), &handle_->poll, socket_.fd()) == 0);
  handle_->poll.data = handle_;
  watch();
}

// Closing the handle takes the socket from the loop's watch at once; its memory goes with the
// close callback.
void Connection::detach() {
  watched_ = 0;
  handle_->owner = nullptr;
  uv_close(reinterpret_cast<uv_handle_t*>(&handle_->poll),
           [](uv_handle_t* handle) { delete static_cast<Handle*>(handle->data); });
  handle_ = nullptr;
}

// TLS may need the socket ready the other way. Bytes that lie ready in the stream do not show at
// the socket: a socket that can be written to then calls back at once.
int Connection::wanted_events() const {
  int wanted = (want_disconnect_ ? UV_DISCONNECT : 0) | (want_read_ ? UV_READABLE : 0);
  if (want_write_) wanted |= tls_ && tls_->write_wants_read() ? UV_READABLE : UV_WRITABLE;
  if (tls_ && want_read_ && (tls_->read_wants_write() || tls_->has_pending())) {
    wanted |= UV_WRITABLE;
  }
  return wanted;
}

void Connection::watch() {
  const int wanted = wanted_events();
  if (wanted == watched_) return;
  watched_ = wanted;
  if (wanted == 0) {
    uv_poll_stop(&handle_->poll);
    return;
  }
  uv_poll_start(&handle_->poll, wanted, [](uv_poll_t* poll, int status, int events) {
    auto* const handle = static_cast<Handle*>(poll->data);
    if (status >= 0) return handle->owner->ready(events);
    // A broken socket shows itself to whoever reads it. It is not watched any more; but what was
    // read may have come before it broke, so whoever wants to hear of it is told again.
    handle->owner->watched_ = 0;
    handle->owner->ready(UV_READABLE | UV_DISCONNECT);
    if (handle->owner) handle->owner->watch();
  });
}

void Connection::ready(int events) {
  const Handle* const handle = handle_;
  bool readable = (events & (UV_READABLE | UV_DISCONNECT)) != 0;
  bool writable = (events & UV_WRITABLE) != 0;
  if (tls_) {
    const bool reads_now = readable;
    readable |= writable && (tls_->read_wants_write() || tls_->has_pending());
    writable |= reads_now && tls_->write_wants_read();
  }
  if (writable && want_write_) events_.on_writable();
  if (!handle->owner) return;
  if (want_read_) {
    if (readable) events_.on_readable();
  } else if (want_disconnect_ && (events & UV_DISCONNECT)) {
    events_.on_disconnect();
  }
  if (handle->owner && tls_) watch();
}

Connection::Received Connection::receive(char* into, std::size_t size) {
  if (tls_) [[unlikely]] return receive_tls(into, size);
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

Connection::Received Connection::receive_tls(char* into, std::size_t size) {
  const TlsStream::Moved moved = tls_->read(into, size);
  switch (moved.outcome) {
    case TlsStream::Outcome::kDone: return {Io::kDone, moved.bytes};
    case TlsStream::Outcome::kWouldBlock: return {Io::kWouldBlock, 0};
    case TlsStream::Outcome::kEnd: return {Io::kEnd, 0};
    case TlsStream::Outcome::kFailed: break;
  }
  return {Io::kFailed, 0};
}

// One system call. kWouldBlock: the socket is full.
Connection::Sent Connection::send_slices(std::span<const OutputBuffer::Slice> slices) {
  std::array<iovec, kSlicesMax> parts;
  for (std::size_t i = 0; i < slices.size(); ++i) {
    parts[i] = {const_cast<char*>(slices[i].data), slices[i].size};
  }
  msghdr message{};
  message.msg_iov = parts.data();
  message.msg_iovlen = slices.size();
  for (;;) {
    const ssize_t sent =
        slices.size() == 1 ? ::send(socket_.fd(), slices[0].data, slices[0].size, MSG_NOSIGNAL)
                           : ::sendmsg(socket_.fd(), &message, MSG_NOSIGNAL);
    if (sent >= 0) return {Io::kDone, static_cast<std::size_t>(sent)};
    if (errno == EINTR) continue;
    if (errno == EAGAIN || errno == EWOULDBLOCK) return {Io::kWouldBlock, 0};
    error_ = errno;
    return {Io::kFailed, 0};
  }
}

// A record at a time. What is left of a slice is offered again with what follows it in its place.
Connection::Sent Connection::send_tls(std::span<const OutputBuffer::Slice> slices) {
  std::size_t sent = 0;
  for (const OutputBuffer::Slice& slice : slices) {
    for (std::size_t at = 0; at < slice.size;) {
      const TlsStream::Moved moved = tls_->write(slice.data + at, slice.size - at);
      if (moved.outcome == TlsStream::Outcome::kWouldBlock) return {Io::kWouldBlock, sent};
      if (moved.outcome != TlsStream::Outcome::kDone) return {Io::kFailed, sent};
      at += moved.bytes;
      sent += moved.bytes;
      if (sent >= kSendBytesMax) return {Io::kWouldBlock, sent};
    }
  }
  return {Io::kDone, sent};
}

Connection::Io Connection::send(OutputBuffer& out, std::uint64_t limit) {
  std::size_t sent_total = 0;
  std::array<OutputBuffer::Slice, kSlicesMax> slices;
  bool blocked = false;
  while (!blocked && out.begin_position() < limit && sent_total < kSendBytesMax) {
    const std::size_t count = out.slices(slices, limit);
    std::size_t bytes = 0;
    for (std::size_t i = 0; i < count; ++i) bytes += slices[i].size;
    const std::span<const OutputBuffer::Slice> used(slices.data(), count);
    const Sent sent = tls_ ? send_tls(used) : send_slices(used);
    if (sent.result == Io::kFailed) return Io::kFailed;
    out.consume(sent.bytes);
    sent_total += sent.bytes;
    // A short write fills the socket: asking again would only say so.
    blocked = sent.result == Io::kWouldBlock || sent.bytes < bytes;
  }
  const bool unfinished = out.begin_position() < limit;
  if (unfinished != want_write_ || tls_) {
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

const char* Connection::error_text() const {
  return tls_ ? tls_->error_text().c_str() : std::strerror(error_);
}

}  // namespace memoir
