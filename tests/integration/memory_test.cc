// Memory limits and eviction, and what SCAN promises while tables grow.
#include <catch2/catch.hpp>
#include <set>

#include "tests/integration/client.h"
#include "tests/integration/server_process.h"

namespace memoir::testing {

namespace {

constexpr int kKeys = 6000;

// Writes kKeys keys of 2000 bytes in a pipeline, each second one with a lifetime; returns the
// refusals.
int fill(Client& client, bool lifetimes) {
  const std::string value(2000, 'x');
  int refused = 0;
  for (int start = 0; start < kKeys; start += 500) {
    for (int i = start; i < start + 500; ++i) {
      std::vector<std::string> words = {"SET", "key" + std::to_string(i), value};
      if (lifetimes && i % 2 == 0) words.insert(words.end(), {"EX", std::to_string(1000 + i)});
      client.send(words);
    }
    for (int i = start; i < start + 500; ++i) {
      const Reply reply = client.receive();
      if (reply.is_error()) {
        REQUIRE(reply.text() == "OOM command not allowed when used memory > 'maxmemory'.");
        ++refused;
      }
    }
  }
  return refused;
}

}  // namespace

TEST_CASE("maxmemory holds under all eight policies", "[integration]") {
  const std::string policy =
      GENERATE(as<std::string>{}, "noeviction", "allkeys-lru", "allkeys-lfu", "allkeys-random",
               "volatile-lru", "volatile-lfu", "volatile-random", "volatile-ttl");
  CAPTURE(policy);
  ServerProcess server(GENERATE(from_range(thread_counts())), {"--maxmemory-policy", policy});
  Client client(server.port());
  const long long limit = client.info("used_memory") + (6LL << 20);
  REQUIRE(client.ask({"CONFIG", "SET", "maxmemory", std::to_string(limit)}) == "OK");
  const int refused = fill(client, policy.find("volatile") == 0);
  REQUIRE(client.info("used_memory") <= limit + (1 << 20));
  const long long evicted = client.info("evicted_keys");
  if (policy == "noeviction") {
    REQUIRE(refused > 0);
    REQUIRE(evicted == 0);
    REQUIRE(client.call({"GET", "key0"}).text().size() == 2000);  // reads go on
    REQUIRE(client.call({"DEL", "key0"}).integer() == 1);         // and so does making room
  } else if (policy.find("allkeys") == 0) {
    REQUIRE(refused == 0);
    REQUIRE(evicted > 1000);
  } else {
    // Only keys with a lifetime went; when all of these are gone, writes are refused.
    REQUIRE(evicted > 0);
    int kept = 0, written = 0;
    for (int i = 1; i < kKeys / 4; i += 2) {
      ++written;
      kept += static_cast<int>(client.call({"EXISTS", "key" + std::to_string(i)}).integer());
    }
    REQUIRE(kept == written);
  }
}

TEST_CASE("LFU keeps what is used", "[integration]") {
  ServerProcess server(GENERATE(from_range(thread_counts())),
                       {"--maxmemory-policy", "allkeys-lfu", "--maxmemory-samples", "10"});
  Client client(server.port());
  const long long limit = client.info("used_memory") + (6LL << 20);
  client.ask({"CONFIG", "SET", "maxmemory", std::to_string(limit)});
  for (int i = 0; i < 50; ++i) client.ask({"SET", "hot" + std::to_string(i), "value"});
  const std::string value(2000, 'x');
  for (int i = 0; i < kKeys; ++i) {
    client.send({"SET", "cold" + std::to_string(i), value});
    client.send({"GET", "hot" + std::to_string(i % 50)});
    client.receive();
    client.receive();
  }
  int kept = 0;
  for (int i = 0; i < 50; ++i) {
    kept += static_cast<int>(client.call({"EXISTS", "hot" + std::to_string(i)}).integer());
  }
  REQUIRE(kept >= 40);
}

// Goal: every key that is there from the first to the last step is returned at least once.
// Method: between the steps the table grows to many times its size and shrinks again.
TEST_CASE("SCAN returns all that stays, while the table grows and shrinks", "[integration]") {
  ServerProcess server(GENERATE(from_range(thread_counts())));
  Client client(server.port());
  constexpr int kStay = 3000;
  for (int i = 0; i < kStay; ++i) {
    client.send({"SET", "stay" + std::to_string(i), "v"});
    client.send({"SADD", "set", "stay" + std::to_string(i)});
  }
  for (int i = 0; i < 2 * kStay; ++i) client.receive();
  for (const std::string& command : {std::string("SCAN"), std::string("SSCAN")}) {
    CAPTURE(command);
    std::set<std::string> seen;
    std::string cursor = "0";
    int added = 0;
    do {
      std::vector<std::string> words = {command, cursor, "COUNT", "50"};
      if (command == "SSCAN") words.insert(words.begin() + 1, "set");
      const Reply reply = client.call(words);
      cursor = reply[0].text();
      for (const std::string& found : reply[1].texts()) {
        if (found.find("stay") == 0) seen.insert(found);
      }
      const bool grows = added < 60000;
      for (int i = 0; i < 500; ++i) {
        const std::string name = "x" + std::to_string(grows ? added + i : added - 1 - i);
        if (command == "SCAN") {
          client.send(grows ? std::vector<std::string>{"SET", name, "v"}
                            : std::vector<std::string>{"DEL", name});
        } else {
          client.send({grows ? "SADD" : "SREM", "set", name});
        }
      }
      for (int i = 0; i < 500; ++i) client.receive();
      added += grows ? 500 : 0;
    } while (cursor != "0");
    REQUIRE(seen.size() == kStay);
  }
}

}  // namespace memoir::testing
