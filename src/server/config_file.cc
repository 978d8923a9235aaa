#include "src/base/log.h"
#include "src/server/config_file.h"

#include <glob.h>

#include <algorithm>
#include <filesystem>
#include <map>

#include "protocol/request_parser.h"
#include "src/base/glob.h"
#include "src/server/config_rows.h"
#include "src/server/version.h"

namespace memoir {

namespace {

constexpr unsigned kIncludesMax = 32;  // one inside the other
constexpr ByteView kBlanks = " \t\r\n";

// Words that Redis 7 still reads, to no effect.
constexpr ByteView kForgotten[] = {"list-max-ziplist-entries", "list-max-ziplist-value",
                                   "lua-replicate-commands"};

ByteView trim(ByteView line) {
  const std::size_t begin = line.find_first_not_of(kBlanks);
  if (begin == ByteView::npos) return {};
  return line.substr(begin, line.find_last_not_of(kBlanks) + 1 - begin);
}

// Calls visit(line) for every line, without its end.
template <class F>
void each_line(ByteView text, F&& visit) {
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    visit(text.substr(at, end - at));
    at = end + 1;
  }
}

// The system's words behind "path: ".
Bytes reason(const Error& error) {
  const std::size_t at = error.text().rfind(": ");
  return at == std::string::npos ? error.text() : error.text().substr(at + 2);
}

class Loader {
 public:
  Loader(FileSystem& files, const ConfigChecks& checks) : files_(files), checks_(checks) {}

  Status text(ByteView text);
  Result<Bytes> read(const Bytes& path);
  Result<LoadedConfig> finish();

 private:
  Status line(std::vector<Bytes>& words);
  Status directive(const ConfigRow& row, std::span<const Bytes> words);
  Status other(std::span<const Bytes> words);
  Status include(const Bytes& path);
  Status rename(const Bytes& name, const Bytes& new_name);
  Status user(std::span<const Bytes> words);
  void note(Bytes text) {
    if (std::ranges::find(loaded_.notes, text) == loaded_.notes.end()) {
      loaded_.notes.push_back(std::move(text));
    }
  }

