#include "src/base/mutex.h"

#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <ctime>

namespace memoir {
namespace {

std::int64_t monotonic_ns() {
  timespec now;
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * 1'000'000'000LL + now.tv_nsec;
}

// The kernel's word for a lock that is slept on.
long futex(std::atomic<std::uint32_t>& word, int operation, std::uint32_t value,
           const timespec* time) {
  static_assert(sizeof(std::atomic<std::uint32_t>) == sizeof(std::uint32_t));
  return ::syscall(SYS_futex, &word, operation | FUTEX_PRIVATE_FLAG, value, time, nullptr, 0);
}

}  // namespace

// Most locks are held for less than a microsecond.
bool Mutex::spin() {
  constexpr int kSpins = 100;
  for (int i = 0; i < kSpins; ++i) {
    if (state_.load(std::memory_order_relaxed) == kFree && try_lock()) return true;
#if defined(__x86_64__)
    __builtin_ia32_pause();
#endif
  }
  return false;
}

// Who has slept leaves the lock marked as awaited: others may sleep still.
bool Mutex::lock_slowly(std::chrono::milliseconds time) {
  if (spin()) return true;
  const std::int64_t until =
      time == kForever ? 0 : monotonic_ns() + time.count() * 1'000'000;
  while (state_.exchange(kAwaited, std::memory_order_acquire) != kFree) {
    if (time == kForever) {
      futex(state_, FUTEX_WAIT, kAwaited, nullptr);
      continue;
    }
    const std::int64_t left = until - monotonic_ns();
    if (left <= 0) return false;
    const timespec wait{left / 1'000'000'000, left % 1'000'000'000};
    futex(state_, FUTEX_WAIT, kAwaited, &wait);
  }
  return true;
}

void Mutex::wake_one() { futex(state_, FUTEX_WAKE, 1, nullptr); }

}  // namespace memoir
