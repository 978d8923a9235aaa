// LatencyMonitor: what took long lately, by kind of event, for LATENCY. Thread-safe.
//
// Each event keeps one sample a second, the longest of it, for its last kSamplesMax seconds with
// any. Whoever measures asks threshold_ms() first, one atomic read.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <mutex>
#include <vector>

#include "src/base/bytes.h"
#include "src/base/clock.h"

namespace memoir {

class LatencyMonitor {
 public:
  static constexpr std::size_t kSamplesMax = 160;

  struct Sample {
    std::int64_t time_s;
    std::int64_t ms;
  };
  struct Event {
    Bytes name;
    std::vector<Sample> samples;  // oldest first
    std::int64_t worst_ms = 0;    // of all times
  };

  // latency-monitor-threshold; 0: nothing is kept.
  void set_threshold_ms(std::int64_t ms) { threshold_ms_.store(ms, std::memory_order_relaxed); }
  bool enabled() const { return threshold_ms_.load(std::memory_order_relaxed) > 0; }
  // Keeps it if it took as long as the threshold says.
  void add(ByteView event, std::int64_t us, std::int64_t now_s);

  std::vector<Event> events() const;
  // One event; without samples if there is none of that name.
  Event event(ByteView name) const;
  // Forgets one event (in any case) or all; returns how many there were.
  std::size_t reset(ByteView name);
  std::size_t reset_all();

 private:
  std::atomic<std::int64_t> threshold_ms_{0};
  mutable std::mutex mutex_;
  std::map<Bytes, Event, std::less<>> events_;
};

// Measures its own life, if the monitor is on when it begins.
class LatencyWatch {
 public:
  LatencyWatch(LatencyMonitor& monitor, const Clock& clock, const char* event)
      : monitor_(monitor), clock_(clock), event_(event),
        began_us_(monitor.enabled() ? clock.monotonic_us() : -1) {}
  ~LatencyWatch() {
    if (began_us_ < 0) return;
    monitor_.add(event_, clock_.monotonic_us() - began_us_, clock_.now_us() / 1'000'000);
  }
  LatencyWatch(const LatencyWatch&) = delete;
  LatencyWatch& operator=(const LatencyWatch&) = delete;

 private:
  LatencyMonitor& monitor_;
  const Clock& clock_;
  const char* event_;
  std::int64_t began_us_;
};

struct LatencyFigures {
  std::size_t samples = 0;
  std::int64_t low_ms = 0;
  std::int64_t high_ms = 0;
  std::int64_t average_ms = 0;
  std::int64_t deviation_ms = 0;  // mean absolute
  std::int64_t period_s = 0;      // since the oldest sample, at least 1
};
LatencyFigures latency_figures(const LatencyMonitor::Event& event, std::int64_t now_s);

// What of the configuration the advice depends on.
struct LatencyAdviceInput {
  std::int64_t threshold_ms = 0;
  std::int64_t slowlog_us = 0;
  std::int64_t hz = 10;
  bool sync_always = false;
};
// LATENCY DOCTOR's text.
Bytes latency_report(const std::vector<LatencyMonitor::Event>& events,
                     const LatencyAdviceInput& input, std::int64_t now_s);
// LATENCY GRAPH's text.
Bytes latency_graph(const LatencyMonitor::Event& event, std::int64_t now_s);

}  // namespace memoir
