// The command line:  memoir-server [file] [--directive word ...]... [-]
//
// Each --directive with its words becomes a line behind those of the file; "-" as the first or last
// argument reads lines from standard input.
#pragma once

#include <span>

#include "src/server/config_file.h"

namespace memoir {

enum class CommandLineAction : std::uint8_t { kRun, kShowVersion, kShowHelp };

struct CommandLine {
  CommandLineAction action = CommandLineAction::kRun;
  ConfigSource source;  // stdin_text is left to the caller to fill
};

// `arguments` without the program's name. A relative file is made absolute.
CommandLine parse_command_line(std::span<const char* const> arguments);

Bytes version_text();
Bytes help_text();

}  // namespace memoir
