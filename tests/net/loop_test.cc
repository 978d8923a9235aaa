// Goal: tasks from other threads run on the loop's thread, in order, and each turn ends with the
// callback. Method: real loops, real threads; nothing sleeps.
#include <atomic>
#include <thread>
#include <vector>

#include <catch2/catch.hpp>

#include "src/net/loop.h"

namespace memoir {
namespace {

TEST_CASE("tasks of each thread run in the order they were posted", "[net][threads]") {
  constexpr int kThreads = 4;
  constexpr int kTasks = 500;
  Loop loop;
  std::vector<int> last(kThreads, -1);
  int done = 0;
  bool ordered = true;
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < kTasks; ++i) {
        loop.post([&, t, i] {
          ordered = ordered && last[t] == i - 1;
          last[t] = i;
          if (++done == kThreads * kTasks) loop.stop();
        });
      }
    });
  }
  loop.run();
  for (std::thread& thread : threads) thread.join();
  CHECK(ordered);
  CHECK(done == kThreads * kTasks);
}

TEST_CASE("a turn's end comes after its tasks", "[net]") {
  Loop loop;
  int tasks = 0;
  int seen_at_end = -1;
  loop.set_end_of_turn([&] {
    if (tasks == 0) return;
    seen_at_end = tasks;
    loop.stop();
  });
  loop.post([&] { ++tasks; });
  loop.post([&] { ++tasks; });
  loop.run();
  CHECK(seen_at_end == 2);
}

TEST_CASE("what a timer produces is finished before the loop waits again", "[net]") {
  Loop loop;
  bool fired = false;
  bool finished = false;
  loop.set_end_of_turn([&] {
    if (!fired) return;
    finished = true;
    loop.stop();
  });
  Timer timer(loop, [&] { fired = true; });
  timer.start(std::chrono::milliseconds(1));
  loop.run();
  CHECK(finished);
}

TEST_CASE("a loop that has more to do does not wait", "[net]") {
  Loop loop;
  int turns = 0;
  loop.set_end_of_turn([&] { ++turns < 3 ? loop.do_not_wait() : loop.stop(); });
  loop.do_not_wait();
  loop.run();
  CHECK(turns == 3);
}

TEST_CASE("tasks that never ran are destroyed with the loop", "[net]") {
  const auto held = std::make_shared<int>(0);
  {
    Loop loop;
    loop.post([held] {});
    CHECK(held.use_count() == 2);
  }
  CHECK(held.use_count() == 1);
}

}  // namespace
}  // namespace memoir
