// The directive key-load-delay, for tests: loading rests behind each key or record.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <thread>

namespace memoir {

// One a thread.
class LoadDelay {
 public:
  // Microseconds of rest; negative: one microsecond behind so many. Null: none.
  explicit LoadDelay(const std::atomic<std::int64_t>* delay_us) : delay_us_(delay_us) {}

  void step() {
    if (!delay_us_ || delay_us_->load(std::memory_order_relaxed) == 0) [[likely]] return;
    rest(delay_us_->load(std::memory_order_relaxed));
  }

 private:
  void rest(std::int64_t delay_us) {
    if (delay_us > 0) {
      std::this_thread::sleep_for(std::chrono::microseconds(delay_us));
    } else if (++unrested_ >= -delay_us) {
      unrested_ = 0;
      std::this_thread::sleep_for(std::chrono::microseconds(1));
    }
  }

  const std::atomic<std::int64_t>* delay_us_;
  std::int64_t unrested_ = 0;  // steps since the last rest
};

}  // namespace memoir
