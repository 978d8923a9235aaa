// Connection: a non-blocking stream socket on a loop, plain or with TLS.
//
// It reports readiness; its owner then receives straight into the request parser's space and sends
// straight from the output buffer, one system call each. Nothing here is queued or copied, and no
// descriptor is watched anew unless a send could not finish. Belongs to its loop's thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "protocol/output_buffer.h"
#include "src/net/loop.h"
#include "src/net/socket.h"
#include "src/net/tls.h"

namespace memoir {

class ConnectionEvents {
 public:
  // There are bytes to receive, or the end of the stream.
  virtual void on_readable() = 0;
  // A send that could not finish may go on.
  virtual void on_writable() = 0;
  // The other end is gone, and on_readable() is not asked for. The connection may be destroyed in
  // any of these calls.
  virtual void on_disconnect() = 0;

 protected:
  ~ConnectionEvents() = default;
};

class Connection {
 public:
  // `tls`, if given, is of the same socket.
  Connection(Loop& loop, Socket socket, ConnectionEvents& events,
             std::unique_ptr<TlsStream> tls = nullptr);
  // Closes the socket.
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  // Leaves its loop, on whose thread this is, for another: attach(), on that one's thread. Nothing
  // is lost in between; only destroying it is allowed meanwhile. Not from within one of its events.
  void detach();
  void attach(Loop& loop);

  enum class Io : std::uint8_t {
    kDone,
    kWouldBlock,
    kEnd,     // end of stream
    kFailed,  // the connection is broken: error_text()
  };
  struct Received {
    Io result;
    std::size_t bytes;
  };
  // Receives at most `size` bytes; kDone means at least one.
  Received receive(char* into, std::size_t size);
  // Sends what `out` holds up to `limit` (an OutputBuffer position) and drops it there.
  // kWouldBlock: the rest goes on at on_writable(), which is asked for.
  Io send(OutputBuffer& out, std::uint64_t limit);
  // Waiting for on_writable().
  bool send_blocked() const { return want_write_; }

  // Whether on_readable() is wanted. Without, only on_disconnect() comes.
  void set_reading(bool on);
  // Neither is wanted any more; for good.
  void stop_reading();

  const char* error_text() const;
  int fd() const { return socket_.fd(); }
  // The events asked for, as CLIENT LIST shows them: "r", "rw".
  const char* events_text() const { return want_write_ ? "rw" : "r"; }

 private:
  struct Handle;
  void watch();
  int wanted_events() const;
  void ready(int events);
  struct Sent {
    Io result;
    std::size_t bytes;
  };
  Sent send_slices(std::span<const OutputBuffer::Slice> slices);
  Received receive_tls(char* into, std::size_t size);
  Sent send_tls(std::span<const OutputBuffer::Slice> slices);

  Handle* handle_{nullptr};  // null while it is on no loop
  Socket socket_;  // before the stream that uses it
  std::unique_ptr<TlsStream> tls_;
  ConnectionEvents& events_;
  int watched_{0};  // the events asked of the loop
  int error_{0};
  bool want_read_{true};
  bool want_write_{false};
  bool want_disconnect_{true};
};

}  // namespace memoir
