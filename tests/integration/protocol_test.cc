// What a connection carries: pipelines, partial and inline requests, protocol errors, large
// values, HELLO.
#include <catch2/catch.hpp>
#include <random>

#include "tests/integration/client.h"
#include "tests/integration/server_process.h"

namespace memoir::testing {

TEST_CASE("hundreds of clients are served side by side", "[integration]") {
  ServerProcess server(GENERATE(from_range(thread_counts())));
  std::vector<Client> clients;
  for (int i = 0; i < 400; ++i) clients.emplace_back(server.port());
  for (int turn = 0; turn < 3; ++turn) {
    for (std::size_t i = 0; i < clients.size(); ++i) {
      clients[i].send({"SET", "key" + std::to_string(i), std::to_string(turn)});
      clients[i].send({"GET", "key" + std::to_string(i)});
      clients[i].flush();
    }
    for (Client& client : clients) {
      REQUIRE(client.receive().text() == "OK");
      REQUIRE(client.receive().text() == std::to_string(turn));
    }
  }
  REQUIRE(clients[0].info("connected_clients") == 400);
}

TEST_CASE("a pipeline of a hundred thousand requests is answered in order", "[integration]") {
  ServerProcess server(GENERATE(from_range(thread_counts())));
  Client client(server.port());
  constexpr int kRequests = 100000;
  // Without a reader both sides' buffers fill up: the requests are sent while replies are read.
  int sent = 0;
  for (int read = 0; read < kRequests; ++read) {
    while (sent < kRequests && sent < read + 20000) {
      client.send({"INCR", "counter"});
      ++sent;
    }
    REQUIRE(client.receive().integer() == read + 1);
  }
}

TEST_CASE("requests may come byte by byte", "[integration]") {
  ServerProcess server(GENERATE(from_range(thread_counts())));
  RawSocket socket(server.port());
  const std::string requests =
      "*3\r\n$3\r\nSET\r\n$3\r\nkey\r\n$5\r\nv\r\nlu\r\n*2\r\n$3\r\nGET\r\n$3\r\nkey\r\nPING\r\n";
  for (const char byte : requests) REQUIRE(socket.send(std::string_view(&byte, 1)));
  REQUIRE(socket.receive(5) == "+OK\r\n");
  REQUIRE(socket.receive(11) == "$5\r\nv\r\nlu\r\n");
  REQUIRE(socket.receive(7) == "+PONG\r\n");
}

// Goal: however the bytes are cut into packets, replies are the same.
// Method: a stream of requests with values of all sizes is sent in random pieces.
TEST_CASE("requests may be cut anywhere", "[integration]") {
  ServerProcess server(GENERATE(from_range(thread_counts())));
  std::mt19937 random(Catch::rngSeed());
  RawSocket socket(server.port());
  for (int round = 0; round < 30; ++round) {
    std::string requests, expected;
    for (int i = 0; i < 20; ++i) {
      const std::string value(std::uniform_int_distribution<std::size_t>(
                                  0, i % 7 == 0 ? 100000 : 100)(random),
                              static_cast<char>('a' + i));
      const std::string size = std::to_string(value.size());
      requests += "*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$" + size + "\r\n" + value + "\r\n";
      requests += "*2\r\n$3\r\nGET\r\n$1\r\nk\r\n";
      expected += "+OK\r\n$" + size + "\r\n" + value + "\r\n";
    }
    std::size_t at = 0;
    while (at < requests.size()) {
      const std::size_t piece = std::uniform_int_distribution<std::size_t>(
          1, round % 2 == 0 ? 50000 : 3000)(random);
      REQUIRE(socket.send(std::string_view(requests).substr(at, piece)));
      at += piece;
    }
    REQUIRE(socket.receive(expected.size()) == expected);
  }
}

TEST_CASE("inline requests are understood", "[integration]") {
  ServerProcess server(GENERATE(from_range(thread_counts())));
  RawSocket socket(server.port());
  REQUIRE(socket.send("\r\nPING\r\nset key \"a\\x41 b\\n\"\nGET key\r\n  GET   'key'  \r\n"));
  REQUIRE(socket.receive_line() == "+PONG");
  REQUIRE(socket.receive_line() == "+OK");
  REQUIRE(socket.receive(12) == "$5\r\naA b\n\r\n$");
  REQUIRE(socket.receive(10) == "5\r\naA b\n\r\n");
}

TEST_CASE("a protocol error is told and closes the connection", "[integration]") {
  ServerProcess server(GENERATE(from_range(thread_counts())));
  struct Case {
    std::string bytes, reply;
  };
  const Case cases[] = {
      {"*1\r\n+x\r\n", "-ERR Protocol error: expected '$', got '+'\r\n"},
      {"*abc\r\n", "-ERR Protocol error: invalid multibulk length\r\n"},
      {"*10000000000\r\n", "-ERR Protocol error: invalid multibulk length\r\n"},
      {"*1\r\n$-1\r\n", "-ERR Protocol error: invalid bulk length\r\n"},
      {"*1\r\n$abc\r\n", "-ERR Protocol error: invalid bulk length\r\n"},
      {"*1\r\n$9999999999\r\n", "-ERR Protocol error: invalid bulk length\r\n"},
      {"SET \"a\r\n", "-ERR Protocol error: unbalanced quotes in request\r\n"},
      {"PING\r\n*x\r\n", "+PONG\r\n-ERR Protocol error: invalid multibulk length\r\n"},
      {std::string(70000, 'a'), "-ERR Protocol error: too big inline request\r\n"},
      {"*" + std::string(70000, '1'), "-ERR Protocol error: too big mbulk count string\r\n"},
      {"*1\r\n$" + std::string(70000, '1'),
       "-ERR Protocol error: too big bulk count string\r\n"},
  };
  for (const Case& one : cases) {
    CAPTURE(one.bytes.substr(0, 40));
    RawSocket socket(server.port());
    socket.send(one.bytes);
    REQUIRE(socket.receive_to_end() == one.reply);
  }
  REQUIRE(Client(server.port()).ask({"PING"}) == "PONG");
}

TEST_CASE("a client that is not logged in may send small requests only", "[integration]") {
  ServerProcess server(GENERATE(from_range(thread_counts())), {"--requirepass", "secret"});
  RawSocket many(server.port()), large(server.port());
  many.send("*100\r\n");
  REQUIRE(many.receive_to_end() ==
          "-ERR Protocol error: unauthenticated multibulk length\r\n");
  large.send("*2\r\n$4\r\nAUTH\r\n$100000\r\n");
  REQUIRE(large.receive_to_end() == "-ERR Protocol error: unauthenticated bulk length\r\n");
}

TEST_CASE("values of a hundred megabytes go in and out whole", "[integration]") {
  ServerProcess server(GENERATE(from_range(thread_counts())));
  Client client(server.port());
  std::string value(100UL << 20, 'x');
  for (std::size_t i = 0; i < value.size(); i += 4099) value[i] = static_cast<char>(i % 251);
  REQUIRE(client.ask({"SET", "big", value}) == "OK");
  REQUIRE(client.call({"STRLEN", "big"}).integer() == static_cast<long long>(value.size()));
  const bool equal = client.call({"GET", "big"}).text() == value;
  REQUIRE(equal);
  // Replaced and deleted while another reads it slowly: the reader gets what it asked for.
  RawSocket reader(server.port());
  reader.send("GET big\r\n");
  REQUIRE(reader.receive_line() == "$" + std::to_string(value.size()));
  REQUIRE(client.ask({"SET", "big", "small"}) == "OK");
  REQUIRE(client.call({"DEL", "big"}).integer() == 1);
  const bool still_equal = reader.receive(value.size()) == value;
  REQUIRE(still_equal);
}

TEST_CASE("HELLO 3 turns a connection to RESP3", "[integration]") {
  ServerProcess server(GENERATE(from_range(thread_counts())), {"--requirepass", "secret"});
  RawSocket socket(server.port());
  socket.send("PING\r\n");
  REQUIRE(socket.receive_line() == "-NOAUTH Authentication required.");
  socket.send("HELLO 3 AUTH default wrong\r\n");
  REQUIRE(socket.receive_line() ==
          "-WRONGPASS invalid username-password pair or user is disabled.");
  socket.send("HELLO 9\r\n");
  REQUIRE(socket.receive_line().substr(0, 8) == "-NOPROTO");
  socket.send("HELLO 3 AUTH default secret SETNAME me\r\n");
  REQUIRE(socket.receive_line() == "%7");
  std::string all;
  while (all.find("modules") == std::string::npos) all += socket.receive(1);
  REQUIRE(all.find("$5\r\nproto\r\n:3\r\n") != std::string::npos);
  REQUIRE(socket.receive(6) == "\r\n*0\r\n");
  socket.send("CLIENT GETNAME\r\nHSET h f v\r\nHGETALL h\r\nGET none\r\n"
              "ZADD z 1.5 m\r\nZSCORE z m\r\n");
  const std::string expected =
      "$2\r\nme\r\n:1\r\n%1\r\n$1\r\nf\r\n$1\r\nv\r\n_\r\n:1\r\n,1.5\r\n";
  REQUIRE(socket.receive(expected.size()) == expected);
}

TEST_CASE("the Unix socket and IPv6 serve the same data", "[integration]") {
  const int threads = GENERATE(from_range(thread_counts()));
  char folder[] = "/tmp/memoir-sock-XXXXXX";
  REQUIRE(::mkdtemp(folder) != nullptr);
  const std::string path = std::string(folder) + "/s";
  {
    ServerProcess server(threads, {"--unixsocket", path, "--unixsocketperm", "700", "--bind",
                                   "127.0.0.1", "-::1"});
    Client tcp(server.port());
    Client local = Client::over_unix(path);
    REQUIRE(tcp.ask({"SET", "key", "value"}) == "OK");
    REQUIRE(local.ask({"GET", "key"}) == "value");
    Client six = Client::attempt(server.port(), "::1");
    if (six.connected()) {  // a machine may have no IPv6
      REQUIRE(six.ask({"GET", "key"}) == "value");
    }
  }
  ::unlink(path.c_str());
  ::rmdir(folder);
}

}  // namespace memoir::testing
