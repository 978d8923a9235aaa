// Goal: bytes arrive, leave, wait for a full socket, and ends are told apart.
// Method: a connection on one end of a socket pair, plain system calls on the other.
#include <sys/socket.h>
#include <unistd.h>

#include <optional>

#include <catch2/catch.hpp>

#include "src/net/connection.h"

namespace memoir {
namespace {

class Recorder final : public ConnectionEvents {
 public:
  void on_readable() override {
    ++readable;
    char bytes[1024];
    const Connection::Received got = connection->receive(bytes, sizeof(bytes));
    last = got.result;
    if (got.result == Connection::Io::kDone) received.append(bytes, got.bytes);
    if (got.result == Connection::Io::kEnd) connection->stop_reading();
  }
  void on_writable() override {
    ++writable;
    last = connection->send(out, out.end_position());
  }
  void on_disconnect() override {
    ++disconnected;
    connection->stop_reading();
  }

  Connection* connection = nullptr;
  OutputBuffer out;
  Bytes received;
  Connection::Io last = Connection::Io::kDone;
  int readable = 0;
  int writable = 0;
  int disconnected = 0;
};

struct Pair {
  Pair() {
    int fds[2];
    REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds) == 0);
    peer = Socket(fds[1]);
    connection.emplace(loop, Socket(fds[0]), events);
    events.connection = &*connection;
  }
  Bytes peer_reads() {
    char bytes[65536];
    const ssize_t size = ::read(peer.fd(), bytes, sizeof(bytes));
    return size > 0 ? Bytes(bytes, static_cast<std::size_t>(size)) : Bytes();
  }

  Loop loop;
  Recorder events;
  Socket peer;
  std::optional<Connection> connection;
};

TEST_CASE("received bytes arrive, and the end of the stream", "[net]") {
  Pair pair;
  REQUIRE(::write(pair.peer.fd(), "PING\r\n", 6) == 6);
  pair.loop.run_once();
  CHECK(pair.events.received == "PING\r\n");
  pair.peer = Socket();
  pair.loop.run_once();
  CHECK(pair.events.last == Connection::Io::kEnd);
  const int readable = pair.events.readable;
  pair.loop.run_once();
  CHECK(pair.events.readable == readable);
}

TEST_CASE("only what may leave is sent", "[net]") {
  Pair pair;
  pair.events.out.append("safe");
  const std::uint64_t limit = pair.events.out.end_position();
  pair.events.out.append("gated");
  CHECK(pair.connection->send(pair.events.out, limit) == Connection::Io::kDone);
  CHECK(pair.peer_reads() == "safe");
  CHECK(pair.events.out.size() == 5);
}

TEST_CASE("plain bytes and references leave in order", "[net]") {
  Pair pair;
  const Bytes large(OutputBuffer::kReferenceBytesMin, 'x');
  pair.events.out.append("before");
  pair.events.out.append_reference(SharedBytes::copy_of(large));
  pair.events.out.append("behind");
  CHECK(pair.connection->send(pair.events.out, pair.events.out.end_position()) ==
        Connection::Io::kDone);
  CHECK(pair.peer_reads() == "before" + large + "behind");
}

TEST_CASE("a full socket is waited for", "[net]") {
  Pair pair;
  const Bytes much(4UL << 20, 'y');
  pair.events.out.append(much);
  REQUIRE(pair.connection->send(pair.events.out, pair.events.out.end_position()) ==
          Connection::Io::kWouldBlock);
  CHECK(pair.connection->send_blocked());
  std::size_t got = 0;
  for (int i = 0; i < 100000 && got < much.size(); ++i) {
    got += pair.peer_reads().size();
    pair.loop.run_once();
  }
  CHECK(got == much.size());
  CHECK_FALSE(pair.connection->send_blocked());
  CHECK(pair.events.writable > 0);
}

TEST_CASE("without reading, only the other end's going is told", "[net]") {
  Pair pair;
  pair.connection->set_reading(false);
  REQUIRE(::write(pair.peer.fd(), "x", 1) == 1);
  pair.loop.run_once();
  CHECK(pair.events.readable == 0);
  CHECK(pair.events.disconnected == 0);
  pair.peer = Socket();
  pair.loop.run_once();
  CHECK(pair.events.disconnected == 1);
}

TEST_CASE("a send to a closed socket fails", "[net]") {
  Pair pair;
  pair.peer = Socket();
  pair.events.out.append("late");
  CHECK(pair.connection->send(pair.events.out, pair.events.out.end_position()) ==
        Connection::Io::kFailed);
}

// Method: move with unread bytes in the socket and unsent ones in the output.
TEST_CASE("a connection moves to another loop and loses nothing", "[net]") {
  Pair pair;
  Loop other;
  const Bytes much(4UL << 20, 'z');
  pair.events.out.append(much);
  REQUIRE(pair.connection->send(pair.events.out, pair.events.out.end_position()) ==
          Connection::Io::kWouldBlock);
  REQUIRE(::write(pair.peer.fd(), "before", 6) == 6);
  pair.connection->detach();
  pair.loop.run_once();
  CHECK(pair.events.readable == 0);
  REQUIRE(::write(pair.peer.fd(), " between", 8) == 8);
  pair.connection->attach(other);
  Bytes got;
  for (int i = 0; i < 100000 && got.size() < much.size(); ++i) {
    got += pair.peer_reads();
    other.run_once();
  }
  CHECK(got == much);
  CHECK(pair.events.received == "before between");
  REQUIRE(::write(pair.peer.fd(), " behind", 7) == 7);
  pair.loop.run_once();
  other.run_once();
  CHECK(pair.events.received == "before between behind");
  pair.connection.reset();
  pair.loop.run_once();
  other.run_once();
}

TEST_CASE("a connection between two loops may be destroyed", "[net]") {
  Pair pair;
  pair.connection->detach();
  pair.connection.reset();
  pair.loop.run_once();
  char byte;
  CHECK(::read(pair.peer.fd(), &byte, 1) == 0);
}

}  // namespace
}  // namespace memoir
