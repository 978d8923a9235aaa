// Clients that wait: pub/sub, keyspace notifications and blocking commands, across workers.
#include <catch2/catch.hpp>
#include <thread>

#include "tests/integration/client.h"
#include "tests/integration/server_process.h"

namespace memoir::testing {

namespace {

// Sends a request that blocks, and returns once the server counts `blocked` clients as waiting.
void block(Client& waiting, Client& observer, const std::vector<std::string>& words, int blocked) {
  waiting.send(words);
  waiting.flush();
  REQUIRE(eventually([&] { return observer.info("blocked_clients") == blocked; }));
}

}  // namespace

TEST_CASE("subscribers on all workers get every message in its publisher's order",
          "[integration]") {
  ServerProcess server(GENERATE(from_range(thread_counts())));
  constexpr int kSubscribers = 12, kPublishers = 3, kMessages = 300;
  std::vector<Client> subscribers;
  for (int i = 0; i < kSubscribers; ++i) {
    subscribers.emplace_back(server.port());
    REQUIRE(subscribers.back().call({i % 2 == 0 ? "SUBSCRIBE" : "PSUBSCRIBE",
                                     i % 2 == 0 ? "news" : "n?ws"}).size() == 3);
  }
  std::vector<std::thread> publishers;
  std::vector<int> wrong_counts(kPublishers, 0);
  for (int p = 0; p < kPublishers; ++p) {
    publishers.emplace_back([&, p] {
      Client client(server.port());
      for (int i = 0; i < kMessages; ++i) {
        const std::string message = std::to_string(p) + ":" + std::to_string(i);
        if (client.call({"PUBLISH", "news", message}).integer() != kSubscribers) ++wrong_counts[p];
      }
    });
  }
  for (std::thread& publisher : publishers) publisher.join();
  REQUIRE(wrong_counts == std::vector<int>(kPublishers, 0));
  for (Client& subscriber : subscribers) {
    std::vector<int> next(kPublishers, 0);
    for (int i = 0; i < kPublishers * kMessages; ++i) {
      const std::vector<std::string> words = subscriber.receive().texts();
      const std::string& message = words.back();
      const int publisher = message[0] - '0';
      REQUIRE(message == std::to_string(publisher) + ":" + std::to_string(next[publisher]));
      ++next[publisher];
    }
  }
  Client client(server.port());
  REQUIRE(client.call({"PUBSUB", "NUMSUB", "news"}).texts() ==
          std::vector<std::string>{"news", std::to_string(kSubscribers / 2)});
  REQUIRE(client.call({"PUBSUB", "NUMPAT"}).integer() == 1);
  subscribers.clear();
  REQUIRE(eventually([&] { return client.call({"PUBLISH", "news", "m"}).integer() == 0; }));
  REQUIRE(client.call({"PUBSUB", "CHANNELS"}).size() == 0);
}

TEST_CASE("a RESP3 subscriber gets pushes and may ask meanwhile", "[integration]") {
  ServerProcess server(GENERATE(from_range(thread_counts())));
  RawSocket socket(server.port());
  socket.send("HELLO 3\r\n");
  std::string hello;
  while (hello.find("modules\r\n*0\r\n") == std::string::npos) hello += socket.receive(1);
  socket.send("SUBSCRIBE ch\r\n");
  REQUIRE(socket.receive(31) == ">3\r\n$9\r\nsubscribe\r\n$2\r\nch\r\n:1\r\n");
  socket.send("SET key value\r\n");
  REQUIRE(socket.receive(5) == "+OK\r\n");
  Client client(server.port());
  REQUIRE(client.call({"PUBLISH", "ch", "hello"}).integer() == 1);
  REQUIRE(socket.receive(36) == ">3\r\n$7\r\nmessage\r\n$2\r\nch\r\n$5\r\nhello\r\n");
}

TEST_CASE("keyspace notifications tell what happened", "[integration]") {
  ServerProcess server(GENERATE(from_range(thread_counts())),
                       {"--notify-keyspace-events", "KEA"});
  Client listener(server.port()), client(server.port());
  listener.call({"PSUBSCRIBE", "__key*__:*"});
  client.ask({"SET", "key", "value"});
  client.ask({"LPUSH", "list", "a"});
  client.ask({"LPOP", "list"});
  client.ask({"SET", "short", "v", "PX", "5"});
  const std::vector<std::pair<std::string, std::string>> expected = {
      {"__keyspace@0__:key", "set"},     {"__keyevent@0__:set", "key"},
      {"__keyspace@0__:list", "lpush"},  {"__keyevent@0__:lpush", "list"},
      {"__keyspace@0__:list", "lpop"},   {"__keyevent@0__:lpop", "list"},
      {"__keyspace@0__:list", "del"},    {"__keyevent@0__:del", "list"},
      {"__keyspace@0__:short", "set"},   {"__keyevent@0__:set", "short"},
      {"__keyspace@0__:short", "expire"}, {"__keyevent@0__:expire", "short"},
      {"__keyspace@0__:short", "expired"}, {"__keyevent@0__:expired", "short"}};  // by itself
  for (const auto& [channel, message] : expected) {
    const Reply event = listener.receive();
    REQUIRE(event[2].text() == channel);
    REQUIRE(event[3].text() == message);
  }
}

TEST_CASE("who waited longest is served first, on whatever worker", "[integration]") {
  ServerProcess server(GENERATE(from_range(thread_counts())));
  constexpr int kWaiting = 12;
  Client client(server.port());
  std::vector<Client> waiting;
  for (int i = 0; i < kWaiting; ++i) {
    waiting.emplace_back(server.port());
    block(waiting.back(), client, {"BLPOP", "other", "list", "0"}, i + 1);
  }
  for (int i = 0; i < kWaiting; ++i) {
    REQUIRE(client.call({"RPUSH", "list", std::to_string(i)}).integer() == 1);
    REQUIRE(waiting[i].receive().texts() == std::vector<std::string>{"list", std::to_string(i)});
  }
  REQUIRE(client.info("blocked_clients") == 0);

  for (int i = 0; i < kWaiting; ++i) block(waiting[i], client, {"BLPOP", "list", "0"}, i + 1);
  std::vector<std::string> push = {"RPUSH", "list"};
  for (int i = 0; i < kWaiting + 2; ++i) push.push_back(std::to_string(i));
  REQUIRE(client.call(push).integer() == kWaiting + 2);
  for (int i = 0; i < kWaiting; ++i) REQUIRE(waiting[i].receive()[1].text() == std::to_string(i));
  REQUIRE(client.call({"LRANGE", "list", "0", "-1"}).texts() ==
          std::vector<std::string>{"12", "13"});
}

TEST_CASE("blocked moves form a chain", "[integration]") {
  ServerProcess server(GENERATE(from_range(thread_counts())));
  Client client(server.port());
  std::vector<Client> links;
  for (int i = 0; i < 6; ++i) {
    links.emplace_back(server.port());
    block(links.back(), client, {"BLMOVE", "l" + std::to_string(i), "l" + std::to_string(i + 1),
                                 "LEFT", "RIGHT", "0"}, i + 1);
  }
  REQUIRE(client.call({"RPUSH", "l0", "e"}).integer() == 1);
  for (Client& link : links) REQUIRE(link.receive().text() == "e");
  REQUIRE(client.call({"LRANGE", "l6", "0", "-1"}).texts() == std::vector<std::string>{"e"});
}

TEST_CASE("a waiting client can time out, be woken, be killed or leave", "[integration]") {
  ServerProcess server(GENERATE(from_range(thread_counts())));
  Client client(server.port()), patient(server.port()), woken(server.port());
  Client failed(server.port()), killed(server.port());
  REQUIRE(patient.call({"BLPOP", "list", "0.05"}).is_null());
  const std::string woken_id = woken.ask({"CLIENT", "ID"});
  const std::string failed_id = failed.ask({"CLIENT", "ID"});
  const std::string killed_id = killed.ask({"CLIENT", "ID"});
  block(woken, client, {"BLPOP", "list", "0"}, 1);
  REQUIRE(client.call({"CLIENT", "UNBLOCK", woken_id}).integer() == 1);
  REQUIRE(woken.receive().is_null());
  REQUIRE(client.call({"CLIENT", "UNBLOCK", woken_id}).integer() == 0);
  block(failed, client, {"BZPOPMIN", "zset", "0"}, 1);
  REQUIRE(client.call({"CLIENT", "UNBLOCK", failed_id, "ERROR"}).integer() == 1);
  REQUIRE(failed.receive().text() == "UNBLOCKED client unblocked via CLIENT UNBLOCK");
  block(killed, client, {"BLPOP", "list", "0"}, 1);
  REQUIRE(client.call({"CLIENT", "KILL", "ID", killed_id}).integer() == 1);
  REQUIRE(killed.closed_by_server());
  {
    Client leaving(server.port());
    block(leaving, client, {"BLPOP", "list", "0"}, 1);
  }
  REQUIRE(eventually([&] { return client.info("blocked_clients") == 0; }));
  REQUIRE(client.call({"RPUSH", "list", "e"}).integer() == 1);
  REQUIRE(client.call({"LLEN", "list"}).integer() == 1);  // no one who left took it
}

// Goal: no wake-up is lost and no element is taken twice when many wait and many push.
// Method: consumers pop a known number of elements while producers push them, on many connections.
TEST_CASE("producers and blocked consumers exchange every element once", "[integration]") {
  ServerProcess server(GENERATE(from_range(thread_counts())));
  constexpr int kEach = 400, kProducers = 4, kConsumers = 8;
  std::vector<std::vector<std::string>> taken(kConsumers);
  std::vector<std::thread> threads;
  for (int c = 0; c < kConsumers; ++c) {
    threads.emplace_back([&, c] {
      Client client(server.port());
      for (int i = 0; i < kEach * kProducers / kConsumers; ++i) {
        const Reply reply = client.call({"BLPOP", "q0", "q1", "20"});
        if (reply.is_array()) taken[c].push_back(reply[1].text());
      }
    });
  }
  for (int p = 0; p < kProducers; ++p) {
    threads.emplace_back([&, p] {
      Client client(server.port());
      for (int i = 0; i < kEach; ++i) {
        client.call({"RPUSH", "q" + std::to_string(i % 2), std::to_string(p * kEach + i)});
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  std::vector<int> all;
  for (const auto& elements : taken) {
    for (const std::string& element : elements) all.push_back(std::stoi(element));
  }
  std::sort(all.begin(), all.end());
  REQUIRE(all.size() == kEach * kProducers);
  for (int i = 0; i < kEach * kProducers; ++i) REQUIRE(all[i] == i);
}

TEST_CASE("a waiting command is counted once, when it is answered", "[integration]") {
  ServerProcess server(GENERATE(from_range(thread_counts())));
  Client observer(server.port()), waiting(server.port());
  observer.ask({"CONFIG", "SET", "slowlog-log-slower-than", "0"});
  const auto stats = [&](const std::string& section) {
    return observer.ask({"INFO", section});
  };
  const auto slow = [&] {
    int count = 0;
    const Reply entries = observer.call({"SLOWLOG", "GET", "-1"});
    for (std::size_t i = 0; i < entries.size(); ++i) {
      if (entries[i][3][0].text() == "BLPOP") {
        ++count;
        REQUIRE(entries[i][4].text().find("127.0.0.1:") == 0);
      }
    }
    return count;
  };
  block(waiting, observer, {"BLPOP", "queue", "0"}, 1);
  REQUIRE(stats("commandstats").find("cmdstat_blpop") == std::string::npos);
  REQUIRE(slow() == 0);
  observer.call({"RPUSH", "queue", "element"});
  REQUIRE(waiting.receive().texts() == std::vector<std::string>{"queue", "element"});
  REQUIRE(stats("commandstats").find("cmdstat_blpop:calls=1,") != std::string::npos);
  REQUIRE(slow() == 1);

  const std::string id = waiting.ask({"CLIENT", "ID"});
  block(waiting, observer, {"BLPOP", "queue", "0"}, 1);
  REQUIRE(observer.call({"CLIENT", "UNBLOCK", id, "ERROR"}).integer() == 1);
  REQUIRE(waiting.receive().is_error());
  const std::string after = stats("commandstats");
  const std::string line = after.substr(after.find("cmdstat_blpop:calls=2,"));
  REQUIRE(line.substr(0, line.find('\r')).find("failed_calls=1") != std::string::npos);
  REQUIRE(stats("errorstats").find("errorstat_UNBLOCKED:count=1") != std::string::npos);
}

TEST_CASE("CLIENT REPLY OFF holds back neither confirmations nor messages", "[integration]") {
  ServerProcess server(GENERATE(from_range(thread_counts())));
  Client publisher(server.port());
  RawSocket subscriber(server.port());
  subscriber.send("CLIENT REPLY OFF\r\nPING\r\nSUBSCRIBE news\r\nPING\r\n");
  const std::string confirmed = "*3\r\n$9\r\nsubscribe\r\n$4\r\nnews\r\n:1\r\n";
  REQUIRE(subscriber.receive(confirmed.size()) == confirmed);
  REQUIRE(publisher.call({"PUBLISH", "news", "text"}).integer() == 1);
  const std::string message = "*3\r\n$7\r\nmessage\r\n$4\r\nnews\r\n$4\r\ntext\r\n";
  REQUIRE(subscriber.receive(message.size()) == message);
}

TEST_CASE("clients held by CLIENT PAUSE count as blocked", "[integration]") {
  ServerProcess server(GENERATE(from_range(thread_counts())));
  Client observer(server.port()), held(server.port());
  observer.ask({"CLIENT", "PAUSE", "100000", "WRITE"});
  block(held, observer, {"SET", "key", "value"}, 1);
  observer.ask({"CLIENT", "UNPAUSE"});
  REQUIRE(held.receive().text() == "OK");
  REQUIRE(observer.info("blocked_clients") == 0);
}

TEST_CASE("nothing expires during CLIENT PAUSE", "[integration]") {
  ServerProcess server(GENERATE(from_range(thread_counts())));
  Client client(server.port());
  client.ask({"SET", "lazy", "v", "PX", "50"});
  client.ask({"SET", "active", "v", "PX", "50"});
  client.ask({"CLIENT", "PAUSE", "100000", "WRITE"});
  REQUIRE(eventually([&] { return client.call({"GET", "lazy"}).is_null(); }));
  REQUIRE(client.call({"GET", "active"}).is_null());
  REQUIRE(client.info("expired_keys") == 0);
  client.ask({"CLIENT", "UNPAUSE"});
  REQUIRE(eventually([&] { return client.info("expired_keys") == 2; }));
}

}  // namespace memoir::testing
