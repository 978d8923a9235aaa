// Loop: one thread's event loop, on libuv.
//
// A turn is: timers, one wait for ready sockets, their callbacks and the tasks that other threads
// posted, then the end-of-turn callback. So whatever a turn produces leaves at one place, batched.
// post() is the only way from one thread to another; everything else here belongs to the loop's
// thread.
#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <type_traits>
#include <utility>

struct uv_loop_s;

namespace memoir {

// Something to be done on another thread. Destroyed there after run(), or unrun with the loop.
class Task {
 public:
  virtual ~Task() = default;
  virtual void run() = 0;

 private:
  friend class Loop;
  Task* next_{nullptr};
};

class Loop {
 public:
  Loop();
  // All timers, listeners and connections of the loop must be gone.
  ~Loop();
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

  // Runs turns on the calling thread until stop().
  void run();
  // Ends run() after the present turn. From the loop's thread.
  void stop();
  // Handles what is ready without waiting; for tests.
  void run_once();

  // From any thread. Tasks of one thread run in the order they were posted; several posts wake the
  // loop once.
  void post(std::unique_ptr<Task> task);
  template <class F>
  void post(F&& function) requires std::is_invocable_v<F&> {
    post(std::make_unique<FunctionTask<std::decay_t<F>>>(std::forward<F>(function)));
  }

  // Called once a turn, after everything else; and before waiting if a timer fired.
  void set_end_of_turn(std::function<void()> callback) { end_of_turn_ = std::move(callback); }
  // Runs one turn from within a callback of this loop: waits at most `wait` for something to do.
  void run_within(std::chrono::milliseconds wait);
  // The next wait returns at once: there is work left for another turn. From the loop's thread.
  void do_not_wait();

  uv_loop_s* native() { return native_; }

 private:
  friend class Timer;
  struct Handles;

  template <class F>
  class FunctionTask final : public Task {
   public:
    explicit FunctionTask(F function) : function_(std::move(function)) {}
    void run() override { function_(); }

   private:
    F function_;
  };

  void run_tasks();
  void finish_turn();

  uv_loop_s* native_;
  std::unique_ptr<Handles> handles_;
  std::function<void()> end_of_turn_;
  std::atomic<Task*> inbox_{nullptr};  // newest first
  bool timer_fired_{false};
  bool idling_{false};
};

// Calls back once or again and again. Belongs to the loop's thread.
class Timer {
 public:
  Timer(Loop& loop, std::function<void()> fire);
  ~Timer();
  Timer(const Timer&) = delete;
  Timer& operator=(const Timer&) = delete;

  // Starts anew. `repeat` 0: once.
  void start(std::chrono::milliseconds delay,
             std::chrono::milliseconds repeat = std::chrono::milliseconds(0));
  void stop();

 private:
  struct Handle;
  Handle* handle_;
};

// Calls back when the process gets a signal. Belongs to the loop's thread.
class SignalWatch {
 public:
  SignalWatch(Loop& loop, int signal, std::function<void()> received);
  ~SignalWatch();
  SignalWatch(const SignalWatch&) = delete;
  SignalWatch& operator=(const SignalWatch&) = delete;

 private:
  struct Handle;
  Handle* handle_;
};

}  // namespace memoir
