// JournalPins: who reads old parts of the journal. Retention removes nothing behind the oldest pin.
//
// Thread-safe. A Pin must not outlive the registry.
#pragma once

#include <mutex>
#include <set>
#include <utility>
#include <vector>

#include "persistence/record.h"

namespace memoir {

class JournalPins {
 public:
  class Pin {
   public:
    Pin() = default;
    Pin(Pin&& other) noexcept
        : pins_(std::exchange(other.pins_, nullptr)), place_(other.place_) {}
    Pin& operator=(Pin&& other) noexcept {
      std::swap(pins_, other.pins_);
      std::swap(place_, other.place_);
      return *this;
    }
    ~Pin() {
      if (pins_ != nullptr) pins_->remove(place_);
    }
    explicit operator bool() const { return pins_ != nullptr; }
    Lsn lsn() const { return *place_; }
    // The reader has come so far.
    void advance(Lsn lsn) { *this = pins_->add(lsn); }

   private:
    friend class JournalPins;
    Pin(JournalPins* pins, std::multiset<Lsn>::iterator place) : pins_(pins), place_(place) {}
    JournalPins* pins_ = nullptr;
    std::multiset<Lsn>::iterator place_;
  };

  // Keeps the journal from `lsn` on, and the newest snapshot at or before it. What had gone before
  // the call is not brought back: ask the archive for its oldest LSN afterwards.
  Pin add(Lsn lsn) {
    std::lock_guard lock(mutex_);
    return Pin(this, pinned_.insert(lsn));
  }
  std::vector<Lsn> all() const {
    std::lock_guard lock(mutex_);
    return {pinned_.begin(), pinned_.end()};
  }
  // While this is held no pin comes or goes.
  std::unique_lock<std::mutex> hold() const { return std::unique_lock(mutex_); }
  // Under hold().
  std::vector<Lsn> held() const { return {pinned_.begin(), pinned_.end()}; }

 private:
  void remove(std::multiset<Lsn>::iterator place) {
    std::lock_guard lock(mutex_);
    pinned_.erase(place);
  }

  mutable std::mutex mutex_;
  std::multiset<Lsn> pinned_;
};

}  // namespace memoir
