// Interpreter: one Lua state with its sandbox, for EVAL's scripts or for functions.
//
// At the bottom of its stack lie what every call needs, so that a call looks up no name. The
// memory it takes is counted. Belongs to its engine; used by one thread.
#pragma once

#include <lua5.1/lua.hpp>

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "src/base/bytes.h"
#include "src/scripting/scripting.h"

namespace memoir {

class ScriptEngine;

class Interpreter {
 public:
  // Places on the stack.
  static constexpr int kErrorHandler = 1;
  static constexpr int kGlobals = 2;      // the table behind the scripts' globals
  static constexpr int kEnvironment = 3;  // the proxy that scripts have as their globals
  static constexpr int kKeysName = 4;
  static constexpr int kArgvName = 5;
  static constexpr int kBottom = 5;

  Interpreter(ScriptKind kind, ScriptEngine& engine);
  ~Interpreter();
  Interpreter(const Interpreter&) = delete;
  Interpreter& operator=(const Interpreter&) = delete;

  lua_State* lua() { return lua_; }
  // Any thread.
  std::size_t memory() const { return memory_.load(std::memory_order_relaxed); }

  // Compiles `text` and keeps it: its reference. The error, without a code word, is Lua's own.
  Result<int> compile(ByteView text, const char* chunk_name);
  void forget(int reference) { luaL_unref(lua_, LUA_REGISTRYINDEX, reference); }

  // What scripts see as globals while a library registers its functions, and afterwards.
  void enter_registration();
  void leave_registration();

  // Undoes what a script may have done to the state as a whole: its globals, its hook.
  void restore();
  // Every so many calls: collects some garbage.
  void collect_some();

 private:
  static void* allocate_block(void* self, void* block, std::size_t old_bytes, std::size_t bytes);
  static void on_count(lua_State* lua, lua_Debug*);
  void make_globals(ScriptEngine& engine);
  void make_registration_globals(ScriptEngine& engine);

  lua_State* lua_{nullptr};
  const ScriptKind kind_;
  std::atomic<std::size_t> memory_{0};
  unsigned calls_{0};
};

// The engine that a state belongs to, from inside of its functions and hooks.
ScriptEngine& engine_of(lua_State* lua);

// Adds redis.call and its kin to the table on top of the stack.
enum class ApiPart : std::uint8_t { kScripts, kFunctions, kRegistration };
void add_redis_api(lua_State* lua, ApiPart part, ByteView version);
// Replaces math.random and math.randomseed in the table of globals on top of the stack.
void replace_random(lua_State* lua);

}  // namespace memoir
