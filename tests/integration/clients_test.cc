// The CLIENT commands, and transactions of concurrent clients.
#include <catch2/catch.hpp>
#include <thread>

#include "tests/integration/client.h"
#include "tests/integration/server_process.h"

namespace memoir::testing {

TEST_CASE("CLIENT LIST names every client on every worker", "[integration]") {
  ServerProcess server(GENERATE(from_range(thread_counts())));
  std::vector<Client> clients;
  for (int i = 0; i < 20; ++i) {
    clients.emplace_back(server.port());
    REQUIRE(clients.back().ask({"CLIENT", "SETNAME", "c" + std::to_string(i)}) == "OK");
  }
  const std::string list = clients[7].call({"CLIENT", "LIST"}).text();
  for (int i = 0; i < 20; ++i) {
    const std::string id = clients[i].ask({"CLIENT", "ID"});
    REQUIRE(list.find("id=" + id + " ") != std::string::npos);
    REQUIRE(list.find(" name=c" + std::to_string(i) + " ") != std::string::npos);
    const std::string info = clients[i].call({"CLIENT", "INFO"}).text();
    REQUIRE(info.find("id=" + id + " ") == 0);
    REQUIRE(info.find(" cmd=client|info ") != std::string::npos);
  }
  REQUIRE(std::count(list.begin(), list.end(), '\n') == 20);
}

TEST_CASE("CLIENT KILL ends clients of any worker by id, address and type", "[integration]") {
  ServerProcess server(GENERATE(from_range(thread_counts())));
  Client client(server.port());
  std::vector<Client> victims;
  for (int i = 0; i < 8; ++i) victims.emplace_back(server.port());
  for (Client& victim : victims) {
    const std::string id = victim.ask({"CLIENT", "ID"});
    REQUIRE(client.call({"CLIENT", "KILL", "ID", id}).integer() == 1);
    REQUIRE(victim.closed_by_server());
  }
  Client by_address(server.port()), subscriber(server.port());
  const std::string info = by_address.call({"CLIENT", "INFO"}).text();
  const std::size_t at = info.find(" addr=") + 6;
  const std::string address = info.substr(at, info.find(' ', at) - at);
  REQUIRE(client.ask({"CLIENT", "KILL", address}) == "OK");
  REQUIRE(by_address.closed_by_server());
  REQUIRE(client.ask({"CLIENT", "KILL", address}) == "ERR No such client");
  subscriber.call({"SUBSCRIBE", "ch"});
  REQUIRE(client.call({"CLIENT", "KILL", "TYPE", "pubsub"}).integer() == 1);
  REQUIRE(subscriber.closed_by_server());
  REQUIRE(client.ask({"PING"}) == "PONG");
  REQUIRE(client.call({"CLIENT", "KILL", "SKIPME", "no", "TYPE", "normal"}).integer() == 1);
  REQUIRE(client.closed_by_server());
}

TEST_CASE("CLIENT PAUSE holds writes, or all, until it is over", "[integration]") {
  ServerProcess server(GENERATE(from_range(thread_counts())));
  Client client(server.port()), writer(server.port()), reader(server.port());
  REQUIRE(client.ask({"CLIENT", "PAUSE", "100000", "WRITE"}) == "OK");
  REQUIRE(reader.call({"GET", "key"}).is_null());
  writer.send({"SET", "key", "value"});
  writer.flush();
  REQUIRE_FALSE(writer.readable(std::chrono::milliseconds(100)));
  REQUIRE(reader.call({"GET", "key"}).is_null());
  REQUIRE(client.ask({"CLIENT", "UNPAUSE"}) == "OK");
  REQUIRE(writer.receive().text() == "OK");

  REQUIRE(client.ask({"CLIENT", "PAUSE", "200"}) == "OK");  // all, and it ends by itself
  reader.send({"GET", "key"});
  reader.flush();
  REQUIRE_FALSE(reader.readable(std::chrono::milliseconds(20)));
  REQUIRE(reader.receive().text() == "value");
}

TEST_CASE("CLIENT REPLY silences a connection", "[integration]") {
  ServerProcess server(GENERATE(from_range(thread_counts())));
  RawSocket socket(server.port());
  socket.send("CLIENT REPLY OFF\r\nSET key 1\r\nnonsense\r\nCLIENT REPLY ON\r\nGET key\r\n");
  REQUIRE(socket.receive(12) == "+OK\r\n$1\r\n1\r\n");
  socket.send("CLIENT REPLY SKIP\r\nSET key 2\r\nGET key\r\n");
  REQUIRE(socket.receive(7) == "$1\r\n2\r\n");
}

TEST_CASE("QUIT answers and closes, after what was asked before", "[integration]") {
  ServerProcess server(GENERATE(from_range(thread_counts())));
  RawSocket socket(server.port());
  socket.send("PING\r\nQUIT\r\nSET never 1\r\n");
  REQUIRE(socket.receive_to_end() == "+PONG\r\n+OK\r\n");
  REQUIRE(Client(server.port()).call({"EXISTS", "never"}).integer() == 0);
}

// Goal: WATCH loses no update. Method: clients add 1 by GET and SET in a watched transaction; the
// counter ends at the number of EXECs that succeeded.
TEST_CASE("compare and set by WATCH loses no update", "[integration]") {
  ServerProcess server(GENERATE(from_range(thread_counts())));
  constexpr int kClients = 6, kWins = 60;
  Client(server.port()).ask({"SET", "counter", "0"});
  std::vector<std::thread> threads;
  for (int c = 0; c < kClients; ++c) {
    threads.emplace_back([&] {
      Client client(server.port());
      int wins = 0;
      while (wins < kWins) {
        client.call({"WATCH", "counter"});
        const int value = std::stoi(client.call({"GET", "counter"}).text());
        client.call({"MULTI"});
        client.call({"SET", "counter", std::to_string(value + 1)});
        if (!client.call({"EXEC"}).is_null()) ++wins;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  REQUIRE(Client(server.port()).ask({"GET", "counter"}) == std::to_string(kClients * kWins));
}

// Goal: nobody sees a transaction half done. Method: clients move amounts between accounts that
// lie in different stripes while others add all of them up.
TEST_CASE("a transaction is seen whole or not at all", "[integration]") {
  ServerProcess server(GENERATE(from_range(thread_counts())));
  constexpr int kAccounts = 10;
  Client setup(server.port());
  std::vector<std::string> mget = {"MGET"};
  for (int i = 0; i < kAccounts; ++i) {
    mget.push_back("account" + std::to_string(i));
    setup.ask({"SET", mget.back(), "100"});
  }
  std::atomic<bool> done = false;
  std::atomic<int> wrong = 0, looks = 0;
  std::vector<std::thread> threads;
  for (int w = 0; w < 4; ++w) {
    threads.emplace_back([&, w] {
      Client client(server.port());
      for (int i = 0; i < 400; ++i) {
        const std::string from = "account" + std::to_string((i * 7 + w) % kAccounts);
        const std::string to = "account" + std::to_string((i * 3 + w + 1) % kAccounts);
        client.send({"MULTI"});
        client.send({"DECRBY", from, "5"});
        client.send({"INCRBY", to, "5"});
        client.send({"EXEC"});
        for (int reply = 0; reply < 4; ++reply) client.receive();
      }
    });
  }
  for (int r = 0; r < 3; ++r) {
    threads.emplace_back([&] {
      Client client(server.port());
      while (!done) {
        int sum = 0;
        for (const std::string& amount : client.call(mget).texts()) sum += std::stoi(amount);
        if (sum != kAccounts * 100) ++wrong;
        ++looks;
      }
    });
  }
  for (int w = 0; w < 4; ++w) threads[w].join();
  done = true;
  for (std::size_t r = 4; r < threads.size(); ++r) threads[r].join();
  REQUIRE(wrong == 0);
  REQUIRE(looks > 0);
}

}  // namespace memoir::testing
