// Mutex: blocks, but spins a little first (machines have fewer cores than threads, so never for
// long). Satisfies Lockable, for std::lock_guard and std::unique_lock.
#pragma once

#include <pthread.h>

#include <chrono>
#include <ctime>

namespace memoir {

class Mutex {
 public:
  Mutex() {
    pthread_mutexattr_t attributes;
    pthread_mutexattr_init(&attributes);
    pthread_mutexattr_settype(&attributes, PTHREAD_MUTEX_ADAPTIVE_NP);
    pthread_mutex_init(&mutex_, &attributes);
    pthread_mutexattr_destroy(&attributes);
  }
  ~Mutex() { pthread_mutex_destroy(&mutex_); }
  Mutex(const Mutex&) = delete;
  Mutex& operator=(const Mutex&) = delete;

  void lock() { pthread_mutex_lock(&mutex_); }
  bool try_lock() { return pthread_mutex_trylock(&mutex_) == 0; }
  // False if it could not be had within `time`.
  bool try_lock_for(std::chrono::milliseconds time) {
    // By the wall clock, although that may jump: ThreadSanitizer does not know
    // pthread_mutex_clocklock().
    timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    const auto ns = until.tv_nsec + time.count() * 1'000'000;
    until.tv_sec += ns / 1'000'000'000;
    until.tv_nsec = ns % 1'000'000'000;
    return pthread_mutex_timedlock(&mutex_, &until) == 0;
  }
  void unlock() { pthread_mutex_unlock(&mutex_); }

 private:
  pthread_mutex_t mutex_;
};

}  // namespace memoir
