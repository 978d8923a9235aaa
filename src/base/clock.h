// Time, as an interface, so that tests turn the hands themselves.
#pragma once

#include <cstdint>

namespace memoir {

class Clock {
 public:
  virtual ~Clock() = default;
  // Wall time since the Unix epoch.
  virtual std::int64_t now_us() const = 0;
  // A clock that never goes back, for durations.
  virtual std::int64_t monotonic_us() const = 0;
  std::int64_t now_ms() const { return now_us() / 1000; }
};

class SystemClock final : public Clock {
 public:
  std::int64_t now_us() const override;
  std::int64_t monotonic_us() const override;
};

class ManualClock final : public Clock {
 public:
  explicit ManualClock(std::int64_t now_us = 1'700'000'000'000'000) : now_us_(now_us) {}
  std::int64_t now_us() const override { return now_us_; }
  std::int64_t monotonic_us() const override { return now_us_; }
  void advance_ms(std::int64_t ms) { now_us_ += ms * 1000; }

 private:
  std::int64_t now_us_;
};

// The processor time that the calling thread has used.
std::int64_t thread_cpu_us();

}  // namespace memoir
