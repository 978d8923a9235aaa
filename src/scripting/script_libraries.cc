// Libraries in an interpreter: running their text once, so that they register their functions.
#include "src/base/cycles.h"
#include "src/base/glob.h"
#include "src/scripting/script_engine.h"
#include "src/scripting/script_flags.h"

namespace memoir {
namespace {

Bytes text_at(lua_State* lua, int index) {
  std::size_t bytes;
  // A copy, for tostring() would turn a number in place.
  lua_pushvalue(lua, index);
  const char* const text = lua_tolstring(lua, -1, &bytes);
  Bytes copy(text, bytes);
  lua_pop(lua, 1);
  return copy;
}

// The flags in the list on top of the stack; nothing if one of them is unknown.
std::optional<std::uint32_t> flags_at_top(lua_State* lua) {
  std::uint32_t flags = 0;
  for (int i = 1;; ++i) {
    lua_rawgeti(lua, -1, i);
    if (lua_isnil(lua, -1)) break;
    const Bytes name = lua_isstring(lua, -1) ? text_at(lua, -1) : Bytes();
    lua_pop(lua, 1);
    bool known = false;
    for (const ScriptFlagName& each : script_flag_names()) {
      if (!equals_ignoring_case(each.name, name)) continue;
      flags |= each.flag;
      known = true;
    }
    if (!known) return std::nullopt;
  }
  lua_pop(lua, 1);
  return flags;
}

}  // namespace

Interpreter& ScriptEngine::functions() {
  if (!functions_) {
    functions_ = std::make_unique<Interpreter>(ScriptKind::kFunction, *this);
    const std::lock_guard lock(shown_mutex_);
    shown_functions_ = functions_.get();
  }
  return *functions_;
}

// Lets go of libraries that are no longer the server's; without any, of the interpreter too.
void ScriptEngine::follow_libraries() {
  if (shared_.libraries.version() == libraries_seen_) return;
  libraries_seen_ = shared_.libraries.version();
  std::erase_if(loaded_, [this](auto& each) {
    if (shared_.libraries.owns(each.first)) return false;
    for (const auto& [name, reference] : each.second.references) functions_->forget(reference);
    return true;
  });
  if (!loaded_.empty() || shared_.libraries.library_count() > 0) return;
  const std::lock_guard lock(shown_mutex_);
  shown_functions_ = nullptr;
  functions_.reset();
}

Result<LibraryPointer> ScriptEngine::make_library(ByteView payload, std::int64_t time_ms) {
  follow_libraries();
  auto head = read_library_head(payload);
  if (!head) return head.error();
  if (!is_function_name(head->name)) return Error(Bytes("ERR ").append(kBadFunctionName));
  if (!equals_ignoring_case(head->engine, "lua")) {
    return Error("ERR Engine '" + head->engine + "' not found");
  }
  auto library = std::make_shared<Library>();
  library->name = head->name;
  library->payload = payload;
  library->head_bytes = head->bytes;
  LoadedLibrary& loaded = loaded_[library.get()];
  loaded.library = library;
  Status done = run_library(loaded, time_ms);
  if (done && library->functions.empty()) done = Error("ERR No functions registered");
  if (!done) {
    forget_library(*library);
    return done.error().clone();
  }
  return library;
}

void ScriptEngine::forget_library(const Library& library) {
  const auto found = loaded_.find(&library);
  if (found == loaded_.end()) return;
  for (const auto& [name, reference] : found->second.references) functions_->forget(reference);
  loaded_.erase(found);
}

Status ScriptEngine::run_library(LoadedLibrary& loaded, std::int64_t time_ms) {
  Interpreter& interpreter = functions();
  lua_State* const lua = interpreter.lua();
  Library& library = *loaded.library;
  auto chunk = interpreter.compile(ByteView(library.payload).substr(library.head_bytes),
                                   "@user_function");
  if (!chunk) return Error("ERR Error compiling function: " + chunk.error().text());
  lua_rawgeti(lua, LUA_REGISTRYINDEX, *chunk);
  interpreter.forget(*chunk);

  Registration registration{library, loaded.references, cycles_now(), time_ms};
  registration_ = &registration;
  interpreter.enter_registration();
  const int failed = lua_pcall(lua, 0, 0, 0);
  interpreter.leave_registration();
  registration_ = nullptr;
  Status done = ok;
  if (failed) {
    done = Error("ERR Error registering functions: " + error_information(lua).text);
  }
  interpreter.restore();
  return done;
}

// Where a function is in this engine's interpreter; its library is run if that has not been done.
Result<int> ScriptEngine::function_reference(const Function& function) {
  follow_libraries();
  LoadedLibrary& loaded = loaded_[function.library];
  if (!loaded.library) {
    loaded.library = shared_.libraries.share(*function.library);
    if (Status done = run_library(loaded, 0); !done) {
      forget_library(*function.library);
      return done.error().clone();
    }
  }
  const auto found = loaded.references.find(function.name);
  if (found == loaded.references.end()) return Error("ERR Function not found");
  return found->second;
}

// ---- redis.register_function --------------------------------------------------------------------

// One named argument, whose value is on top of the stack and is popped. What is wrong with it, or
// null.
const char* ScriptEngine::read_field(lua_State* lua, ByteView field, Registered& registered) {
  if (equals_ignoring_case(field, "callback")) {
    if (!lua_isfunction(lua, -1)) {
      return "callback argument given to redis.register_function must be a function";
    }
    if (registered.reference != LUA_NOREF) functions_->forget(registered.reference);
    registered.reference = luaL_ref(lua, LUA_REGISTRYINDEX);
    return nullptr;
  }
  if (equals_ignoring_case(field, "function_name")) {
    if (!lua_isstring(lua, -1)) {
      return "function_name argument given to redis.register_function must be a string";
    }
    registered.name = text_at(lua, -1);
  } else if (equals_ignoring_case(field, "description")) {
    if (!lua_isstring(lua, -1)) {
      return "description argument given to redis.register_function must be a string";
    }
    registered.description = text_at(lua, -1);
  } else if (equals_ignoring_case(field, "flags")) {
    if (!lua_istable(lua, -1)) {
      return "flags argument to redis.register_function must be a table representing function "
             "flags";
    }
    const auto flags = flags_at_top(lua);
    if (!flags) return "unknown flag given";
    registered.flags = *flags;
  } else {
    return "unknown argument given to redis.register_function";
  }
  lua_pop(lua, 1);
  return nullptr;
}

// The table at index 1, of named arguments.
const char* ScriptEngine::read_named(lua_State* lua, Registered& registered) {
  if (!lua_istable(lua, 1)) {
    return "calling redis.register_function with a single argument is only applicable to Lua table "
           "(representing named arguments).";
  }
  bool named = false;
  lua_pushnil(lua);
  while (lua_next(lua, 1) != 0) {
    if (!lua_isstring(lua, -2)) {
      return "named argument key given to redis.register_function is not a string";
    }
    const Bytes field = text_at(lua, -2);
    if (const char* wrong = read_field(lua, field, registered)) return wrong;
    named = named || equals_ignoring_case(field, "function_name");
  }
  if (!named) return "redis.register_function must get a function name argument";
  if (registered.reference == LUA_NOREF) {
    return "redis.register_function must get a callback argument";
  }
  return nullptr;
}

int ScriptEngine::register_function(lua_State* lua) {
  const auto raise = [&](const char* text) {
    push_error(lua, text);
    return lua_error(lua);
  };
  if (!registration_) {
    return raise("redis.register_function can only be called on FUNCTION LOAD command");
  }
  const int count = lua_gettop(lua);
  if (count < 1 || count > 2) {
    return raise("wrong number of arguments to redis.register_function");
  }
  Registered registered;
  const char* wrong = nullptr;
  if (count == 1) {
    wrong = read_named(lua, registered);
  } else if (!lua_isstring(lua, 1)) {
    wrong = "first argument to redis.register_function must be a string";
  } else if (!lua_isfunction(lua, 2)) {
    wrong = "second argument to redis.register_function must be a function";
  } else {
    registered.name = text_at(lua, 1);
    registered.reference = luaL_ref(lua, LUA_REGISTRYINDEX);
  }
  Library& library = registration_->library;
  if (!wrong && !is_function_name(registered.name)) wrong = kBadFunctionName.data();
  // A library that is run once more, by another worker, registers what it did the first time.
  const bool again = registration_->references.contains(registered.name);
  if (!wrong && again) wrong = "Function already exists in the library";
  if (wrong) {
    if (registered.reference != LUA_NOREF) functions_->forget(registered.reference);
    return raise(wrong);
  }
  registration_->references.emplace(registered.name, registered.reference);
  if (!library.functions.contains(registered.name)) {
    library.functions.emplace(registered.name,
                              Function{.name = registered.name,
                                       .description = std::move(registered.description),
                                       .flags = registered.flags,
                                       .library = &library});
  }
  return 0;
}

}  // namespace memoir
