// The server's log, in Redis's line form:  pid:role day month year hh:mm:ss.mmm level text
//
// level is one of '.' debug, '-' verbose, '*' notice, '#' warning; role is M (primary), S (replica)
// or X (a tool). Thread-safe. spdlog and fmt appear behind this header only.
#pragma once

#include <string>
#include <string_view>
#include <utility>

#include <fmt/format.h>

namespace memoir {

enum class LogLevel : unsigned char { kDebug, kVerbose, kNotice, kWarning, kNothing };

// Where lines go: an empty path means standard output. Returns false (and keeps the old place) if
// the file cannot be opened for appending.
bool set_log_file(const std::string& path);
void set_log_level(LogLevel level);
LogLevel log_level();
void set_log_role(char role);
void log_line(LogLevel level, std::string_view text);

template <class... A>
void log_at(LogLevel level, fmt::format_string<A...> format, A&&... args) {
  if (level >= log_level()) log_line(level, fmt::format(format, std::forward<A>(args)...));
}
template <class... A>
void log_debug(fmt::format_string<A...> f, A&&... a) {
  log_at(LogLevel::kDebug, f, std::forward<A>(a)...);
}
template <class... A>
void log_verbose(fmt::format_string<A...> f, A&&... a) {
  log_at(LogLevel::kVerbose, f, std::forward<A>(a)...);
}
template <class... A>
void log_notice(fmt::format_string<A...> f, A&&... a) {
  log_at(LogLevel::kNotice, f, std::forward<A>(a)...);
}
template <class... A>
void log_warning(fmt::format_string<A...> f, A&&... a) {
  log_at(LogLevel::kWarning, f, std::forward<A>(a)...);
}

}  // namespace memoir
