// Goal: parked requests are served first come, first served, by whoever makes their key ready,
// exactly once.
// Method: orders and chains by hand; then several threads push, wait and withdraw, and every item
// must arrive once.
#include "tests/command/command_rig.h"

namespace memoir {
namespace {

struct Client {
  explicit Client(std::uint64_t id) { session.identity.id = id; }
  Session session;
};

TEST_CASE("waiting clients are served in the order they came", "[command][waiting]") {
  CommandRig rig;
  Client a(11), b(12), c(13);
  for (Client* client : {&a, &b, &c}) {
    REQUIRE(rig.run(client->session, "bpop key1 0") == "(parked)");
  }
  REQUIRE(rig.run("push key1 x y") == ":2\r\n");
  REQUIRE(rig.host.order == std::vector<std::uint64_t>{11, 12});
  REQUIRE(rig.host.take_delivered(11) == "*2\r\n$4\r\nkey1\r\n$1\r\nx\r\n");
  REQUIRE(rig.host.take_delivered(12) == "*2\r\n$4\r\nkey1\r\n$1\r\ny\r\n");
  REQUIRE(rig.run("get key1") == "$-1\r\n");
  REQUIRE(rig.run("push key1 z") == ":1\r\n");
  REQUIRE(rig.host.order.back() == 13);
  REQUIRE(rig.journal.text() ==
          "0: push key1 x y\n0: pop key1\n0: pop key1\n0: push key1 z\n0: pop key1\n");
  REQUIRE(rig.replays());
  for (unsigned i = 0; i < kStripes; ++i) REQUIRE_FALSE(rig.keyspace.stripe(i).has_waiters);
}

TEST_CASE("a client may wait for several keys, the empty one too", "[command][waiting]") {
  CommandRig rig;
  Client a(11), b(12);
  REQUIRE(rig.run(a.session, "bpop key1 '' key2 key1 0") == "(parked)");
  REQUIRE(rig.run(b.session, "bpop key2 0") == "(parked)");
  const Bytes ready = GENERATE("key1", "key2", "''");
  rig.run("push " + ready + " x");
  const Bytes name = ready == "''" ? "" : ready;
  REQUIRE(rig.host.take_delivered(11) ==
          "*2\r\n$" + std::to_string(name.size()) + "\r\n" + name + "\r\n$1\r\nx\r\n");
  rig.run("push key1 y");
  rig.run("push key2 z");
  REQUIRE(rig.host.take_delivered(11).empty());
  REQUIRE(rig.host.take_delivered(12) == "*2\r\n$4\r\nkey2\r\n$1\r\nz\r\n");
  REQUIRE(rig.run("pop key1") == "$1\r\ny\r\n");
}

TEST_CASE("a served request may make another key ready", "[command][waiting]") {
  CommandRig rig;
  Client a(11), b(12), c(13);
  rig.run(c.session, "bpop key3 0");
  rig.run(b.session, "bmove key2 key3 0");
  rig.run(a.session, "bmove key1 key2 0");
  rig.run("push key1 x");
  REQUIRE(rig.host.order == std::vector<std::uint64_t>{11, 12, 13});
  REQUIRE(rig.host.take_delivered(13) == "*2\r\n$4\r\nkey3\r\n$1\r\nx\r\n");
  REQUIRE(dump_of(rig.keyspace, 0).empty());
  REQUIRE(rig.replays());
}

TEST_CASE("a value of another type wakes nobody, an error is a reply", "[command][waiting]") {
  CommandRig rig;
  Client a(11), b(12);
  rig.run(a.session, "bpop key1 0");
  rig.run(b.session, "bmove key1 key2 0");
  rig.run("tag key1 x");
  rig.run("set key1 1");
  REQUIRE(rig.host.order.empty());
  rig.run("del key1");
  rig.run("push key1 x");
  REQUIRE(rig.host.order == std::vector<std::uint64_t>{11});
  REQUIRE(rig.run(a.session, "bpop key5 key6 0") == "(parked)");
  rig.run("set key5 x");
  rig.run("push key6 y");  // the request runs anew and finds the wrong type first
  REQUIRE(rig.host.take_delivered(11).ends_with("\r\n"));
  REQUIRE(rig.run("get key5") == "$1\r\nx\r\n");
}

TEST_CASE("keys that come by RENAME, EXEC or SWAPDB wake as well", "[command][waiting]") {
  CommandRig rig;
  Client a(11);
  rig.run(a.session, "bpop key1 0");
  const int way = GENERATE(0, 1, 2);
  if (way == 0) {
    rig.run("push key7 x");
    rig.run("rename key7 key1");
  } else if (way == 1) {
    rig.run("multi");
    rig.run("push key1 x");
    rig.run("push key1 y");
    REQUIRE(rig.run("pop key1") == "+QUEUED\r\n");
    rig.run("exec");
  } else {
    rig.run("select 1");
    rig.run("push key1 x");
    REQUIRE(rig.host.order.empty());
    rig.run("swapdb 0 1");
  }
  REQUIRE(rig.host.take_delivered(11) ==
          "*2\r\n$4\r\nkey1\r\n$1\r\n" + Bytes(way == 1 ? "y" : "x") + "\r\n");
}

TEST_CASE("what came and went within a run wakes nobody", "[command][waiting]") {
  CommandRig rig;
  Client a(11);
  rig.run(a.session, "bpop key1 0");
  rig.run("multi");
  rig.run("push key1 x");
  rig.run("pop key1");
  rig.run("exec");
  REQUIRE(rig.host.order.empty());
  rig.run("push key1 y");
  REQUIRE(rig.host.order.size() == 1);
}

TEST_CASE("a withdrawn request is not served", "[command][waiting]") {
  CommandRig rig;
  Client a(11), b(12);
  rig.run(a.session, "bpop key1 key2 0.25");
  rig.run(b.session, "bpop key1 0");
  const auto parked = rig.host.take_parked(11);
  REQUIRE(parked->deadline_ms == rig.clock.now_ms() + 250);
  REQUIRE(rig.host.take_parked(12)->deadline_ms == 0);
  REQUIRE(rig.worker->dispatcher.withdraw(parked));
  REQUIRE_FALSE(rig.worker->dispatcher.withdraw(parked));
  rig.run("push key1 x");
  REQUIRE(rig.host.order == std::vector<std::uint64_t>{12});
  REQUIRE_FALSE(rig.worker->dispatcher.withdraw(rig.host.take_parked(12)));
}

TEST_CASE("timeouts are read as Redis reads them", "[command][waiting]") {
  CommandRig rig;
  REQUIRE(rig.run("bpop key1 -1") == "-ERR timeout is negative\r\n");
  REQUIRE(rig.run("bpop key1 x") == "-ERR timeout is not a float or out of range\r\n");
  REQUIRE(rig.run("bpop key1 1e300") == "-ERR timeout is out of range\r\n");
}

// Two threads push, two wait and withdraw: every item is popped exactly once, and nobody who waits
// misses one.
TEST_CASE("items reach waiting clients exactly once under contention",
    "[command][waiting][threads]") {
  constexpr int kItems = 600;
  CommandRig rig;
  rig.journal.checked = nullptr;
  std::vector<std::unique_ptr<TestWorker>> workers;
  for (std::uint64_t i = 0; i < 4; ++i) workers.push_back(rig.make_worker(100 + i));
  std::atomic<int> popped{0};
  std::atomic<bool> bad{false};
  const auto produce = [&](TestWorker& worker, int which) {
    for (int i = 0; i < kItems; ++i) {
      const Bytes key = "key" + std::to_string((i + which) % 3);
      worker.run("push " + key + " i" + std::to_string(which * kItems + i));
    }
  };
  const auto consume = [&](TestWorker& worker, std::uint64_t id) {
    Random random(id);
    while (popped < 2 * kItems && !bad) {
      const Bytes reply = worker.run("bpop key0 key1 key2 0");
      if (reply != "(parked)") {
        if (reply.starts_with("*2")) ++popped;
        continue;
      }
      const auto parked = rig.host.take_parked(id);
      for (int i = 0; parked->state != Parked::kOver && i < 50; ++i) std::this_thread::yield();
      if (worker.dispatcher.withdraw(parked)) continue;
      Bytes late;
      while ((late = rig.host.take_delivered(id)).empty()) std::this_thread::yield();
      if (late.starts_with("*2")) ++popped;
    }
  };
  std::vector<std::thread> threads;
  threads.emplace_back([&] { produce(*workers[0], 0); });
  threads.emplace_back([&] { produce(*workers[1], 1); });
  threads.emplace_back([&] { consume(*workers[2], 102); });
  threads.emplace_back([&] { consume(*workers[3], 103); });
  for (std::thread& thread : threads) thread.join();
  REQUIRE(popped == 2 * kItems);
  REQUIRE(dump_of(rig.keyspace, 0).empty());
  REQUIRE(rig.replays());
  for (unsigned i = 0; i < kStripes; ++i) REQUIRE_FALSE(rig.keyspace.stripe(i).has_waiters);
}

// A ring of clients passes one item on and on: a lost wake-up would stop it.
TEST_CASE("no wake-up is lost between threads", "[command][waiting][threads]") {
  constexpr int kRounds = 1500;
  CommandRig rig;
  rig.journal.checked = nullptr;
  std::vector<std::unique_ptr<TestWorker>> workers;
  for (std::uint64_t i = 0; i < 3; ++i) workers.push_back(rig.make_worker(200 + i));
  std::atomic<int> slowest{0};
  const auto pass_on = [&](std::uint64_t which) {
    TestWorker& worker = *workers[which];
    const Bytes from = "key" + std::to_string(which);
    const Bytes to = "key" + std::to_string((which + 1) % 3);
    for (int round = 0; round < kRounds; ++round) {
      if (worker.run("bpop " + from + " 0") == "(parked)") {
        for (int spins = 0; rig.host.take_delivered(200 + which).empty(); ++spins) {
          if (spins > 20'000'000) {
            ++slowest;
            return;
          }
          std::this_thread::yield();
        }
      }
      worker.run("push " + to + " item");
    }
  };
  workers[0]->run("push key0 item");
  std::vector<std::thread> threads;
  for (std::uint64_t i = 0; i < 3; ++i) threads.emplace_back([&, i] { pass_on(i); });
  for (std::thread& thread : threads) thread.join();
  REQUIRE(slowest == 0);
  REQUIRE(rig.run("pop key0") == "$4\r\nitem\r\n");
}

}  // namespace
}  // namespace memoir
