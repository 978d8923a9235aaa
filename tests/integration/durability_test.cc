// What outlives a process: restarts, clean ends, a disk that fails and recovers.
#include <sys/mount.h>

#include <catch2/catch.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>

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

// A disk of its own, in memory; only root may have one.
class SmallDisk {
 public:
  explicit SmallDisk(const std::string& size) {
    char name[] = "/tmp/memoir-disk-XXXXXX";
    if (::mkdtemp(name) == nullptr) return;
    path_ = name;
    mounted_ = ::mount("tmpfs", name, "tmpfs", 0, ("size=" + size).c_str()) == 0;
  }
  ~SmallDisk() {
    if (mounted_) ::umount2(path_.c_str(), MNT_DETACH);
    ::rmdir(path_.c_str());
  }
  SmallDisk(const SmallDisk&) = delete;
  SmallDisk& operator=(const SmallDisk&) = delete;

  bool mounted() const { return mounted_; }
  const std::string& path() const { return path_; }
  // Somebody else's file takes all that is free, or goes.
  void fill() const {
    std::ofstream file(path_ + "/filler", std::ios::app);
    const std::string block(4096, 'f');
    while (file.write(block.data(), static_cast<std::streamsize>(block.size())).flush()) {
    }
  }
  void make_room() const { std::filesystem::remove(path_ + "/filler"); }

 private:
  std::string path_;
  bool mounted_ = false;
};

// Writes until a write is refused; how many were acknowledged. Their values are `value`.
int write_until_refused(Client& client, const std::string& prefix, const std::string& value) {
  int acknowledged = 0;
  std::string answer;
  const bool refused = eventually([&] {
    do {
      answer = client.ask({"SET", prefix + std::to_string(acknowledged), value});
      if (answer == "OK") ++acknowledged;
    } while (answer == "OK" && acknowledged % 100 != 0);
    return answer != "OK";
  });
  REQUIRE(refused);
  REQUIRE(answer.find("MISCONF Errors writing to the journal: ") == 0);
  return acknowledged;
}

