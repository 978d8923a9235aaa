// ScriptEngine: the interpreters of one dispatcher and what they have compiled; runs scripts.
//
// Texts are shared (Scripting), interpreters are not: each engine compiles a script, and lets a
// library register its functions, when it first runs one of them. Commands that a script calls go
// through the dispatcher like all others. Belongs to its dispatcher's thread; handlers call it with
// all stripes locked.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <unordered_map>
#include <vector>

#include "protocol/output_buffer.h"
#include "src/command/context.h"
#include "src/command/dispatcher.h"
#include "src/scripting/interpreter.h"
#include "src/scripting/lua_reply.h"
#include "src/scripting/random48.h"
#include "src/scripting/scripting.h"
#include "src/store/undo.h"

namespace memoir {

class ScriptEngine final : private ErrorCounter {
 public:
  explicit ScriptEngine(Scripting& shared);
  ~ScriptEngine();
  ScriptEngine(const ScriptEngine&) = delete;
  ScriptEngine& operator=(const ScriptEngine&) = delete;

  Scripting& shared() { return shared_; }
  // Any thread.
  std::size_t vm_memory(ScriptKind kind) const;

  // --- for the handlers: the error is the reply --------------------------------------------------
  struct Call {
    std::span<const Word> keys;
    std::span<const Word> arguments;
    bool read_only = false;  // EVAL_RO and its kin
  };
  Status eval(Context& ctx, ByteView body, const Call& call, ReplyWriter& reply);
  Status eval_sha(Context& ctx, const Sha& sha, const Call& call, ReplyWriter& reply);
  // SCRIPT LOAD.
  Result<Sha> load_script(ByteView body);
  Status call_function(Context& ctx, const Function& function, const Call& call,
                       ReplyWriter& reply);
  // Compiles a library and lets it register its functions. `time_ms`: for how long at most; 0: for
  // as long as it takes. It is known to this engine until forget_library(), or until its version of
  // the shared libraries is past.
  Result<LibraryPointer> make_library(ByteView payload, std::int64_t time_ms);
  void forget_library(const Library& library);

  // --- for the functions of `redis`, inside of a script ------------------------------------------
  enum class OnError : bool { kReturn, kRaise };
  int call_command(lua_State* lua, OnError on_error);
  int check_command(lua_State* lua);                 // redis.acl_check_cmd
  bool set_spoken(int version);                      // redis.setresp
  bool set_journaled(int where);                     // redis.set_repl
  int register_function(lua_State* lua);             // redis.register_function
  Random48& random() { return random_; }
  void on_hook(lua_State* lua);

 private:
  struct Compiled {
    std::shared_ptr<Script> script;
    int reference = LUA_NOREF;
  };
  struct LoadedLibrary {
    LibraryPointer library;
    std::map<Bytes, int, std::less<>> references;  // by function
  };
  // A library that registers its functions just now.
  struct Registration {
    Library& library;
    std::map<Bytes, int, std::less<>>& references;
    std::uint64_t began_cycles;
    std::int64_t time_ms;
  };
  // A script that runs just now.
  struct Run {
    Context& ctx;
    ScriptKind kind;
    ByteView name;
    std::uint32_t flags;
    std::uint64_t began_cycles;
    bool read_only;
    bool allow_oom;
    Dispatcher::Journaled journaled = Dispatcher::Journaled::kYes;
    bool undoable = false;  // what it did will be taken back if it fails
    bool written = false;
    bool busy = false;
    bool killed = false;
    bool abandoned = false;  // the server stops: nothing of it may be kept
  };
  struct Registered {
    Bytes name;
    std::optional<Bytes> description;
    std::uint32_t flags = 0;
    int reference = LUA_NOREF;
  };

  Interpreter& scripts();
  Interpreter& functions();
  void follow_shared();
  void follow_libraries();
  Compiled* find_script(const Sha& sha);
  Result<Compiled*> script_of(ByteView body, ScriptCache::From from);
  Result<Compiled*> compile(std::shared_ptr<Script> script);
  void drop_departed();

  Status refuse(Context& ctx, std::uint32_t flags, bool read_only) const;
  Status run_compiled(Context& ctx, Compiled& compiled, const Call& call, ReplyWriter& reply);
  Status execute(Run& run, Interpreter& interpreter, int reference, const Call& call,
                 ReplyWriter& reply);
  int push_call(Run& run, Interpreter& interpreter, int reference, const Call& call);
  Status protected_call(Run& run, Interpreter& interpreter, int reference, const Call& call,
                        ReplyWriter& reply);
  Status finish(lua_State* lua, ReplyWriter& reply);
  Error final_error(const Run& run, lua_State* lua);
  void end_busy(Run& run);

  bool take_words(lua_State* lua, int count);
  const char* refuse_call(const CommandTable::Row& row, Bytes& text);
  int fail_call(lua_State* lua, OnError on_error, const CommandTable::Row* row, ByteView text);
  ByteView nested_reply();
  void become_busy(Run& run, std::int64_t elapsed_ms);
  void watch_running(lua_State* lua);
  [[noreturn]] void stop_script(lua_State* lua, const char* why);

  Status run_library(LoadedLibrary& loaded, std::int64_t time_ms);
  Result<int> function_reference(const Function& function);
  const char* read_named(lua_State* lua, Registered& registered);
  const char* read_field(lua_State* lua, ByteView field, Registered& registered);

  void count_error(ByteView text) override;

  Scripting& shared_;
  std::unique_ptr<Interpreter> scripts_;
  std::unique_ptr<Interpreter> functions_;
  mutable std::mutex shown_mutex_;  // of what other threads see:
  const Interpreter* shown_scripts_{nullptr};
  const Interpreter* shown_functions_{nullptr};

  std::unordered_map<Sha, std::unique_ptr<Compiled>, Sha::Hash> by_sha_;
  std::unordered_map<std::uint64_t, Compiled*> by_body_;  // by the body's hash
  std::uint64_t flushes_seen_{0};
  std::uint64_t departures_seen_{0};
  std::unordered_map<const Library*, LoadedLibrary> loaded_;
  std::uint64_t libraries_seen_{0};

  Session session_;  // of the commands that scripts call
  Run* run_{nullptr};
  Registration* registration_{nullptr};
  std::vector<Word> words_;
  std::vector<std::array<char, 40>> digits_;  // of arguments that are numbers
  OutputBuffer reply_;
  Bytes flat_reply_;
  Random48 random_;
};

}  // namespace memoir
