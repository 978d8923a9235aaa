// LoadWatch: whether a client keeps its worker from serving the others.
//
// A batch of requests that took long by the clock makes a client suspect; but the thread may only
// have been off the processor, or have waited for a lock. So a suspect's next batches are measured
// by the thread's own processor time, and one that is long by that too makes the client heavy: it
// is to go aside, to a worker where such clients are among themselves (a lane). There it stays
// until it has been light for a while, each time for longer, so that nobody goes to and fro.
//
// Knows no client, worker or clock; times are monotonic microseconds.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

namespace memoir {

class LoadWatch {
 public:
  static constexpr std::int64_t kSuspicionUs = 1'000'000;
  static constexpr std::int64_t kStayUsMin = 2'000'000;
  static constexpr std::int64_t kStayUsMax = 60'000'000;
  // Several requests of a batch may take so many times what one may.
  static constexpr std::int64_t kBatchFactor = 4;

  enum class Wish : std::uint8_t { kStay, kAside, kHome };

  // What a batch may take before it counts as heavy, if one request may take `limit`.
  static std::int64_t allowed(std::size_t requests, std::int64_t limit) {
    return requests > 1 ? limit * kBatchFactor : limit;
  }

  // Whether the processor time of batches is wanted.
  bool measures() const { return measures_; }
  Wish wish() const { return wish_; }

  // A batch was long by the clock, and was not measured.
  void suspect(std::int64_t now_us) {
    measures_ = true;
    suspect_until_us_ = now_us + kSuspicionUs;
  }
  // What a batch took of the processor's time.
  void measured(std::int64_t cpu_us, std::int64_t allowed_us, std::int64_t now_us) {
    const bool heavy = cpu_us >= allowed_us;
    if (aside_) {
      if (heavy) last_heavy_us_ = now_us;
      wish_ = now_us - last_heavy_us_ >= stay_us_ ? Wish::kHome : Wish::kStay;
    } else if (heavy) {
      wish_ = Wish::kAside;
    } else if (now_us >= suspect_until_us_) {
      forget();
    }
  }
  // What is suspected or wished is taken back: nothing is to be measured.
  void forget() {
    measures_ = aside_;
    wish_ = Wish::kStay;
  }
  // The client is on another worker now.
  void moved(bool aside, std::int64_t now_us) {
    if (aside && !aside_) {
      const bool again = left_us_ != 0 && now_us - left_us_ < kStayUsMax;
      stay_us_ = again ? std::min(stay_us_ * 2, kStayUsMax) : kStayUsMin;
      last_heavy_us_ = now_us;
    } else if (!aside && aside_) {
      left_us_ = now_us;
    }
    aside_ = aside;
    forget();
  }

 private:
  bool measures_{false};
  bool aside_{false};
  Wish wish_{Wish::kStay};
  std::int64_t suspect_until_us_{0};
  std::int64_t last_heavy_us_{0};  // when it came, or ran something heavy
  std::int64_t stay_us_{kStayUsMin};
  std::int64_t left_us_{0};  // when it last came back; 0: never
};

}  // namespace memoir
