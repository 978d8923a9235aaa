// FUNCTION LOAD, LIST, DELETE, FLUSH, DUMP, RESTORE, STATS, KILL, HELP.
#include "src/base/c_text.h"
#include "src/base/glob.h"
#include "src/scripting/script_flags.h"
#include "src/scripting/scripting_rows.h"

namespace memoir {
namespace {

// For how long a library may take to register its functions.
constexpr std::int64_t kLoadTimeMs = 500;

// Libraries changed: there is something to journal.
void mark_changed(Context& ctx) { ++ctx.environment().changes->count; }

// FUNCTION LOAD [REPLACE] function-code
Status load(Context& ctx, Args args, ReplyWriter& reply) {
  ScriptEngine* const engine = engine_of(ctx);
  if (!engine) return Error(kNoScripts);
  auto on_collision = Libraries::OnCollision::kRefuse;
  while (args.left() > 1) {
    if (!args.take("REPLACE")) {
      return Error(Bytes("ERR Unknown option given: ").append(c_text(args.peek())));
    }
    on_collision = Libraries::OnCollision::kReplace;
  }
  Libraries& libraries = engine->shared().libraries;
  const ByteView payload = args.next();
  auto head = read_library_head(payload);
  if (!head) return head.error();
  if (is_function_name(head->name) && equals_ignoring_case(head->engine, "lua") &&
      on_collision == Libraries::OnCollision::kRefuse && libraries.find(head->name)) {
    return Error("ERR Library '" + head->name + "' already exists");
  }
  auto library = engine->make_library(payload, ctx.replaying() ? 0 : kLoadTimeMs);
  if (!library) return library.error();
  if (Status admitted = libraries.admits(**library, on_collision); !admitted) {
    engine->forget_library(**library);
    return admitted;
  }
  reply.bulk((*library)->name);
  libraries.put(*std::move(library));
  mark_changed(ctx);
  return ok;
}

// FUNCTION DELETE library-name
Status remove(Context& ctx, Args args, ReplyWriter& reply) {
  ScriptEngine* const engine = engine_of(ctx);
  if (!engine) return Error(kNoScripts);
  if (!engine->shared().libraries.remove(args.next())) return Error("ERR Library not found");
  mark_changed(ctx);
  reply.ok();
  return ok;
}

// FUNCTION FLUSH [ASYNC | SYNC]
Status flush(Context& ctx, Args args, ReplyWriter& reply) {
  ScriptEngine* const engine = engine_of(ctx);
  if (!engine) return Error(kNoScripts);
  if (!read_flush_mode(args)) {
    return Error("ERR FUNCTION FLUSH only supports SYNC|ASYNC option");
  }
  engine->shared().libraries.clear();
  mark_changed(ctx);
  reply.ok();
  return ok;
}

void write_function(const Function& function, ReplyWriter& reply) {
  reply.map(3);
  reply.bulk("name");
  reply.bulk(function.name);
  reply.bulk("description");
  function.description ? reply.bulk(*function.description) : reply.null();
  reply.bulk("flags");
  std::size_t count = 0;
  for (const auto& [flag, name] : script_flag_names()) count += (function.flags & flag) != 0;
  reply.set(count);
  for (const auto& [flag, name] : script_flag_names()) {
    if ((function.flags & flag) != 0) reply.simple(name);
  }
}

// FUNCTION LIST [LIBRARYNAME library-name-pattern] [WITHCODE]
Status list(Context& ctx, Args args, ReplyWriter& reply) {
  ScriptEngine* const engine = engine_of(ctx);
  if (!engine) return Error(kNoScripts);
  bool with_code = false;
  std::optional<ByteView> pattern;
  while (args.more()) {
    if (!with_code && args.take("WITHCODE")) {
      with_code = true;
    } else if (!pattern && args.take("LIBRARYNAME")) {
      if (!args.more()) return Error("ERR library name argument was not given");
      pattern = args.next();
    } else {
      return Error(Bytes("ERR Unknown argument ").append(c_text(args.peek())));
    }
  }
  const ReplyWriter::Mark mark = reply.begin();
  std::size_t count = 0;
  engine->shared().libraries.each([&](const Library& library) {
    if (pattern && !glob_match(*pattern, library.name, Case::kInsensitive)) return;
    ++count;
    reply.map(with_code ? 4 : 3);
    reply.bulk("library_name");
    reply.bulk(library.name);
    reply.bulk("engine");
    reply.bulk("LUA");
    reply.bulk("functions");
    reply.array(library.functions.size());
    for (const auto& [name, function] : library.functions) write_function(function, reply);
    if (!with_code) return;
    reply.bulk("library_code");
    reply.bulk(library.payload);
  });
  reply.end_array(mark, count);
  return ok;
}

// FUNCTION DUMP
Status dump(Context& ctx, Args, ReplyWriter& reply) {
  ScriptEngine* const engine = engine_of(ctx);
  if (!engine) return Error(kNoScripts);
  reply.bulk(dump_libraries(engine->shared().libraries));
  return ok;
}

enum class Policy : std::uint8_t { kAppend, kReplace, kFlush };

Result<Policy> read_policy(Args& args) {
  if (!args.more() || args.take("APPEND")) return Policy::kAppend;
  if (args.take("REPLACE")) return Policy::kReplace;
  if (args.take("FLUSH")) return Policy::kFlush;
  return Error(
      "ERR Wrong restore policy given, value should be either FLUSH, APPEND or REPLACE.");
}

// The libraries of a dump, compiled. All or none is known to the engine then.
Result<std::vector<LibraryPointer>> make_libraries(ScriptEngine& engine, ByteView payload) {
  auto texts = read_library_dump(payload);
  if (!texts) return texts.error();
  std::vector<LibraryPointer> libraries;
  const auto give_up = [&](Error error) {
    for (const LibraryPointer& each : libraries) engine.forget_library(*each);
    return error;
  };
  for (const Bytes& text : *texts) {
    auto library = engine.make_library(text, 0);
    if (!library) return give_up(library.error());
    const Bytes& name = (*library)->name;
    for (const LibraryPointer& other : libraries) {
      if (other->name != name) continue;
      Error twice("ERR Library '" + name + "' already exists");
      engine.forget_library(**library);
      return give_up(std::move(twice));
    }
    libraries.push_back(*std::move(library));
  }
  return libraries;
}

// FUNCTION RESTORE serialized-value [FLUSH | APPEND | REPLACE]
Status restore(Context& ctx, Args args, ReplyWriter& reply) {
  ScriptEngine* const engine = engine_of(ctx);
  if (!engine) return Error(kNoScripts);
  const ByteView payload = args.next();
  auto policy = read_policy(args);
  if (!policy) return policy.error();
  auto libraries = make_libraries(*engine, payload);
  if (!libraries) return libraries.error();
  Libraries& shared = engine->shared().libraries;
  const std::vector<LibraryPointer> made = *libraries;
  if (*policy == Policy::kFlush) {
    Libraries alone;
    if (Status fit = alone.join(made, Libraries::OnCollision::kRefuse); !fit) {
      for (const LibraryPointer& each : made) engine->forget_library(*each);
      return fit;
    }
    shared.clear();
  }
  const auto on_collision = *policy == Policy::kReplace ? Libraries::OnCollision::kReplace
                                                        : Libraries::OnCollision::kRefuse;
  if (Status joined = shared.join(made, on_collision); !joined) {
    for (const LibraryPointer& each : made) engine->forget_library(*each);
    return joined;
  }
  mark_changed(ctx);
  reply.ok();
  return ok;
}

// FUNCTION STATS
Status stats(Context& ctx, Args, ReplyWriter& reply) {
  ScriptEngine* const engine = engine_of(ctx);
  if (!engine) return Error(kNoScripts);
  Scripting& shared = engine->shared();
  const auto busy = shared.busy_script();
  if (busy && busy->kind == ScriptKind::kEval) return Scripting::busy_error(ScriptKind::kEval);
  reply.map(2);
  reply.bulk("running_script");
  if (!busy) {
    reply.null();
  } else {
    reply.map(3);
    reply.bulk("name");
    reply.bulk(busy->name);
    reply.bulk("command");
    reply.array(busy->words.size());
    for (const Bytes& word : busy->words) reply.bulk(word);
    reply.bulk("duration_ms");
    reply.integer((ctx.dispatcher().clock().monotonic_us() - busy->started_us) / 1000);
  }
  reply.bulk("engines");
  reply.map(1);
  reply.bulk("LUA");
  reply.map(2);
  reply.bulk("libraries_count");
  reply.integer(static_cast<std::int64_t>(shared.libraries.library_count()));
  reply.bulk("functions_count");
  reply.integer(static_cast<std::int64_t>(shared.libraries.function_count()));
  return ok;
}

// FUNCTION KILL
Status kill(Context& ctx, Args, ReplyWriter& reply) {
  ScriptEngine* const engine = engine_of(ctx);
  if (!engine) return Error(kNoScripts);
  if (Status killed = engine->shared().kill(ScriptKind::kFunction); !killed) return killed;
  reply.ok();
  return ok;
}

Status help(Context& ctx, Args, ReplyWriter& reply) {
  write_script_help(ctx,
                    {"LOAD [REPLACE] <FUNCTION CODE>",
                     "    Add a library, or put it in the place of one of its name.",
                     "DELETE <LIBRARY NAME>",
                     "    Remove a library with its functions.",
                     "LIST [LIBRARYNAME PATTERN] [WITHCODE]",
                     "    Return libraries, their functions, and on demand their code.",
                     "STATS",
                     "    Return what function runs just now, and how many there are.",
                     "KILL",
                     "    End the function that runs just now, unless it has written.",
                     "FLUSH [ASYNC|SYNC]",
                     "    Remove all libraries.",
                     "DUMP",
                     "    Return all libraries as a payload for FUNCTION RESTORE.",
                     "RESTORE <PAYLOAD> [FLUSH|APPEND|REPLACE]",
                     "    Add the libraries of a payload. One that is there already is an error,",
                     "    unless it is to be replaced or all of them are to go first."},
                    reply);
  return ok;
}

struct Kind {
  Access access = Access::kNone;
  std::uint32_t flags = kNoScript;
  Locks locks = Locks::kAll;
};
constexpr Kind kReading{};
constexpr Kind kAtAnyTime{.flags = kNoScript | kAllowBusy, .locks = Locks::kNone};
constexpr Kind kChanging{.access = Access::kWrite, .flags = kNoScript | kBeyondKeys};
constexpr Kind kGrowing{.access = Access::kWrite, .flags = kNoScript | kBeyondKeys | kDenyOom};

constexpr CommandSpec row(const char* name, Arity arity, Kind kind, Handler run,
                          const char* syntax, const char* summary, const char* complexity,
                          const char* tips) {
  return {.name = name,
          .arity = arity,
          .access = kind.access,
          .flags = kind.flags,
          .journal = kind.access == Access::kWrite ? JournalForm::kVerbatim : JournalForm::kNone,
          .locks = kind.locks,
          .run = run,
          .group = Group::kScripting,
          .syntax = syntax,
          .summary = summary,
          .since = "7.0.0",
          .complexity = complexity,
          .tips = tips};
}

constexpr char kToAllShards[] = "request_policy:all_shards,response_policy:all_succeeded";

constexpr CommandSpec kSubcommands[] = {
    row("delete", exactly(3), kChanging, remove, "library-name", "Removes a library.", "O(1)",
        kToAllShards),
    row("dump", exactly(2), kReading, dump, "", "Returns all libraries in one payload.",
        "O(N) where N is the number of functions", ""),
    row("flush", between(2, 3), kChanging, flush, "[ASYNC | SYNC]", "Removes all libraries.",
        "O(N) where N is the number of functions deleted", kToAllShards),
    row("help", exactly(2), {.flags = kLoading | kStale, .locks = Locks::kNone}, help, "",
        "Explains the subcommands.", "O(1)", ""),
    row("kill", exactly(2), kAtAnyTime, kill, "", "Ends the function that runs just now.", "O(1)",
        "request_policy:all_shards,response_policy:one_succeeded"),
    row("list", at_least(2), kReading, list, "[LIBRARYNAME library-name-pattern] [WITHCODE]",
        "Returns libraries and their functions.", "O(N) where N is the number of functions",
        "nondeterministic_output_order"),
    row("load", at_least(3), kGrowing, load, "[REPLACE] function-code", "Adds a library.",
        "O(1) (considering compilation time is redundant)", kToAllShards),
    row("restore", between(3, 4), kGrowing, restore,
        "serialized-value [FLUSH | APPEND | REPLACE]", "Adds the libraries of a payload.",
        "O(N) where N is the number of functions on the payload", kToAllShards),
    row("stats", exactly(2), kAtAnyTime, stats, "",
        "Returns what function runs just now, and how many there are.", "O(1)",
        "nondeterministic_output,request_policy:all_shards,response_policy:special"),
};

constexpr CommandSpec container(CommandSpec spec, std::span<const CommandSpec> subcommands) {
  spec.subcommands = subcommands;
  return spec;
}

constexpr CommandSpec kCommands[] = {
    container(row("function", at_least(2), {.flags = 0, .locks = Locks::kNone}, nullptr, "",
                  "Looks after libraries of functions.", "Depends on subcommand.", ""),
              kSubcommands),
};

}  // namespace

std::span<const CommandSpec> function_commands() { return kCommands; }

}  // namespace memoir
