// The operating system's files.
#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>

#include "persistence/file.h"

namespace memoir {

namespace {

constexpr std::size_t kZeroBytes = 256UL << 10;
constexpr int kPartsMax = 64;  // of one pwritev; well under IOV_MAX
// Linux transfers at most 0x7ffff000 bytes a call; we stay below so that a short count means an
// error.
constexpr std::size_t kTransferBytesMax = 1UL << 30;

std::string system_text(int number) {
  char text[256];
  return strerror_r(number, text, sizeof(text));
}

ErrorCode code_of(int number) {
  switch (number) {
    case ENOSPC:
    case EDQUOT:
    case EFBIG: return ErrorCode::kNoSpace;
    case ENOENT: return ErrorCode::kNotFound;
    default: return ErrorCode::kIo;
  }
}

Error system_error(int number) { return Error(code_of(number), system_text(number)); }
Error path_error(const std::string& path, int number) {
  return Error(code_of(number), path + ": " + system_text(number));
}

// Repeats a call that a signal interrupted.
template <class Call>
auto retried(Call call) {
  decltype(call()) result;
  do {
    result = call();
  } while (result < 0 && errno == EINTR);
  return result;
}

// The parts still to be written, as the kernel wants them.
class IoVector {
 public:
  explicit IoVector(std::span<const ByteView> parts) : parts_(parts) {}

  // Fills `out` with what is next; returns how many entries.
  int fill(iovec* out) {
    int count = 0;
    std::size_t bytes = 0;
    for (std::size_t i = part_; i < parts_.size() && count < kPartsMax; ++i) {
      ByteView part = parts_[i].substr(i == part_ ? skip_ : 0);
      if (part.empty()) continue;
      if (bytes == kTransferBytesMax) break;
      part = part.substr(0, kTransferBytesMax - bytes);
      out[count++] = {const_cast<char*>(part.data()), part.size()};
      bytes += part.size();
    }
    return count;
  }
  void advance(std::size_t bytes) {
    while (bytes > 0) {
      const std::size_t left = parts_[part_].size() - skip_;
      const std::size_t step = std::min(left, bytes);
      bytes -= step;
      skip_ += step;
      if (skip_ == parts_[part_].size()) {
        ++part_;
        skip_ = 0;
      }
    }
  }

 private:
  std::span<const ByteView> parts_;
  std::size_t part_ = 0;
  std::size_t skip_ = 0;  // bytes of parts_[part_] already written
};

class PosixFile final : public File {
 public:
  explicit PosixFile(int fd) : fd_(fd) {}
  ~PosixFile() override { ::close(fd_); }

  Status write(std::uint64_t offset, std::span<const ByteView> parts) override {
    IoVector rest(parts);
    iovec pieces[kPartsMax];
    while (const int count = rest.fill(pieces)) {
      const ssize_t n =
          retried([&] { return ::pwritev(fd_, pieces, count, static_cast<off_t>(offset)); });
      if (n < 0) return system_error(errno);
      if (n == 0) return system_error(EIO);
      offset += static_cast<std::size_t>(n);
      rest.advance(static_cast<std::size_t>(n));
    }
    return ok;
  }

  Result<std::size_t> read(std::uint64_t offset, char* into, std::size_t bytes) override {
    std::size_t done = 0;
    while (done < bytes) {
      const std::size_t step = std::min(bytes - done, kTransferBytesMax);
      const ssize_t n = retried(
          [&] { return ::pread(fd_, into + done, step, static_cast<off_t>(offset + done)); });
      if (n < 0) return system_error(errno);
      if (n == 0) break;
      done += static_cast<std::size_t>(n);
    }
    return done;
  }

  Status sync() override {
    // Not repeated on EINTR: fdatasync does not give it, and an error may be reported only once.
    if (::fdatasync(fd_) != 0) return system_error(errno);
    return ok;
  }

  Result<std::uint64_t> size() override {
    struct stat info;
    if (::fstat(fd_, &info) != 0) return system_error(errno);
    return static_cast<std::uint64_t>(info.st_size);
  }

  Status allocate(std::uint64_t offset, std::uint64_t bytes, Fill fill) override {
    if (bytes == 0) return ok;
    // posix_fallocate is avoided: where a file system cannot reserve, glibc writes a byte into each
    // block, which would race with our own writes.
    const int done = retried([&] {
      return ::fallocate(fd_, 0, static_cast<off_t>(offset), static_cast<off_t>(bytes));
    });
    if (done != 0 && errno != EOPNOTSUPP && errno != ENOSYS && errno != EINVAL) {
      return system_error(errno);
    }
    return done == 0 && fill == Fill::kReserve ? Status(ok) : write_zeros(offset, bytes);
  }

  Status truncate(std::uint64_t bytes) override {
    if (retried([&] { return ::ftruncate(fd_, static_cast<off_t>(bytes)); }) != 0) {
      return system_error(errno);
    }
    return ok;
  }

  void start_write_back(std::uint64_t offset, std::uint64_t bytes) override {
    (void)::sync_file_range(fd_, static_cast<off_t>(offset), static_cast<off_t>(bytes),
                            SYNC_FILE_RANGE_WRITE);
  }

