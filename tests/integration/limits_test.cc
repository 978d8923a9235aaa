// What a server refuses: too many clients, too long waits, buffers too large, requests without a
// password.
#include <catch2/catch.hpp>

#include "tests/integration/client.h"
#include "tests/integration/server_process.h"

namespace memoir::testing {

TEST_CASE("one client too many is told so", "[integration]") {
  ServerProcess server(GENERATE(from_range(thread_counts())), {"--maxclients", "10"});
  Client first(server.port());
  REQUIRE(eventually([&] { return first.info("connected_clients") == 1; }));
  std::vector<Client> clients;
  for (int i = 1; i < 10; ++i) {
    clients.emplace_back(server.port());
    REQUIRE(clients.back().ask({"PING"}) == "PONG");
  }
  RawSocket extra(server.port());
  REQUIRE(extra.receive_to_end() == "-ERR max number of clients reached\r\n");
  clients.pop_back();
  REQUIRE(eventually([&] {
    RawSocket next(server.port());
    next.send("PING\r\n");
    return next.receive(7) == "+PONG\r\n";
  }));
  REQUIRE(first.info("rejected_connections") >= 1);
}

TEST_CASE("a client that reads too slowly is dropped at its limit", "[integration]") {
  ServerProcess server(GENERATE(from_range(thread_counts())),
                       {"--client-output-buffer-limit", "normal 1mb 0 0"});
  Client other(server.port());
  REQUIRE(other.ask({"SET", "big", std::string(100000, 'x')}) == "OK");
  RawSocket slow(server.port(), 4096);
  std::string requests;
  for (int i = 0; i < 400; ++i) requests += "GET big\r\n";
  slow.send(requests);
  REQUIRE(eventually([&] { return other.info("connected_clients") == 1; }));
  REQUIRE(slow.closed_by_server());
  REQUIRE(other.info("client_output_buffer_limit_disconnections") >= 1);
}

TEST_CASE("a slow subscriber is dropped by the limit of its class", "[integration]") {
  ServerProcess server(GENERATE(from_range(thread_counts())),
                       {"--client-output-buffer-limit", "pubsub 1mb 0 0"});
  RawSocket slow(server.port(), 4096);
  slow.send("SUBSCRIBE ch\r\n");
  REQUIRE(slow.receive(4) == "*3\r\n");
  Client publisher(server.port());
  const std::string message(100000, 'm');
  REQUIRE(eventually([&] { return publisher.call({"PUBLISH", "ch", message}).integer() == 0; }));
  REQUIRE(slow.closed_by_server());
  // An ordinary client's limit is another: it may lag behind as far.
  Client client(server.port());
  for (int i = 0; i < 100; ++i) client.send({"ECHO", message});
  client.flush();
  for (int i = 0; i < 100; ++i) REQUIRE(client.receive().text() == message);
}

TEST_CASE("a request larger than client-query-buffer-limit closes the connection",
          "[integration]") {
  ServerProcess server(GENERATE(from_range(thread_counts())),
                       {"--client-query-buffer-limit", "1mb"});
  RawSocket socket(server.port());
  const std::string request =
      "*3\r\n$3\r\nSET\r\n$3\r\nkey\r\n$2000000\r\n" + std::string(1999999, 'x');
  socket.send(request);
  REQUIRE(socket.closed_by_server());
  REQUIRE(Client(server.port()).ask({"PING"}) == "PONG");
}

TEST_CASE("proto-max-bulk-len bounds one argument", "[integration]") {
  ServerProcess server(GENERATE(from_range(thread_counts())), {"--proto-max-bulk-len", "1mb"});
  RawSocket socket(server.port());
  socket.send("*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$1048577\r\n");
  REQUIRE(socket.receive_to_end() == "-ERR Protocol error: invalid bulk length\r\n");
  Client client(server.port());
  REQUIRE(client.ask({"SET", "k", std::string(1048576, 'x')}) == "OK");
  REQUIRE(client.ask({"APPEND", "k", "y"}).find("exceeds maximum allowed size") !=
          std::string::npos);
}

TEST_CASE("an idle client is closed after timeout, a blocked or subscribed one is not",
          "[integration]") {
  ServerProcess server(GENERATE(from_range(thread_counts())), {"--timeout", "1"});
  RawSocket idle(server.port());
  Client blocked(server.port()), subscribed(server.port());
  blocked.send({"BLPOP", "list", "0"});
  blocked.flush();
  REQUIRE(subscribed.call({"SUBSCRIBE", "ch"}).size() == 3);
  REQUIRE(idle.closed_by_server(std::chrono::seconds(10)));
  Client other(server.port());
  REQUIRE(other.call({"PUBLISH", "ch", "m"}).integer() == 1);
  REQUIRE(subscribed.receive()[2].text() == "m");
  REQUIRE(other.call({"RPUSH", "list", "e"}).integer() == 1);
  REQUIRE(blocked.receive()[1].text() == "e");
}

TEST_CASE("a password is asked for", "[integration]") {
  ServerProcess server(GENERATE(from_range(thread_counts())), {"--requirepass", "secret"});
  Client client(server.port());
  REQUIRE(client.ask({"GET", "key"}) == "NOAUTH Authentication required.");
  REQUIRE(client.ask({"AUTH", "wrong"}).find("WRONGPASS") == 0);
  REQUIRE(client.ask({"AUTH", "secret"}) == "OK");
  REQUIRE(client.ask({"SET", "key", "value"}) == "OK");
  REQUIRE(client.ask({"RESET"}) == "RESET");
  REQUIRE(client.ask({"GET", "key"}) == "NOAUTH Authentication required.");
  REQUIRE(client.ask({"AUTH", "default", "secret"}) == "OK");
  REQUIRE(client.ask({"CONFIG", "SET", "requirepass", "other"}) == "OK");
  REQUIRE(client.ask({"GET", "key"}) == "value");
  Client later(server.port());
  REQUIRE(later.ask({"AUTH", "secret"}).find("WRONGPASS") == 0);
  REQUIRE(later.ask({"AUTH", "other"}) == "OK");
}

TEST_CASE("connections that break off leave nothing behind", "[integration]") {
  ServerProcess server(GENERATE(from_range(thread_counts())));
  Client client(server.port());
  for (int i = 0; i < 200; ++i) {
    RawSocket socket(server.port());
    switch (i % 5) {
      case 0: socket.send("*3\r\n$3\r\nSET\r\n$3\r\nkey\r\n$100000\r\nhalf"); break;
      case 1: socket.send("BLPOP list 0\r\n"); break;
      case 2: socket.send("SUBSCRIBE ch\r\n"); break;
      case 3: socket.send("MULTI\r\nSET key value\r\nWATCH"); break;
      default: socket.send("GET"); break;
    }
  }
  REQUIRE(eventually([&] { return client.info("connected_clients") == 1; }));
  REQUIRE(client.info("blocked_clients") == 0);
  REQUIRE(client.call({"EXISTS", "key"}).integer() == 0);
  REQUIRE(client.call({"PUBLISH", "ch", "m"}).integer() == 0);
  REQUIRE(client.call({"RPUSH", "list", "kept"}).integer() == 1);
  REQUIRE(client.call({"LLEN", "list"}).integer() == 1);
}

}  // namespace memoir::testing
