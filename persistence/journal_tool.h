// What the parts of memoir-journal share: options, what a path means, and one function a command.
//
// Each command is a file of its own, journal_tool_<command>.cc, and a line in the table of
// journal_tool.cc. Results go to stdout, complaints to stderr.
#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "persistence/file.h"
#include "persistence/segment.h"
#include "src/base/moment.h"

namespace memoir::tool {

// Exit codes.
inline constexpr int kWell = 0;
inline constexpr int kDamaged = 1;  // damage was found, or repair wants to be confirmed
inline constexpr int kFailed = 2;   // the command cannot be carried out

// What may stand on the command line; which options a command knows is in its line of the table.
struct Options {
  Lsn from = 0;
  Lsn to = std::numeric_limits<Lsn>::max();
  std::optional<std::uint64_t> timeline;
  bool session_info = false;
  bool yes = false;
  bool aof = false;
  bool json = false;
  std::optional<Moment> at;
  std::string output;
  std::vector<std::string> paths;
};

// One line to stderr.
void complain(const std::string& text);

// The timelines a path stands for, ascending; `directory` is the journal's. Of one segment: the
// timeline from that segment on, of which only LSNs below `until` are meant, and no directory.
struct Target {
  std::string directory;
  std::vector<Timeline> timelines;
  Lsn until = std::numeric_limits<Lsn>::max();
};

// kNotFound if there is no journal; kCorrupt or kTruncated if the path is a damaged segment.
Result<Target> find_target(FileSystem& files, const std::string& path);

// The timeline that --timeline names, else the newest; null, with a complaint, if there is none.
const Timeline* find_timeline(const Target& target, const Options& options);

int print(FileSystem& files, const Options& options);
int verify(FileSystem& files, const Options& options);
int repair(FileSystem& files, const Options& options);
int export_journal(FileSystem& files, const Options& options);
int cut(FileSystem& files, const Options& options);

}  // namespace memoir::tool
