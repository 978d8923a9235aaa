// Gate: lets threads in side by side, or one thread alone.
//
// Who needs all stripes would have to take hundreds of locks. Instead every thread that locks some
// marks itself inside, in a slot of its own, and looks whether the gate is open; who wants all
// closes the gate and waits until everybody is out. Between the mark and the look, as between
// closing and waiting, must be a barrier: the seldom side has one for both (process_barrier.h), so
// that going in costs next to nothing. Inside, threads exclude each other by the stripes' own
// locks; whoever is inside never waits at the gate.
//
// Somebody inside may take long (a heavy command). To keep all others out for that time would be
// more than who waits can ask for: it opens the gate again until that one has left, some times, and
// only then insists. mutex() is held meanwhile, so one thread at a time wants all.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <mutex>

#include "src/base/mutex.h"

namespace memoir {

class Gate {
 public:
  // Belongs to one thread at a time; but one is shared, by threads that come seldom.
  struct alignas(64) Slot {
    // How often its thread went in and out, so odd while it is inside. Of the shared slot: how many
    // threads are inside.
    std::atomic<std::uint32_t> word{0};
    bool is_shared = false;
    bool taken = false;  // under the gate's mutex for slots
  };

  Gate();
  Gate(const Gate&) = delete;
  Gate& operator=(const Gate&) = delete;

  Slot& shared() { return slots_[0]; }
  // A slot that nobody else has; the shared one if there is none left. Any thread.
  Slot& take_slot();
  void give_back(Slot& slot);

  // False: the gate is closed.
  bool enter(Slot& slot) {
    if (slot.is_shared) [[unlikely]] {
      slot.word.fetch_add(1, std::memory_order_seq_cst);
    } else if (one_sided_) [[likely]] {
      slot.word.store(slot.word.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
      asm volatile("" ::: "memory");  // the compiler, too, must keep the order
    } else {
      slot.word.exchange(slot.word.load(std::memory_order_relaxed) + 1, std::memory_order_seq_cst);
    }
    if (!closed_.load(std::memory_order_seq_cst)) [[likely]] return true;
    leave(slot);
    return false;
  }
  static void leave(Slot& slot) {
    if (slot.is_shared) [[unlikely]] {
      slot.word.fetch_sub(1, std::memory_order_release);
    } else {
      slot.word.store(slot.word.load(std::memory_order_relaxed) + 1, std::memory_order_release);
    }
  }
  // Spins a little; true if the gate is open now.
  bool wait_a_moment() const;

  Mutex& mutex() { return mutex_; }
  // Returns when nobody is inside any more. The mutex is held, and the caller not inside.
  void close();
  void open() { closed_.store(false, std::memory_order_release); }

 private:
  static constexpr std::size_t kSlots = 512;

  static bool is_inside(const Slot& slot, std::uint32_t word) {
    return slot.is_shared ? word != 0 : (word & 1) != 0;
  }
  void shut();
  enum class Patience : bool { kMoment, kForever };
  Slot* find_inside(Patience patience);

  alignas(64) std::atomic<bool> closed_{false};
  const bool one_sided_;  // the barrier is shut()'s
  alignas(64) Mutex mutex_;
  std::mutex slots_mutex_;
  std::atomic<std::size_t> slots_used_{1};  // the first so many may be in use
  std::array<Slot, kSlots> slots_;
};

}  // namespace memoir
