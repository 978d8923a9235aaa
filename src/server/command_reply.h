// How COMMAND INFO and COMMAND DOCS show a command; pure functions of its row.
#pragma once

#include <vector>

#include "protocol/reply_writer.h"
#include "src/command/command_table.h"

namespace memoir {

// The ten elements of COMMAND INFO.
void write_command_info(const CommandTable& commands, const CommandTable::Row& row,
                        ReplyWriter& reply);
// The map of COMMAND DOCS.
void write_command_docs(const CommandTable& commands, const CommandTable::Row& row,
                        ReplyWriter& reply);

// COMMAND INFO's first key, last key and step, and whether they do not say it all.
struct LegacyRange {
  int first = 0;
  int last = 0;
  int step = 0;
  bool movable = false;
};
LegacyRange legacy_range(const CommandSpec& spec);

// The names of a spec's flags.
std::vector<const char*> key_flag_names(unsigned flags);
std::vector<const char*> command_flag_names(const CommandSpec& spec);

}  // namespace memoir
