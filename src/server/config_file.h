// The configuration file: reading it with the command line at start, and CONFIG REWRITE.
//
// The format is Redis's: a directive and its words a line, '#' comments, quotes as in inline
// requests. Reading stops at the first mistake. Rewriting keeps comments, order and what it does
// not understand, and replaces the file atomically.
#pragma once

#include <functional>
#include <vector>

#include "persistence/file.h"
#include "src/base/result.h"
#include "src/server/config.h"

namespace memoir {

// Where a configuration comes from; later parts override earlier ones.
struct ConfigSource {
  Bytes file;         // absolute path, or a glob pattern; empty for none
  bool has_stdin = false;
  Bytes stdin_text;   // all of standard input, for the argument "-"
  Bytes options;      // the command line's, as lines of a configuration file
};

struct LoadedConfig {
  Config config;
  // For the log: directives without effect, one line each.
  std::vector<Bytes> notes;
};

// Reads everything. The error's text is what goes to standard error before the process ends with
// status 1.
struct ConfigChecks {
  // Whether rename-command names a command.
  std::function<bool(ByteView name)> knows_command;
  // What is wrong with the words behind `user`; none: nothing.
  std::function<Status(std::span<const Bytes> words)> check_user = {};
};
Result<LoadedConfig> load_config(FileSystem& files, const ConfigSource& source,
                                 const ConfigChecks& checks);

// The text of the file at `path` brought up to date with `config`. Directives at their default
// appear only if `old_text` has them; the first one that is appended is announced by a comment.
enum class Rewrite : bool { kChanged, kEverything };
Bytes rewritten_config(ByteView old_text, const Config& config, Rewrite what = Rewrite::kChanged);
// CONFIG REWRITE. The error's text is the system's reason alone.
Status rewrite_config(FileSystem& files, const std::string& path, const Config& config,
                      Rewrite what = Rewrite::kChanged);

// `text` in double quotes with escapes, as split_line() reads it.
Bytes quoted(ByteView text);

}  // namespace memoir
