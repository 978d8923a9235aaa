// The rows of EVAL and its kin, SCRIPT, FUNCTION, FCALL; and what their handlers share.
#pragma once

#include <initializer_list>
#include <span>

#include "src/command/context.h"
#include "src/command/spec.h"
#include "src/scripting/script_engine.h"

namespace memoir {

// EVAL, EVALSHA, EVAL_RO, EVALSHA_RO, FCALL, FCALL_RO.
std::span<const CommandSpec> eval_commands();
// SCRIPT and FUNCTION with their subcommands.
std::span<const CommandSpec> script_commands();
std::span<const CommandSpec> function_commands();

// The engine of the dispatcher that runs the request; null where scripts are not known.
ScriptEngine* engine_of(Context& ctx);
inline constexpr std::string_view kNoScripts = "ERR scripts cannot be run here";

// Whether a request runs a script or function that says it writes nothing. Locks a stripe, so for
// a thread that holds none.
bool declares_no_writes(Scripting& scripting, Keyspace& keyspace, const CommandSpec& spec,
                        std::span<const Word> words);

// HELP: one line for each text, and what all of them begin and end with.
void write_script_help(Context& ctx, std::initializer_list<const char*> lines, ReplyWriter& reply);

// [ASYNC | SYNC] or nothing. False: something else.
bool read_flush_mode(Args& args);

}  // namespace memoir
