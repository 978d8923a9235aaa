#include "src/scripting/interpreter.h"

#include "src/base/alloc.h"
#include "src/base/assert.h"
#include "src/base/log.h"
#include "src/scripting/sandbox.h"
#include "src/scripting/script_engine.h"

namespace memoir {
namespace {

// Between two looks at the clock, instructions of a script.
constexpr int kHookInstructions = 100'000;
constexpr unsigned kCallsBetweenCollections = 50;

// Registry.
constexpr char kEngine[] = "memoir.engine";
constexpr char kRegistrationGlobals[] = "memoir.registration";

// As tostring(), without metamethods.
void push_as_text(lua_State* lua, int index) {
  switch (lua_type(lua, index)) {
    case LUA_TSTRING:
    case LUA_TNUMBER:
      return lua_pushvalue(lua, index);
    case LUA_TBOOLEAN:
      return lua_pushstring(lua, lua_toboolean(lua, index) ? "true" : "false");
    case LUA_TNIL:
      return lua_pushliteral(lua, "nil");
    default:
      lua_pushfstring(lua, "%s: %p", luaL_typename(lua, index), lua_topointer(lua, index));
  }
}

// Makes a table of any error, with the place where it was raised. For an error in a C function
// that is the place of its caller.
int add_place(lua_State* lua) {
  lua_Debug place;
  bool known = lua_getstack(lua, 1, &place) == 1 && lua_getinfo(lua, "nSl", &place) != 0;
  if (known && place.what[0] == 'C') {
    known = lua_getstack(lua, 2, &place) == 1 && lua_getinfo(lua, "nSl", &place) != 0;
  }
  if (!lua_istable(lua, 1)) {
    push_as_text(lua, 1);
    lua_pushliteral(lua, "ERR ");
    lua_insert(lua, -2);
    lua_concat(lua, 2);
    lua_newtable(lua);
    lua_insert(lua, -2);
    lua_setfield(lua, -2, "err");
    lua_replace(lua, 1);
  }
  lua_settop(lua, 1);
  if (!known) return 1;
  lua_pushstring(lua, place.source);
  lua_setfield(lua, 1, "source");
  lua_pushinteger(lua, place.currentline);
  lua_setfield(lua, 1, "line");
  return 1;
}

int on_panic(lua_State* lua) {
  log_warning("Lua panicked: {}", lua_tostring(lua, -1));
  return 0;  // Lua ends the process
}

}  // namespace

ScriptEngine& engine_of(lua_State* lua) {
  lua_getfield(lua, LUA_REGISTRYINDEX, kEngine);
  auto* engine = static_cast<ScriptEngine*>(lua_touserdata(lua, -1));
  lua_pop(lua, 1);
  return *engine;
}

Interpreter::Interpreter(ScriptKind kind, ScriptEngine& engine) : kind_(kind) {
  lua_ = lua_newstate(allocate_block, this);
  ASSERT(lua_);
  lua_atpanic(lua_, on_panic);
  lua_pushlightuserdata(lua_, &engine);
  lua_setfield(lua_, LUA_REGISTRYINDEX, kEngine);
  make_globals(engine);
  if (kind_ == ScriptKind::kFunction) make_registration_globals(engine);
  lua_pushliteral(lua_, "KEYS");
  lua_pushliteral(lua_, "ARGV");
  ASSERT(lua_gettop(lua_) == kBottom);
  lua_sethook(lua_, on_count, LUA_MASKCOUNT, kHookInstructions);
}

Interpreter::~Interpreter() { lua_close(lua_); }

void* Interpreter::allocate_block(void* self, void* block, std::size_t old_bytes,
                                  std::size_t bytes) {
  auto& memory = static_cast<Interpreter*>(self)->memory_;
  memory.store(memory.load(std::memory_order_relaxed) - old_bytes + bytes,
               std::memory_order_relaxed);
  if (bytes == 0) {
    release(block);
    return nullptr;
  }
  return reallocate(block, bytes);
}

void Interpreter::on_count(lua_State* lua, lua_Debug*) { engine_of(lua).on_hook(lua); }

void Interpreter::make_globals(ScriptEngine& engine) {
  open_libraries(lua_);
  lua_pushvalue(lua_, LUA_GLOBALSINDEX);
  replace_random(lua_);
  lua_newtable(lua_);
  const bool scripts = kind_ == ScriptKind::kEval;
  add_redis_api(lua_, scripts ? ApiPart::kScripts : ApiPart::kFunctions,
                engine.shared().version());
  lua_pushvalue(lua_, -1);
  lua_setfield(lua_, -3, "redis");
  lua_setfield(lua_, -2, "server");
  lua_pushcfunction(lua_, add_place);
  if (scripts) {
    lua_pushvalue(lua_, -1);
    lua_setfield(lua_, -3, "__redis__err__handler");
  }
  lua_insert(lua_, kErrorHandler);

  refuse_unknown_names(lua_);
  lua_pushvalue(lua_, -1);
  protect_table(lua_);
  lua_pushvalue(lua_, -1);
  lua_replace(lua_, LUA_GLOBALSINDEX);
}

void Interpreter::make_registration_globals(ScriptEngine& engine) {
  lua_newtable(lua_);
  lua_newtable(lua_);
  add_redis_api(lua_, ApiPart::kRegistration, engine.shared().version());
  refuse_unknown_names(lua_);
  lua_pushvalue(lua_, -1);
  lua_setfield(lua_, -3, "redis");
  lua_setfield(lua_, -2, "server");
  refuse_unknown_names(lua_);
  lua_pushvalue(lua_, -1);
  protect_table(lua_);
  lua_pop(lua_, 1);
  lua_setfield(lua_, LUA_REGISTRYINDEX, kRegistrationGlobals);
}

void Interpreter::enter_registration() {
  lua_getfield(lua_, LUA_REGISTRYINDEX, kRegistrationGlobals);
  redirect_proxy(lua_, kEnvironment);
}

void Interpreter::leave_registration() {
  lua_pushvalue(lua_, kGlobals);
  redirect_proxy(lua_, kEnvironment);
}

Result<int> Interpreter::compile(ByteView text, const char* chunk_name) {
  if (load_text(lua_, text.data(), text.size(), chunk_name) != 0) {
    Error error(ErrorCode::kCorrupt, lua_tostring(lua_, -1));
    lua_settop(lua_, kBottom);
    return error;
  }
  return luaL_ref(lua_, LUA_REGISTRYINDEX);
}

void Interpreter::restore() {
  lua_settop(lua_, kBottom);
  lua_pushvalue(lua_, kEnvironment);
  lua_replace(lua_, LUA_GLOBALSINDEX);
  if (lua_gethookmask(lua_) != LUA_MASKCOUNT) {
    lua_sethook(lua_, on_count, LUA_MASKCOUNT, kHookInstructions);
  }
}

void Interpreter::collect_some() {
  if (++calls_ % kCallsBetweenCollections != 0) return;
  lua_gc(lua_, LUA_GCSTEP, kCallsBetweenCollections);
}

}  // namespace memoir
