#include "src/server/background.h"

#include <pthread.h>

#include <iterator>

namespace memoir {

Background::Background() : thread_([this] { work(); }) {}

Background::~Background() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_one();
  thread_.join();
}

void Background::free_later(std::vector<std::unique_ptr<Object>>&& garbage) {
  pending_.fetch_add(garbage.size(), std::memory_order_relaxed);
  {
    const std::lock_guard lock(mutex_);
    garbage_.insert(garbage_.end(), std::make_move_iterator(garbage.begin()),
                    std::make_move_iterator(garbage.end()));
  }
  wake_.notify_one();
}

void Background::work() {
  pthread_setname_np(pthread_self(), "background");
  std::unique_lock lock(mutex_);
  for (;;) {
    wake_.wait(lock, [this] { return stopping_ || !garbage_.empty(); });
    if (garbage_.empty()) return;
    std::vector<std::unique_ptr<Object>> garbage = std::exchange(garbage_, {});
    lock.unlock();
    for (auto& object : garbage) {
      object.reset();
      pending_.fetch_sub(1, std::memory_order_relaxed);
      freed_.fetch_add(1, std::memory_order_relaxed);
    }
    lock.lock();
  }
}

}  // namespace memoir
