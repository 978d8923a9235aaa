// BlockingSocket: a TCP connection to another server for a thread that may wait.
//
// Every call has a time limit of its own, and ends early, as if that were over, once `stop` is set:
// so a thread that hangs on a dead peer does not hold up the end of the process. Belongs to one
// thread at a time.
#pragma once

#include <atomic>
#include <chrono>
#include <string>

#include "src/base/bytes.h"
#include "src/net/socket.h"

struct addrinfo;

namespace memoir {

class BlockingSocket {
 public:
  enum class Outcome : std::uint8_t {
    kDone,
    kTimedOut,
    kFailed,
    kUnknownHost,
  };
  using Limit = std::chrono::milliseconds;

  explicit BlockingSocket(const std::atomic<bool>& stop) : stop_(&stop) {}

  // Connects to the first address of `host` that answers.
  Outcome connect(const std::string& host, unsigned port, Limit limit);
  // Writes all of `bytes`; the limit is for each piece of some ten kilobytes.
  Outcome write(ByteView bytes, Limit limit);
  // Reads up to the next line feed; `line` is what stands before the CR LF.
  Outcome read_line(Bytes& line, Limit limit);

 private:
  using Deadline = std::chrono::steady_clock::time_point;

  Outcome connect_to(const addrinfo& address, Deadline deadline);
  Outcome wait(short events, Deadline deadline) const;

  Socket socket_;
  Bytes input_;
  const std::atomic<bool>* stop_;
};

}  // namespace memoir
