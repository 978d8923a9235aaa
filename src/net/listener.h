// Listener: accepts connections on a listening socket and hands them on. Belongs to its loop's
// thread.
#pragma once

#include <functional>

#include "src/net/loop.h"
#include "src/net/socket.h"

namespace memoir {

class Listener {
 public:
  // Called with each new connection (non-blocking, close-on-exec).
  using Accept = std::function<void(Socket)>;

  Listener(Loop& loop, Socket socket, Accept accept);
  ~Listener();
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;

 private:
  struct Handle;
  void accept_ready();
  void watch();

  Handle* handle_;
  Socket socket_;
  Accept accept_;
  Timer retry_;  // when the process has run out of descriptors
};

}  // namespace memoir