void check_kept(Client& client, const std::string& prefix, int count, const std::string& value) {
  for (int i = 0; i < count; ++i) client.send({"GET", prefix + std::to_string(i)});
  int kept = 0;
  for (int i = 0; i < count; ++i) kept += client.receive().text() == value ? 1 : 0;
  REQUIRE(kept == count);
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

TEST_CASE("SHUTDOWN in all its forms, and SIGINT, keep what was written", "[integration]") {
  ServerProcess server(GENERATE(from_range(thread_counts())), {"--appendonly", "yes"});
  const std::vector<std::vector<std::string>> forms = {
      {"SHUTDOWN"}, {"SHUTDOWN", "SAVE"}, {"SHUTDOWN", "NOSAVE", "NOW"}, {"SHUTDOWN", "NOW", "FORCE"}};
  int written = 0;
  for (const std::vector<std::string>& form : forms) {
    Client client(server.port()), busy(server.port());
    REQUIRE(client.ask({"SHUTDOWN", "ABORT"}) == "ERR No shutdown in progress.");
    REQUIRE(client.ask({"SHUTDOWN", "NOSAVE", "SAVE"}) == "ERR syntax error");
    REQUIRE(busy.ask({"CLIENT", "PAUSE", "100000", "WRITE"}) == "OK");
    REQUIRE(busy.ask({"CLIENT", "UNPAUSE"}) == "OK");
    REQUIRE(client.call({"INCR", "count"}).integer() == ++written);
    client.send(form);
    client.flush();
    REQUIRE(server.wait_for_end() == 0);
    REQUIRE(client.closed_by_server());
    server.start();
  }
  REQUIRE(Client(server.port()).call({"INCR", "count"}).integer() == ++written);
  REQUIRE(server.stop(SIGINT) == 0);
  server.start();
  REQUIRE(Client(server.port()).ask({"GET", "count"}) == std::to_string(written));
}

TEST_CASE("WAITAOF answers when the disk has the write", "[integration]") {
  const std::string fsync = GENERATE(as<std::string>{}, "always", "everysec", "no");
  ServerProcess server(GENERATE(from_range(thread_counts())),
                       {"--appendonly", "yes", "--appendfsync", fsync});
  Client client(server.port());
  using Texts = std::vector<std::string>;
  for (int i = 0; i < 3; ++i) {
    REQUIRE(client.ask({"SET", "key", std::to_string(i)}) == "OK");
    REQUIRE(client.call({"WAITAOF", "1", "0", "10000"}).texts() == Texts{"1", "0"});
  }
  REQUIRE(client.info("journal_synced_lsn") == client.info("journal_lsn"));
  REQUIRE(client.call({"WAITAOF", "1", "1", "20"}).texts() == Texts{"1", "0"});  // no replica
  REQUIRE(client.ask({"WAITAOF", "2", "0", "0"}) ==
          "ERR value is out of range, value must between 0 and 1");
  REQUIRE(client.call({"WAIT", "1", "20"}).integer() == 0);
}

// Goal: nobody sees half of the data. Method: a journal that takes a while to read; until it is
// read, commands on data are refused.
TEST_CASE("while the journal is read, clients are told so", "[integration]") {
  ServerProcess server(GENERATE(from_range(thread_counts())), {"--appendonly", "yes"});
  constexpr int kWrites = 200'000, kAtOnce = 1000;
  {
    RawSocket socket(server.port());
    for (int begin = 0; begin < kWrites; begin += kAtOnce) {
      std::string requests;
      for (int i = begin; i < begin + kAtOnce; ++i) {
        requests += "SET key" + std::to_string(i) + " value\r\n";
      }
      REQUIRE(socket.send(requests));
      REQUIRE(socket.receive(5 * kAtOnce).size() == 5 * kAtOnce);
    }
  }
  server.kill9();
  server.spawn();
  const std::string last = "key" + std::to_string(kWrites - 1);
  bool told = false;
  REQUIRE(eventually([&] {
    Client client = Client::attempt(server.port());
    if (!client.connected()) return false;
    const std::string answer = client.ask({"GET", last});
    if (answer == "value") return true;
    REQUIRE(answer == "LOADING Redis is loading the dataset in memory");
    told = true;
    REQUIRE(client.call({"INFO", "persistence"}).text().find("loading:") != std::string::npos);
    return false;
  }));
  REQUIRE(told);
  REQUIRE(Client(server.port()).call({"DBSIZE"}).integer() == kWrites);
}

// Goal: when files may not grow, writes are refused and nothing acknowledged is lost; when they may
// again, writes go on. Method: the size of files the process may write is limited, then not.
TEST_CASE("a limit on files refuses writes, and they go on behind it", "[integration]") {
  ServerProcess server(GENERATE(from_range(thread_counts())),
                       {"--appendonly", "yes", "--appendfsync", "everysec"});
  Client client(server.port());
  REQUIRE(client.ask({"SET", "before", "1"}) == "OK");
  server.limit_file_size(1UL << 20);
  const std::string value(10000, 'x');
  const int acknowledged = write_until_refused(client, "key", value);
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
  check_kept(next, "key", acknowledged, value);
}

// Goal: likewise on a disk that is really full, smaller than one segment, and at a start on it.
TEST_CASE("a full disk refuses writes and recovers", "[integration]") {
  const SmallDisk disk("14m");
  if (!disk.mounted()) {
    WARN("no right to mount a small disk: not tested");
    return;
  }
  const std::string fsync = GENERATE(as<std::string>{}, "always", "everysec");
  ServerProcess server(
      GENERATE(from_range(thread_counts())),
      {"--appendonly", "yes", "--appendfsync", fsync, "--dir", disk.path()});
  Client client(server.port());
  REQUIRE(client.ask({"SET", "before", "1"}) == "OK");
  disk.fill();
  const std::string value(10000, 'x');
  const int first = write_until_refused(client, "first", value);
  REQUIRE(client.ask({"GET", "before"}) == "1");
  REQUIRE(client.ask({"INCR", "counter"}).find("No space left on device") != std::string::npos);
  REQUIRE(client.call({"EXISTS", "counter"}).integer() == 0);
  REQUIRE(client.call({"INFO", "persistence"}).text().find("aof_last_write_status:err") !=
          std::string::npos);

  disk.make_room();
  REQUIRE(eventually([&] { return client.ask({"SET", "between", "2"}) == "OK"; }));
  disk.fill();
  const int second = write_until_refused(client, "second", value);
  server.kill9();
  server.start();
  Client next(server.port());
  REQUIRE(next.ask({"GET", "between"}) == "2");
  check_kept(next, "first", first, value);
  check_kept(next, "second", second, value);
  disk.make_room();
  REQUIRE(eventually([&] { return next.ask({"SET", "after", "3"}) == "OK"; }));
  REQUIRE(server.stop() == 0);
  server.start();
  REQUIRE(Client(server.port()).ask({"GET", "after"}) == "3");
}

}  // namespace memoir::testing
