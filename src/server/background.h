// Background: a thread that frees large values, so that no worker stands still for it.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "src/store/object.h"

namespace memoir {

class Background {
 public:
  Background();
  // Frees what is left.
  ~Background();
  Background(const Background&) = delete;
  Background& operator=(const Background&) = delete;

  // From any thread.
  void free_later(std::vector<std::unique_ptr<Object>>&& garbage);
  std::size_t pending() const { return pending_.load(std::memory_order_relaxed); }
  std::uint64_t freed() const { return freed_.load(std::memory_order_relaxed); }
  void reset_stats() { freed_.store(0, std::memory_order_relaxed); }

 private:
  void work();

  std::mutex mutex_;
  std::condition_variable wake_;
  std::vector<std::unique_ptr<Object>> garbage_;
  bool stopping_{false};
  std::atomic<std::size_t> pending_{0};
  std::atomic<std::uint64_t> freed_{0};
  std::thread thread_;
};

}  // namespace memoir
