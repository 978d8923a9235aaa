#include "src/net/listener.h"

#include <sys/socket.h>
#include <uv.h>

#include <cerrno>
#include <cstring>

#include "src/base/assert.h"
#include "src/base/log.h"

namespace memoir {
namespace {

constexpr int kAcceptsPerTurn = 1000;
constexpr std::chrono::milliseconds kRetryDelay{100};

}  // namespace

struct Listener::Handle {
  uv_poll_t poll;
  Listener* owner;
};

Listener::Listener(Loop& loop, Socket socket, Accept accept)
    : handle_(new Handle{{}, this}),
      socket_(std::move(socket)),
      accept_(std::move(accept)),
      retry_(loop, [this] { watch(); }) {
  ASSERT(uv_poll_init(loop.native(), &handle_->poll, socket_.fd()) == 0);
  handle_->poll.data = handle_;
  watch();
}

Listener::~Listener() {
  uv_close(reinterpret_cast<uv_handle_t*>(&handle_->poll),
           [](uv_handle_t* handle) { delete static_cast<Handle*>(handle->data); });
}

void Listener::watch() {
  uv_poll_start(&handle_->poll, UV_READABLE, [](uv_poll_t* poll, int, int) {
    static_cast<Handle*>(poll->data)->owner->accept_ready();
  });
}

void Listener::accept_ready() {
  for (int i = 0; i < kAcceptsPerTurn; ++i) {
    Socket accepted(::accept4(socket_.fd(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
    if (accepted) {
      accept_(std::move(accepted));
      continue;
    }
    if (errno == EINTR || errno == ECONNABORTED) continue;
    if (errno == EAGAIN || errno == EWOULDBLOCK) return;
    // EINVAL: it was told to stop listening; somebody else decides whether for good.
    if (errno != EINVAL) log_warning("Accepting client connection: {}", std::strerror(errno));
    // The connection stays in the backlog and the socket ready: asking again at once would spin.
    uv_poll_stop(&handle_->poll);
    retry_.start(kRetryDelay);
    return;
  }
}

}  // namespace memoir
