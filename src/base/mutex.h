// Mutex: blocks, but spins a little first (machines have fewer cores than threads, so never for
// long). Four bytes, and inline where nobody is in the way: it is taken several times a command.
// Satisfies Lockable, for std::lock_guard and std::unique_lock.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>

namespace memoir {

class Mutex {
 public:
  Mutex() = default;
  Mutex(const Mutex&) = delete;
  Mutex& operator=(const Mutex&) = delete;

  void lock() {
    if (!try_lock()) [[unlikely]] lock_slowly(kForever);
  }
  bool try_lock() {
    std::uint32_t free = kFree;
    return state_.compare_exchange_strong(free, kLocked, std::memory_order_acquire,
                                          std::memory_order_relaxed);
  }
  // False if it could not be had within `time`.
  bool try_lock_for(std::chrono::milliseconds time) { return try_lock() || lock_slowly(time); }
  void unlock() {
    if (state_.exchange(kFree, std::memory_order_release) == kAwaited) [[unlikely]] wake_one();
  }

 private:
  static constexpr std::uint32_t kFree = 0;
  static constexpr std::uint32_t kLocked = 1;
  static constexpr std::uint32_t kAwaited = 2;  // locked, and somebody may sleep
  static constexpr std::chrono::milliseconds kForever{-1};

  bool lock_slowly(std::chrono::milliseconds time);
  bool spin();
  void wake_one();

  std::atomic<std::uint32_t> state_{kFree};
};

}  // namespace memoir
