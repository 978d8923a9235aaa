#include "src/scripting/scripting.h"

#include "src/scripting/script_engine.h"

namespace memoir {

void Scripting::set_busy(std::optional<BusyScript> script) {
  const std::lock_guard lock(mutex_);
  busy_ = std::move(script);
}

std::optional<BusyScript> Scripting::busy_script() const {
  const std::lock_guard lock(mutex_);
  return busy_;
}

Status Scripting::kill(ScriptKind kind) {
  if (!running_.load(std::memory_order_acquire)) {
    return Error("NOTBUSY No scripts in execution right now.");
  }
  if (fate_.load() == Fate::kWriting) {
    return Error(
        "UNKILLABLE Sorry the script already executed write commands against the dataset. You can "
        "either wait the script termination or kill the server in a hard way using the SHUTDOWN "
        "NOSAVE command.");
  }
  const ScriptKind running = kind_.load(std::memory_order_relaxed);
  if (running != kind) return busy_error(running);
  Fate clean = Fate::kClean;
  if (!fate_.compare_exchange_strong(clean, Fate::kKilled) && clean == Fate::kWriting) {
    return kill(kind);
  }
  return ok;
}

Error Scripting::busy_error(ScriptKind kind) {
  return Error(kind == ScriptKind::kEval
                   ? "BUSY Redis is busy running a script. You can only call SCRIPT KILL or "
                     "SHUTDOWN NOSAVE."
                   : "BUSY Redis is busy running a script. You can only call FUNCTION KILL or "
                     "SHUTDOWN NOSAVE.");
}

std::size_t Scripting::vm_memory(ScriptKind kind) const {
  const std::lock_guard lock(mutex_);
  std::size_t bytes = 0;
  for (const ScriptEngine* engine : engines_) bytes += engine->vm_memory(kind);
  return bytes;
}

void Scripting::add_engine(ScriptEngine* engine) {
  const std::lock_guard lock(mutex_);
  engines_.push_back(engine);
}

void Scripting::remove_engine(ScriptEngine* engine) {
  const std::lock_guard lock(mutex_);
  std::erase(engines_, engine);
}

}  // namespace memoir
