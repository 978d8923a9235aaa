// Goal: one thread at a time has the lock, whoever sleeps for it is woken, and a wait with an end
// ends.
#include <atomic>
#include <chrono>
#include <mutex>
#include <thread>
#include <vector>

#include <catch2/catch.hpp>

#include "src/base/mutex.h"

namespace memoir {
namespace {

// Method: a counter that is no atomic; some holders keep the lock for longer than others spin.
TEST_CASE("a mutex excludes and wakes", "[base][mutex][threads]") {
  constexpr unsigned kThreads = 4;
  constexpr unsigned kRounds = 2000;
  Mutex mutex;
  std::uint64_t count = 0;
  std::vector<std::thread> threads;
  for (unsigned number = 0; number < kThreads; ++number) {
    threads.emplace_back([&, number] {
      for (unsigned round = 0; round < kRounds; ++round) {
        if (round % 3 == 0) {
          while (!mutex.try_lock_for(std::chrono::milliseconds(1))) {
          }
        } else {
          mutex.lock();
        }
        ++count;
        if (round % 100 == number) std::this_thread::yield();
        mutex.unlock();
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(count == std::uint64_t{kThreads} * kRounds);
}

TEST_CASE("a mutex that is not to be had in time is given up", "[base][mutex][threads]") {
  Mutex mutex;
  std::atomic<int> got{-1};
  {
    const std::lock_guard lock(mutex);
    CHECK_FALSE(mutex.try_lock());
    std::thread other([&] { got = mutex.try_lock_for(std::chrono::milliseconds(2)) ? 1 : 0; });
    other.join();
    CHECK(got == 0);
  }
  // Whoever gave up left its mark; the next ones are none the worse for it.
  CHECK(mutex.try_lock());
  mutex.unlock();
  CHECK(mutex.try_lock_for(std::chrono::milliseconds(1)));
  mutex.unlock();
}

}  // namespace
}  // namespace memoir
