// Goal: those inside and who has all stripes exclude each other, and nobody is forgotten outside.
// Method: counters that only locks protect; sums and, under ThreadSanitizer, races tell.
#include <array>
#include <atomic>
#include <chrono>
#include <thread>
#include <vector>

#include <catch2/catch.hpp>

#include "src/store/keyspace.h"

namespace memoir {
namespace {

struct Counters {
  std::array<std::uint64_t, kStripes> by_stripe{};

  std::uint64_t sum() const {
    std::uint64_t sum = 0;
    for (const std::uint64_t each : by_stripe) sum += each;
    return sum;
  }
};

StripeSet all_stripes() {
  StripeSet set;
  set.add_all();
  return set;
}

TEST_CASE("some stripes and all stripes exclude each other", "[store][gate][threads]") {
  constexpr unsigned kThreads = 4;
  constexpr unsigned kRounds = 3000;
  Keyspace keyspace(1);
  Counters counters;
  std::atomic<unsigned> failures{0};  // Catch's checks are for one thread
  std::vector<std::thread> threads;
  for (unsigned number = 0; number < kThreads; ++number) {
    threads.emplace_back([&, number] {
      // The last one uses the shared slot, as threads do that come seldom.
      const bool own = number + 1 < kThreads;
      Gate::Slot* const slot = own ? &keyspace.take_slot() : nullptr;
      for (unsigned round = 0; round < kRounds; ++round) {
        LockedStripes locked =
            slot ? LockedStripes(keyspace, *slot) : LockedStripes(keyspace);
        if (round % 16 == number) {
          if (!locked.lock_unless_busy(all_stripes()) || !locked.holds_all()) ++failures;
          const std::uint64_t before = counters.sum();
          ++counters.by_stripe[round % kStripes];
          if (counters.sum() != before + 1) ++failures;
        } else if (round % 3 == 0) {
          StripeSet two;
          two.add((round + number) % kStripes);
          two.add((round * 7) % kStripes);
          locked.lock(two);
          ++counters.by_stripe[(round * 7) % kStripes];
        } else {
          locked.lock_one(round % kStripes);
          ++counters.by_stripe[round % kStripes];
        }
      }
      if (slot) keyspace.give_back(*slot);
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(failures == 0);
  CHECK(counters.sum() == std::uint64_t{kThreads} * kRounds);
}

// Goal: a long holder of one stripe does not keep others out by way of somebody who wants all.
TEST_CASE("who waits for all stripes lets others in meanwhile", "[store][gate][threads]") {
  Keyspace keyspace(1);
  std::atomic<bool> has_all{false};
  LockedStripes first(keyspace, keyspace.take_slot());
  first.lock_one(1);
  std::thread waiter([&] {
    LockedStripes locked(keyspace, keyspace.take_slot());
    locked.lock(all_stripes());
    has_all = true;
  });
  std::thread other([&] {
    LockedStripes locked(keyspace, keyspace.take_slot());
    for (int i = 0; i < 1000; ++i) {
      locked.lock_one(2);
      locked.unlock();
    }
  });
  other.join();
  CHECK_FALSE(has_all);
  first.unlock();
  waiter.join();
  CHECK(has_all);
}

TEST_CASE("slots are given out again", "[store][gate]") {
  Keyspace keyspace(1);
  Gate::Slot& slot = keyspace.take_slot();
  keyspace.give_back(slot);
  CHECK(&keyspace.take_slot() == &slot);
  CHECK(&keyspace.take_slot() != &slot);
}

}  // namespace
}  // namespace memoir