  FileSystem& files_;
  const ConfigChecks& checks_;
  LoadedConfig loaded_;
  std::map<const ConfigRow*, std::vector<Bytes>> accumulated_;
  unsigned depth_ = 0;
};

Bytes fatal(ByteView where, ByteView problem) {
  return fmt::format("\n*** FATAL CONFIG FILE ERROR (Memoir {}) ***\n{}{}\n", kMemoirVersion, where,
                     problem);
}

// All files that `path` names, one behind the other; a pattern may name none.
Result<Bytes> Loader::read(const Bytes& path) {
  std::vector<Bytes> paths;
  if (path.find_first_of("*?[") == Bytes::npos) {
    paths.push_back(path);
  } else {
    glob_t found{};
    if (::glob(path.c_str(), 0, nullptr, &found) == 0) {
      paths.assign(found.gl_pathv, found.gl_pathv + found.gl_pathc);
    }
    ::globfree(&found);
  }
  Bytes all;
  for (const Bytes& each : paths) {
    auto contents = read_file(files_, each);
    if (!contents) {
      return Error(fmt::format("Fatal error, can't open config file '{}': {}\n", each,
                               reason(contents.peek_error())));
    }
    all += *contents;
  }
  return all;
}

Status Loader::text(ByteView text) {
  unsigned number = 0;
  Bytes problem;
  each_line(text, [&](ByteView raw) {
    if (!problem.empty()) return;
    ++number;
    const ByteView trimmed = trim(raw);
    if (trimmed.empty() || trimmed.front() == '#') return;
    std::vector<Bytes> words;
    Status read = split_line(trimmed, words)
                      ? (words.empty() ? Status(ok) : line(words))
                      : Status(Error("Unbalanced quotes in configuration line"));
    if (read) return;
    // An included file has told its own line already.
    problem = read.error().code() == ErrorCode::kCorrupt
                  ? read.error().text()
                  : fatal(fmt::format("Reading the configuration file, at line {}\n>>> '{}'\n",
                                      number, trimmed),
                          read.error().text());
  });
  if (problem.empty()) return ok;
  return Error(ErrorCode::kCorrupt, std::move(problem));
}

Status Loader::line(std::vector<Bytes>& words) {
  words[0] = to_lower(words[0]);
  const auto rest = std::span<const Bytes>(words).subspan(1);
  const ConfigRow* row = find_config_row(words[0]);
  if (!row) return other(words);
  if (!row->has(kMultiWord)) {
    if (rest.size() != 1) return Error("wrong number of arguments");
    return directive(*row, rest);
  }
  // One word with blanks may stand for several.
  if (rest.size() != 1 || rest[0].empty()) return directive(*row, rest);
  std::vector<Bytes> split;
  if (!split_line(rest[0], split)) split.clear();
  return directive(*row, split);
}

Status Loader::directive(const ConfigRow& row, std::span<const Bytes> words) {
  if (!row.has(kAccumulates)) {
    Status read = row.set(row, loaded_.config, words);
    if (read && row.has(kNoEffect)) note(fmt::format("'{}' has no effect", row.name));
    return read;
  }
  std::vector<Bytes>& all = accumulated_[&row];
  if (words.size() == 1 && words[0].empty()) {
    all.clear();
    return row.set(row, loaded_.config, words);
  }
  all.insert(all.end(), words.begin(), words.end());
  return row.set(row, loaded_.config, all);
}

Status Loader::include(const Bytes& path) {
  if (depth_ >= kIncludesMax) return Error("Too many configuration files include each other");
  const std::filesystem::path from = loaded_.config.dir;
  auto contents = read(from == "." ? path : (from / path).string());
  if (!contents) return Error(ErrorCode::kCorrupt, contents.error().text());
  ++depth_;
  Status read = text(*contents);
  --depth_;
  return read;
}

Status Loader::rename(const Bytes& name, const Bytes& new_name) {
  auto& renamed = loaded_.config.renamed_commands;
  const auto gone = [&](const Bytes& command) {
    return std::ranges::any_of(renamed, [&](const RenamedCommand& each) {
      return equals_ignoring_case(each.name, command);
    });
  };
  const auto taken = [&](const Bytes& command) {
    return std::ranges::any_of(renamed, [&](const RenamedCommand& each) {
      return equals_ignoring_case(each.new_name, command);
    });
  };
  const auto known = [&](const Bytes& command) {
    return (checks_.knows_command(command) && !gone(command)) || taken(command);
  };
  if (!known(name)) return Error("No such command in rename-command");
  if (!new_name.empty() && !equals_ignoring_case(name, new_name) && known(new_name)) {
    return Error("Target command name already exists");
  }
  const auto again = std::ranges::find_if(renamed, [&](const RenamedCommand& each) {
    return !each.new_name.empty() && equals_ignoring_case(each.new_name, name);
  });
  if (again != renamed.end()) {
    again->new_name = to_lower(new_name);
  } else {
    renamed.push_back({to_lower(name), to_lower(new_name)});
  }
  return ok;
}

Status Loader::user(std::span<const Bytes> words) {
  auto& users = loaded_.config.users;
  const auto problem = [&](ByteView reason) {
    return Error(fmt::format("Error in user declaration '{}': {}", words[0], reason));
  };
  const bool known = std::ranges::any_of(
      users, [&](const std::vector<Bytes>& other) { return other[0] == words[0]; });
  if (known) {
    return problem("Duplicate user found. A user can only be defined once in config files");
  }
  if (checks_.check_user) {
    if (Status sound = checks_.check_user(words); !sound) return problem(sound.error().text());
  }
  users.emplace_back(words.begin(), words.end());
  return ok;
}

Status Loader::other(std::span<const Bytes> words) {
  const ByteView name = words[0];
  const auto rest = words.subspan(1);
  if (std::ranges::find(kForgotten, name) != std::end(kForgotten) && rest.size() == 1) {
    note(fmt::format("'{}' has no effect", name));
    return ok;
  }
  if (name == "include" && rest.size() == 1) return include(rest[0]);
  if (name == "rename-command" && rest.size() == 2) return rename(rest[0], rest[1]);
  if (name == "user" && !rest.empty()) return user(rest);
  if (name == "loadmodule" && !rest.empty()) {
    loaded_.config.modules.emplace_back(rest.begin(), rest.end());
    note(fmt::format("'loadmodule {}' has no effect: modules cannot be loaded", rest[0]));
    return ok;
  }
  if (name.find('.') != Bytes::npos) {
    if (rest.empty()) return Error("Module config specified without value");
    note(fmt::format("'{}' has no effect: modules cannot be loaded", name));
    return ok;
  }
  if (name == "sentinel") {
    if (rest.empty()) return ok;
    return Error("sentinel directive while not in sentinel mode");
  }
  return Error("Bad directive or wrong number of arguments");
}

Result<LoadedConfig> Loader::finish() {
  Config& config = loaded_.config;
  if (config.dir == ".") {
    std::error_code failed;
    const auto here = std::filesystem::current_path(failed);
    if (!failed) config.dir = here.string();
  }
  return std::move(loaded_);
}

}  // namespace

Result<LoadedConfig> load_config(FileSystem& files, const ConfigSource& source,
                                 const ConfigChecks& checks) {
  Loader loader(files, checks);
  Bytes text;
  if (!source.file.empty()) {
    auto contents = loader.read(source.file);
    if (!contents) return contents.error();
    text = *std::move(contents);
  }
  text.append(source.stdin_text).append("\n").append(source.options);
  if (Status read = loader.text(text); !read) return Error(read.error().text());
  return loader.finish();
}

}  // namespace memoir