 private:
  Status write_zeros(std::uint64_t offset, std::uint64_t bytes) {
    static constexpr char kZeros[kZeroBytes] = {};
    while (bytes > 0) {
      const std::size_t step = std::min<std::uint64_t>(bytes, kZeroBytes);
      const ByteView part(kZeros, step);
      if (Status done = write(offset, {&part, 1}); !done) return done;
      offset += step;
      bytes -= step;
    }
    return ok;
  }

  int fd_;
};

class PosixLock final : public FileLock {
 public:
  explicit PosixLock(int fd) : fd_(fd) {}
  ~PosixLock() override { ::close(fd_); }

 private:
  int fd_;
};

class PosixFileSystem final : public FileSystem {
 public:
  Result<std::unique_ptr<File>> open(const std::string& path, OpenMode mode) override {
    int flags = O_CLOEXEC;
    if (mode == OpenMode::kRead) flags |= O_RDONLY;
    if (mode == OpenMode::kWrite) flags |= O_RDWR;
    if (mode == OpenMode::kCreate) flags |= O_RDWR | O_CREAT | O_TRUNC;
    const int fd = retried([&] { return ::open(path.c_str(), flags, 0644); });
    if (fd < 0) return path_error(path, errno);
    return std::unique_ptr<File>(std::make_unique<PosixFile>(fd));
  }

  Result<std::vector<DirectoryEntry>> list(const std::string& directory) override {
    DIR* stream = ::opendir(directory.c_str());
    if (stream == nullptr) return path_error(directory, errno);
    std::vector<DirectoryEntry> entries;
    errno = 0;
    while (const dirent* entry = ::readdir(stream)) {
      const std::string name = entry->d_name;
      if (name == "." || name == "..") continue;
      bool is_directory = entry->d_type == DT_DIR;
      if (entry->d_type == DT_UNKNOWN || entry->d_type == DT_LNK) {
        const auto known = info(join_path(directory, name));
        is_directory = known && known->is_directory;
      }
      entries.push_back({name, is_directory});
      errno = 0;
    }
    const int number = errno;
    ::closedir(stream);
    if (number != 0) return path_error(directory, number);
    std::sort(entries.begin(), entries.end(),
              [](const auto& a, const auto& b) { return a.name < b.name; });
    return entries;
  }

  Status rename(const std::string& from, const std::string& to) override {
    if (::rename(from.c_str(), to.c_str()) != 0) return path_error(from, errno);
    return ok;
  }

  Status link(const std::string& from, const std::string& to) override {
    if (::link(from.c_str(), to.c_str()) != 0) return path_error(to, errno);
    return ok;
  }

  Status remove(const std::string& path) override {
    if (::remove(path.c_str()) != 0) return path_error(path, errno);
    return ok;
  }

  Status sync_directory(const std::string& directory) override {
    const int fd =
        retried([&] { return ::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC); });
    if (fd < 0) return path_error(directory, errno);
    const int done = ::fsync(fd);
    const int number = errno;
    ::close(fd);
    // Some file systems have no such thing for directories; their renames are durable by
    // themselves.
    if (done != 0 && number != EINVAL && number != ENOTSUP) return path_error(directory, number);
    return ok;
  }

  Status create_directories(const std::string& directory) override {
    if (::mkdir(directory.c_str(), 0755) == 0) return sync_directory(parent_path(directory));
    const int number = errno;
    if (number == EEXIST) {
      const auto known = info(directory);
      if (known && known->is_directory) return ok;
      return path_error(directory, known ? ENOTDIR : number);
    }
    const std::string parent = parent_path(directory);
    if (number != ENOENT || parent == directory) return path_error(directory, number);
    if (Status made = create_directories(parent); !made) return made;
    if (::mkdir(directory.c_str(), 0755) != 0 && errno != EEXIST) {
      return path_error(directory, errno);
    }
    return sync_directory(parent);
  }

  Result<std::unique_ptr<FileLock>> lock(const std::string& path) override {
    const int flags = O_RDWR | O_CREAT | O_CLOEXEC;
    const int fd = retried([&] { return ::open(path.c_str(), flags, 0644); });
    if (fd < 0) return path_error(path, errno);
    if (retried([&] { return ::flock(fd, LOCK_EX | LOCK_NB); }) != 0) {
      const int number = errno;
      ::close(fd);
      if (number != EWOULDBLOCK) return path_error(path, number);
      return Error(ErrorCode::kIo, path + " is in use by another process");
    }
    return std::unique_ptr<FileLock>(std::make_unique<PosixLock>(fd));
  }

  Result<DirectoryEntry> info(const std::string& path) override {
    struct stat info;
    if (::stat(path.c_str(), &info) != 0) return path_error(path, errno);
    return DirectoryEntry{base_name(path), S_ISDIR(info.st_mode)};
  }

  std::uint64_t file_bytes_max() override {
    struct rlimit limit;
    if (::getrlimit(RLIMIT_FSIZE, &limit) != 0) return UINT64_MAX;
    return limit.rlim_cur == RLIM_INFINITY ? UINT64_MAX : limit.rlim_cur;
  }
};

}  // namespace

FileSystem& posix_file_system() {
  static PosixFileSystem files;
  return files;
}

}  // namespace memoir
