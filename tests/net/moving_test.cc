// Goal: a connection that goes from one thread's loop to another's and back while bytes come and go
// loses none and brings them in order.
// Method: an echo that moves after each read; the other end writes numbers and reads them back.
// Under ThreadSanitizer the same shows that a loop's message is all that two threads need.
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <thread>

#include <catch2/catch.hpp>

#include "src/net/connection.h"

namespace memoir {
namespace {

struct Home {
  Loop loop;
  std::thread thread;
};

// Belongs to one thread at a time, like a client.
class Wanderer final : public ConnectionEvents {
 public:
  // Before the loops run.
  Wanderer(std::array<Home, 2>& homes, Socket socket)
      : homes_(homes), connection_(homes[0].loop, std::move(socket), *this) {
    for (const unsigned i : {0U, 1U}) {
      homes[i].loop.set_end_of_turn([this, i] {
        if (at_ == i && leaves_) leave();
      });
    }
  }

  void on_readable() override {
    char bytes[256];
    const Connection::Received got = connection_.receive(bytes, sizeof(bytes));
    if (got.result == Connection::Io::kEnd) return connection_.stop_reading();
    if (got.result != Connection::Io::kDone) return;
    out_.append({bytes, got.bytes});
    leaves_ = true;
  }
  void on_writable() override { connection_.send(out_, out_.end_position()); }
  void on_disconnect() override { connection_.stop_reading(); }

  int moves = 0;

 private:
  // Not from within an event: at the end of the turn, as workers do.
  void leave() {
    leaves_ = false;
    connection_.send(out_, out_.end_position());
    connection_.detach();
    ++moves;
    Home& next = homes_[1 - at_];
    at_ = 1 - at_;
    next.loop.post([this, &next] { connection_.attach(next.loop); });
  }

  std::array<Home, 2>& homes_;
  std::atomic<unsigned> at_{0};
  bool leaves_{false};
  OutputBuffer out_;
  Connection connection_;
};

TEST_CASE("a connection wanders between two threads", "[net][threads]") {
  constexpr int kNumbers = 20000;
  int fds[2];
  REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM, 0, fds) == 0);
  const Socket peer(fds[1]);
  std::array<Home, 2> homes;
  Bytes sent, received;
  {
    Wanderer wanderer(homes, Socket(fds[0]));
    for (Home& home : homes) home.thread = std::thread([&home] { home.loop.run(); });
    std::thread writer([&] {
      for (int i = 0; i < kNumbers; ++i) {
        const Bytes text = std::to_string(i) + ",";
        if (::write(peer.fd(), text.data(), text.size()) < 0) break;
        sent += text;
      }
      ::shutdown(peer.fd(), SHUT_WR);
    });
    Bytes all;
    for (int i = 0; i < kNumbers; ++i) all += std::to_string(i) + ",";
    while (received.size() < all.size()) {
      char bytes[4096];
      const ssize_t got = ::read(peer.fd(), bytes, sizeof(bytes));
      if (got <= 0) break;
      received.append(bytes, static_cast<std::size_t>(got));
    }
    writer.join();
    CHECK(received == sent);
    for (Home& home : homes) {
      home.loop.post([&home] { home.loop.stop(); });
      home.thread.join();
    }
    CHECK(wanderer.moves > 100);
  }
}

}  // namespace
}  // namespace memoir
