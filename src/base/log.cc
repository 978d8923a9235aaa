// A line goes out in one write to a file opened for appending, so lines of several processes do not
// mix. The file is opened again when its name no longer leads to it, so that it can be rotated by
// renaming.
#include "src/base/log.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <memory>
#include <mutex>

#include <spdlog/logger.h>
#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/base_sink.h>

namespace memoir {
namespace {

std::atomic<LogLevel> level_now{LogLevel::kNotice};
std::atomic<char> role_now{'M'};

class FileSink final : public spdlog::sinks::base_sink<std::mutex> {
 public:
  ~FileSink() override { close_file(); }

  bool use(const std::string& path) {
    const std::lock_guard<std::mutex> lock(mutex_);
    const int opened = path.empty() ? STDOUT_FILENO : open_file(path);
    if (opened < 0) return false;
    close_file();
    file_ = opened;
    path_ = path;
    return true;
  }

 protected:
  void sink_it_(const spdlog::details::log_msg& message) override {
    spdlog::memory_buf_t line;
    formatter_->format(message, line);
    follow_rotation();
    const char* at = line.data();
    std::size_t left = line.size();
    while (left > 0) {
      const ssize_t written = ::write(file_, at, left);
      if (written < 0 && errno == EINTR) continue;
      if (written <= 0) return;  // a log that cannot be written must not stop the server
      at += written;
      left -= static_cast<std::size_t>(written);
    }
  }
  void flush_() override {}

 private:
  static int open_file(const std::string& path) {
    return ::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  }
  void close_file() {
    if (file_ != STDOUT_FILENO) ::close(file_);
  }
  void follow_rotation() {
    if (path_.empty()) return;
    struct stat named, open;
    if (::fstat(file_, &open) != 0) return;
    if (::stat(path_.c_str(), &named) == 0 && named.st_ino == open.st_ino &&
        named.st_dev == open.st_dev) {
      return;
    }
    const int opened = open_file(path_);
    if (opened < 0) return;
    close_file();
    file_ = opened;
  }

  int file_{STDOUT_FILENO};
  std::string path_;
};

// %* of the line's pattern: the role's letter.
class RoleFlag final : public spdlog::custom_flag_formatter {
 public:
  void format(const spdlog::details::log_msg&, const std::tm&, spdlog::memory_buf_t& out) override {
    out.push_back(role_now.load(std::memory_order_relaxed));
  }
  std::unique_ptr<custom_flag_formatter> clone() const override {
    return std::make_unique<RoleFlag>();
  }
};

// %# of the line's pattern: Redis's sign for the level.
class LevelFlag final : public spdlog::custom_flag_formatter {
 public:
  void format(const spdlog::details::log_msg& message, const std::tm&,
              spdlog::memory_buf_t& out) override {
    switch (message.level) {
      case spdlog::level::debug: out.push_back('.'); break;
      case spdlog::level::info: out.push_back('-'); break;
      case spdlog::level::warn: out.push_back('*'); break;
      default: out.push_back('#'); break;
    }
  }
  std::unique_ptr<custom_flag_formatter> clone() const override {
    return std::make_unique<LevelFlag>();
  }
};

spdlog::level::level_enum spdlog_level(LogLevel level) {
  switch (level) {
    case LogLevel::kDebug: return spdlog::level::debug;
    case LogLevel::kVerbose: return spdlog::level::info;
    case LogLevel::kNotice: return spdlog::level::warn;
    default: return spdlog::level::err;
  }
}

struct Log {
  Log() : sink(std::make_shared<FileSink>()), logger("memoir", sink) {
    auto formatter = std::make_unique<spdlog::pattern_formatter>();
    formatter->add_flag<RoleFlag>('*').add_flag<LevelFlag>('#');
    formatter->set_pattern("%P:%* %d %b %Y %H:%M:%S.%e %# %v");
    logger.set_formatter(std::move(formatter));
    logger.set_level(spdlog::level::trace);  // log_line() has decided already
  }
  std::shared_ptr<FileSink> sink;
  spdlog::logger logger;
};

// Never destroyed: threads may log until the process is gone.
Log& the_log() {
  static Log* const log = new Log;
  return *log;
}

}  // namespace

bool set_log_file(const std::string& path) { return the_log().sink->use(path); }
void set_log_level(LogLevel level) { level_now.store(level, std::memory_order_relaxed); }
LogLevel log_level() { return level_now.load(std::memory_order_relaxed); }
void set_log_role(char role) { role_now.store(role, std::memory_order_relaxed); }

void log_line(LogLevel level, std::string_view text) {
  if (level < log_level() || level == LogLevel::kNothing) return;
  the_log().logger.log(spdlog_level(level), spdlog::string_view_t(text.data(), text.size()));
}

}  // namespace memoir
