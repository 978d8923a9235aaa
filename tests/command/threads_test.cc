// Goal: dispatchers of several threads over one keyspace behave as one: nothing is lost, nothing is
// seen half, nobody waits forever, and the journal's order is an order in which the commands might
// have run.
// Method: random commands from several threads; then counters are added up, and the journal is
// replayed into an empty keyspace that must come out the same. To be run with a thread sanitizer
// too.
#include "tests/command/command_rig.h"

// The thread sanitizer's search for deadlocks knows at most 64 locks a thread, and FLUSHALL takes
// 256. Stripes are always locked in ascending order.
extern "C" const char* __tsan_default_options();
extern "C" const char* __tsan_default_options() { return "detect_deadlocks=0"; }

namespace memoir {
namespace {

constexpr unsigned kThreads = 4;

template <class F>
void in_threads(CommandRig& rig, F&& work) {
  std::vector<std::unique_ptr<TestWorker>> workers;
  for (unsigned i = 0; i < kThreads; ++i) workers.push_back(rig.make_worker(50 + i));
  std::vector<std::thread> threads;
  for (unsigned i = 0; i < kThreads; ++i) {
    threads.emplace_back([&work, &worker = *workers[i], i] { work(worker, i); });
  }
  for (std::thread& thread : threads) thread.join();
}

TEST_CASE("counters count exactly", "[command][threads]") {
  constexpr int kIncrements = 1500;
  CommandRig rig;
  rig.journal.checked = nullptr;
  in_threads(rig, [](TestWorker& worker, unsigned) {
    for (int i = 0; i < kIncrements; ++i) worker.run("incr key" + std::to_string(i % 5));
  });
  std::int64_t sum = 0;
  for (const auto& [key, value] : dump_of(rig.keyspace, 0)) sum += *parse_integer(value.text);
  REQUIRE(sum == kThreads * kIncrements);
  REQUIRE(rig.replays());
}

TEST_CASE("a transaction is never seen half", "[command][threads]") {
  CommandRig rig;
  rig.journal.checked = nullptr;
  std::atomic<int> halves{0};
  in_threads(rig, [&](TestWorker& worker, unsigned which) {
    for (int i = 0; i < 400; ++i) {
      if (which % 2 == 0) {
        const Bytes value = std::to_string(which * 1000 + static_cast<unsigned>(i) + 1000);
        worker.run("multi");
        worker.run("set key1 " + value);
        worker.run("set key2 " + value);
        worker.run("exec");
      } else {
        const Bytes reply = worker.run("mget key1 key2");
        if (reply == "*2\r\n$-1\r\n$-1\r\n") continue;
        const Bytes value = reply.substr(8, 4);
        if (reply != "*2\r\n$4\r\n" + value + "\r\n$4\r\n" + value + "\r\n") ++halves;
      }
    }
  });
  REQUIRE(halves == 0);
  REQUIRE(rig.replays());
}

TEST_CASE("optimistic transactions lose no increment", "[command][threads]") {
  CommandRig rig;
  rig.journal.checked = nullptr;
  in_threads(rig, [](TestWorker& worker, unsigned) {
    for (int done = 0; done < 100;) {
      worker.run("watch key1");
      const Bytes reply = worker.run("get key1");
      const std::size_t line = reply.find("\r\n") + 2;
      const std::int64_t now =
          reply[1] == '-' ? 0 : *parse_integer(ByteView(reply).substr(line,
              reply.size() - line - 2));
      worker.run("multi");
      worker.run("set key1 " + std::to_string(now + 1));
      if (worker.run("exec") != "*-1\r\n") ++done;
    }
  });
  REQUIRE(rig.run("get key1") == "$3\r\n400\r\n");
  for (unsigned i = 0; i < kStripes; ++i) REQUIRE_FALSE(rig.keyspace.stripe(i).has_watchers);
}

Bytes random_command(Random& random) {
  const auto key = [&] { return " key" + std::to_string(random.below(12)); };
  const Bytes item = " i" + std::to_string(random.below(1000));
  switch (random.below(15)) {
    case 0: return "set" + key() + item;
    case 1: return "append" + key() + item;
    case 2: return "mset" + key() + item + key() + item + key() + item;
    case 3: return "rename" + key() + key();
    case 4: return "del" + key() + key() + key();
    case 5: return "push" + key() + item;
    case 6: return "pop" + key();
    case 7: return "mget" + key() + key() + key() + key();
    case 8: return "dbsize";
    case 9: return random.below(20) == 0 ? "flushdb" : "ping";
    case 10: return random.below(10) == 0 ? "swapdb 0 1" : "select 0";
    case 11: return "expireat" + key() + " 1800000000000";
    case 12: return "watch" + key() + key();
    default: return "incr" + key();
  }
}

TEST_CASE("random commands of several threads replay to the same state", "[command][threads]") {
  CommandRig rig;
  rig.journal.checked = nullptr;
  const std::uint64_t seed = Catch::rngSeed();
  in_threads(rig, [&](TestWorker& worker, unsigned which) {
    Random random(seed + which);
    for (int i = 0; i < 600; ++i) {
      if (random.below(8) == 0) {
        worker.run("multi");
        for (std::uint64_t n = random.below(6); n > 0; --n) worker.run(random_command(random));
        worker.run("exec");
      } else {
        worker.run(random_command(random));
      }
      if (i % 100 == 0) worker.dispatcher.expire_some(which, kThreads, 100);
    }
    worker.run("discard");
    worker.run("unwatch");
  });
  REQUIRE(is_sound(rig.keyspace));
  REQUIRE(rig.replays());
  for (unsigned i = 0; i < kStripes; ++i) REQUIRE_FALSE(rig.keyspace.stripe(i).has_watchers);
}

TEST_CASE("batches of several threads prefetch beside writers", "[command][threads]") {
  CommandRig rig;
  rig.journal.checked = nullptr;
  in_threads(rig, [&](TestWorker& worker, unsigned which) {
    Random random(which);
    const RequestLimits limits;
    for (int round = 0; round < 40; ++round) {
      Bytes input;
      for (int i = 0; i < 50; ++i) {
        const Bytes key = "key" + std::to_string(random.below(300));
        const ByteView words[] = {"incr", key};
        append_request(input, words);
      }
      if (static_cast<unsigned>(round % 10) == which) worker.run("swapdb 1 2");
      RequestParser parser;
      const RequestParser::Space space = parser.space();
      std::memcpy(space.data, input.data(), input.size());
      parser.received(input.size());
      (void)parser.parse(limits);
      OutputBuffer out;
      ReplyWriter reply(out, Resp::kV2);
      worker.dispatcher.prefetch(worker.session, parser);
      for (const Request& request : parser.requests()) {
        worker.dispatcher.run(worker.session, parser.words(request), request.raw, reply);
      }
      worker.dispatcher.forget_batch();
    }
  });
  std::int64_t sum = 0;
  for (const auto& [key, value] : dump_of(rig.keyspace, 0)) sum += *parse_integer(value.text);
  REQUIRE(sum == kThreads * 40 * 50);
}

}  // namespace
}  // namespace memoir
