// Commands that touch keys their request does not name, while others write: SORT with patterns,
// DELPREFIX.
#include <algorithm>
#include <atomic>
#include <catch2/catch.hpp>
#include <thread>

#include "tests/integration/client.h"
#include "tests/integration/server_process.h"

namespace memoir::testing {

namespace {

constexpr int kElements = 20;

std::vector<std::string> numbers(int first, int step) {
  std::vector<std::string> texts;
  for (int i = 0; i < kElements; ++i) texts.push_back(std::to_string(first + i * step));
  return texts;
}

}  // namespace

// Goal: SORT sees all weights of one moment. Method: they are turned around at once, again and
// again, so only two orders are right.
TEST_CASE("SORT by other keys sees them as they are at one moment", "[integration]") {
  ServerProcess server(GENERATE(from_range(thread_counts())));
  Client client(server.port());
  for (const std::string& element : numbers(0, 1)) client.call({"RPUSH", "list", element});
  const auto weights = [](int sign) {
    std::vector<std::string> words = {"MSET"};
    for (int i = 0; i < kElements; ++i) {
      words.push_back("w_" + std::to_string(i));
      words.push_back(std::to_string(sign * (i + 1)));
    }
    return words;
  };
  REQUIRE(client.ask(weights(1)) == "OK");
  std::atomic<bool> done{false};
  std::thread writer([&] {
    Client other(server.port());
    for (int sign = -1; !done; sign = -sign) other.call(weights(sign));
  });
  const std::vector<std::string> up = numbers(0, 1);
  const std::vector<std::string> down = numbers(kElements - 1, -1);
  int wrong = 0;
  for (int i = 0; i < 400; ++i) {
    const auto order = client.call({"SORT", "list", "BY", "w_*"}).texts();
    if (order != up && order != down) ++wrong;
    client.call({"SORT", "list", "BY", "w_*", "GET", "w_*", "STORE", "stored"});
    const auto stored = client.call({"LRANGE", "stored", "0", "-1"}).texts();
    if (stored != numbers(1, 1) && stored != numbers(-kElements, 1)) ++wrong;
  }
  done = true;
  writer.join();
  REQUIRE(wrong == 0);
}

// Goal: what DELPREFIX says it deleted is what is gone, and stays so. Method: keys are added
// meanwhile, each once; then the process is killed.
TEST_CASE("DELPREFIX deletes what it says while keys are added", "[integration]") {
  ServerProcess server(GENERATE(from_range(thread_counts())), {"--appendonly", "yes"});
  constexpr int kWriters = 2, kKeys = 3000;
  std::vector<std::thread> writers;
  std::atomic<int> running{kWriters};
  for (int w = 0; w < kWriters; ++w) {
    writers.emplace_back([&, w] {
      Client client(server.port());
      for (int i = 0; i < kKeys; ++i) {
        client.call({"SET", "a:" + std::to_string(w) + ":" + std::to_string(i), "v"});
        client.call({"SET", "b:" + std::to_string(w) + ":" + std::to_string(i), "v"});
      }
      --running;
    });
  }
  Client client(server.port());
  long long removed = 0;
  while (running > 0) removed += client.call({"DELPREFIX", "a:", "COUNT", "700"}).integer();
  for (std::thread& writer : writers) writer.join();
  const long long left = client.call({"DBSIZE"}).integer();
  REQUIRE(left + removed == 2LL * kWriters * kKeys);
  server.kill9();
  server.start();
  Client again(server.port());
  REQUIRE(again.call({"DBSIZE"}).integer() == left);
  REQUIRE(again.call({"DELPREFIX", "a:"}).integer() == left - kWriters * kKeys);
  REQUIRE(again.call({"DELPREFIX", ""}).integer() == kWriters * kKeys);
  REQUIRE(again.call({"DBSIZE"}).integer() == 0);
}

TEST_CASE("PFSELFTEST passes", "[integration]") {
  ServerProcess server(1);
  Client client(server.port());
  REQUIRE(client.ask({"PFSELFTEST"}) == "OK");
}

}  // namespace memoir::testing
