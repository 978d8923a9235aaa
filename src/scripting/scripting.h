// Scripting: what all workers share of scripts and functions: texts, and which script runs just
// now.
//
// A script runs with all stripes locked, so there is one at a time, and `scripts` and `libraries`
// are used under those locks. Whether one runs, for how long, and that it is to be killed concerns
// other threads too: everything else here is for any thread.
#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>
#include <optional>
#include <span>
#include <vector>

#include "protocol/request_parser.h"
#include "src/base/bytes.h"
#include "src/base/result.h"
#include "src/scripting/function_library.h"
#include "src/scripting/script_cache.h"

namespace memoir {

class ScriptEngine;

enum class ScriptKind : std::uint8_t { kEval, kFunction };

// A script that has run for longer than busy-reply-threshold.
struct BusyScript {
  Bytes name;  // a SHA1 or a function's name
  std::vector<Bytes> words;
  ScriptKind kind;
  std::int64_t started_us;  // monotonic
};

class Scripting {
 public:
  // `version`: what REDIS_VERSION says to scripts, "7.2.4".
  explicit Scripting(ByteView version) : version_(version) {}
  Scripting(const Scripting&) = delete;
  Scripting& operator=(const Scripting&) = delete;

  ScriptCache scripts;
  Libraries libraries;
  const Bytes& version() const { return version_; }

  // --- the running script, by its thread
  void begin(ScriptKind kind) {
    kind_.store(kind, std::memory_order_relaxed);
    fate_.store(Fate::kClean, std::memory_order_relaxed);
    running_.store(true, std::memory_order_release);
  }
  void end() { running_.store(false, std::memory_order_release); }
  // It is about to write for the first time. False: it is to be killed instead.
  bool begin_writing() {
    Fate clean = Fate::kClean;
    return fate_.compare_exchange_strong(clean, Fate::kWriting) || clean == Fate::kWriting;
  }
  bool killed() const { return fate_.load(std::memory_order_relaxed) == Fate::kKilled; }
  void set_busy(std::optional<BusyScript> script);

  // --- any thread
  // Whether scripts may call commands that are not for scripts, for tests of the server.
  bool allows_all_commands() const { return all_commands_.load(std::memory_order_relaxed); }
  void allow_all_commands(bool yes) { all_commands_ = yes; }
  std::optional<BusyScript> busy_script() const;
  // SCRIPT KILL and FUNCTION KILL.
  Status kill(ScriptKind kind);
  // The reply to what cannot run beside the running script.
  Error busy_error() const { return busy_error(kind_.load(std::memory_order_relaxed)); }
  static Error busy_error(ScriptKind kind);

  // Memory of all interpreters.
  std::size_t vm_memory(ScriptKind kind) const;
  void add_engine(ScriptEngine* engine);
  void remove_engine(ScriptEngine* engine);

 private:
  enum class Fate : std::uint8_t { kClean, kWriting, kKilled };

  const Bytes version_;
  std::atomic<bool> running_{false};
  std::atomic<ScriptKind> kind_{ScriptKind::kEval};
  std::atomic<Fate> fate_{Fate::kClean};
  std::atomic<bool> all_commands_{false};
  mutable std::mutex mutex_;
  std::optional<BusyScript> busy_;
  std::vector<ScriptEngine*> engines_;
};

}  // namespace memoir
