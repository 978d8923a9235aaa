#include "src/store/gate.h"

#include <chrono>
#include <thread>

#include "src/base/process_barrier.h"

namespace memoir {
namespace {

constexpr int kSpins = 200;

void relax() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#else
  std::this_thread::yield();
#endif
}

// Whoever is inside mostly leaves within a microsecond. Where it does not, it runs something long
// or is not on a processor.
template <class F>
bool spin_until(F&& done) {
  for (int i = 0; i < kSpins; ++i) {
    if (done()) return true;
    relax();
  }
  return done();
}

void nap() { std::this_thread::sleep_for(std::chrono::microseconds(20)); }

}  // namespace

Gate::Gate() : one_sided_(enable_process_barrier()) { slots_[0].is_shared = true; }

Gate::Slot& Gate::take_slot() {
  const std::lock_guard lock(slots_mutex_);
  for (std::size_t i = 1; i < kSlots; ++i) {
    if (slots_[i].taken) continue;
    slots_[i].taken = true;
    if (i >= slots_used_) slots_used_ = i + 1;
    return slots_[i];
  }
  return shared();
}

void Gate::give_back(Slot& slot) {
  const std::lock_guard lock(slots_mutex_);
  slot.taken = false;
}

bool Gate::wait_a_moment() const {
  return spin_until([&] { return !closed_.load(std::memory_order_seq_cst); });
}

// The first slot whose thread is inside and does not leave in the meantime; null: all are out.
Gate::Slot* Gate::find_inside(Patience patience) {
  const std::size_t used = slots_used_.load(std::memory_order_acquire);
  for (std::size_t i = 0; i < used; ++i) {
    Slot& slot = slots_[i];
    const auto out = [&] { return !is_inside(slot, slot.word.load(std::memory_order_seq_cst)); };
    while (!spin_until(out)) {
      if (patience == Patience::kMoment) return &slot;
      nap();
    }
  }
  return nullptr;
}

void Gate::shut() {
  closed_.store(true, std::memory_order_seq_cst);
  if (one_sided_) process_barrier();
}

void Gate::close() {
  constexpr int kRounds = 4;
  for (int round = 0; round < kRounds; ++round) {
    shut();
    const Slot* const slow = find_inside(Patience::kMoment);
    if (!slow) return;
    const std::uint32_t word = slow->word.load(std::memory_order_relaxed);
    open();
    while (slow->word.load(std::memory_order_relaxed) == word && is_inside(*slow, word)) nap();
  }
  shut();
  find_inside(Patience::kForever);
}

}  // namespace memoir
