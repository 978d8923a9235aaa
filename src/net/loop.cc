#include "src/net/loop.h"

#include <uv.h>

#include "src/base/assert.h"

namespace memoir {

// Handles outlive their close() by a turn, so each is an allocation that its close callback frees.
struct Loop::Handles {
  uv_loop_t loop;
  uv_async_t wake;
  uv_prepare_t before_wait;
  uv_check_t after_wait;
  uv_idle_t idle;
  uv_timer_t nap;  // ends the wait of run_within()
};

Loop::Loop() : handles_(std::make_unique<Handles>()) {
  Handles& h = *handles_;
  native_ = &h.loop;
  ASSERT(uv_loop_init(&h.loop) == 0);
  ASSERT(uv_async_init(&h.loop, &h.wake, [](uv_async_t* handle) {
           static_cast<Loop*>(handle->data)->run_tasks();
         }) == 0);
  uv_prepare_init(&h.loop, &h.before_wait);
  uv_check_init(&h.loop, &h.after_wait);
  uv_idle_init(&h.loop, &h.idle);
  uv_timer_init(&h.loop, &h.nap);
  h.wake.data = h.before_wait.data = h.after_wait.data = this;
  // Timers run before the wait: what they produced must not lie there until a socket is ready.
  uv_prepare_start(&h.before_wait, [](uv_prepare_t* handle) {
    auto* self = static_cast<Loop*>(handle->data);
    if (self->timer_fired_) self->finish_turn();
  });
  uv_check_start(&h.after_wait, [](uv_check_t* handle) {
    static_cast<Loop*>(handle->data)->finish_turn();
  });
}

Loop::~Loop() {
  Handles& h = *handles_;
  uv_close(reinterpret_cast<uv_handle_t*>(&h.wake), nullptr);
  uv_close(reinterpret_cast<uv_handle_t*>(&h.before_wait), nullptr);
  uv_close(reinterpret_cast<uv_handle_t*>(&h.after_wait), nullptr);
  uv_close(reinterpret_cast<uv_handle_t*>(&h.idle), nullptr);
  uv_close(reinterpret_cast<uv_handle_t*>(&h.nap), nullptr);
  uv_run(&h.loop, UV_RUN_DEFAULT);
  ASSERT(uv_loop_close(&h.loop) == 0);
  for (Task* task = inbox_.exchange(nullptr); task;) delete std::exchange(task, task->next_);
}

void Loop::run() { uv_run(native_, UV_RUN_DEFAULT); }
void Loop::run_once() { uv_run(native_, UV_RUN_NOWAIT); }
void Loop::stop() { uv_stop(native_); }

void Loop::post(std::unique_ptr<Task> task) {
  Task* const raw = task.release();
  Task* newest = inbox_.load(std::memory_order_relaxed);
  do {
    raw->next_ = newest;
  } while (!inbox_.compare_exchange_weak(newest, raw, std::memory_order_release,
                                         std::memory_order_relaxed));
  // Whoever found the inbox empty wakes the loop for all that follow.
  if (!newest) uv_async_send(&handles_->wake);
}

void Loop::run_tasks() {
  Task* newest = inbox_.exchange(nullptr, std::memory_order_acquire);
  Task* oldest = nullptr;
  while (newest) {
    Task* const next = std::exchange(newest->next_, oldest);
    oldest = std::exchange(newest, next);
  }
  while (oldest) {
    const std::unique_ptr<Task> task(std::exchange(oldest, oldest->next_));
    task->run();
  }
}

void Loop::finish_turn() {
  timer_fired_ = false;
  if (idling_) {
    idling_ = false;
    uv_idle_stop(&handles_->idle);
  }
  if (end_of_turn_) end_of_turn_();
}

// libuv does not promise that uv_run() may be called within a callback; it works as long as no
// handle whose event is still to be delivered is closed meanwhile.
void Loop::run_within(std::chrono::milliseconds wait) {
  if (wait.count() <= 0) {
    uv_run(native_, UV_RUN_NOWAIT);
    return;
  }
  uv_update_time(native_);
  uv_timer_start(&handles_->nap, [](uv_timer_t*) {}, static_cast<std::uint64_t>(wait.count()), 0);
  uv_run(native_, UV_RUN_ONCE);
  uv_timer_stop(&handles_->nap);
}

void Loop::do_not_wait() {
  if (idling_) return;
  idling_ = true;
  uv_idle_start(&handles_->idle, [](uv_idle_t*) {});
}

struct Timer::Handle {
  uv_timer_t timer;
  Loop* loop;
  std::function<void()> fire;
};

Timer::Timer(Loop& loop, std::function<void()> fire)
    : handle_(new Handle{{}, &loop, std::move(fire)}) {
  uv_timer_init(loop.native(), &handle_->timer);
  handle_->timer.data = handle_;
}

Timer::~Timer() {
  uv_close(reinterpret_cast<uv_handle_t*>(&handle_->timer),
           [](uv_handle_t* handle) { delete static_cast<Handle*>(handle->data); });
}

void Timer::start(std::chrono::milliseconds delay, std::chrono::milliseconds repeat) {
  const auto fired = [](uv_timer_t* timer) {
    auto* handle = static_cast<Handle*>(timer->data);
    handle->loop->timer_fired_ = true;
    handle->fire();
  };
  // The loop's time is that of the last wait's end; a long turn must not shorten the delay.
  uv_update_time(handle_->loop->native());
  uv_timer_start(&handle_->timer, fired, static_cast<std::uint64_t>(delay.count()),
                 static_cast<std::uint64_t>(repeat.count()));
}

void Timer::stop() { uv_timer_stop(&handle_->timer); }

struct SignalWatch::Handle {
  uv_signal_t signal;
  std::function<void()> received;
};

SignalWatch::SignalWatch(Loop& loop, int signal, std::function<void()> received)
    : handle_(new Handle{{}, std::move(received)}) {
  uv_signal_init(loop.native(), &handle_->signal);
  handle_->signal.data = handle_;
  uv_signal_start(
      &handle_->signal,
      [](uv_signal_t* handle, int) { static_cast<Handle*>(handle->data)->received(); }, signal);
}

SignalWatch::~SignalWatch() {
  uv_close(reinterpret_cast<uv_handle_t*>(&handle_->signal),
           [](uv_handle_t* handle) { delete static_cast<Handle*>(handle->data); });
}

}  // namespace memoir
