// Files, as an interface: all of Memoir's file I/O goes through here, so that the journal runs in
// a simulator.
//
// posix_file_system() is the real one. MemoryFileSystem (memory_file.h) keeps files in memory,
// fails where it is told to and forgets what was not synced. Calls block; errors are kNoSpace,
// kNotFound or kIo. A File's error text is the system's ("No space left on device"); a
// FileSystem's begins with the path.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "src/base/bytes.h"
#include "src/base/result.h"

namespace memoir {

enum class Fill : std::uint8_t {
  kReserve,  // blocks are set aside; the file reads as zeros
  kZeros,    // zeros are really written, so that a later write within changes no metadata
};

// An open file. Reads and writes name their offsets, so several threads may use one File at the
// same time as long as they do not overlap. Closed by its destructor.
class File {
 public:
  virtual ~File() = default;

  // Writes all `parts` back to back at `offset`, in one system call where possible. After an error
  // any part of them may have been written.
  virtual Status write(std::uint64_t offset, std::span<const ByteView> parts) = 0;
  Status write(std::uint64_t offset, ByteView part) { return write(offset, {&part, 1}); }
  // Reads into `into`; fewer than `bytes` only at the end of the file. Returns how many.
  virtual Result<std::size_t> read(std::uint64_t offset, char* into, std::size_t bytes) = 0;
  // Contents and length are on disk on return. After an error it is unknown what is; see journal.
  virtual Status sync() = 0;
  virtual Result<std::uint64_t> size() = 0;
  // Makes [offset, offset + bytes) part of the file, beyond its end. Where the file system cannot
  // reserve, kReserve writes zeros, too.
  virtual Status allocate(std::uint64_t offset, std::uint64_t bytes, Fill fill) = 0;
  virtual Status truncate(std::uint64_t bytes) = 0;
  // A hint that the disk may have this part now, so that a later sync() is short.
  virtual void start_write_back(std::uint64_t offset, std::uint64_t bytes) {
    (void)offset, (void)bytes;
  }
};

// Holds a lock file; another process cannot take it until this is destroyed or the process ends.
class FileLock {
 public:
  virtual ~FileLock() = default;
};

enum class OpenMode : std::uint8_t {
  kRead,
  kWrite,   // for reading and writing; must exist
  kCreate,  // likewise; created empty, or emptied
};

struct DirectoryEntry {
  std::string name;
  bool is_directory = false;
};

class FileSystem {
 public:
  virtual ~FileSystem() = default;

  virtual Result<std::unique_ptr<File>> open(const std::string& path, OpenMode mode) = 0;
  // Ascending by name, without "." and "..".
  virtual Result<std::vector<DirectoryEntry>> list(const std::string& directory) = 0;
  // Replaces `to` if it exists.
  virtual Status rename(const std::string& from, const std::string& to) = 0;
  // Gives the file `from` the further name `to`, which must be free.
  virtual Status link(const std::string& from, const std::string& to) = 0;
  virtual Status remove(const std::string& path) = 0;
  // Makes creations, renames and removals in the directory durable.
  virtual Status sync_directory(const std::string& directory) = 0;
  // With parents; ok if it exists. Each new directory is durable on return.
  virtual Status create_directories(const std::string& directory) = 0;
  // kIo with "... is in use by another process" if somebody has it.
  virtual Result<std::unique_ptr<FileLock>> lock(const std::string& path) = 0;
  virtual Result<DirectoryEntry> info(const std::string& path) = 0;
  // How long a file of this process may be at present (ulimit -f): a write beyond it fails, even
  // into space that has been allocated.
  virtual std::uint64_t file_bytes_max() { return UINT64_MAX; }
};

// The operating system's. Shared, stateless.
FileSystem& posix_file_system();

// "a/b" from "a" and "b".
std::string join_path(const std::string& directory, const std::string& name);
// "a" from "a/b", "." from "b"; trailing slashes are ignored.
std::string parent_path(const std::string& path);
// "b" from "a/b".
std::string base_name(const std::string& path);

// The whole file. kTooLarge if longer than `bytes_max`.
Result<Bytes> read_file(FileSystem& files, const std::string& path,
                        std::size_t bytes_max = SIZE_MAX);
// Replaces the file atomically and durably: temporary name, sync, rename, directory sync.
Status write_file(FileSystem& files, const std::string& path, ByteView contents);
// What is written in the background goes to disk in pieces of this size, so that the syncs others
// wait for do not queue behind all of it.
inline constexpr std::uint64_t kGentleSyncBytes = 4UL << 20;
// Copies `from` at `offset` to its end into the new, synced file `to`.
Status copy_file(FileSystem& files, const std::string& from, std::uint64_t offset,
                 const std::string& to);

}  // namespace memoir
