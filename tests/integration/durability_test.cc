// What outlives a process: restarts, clean ends, a disk that fails and recovers.
#include <catch2/catch.hpp>

#include "tests/integration/client.h"
#include "tests/integration/server_process.h"

namespace memoir::testing {

namespace {

void write_all_types(Client& client) {
  client.ask({"SET", "string", std::string("bin\0\r\n", 6)});
  client.ask({"SET", "expiring", "v", "EX", "10000"});
  client.ask({"SET", "gone", "v", "PX", "1"});
  client.ask({"RPUSH", "list", "a", "b", "c"});
  client.ask({"HSET", "hash", "f", "v", "g", "w"});
  client.ask({"SADD", "set", "m"});
  client.ask({"SPOP", "set", "0"});
  client.ask({"ZADD", "zset", "1.5", "m", "-inf", "n"});
  client.ask({"SELECT", "3"});
  client.ask({"SET", "third", "3"});
  client.ask({"MOVE", "third", "4"});
  client.ask({"SELECT", "0"});
  client.send({"MULTI"});
  client.send({"INCR", "counter"});
  client.send({"INCRBYFLOAT", "float", "0.1"});
  client.send({"EXEC"});
  for (int i = 0; i < 4; ++i) client.receive();
}

void check_all_types(Client& client) {
  using Texts = std::vector<std::string>;
  REQUIRE(client.ask({"GET", "string"}) == std::string("bin\0\r\n", 6));
  const long long ttl = client.call({"TTL", "expiring"}).integer();
  REQUIRE(ttl > 9900);
  REQUIRE(ttl <= 10000);
  REQUIRE(eventually([&] { return client.call({"EXISTS", "gone"}).integer() == 0; }));
  REQUIRE(client.call({"LRANGE", "list", "0", "-1"}).texts() == Texts{"a", "b", "c"});
  REQUIRE(client.call({"HGETALL", "hash"}).texts() == Texts{"f", "v", "g", "w"});
  REQUIRE(client.call({"SMEMBERS", "set"}).texts() == Texts{"m"});
  REQUIRE(client.call({"ZRANGE", "zset", "0", "-1", "WITHSCORES"}).texts() ==
          Texts{"n", "-inf", "m", "1.5"});
  REQUIRE(client.ask({"GET", "counter"}) == "1");
  REQUIRE(client.ask({"GET", "float"}) == "0.1");
  client.ask({"SELECT", "4"});
  REQUIRE(client.ask({"GET", "third"}) == "3");
  client.ask({"SELECT", "0"});
}

}  // namespace

TEST_CASE("a restart keeps all data, after a clean end and after kill -9", "[integration]") {
  const std::string fsync = GENERATE(as<std::string>{}, "always", "everysec", "no");
  ServerProcess server(GENERATE(from_range(thread_counts())),
                       {"--appendonly", "yes", "--appendfsync", fsync});
  {
    Client client(server.port());
    write_all_types(client);
    check_all_types(client);
  }
  REQUIRE(server.stop() == 0);
  server.start();
  {
    Client client(server.port());
    check_all_types(client);
    client.ask({"SET", "second", "life"});
  }
  server.kill9();
  server.start();
  Client client(server.port());
  check_all_types(client);
  REQUIRE(client.ask({"GET", "second"}) == "life");
}

TEST_CASE("SIGTERM and SHUTDOWN end the process cleanly", "[integration]") {
  ServerProcess server(GENERATE(from_range(thread_counts())), {"--appendonly", "yes"});
  Client client(server.port());
  client.ask({"SET", "key", "value"});
  REQUIRE(server.stop() == 0);
  REQUIRE(client.closed_by_server());
  server.start();
  Client next(server.port());
  REQUIRE(next.ask({"GET", "key"}) == "value");
  Client blocked(server.port());
  blocked.send({"BLPOP", "list", "0"});
  blocked.flush();
  next.send({"SHUTDOWN", "NOSAVE"});
  next.flush();
  REQUIRE(server.wait_for_end() == 0);
  REQUIRE(next.closed_by_server());
  REQUIRE(blocked.closed_by_server());
  server.start();
  REQUIRE(Client(server.port()).ask({"GET", "key"}) == "value");
}

// Goal: when the disk is full, writes are refused and nothing acknowledged is lost; when there is
// room again, writes go on. Method: the size of files the process may write is limited, then not.
TEST_CASE("a full disk refuses writes and recovers", "[integration]") {
  ServerProcess server(GENERATE(from_range(thread_counts())),
                       {"--appendonly", "yes", "--appendfsync", "everysec"});
  Client client(server.port());
  REQUIRE(client.ask({"SET", "before", "1"}) == "OK");
  server.limit_file_size(1UL << 20);
  const std::string value(10000, 'x');
  int acknowledged = 0;
  std::string refusal;
  const auto refused = [&] {
    refusal = client.ask({"SET", "key" + std::to_string(acknowledged), value});
    if (refusal != "OK") return true;
    ++acknowledged;
    return false;
  };
  REQUIRE(eventually(refused));
  REQUIRE(refusal.find("MISCONF") == 0);
  REQUIRE(client.ask({"GET", "before"}) == "1");
  REQUIRE(client.ask({"INCR", "counter"}).find("MISCONF") == 0);
  REQUIRE(client.call({"EXISTS", "counter"}).integer() == 0);
  server.limit_file_size(0);
  REQUIRE(eventually([&] { return client.ask({"SET", "after", "2"}) == "OK"; }));
  server.kill9();
  server.start();
  Client next(server.port());
  REQUIRE(next.ask({"GET", "before"}) == "1");
  REQUIRE(next.ask({"GET", "after"}) == "2");
  for (int i = 0; i < acknowledged; ++i) {
    CAPTURE(i);
    const bool kept = next.ask({"GET", "key" + std::to_string(i)}) == value;
    REQUIRE(kept);
  }
}

}  // namespace memoir::testing
