// MemoryFileSystem: files in memory that fail on purpose and forget what was not synced.
//
// For tests of everything that writes files. It remembers for each file what is durable (contents
// as of the last sync(), names as of the last sync_directory()) and which writes came after.
// power_cut() gives the file system that a machine would find when it starts again: of the
// unsynced writes each 512-byte sector survives or not, of the unsynced names each survives or
// not, as the given Random decides.
//
// Thread-safe. Directories are durable from their creation, as create_directories() promises.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "persistence/file.h"
#include "src/base/random.h"

namespace memoir {

class MemoryFileSystem final : public FileSystem {
 public:
  enum class Operation : std::uint8_t {
    kOpen, kWrite, kRead, kSync, kAllocate, kTruncate, kRename, kLink, kRemove, kSyncDirectory,
  };
  struct Fault {
    ErrorCode code = ErrorCode::kIo;
    // kWrite: how many bytes of the write are done before it fails.
    std::size_t bytes_done = 0;
  };
  // Asked before each call with its number, counted from 0; a Fault makes the call fail.
  using FaultPlan = std::function<std::optional<Fault>(std::uint64_t call, Operation operation)>;
  enum class Unsynced : std::uint8_t { kLost, kKept, kRandom };

  MemoryFileSystem();
  ~MemoryFileSystem() override;

  void set_faults(FaultPlan plan);
  // Calls so far.
  std::uint64_t calls() const;
  // How many bytes all files may have together; allocations count. What is over it fails with
  // kNoSpace.
  void set_capacity(std::uint64_t bytes);
  std::uint64_t used_bytes() const;

  // The file system after a loss of power at this moment; this one goes on unharmed.
  std::unique_ptr<MemoryFileSystem> power_cut(Unsynced unsynced, Random& random) const;

  // Direct access to contents, past faults and counting.
  bool exists(const std::string& path) const;
  Bytes contents(const std::string& path) const;
  void set_contents(const std::string& path, ByteView contents);
  std::vector<std::string> paths() const;

  Result<std::unique_ptr<File>> open(const std::string& path, OpenMode mode) override;
  Result<std::vector<DirectoryEntry>> list(const std::string& directory) override;
  Status rename(const std::string& from, const std::string& to) override;
  Status link(const std::string& from, const std::string& to) override;
  Status remove(const std::string& path) override;
  Status sync_directory(const std::string& directory) override;
  Status create_directories(const std::string& directory) override;
  Result<std::unique_ptr<FileLock>> lock(const std::string& path) override;
  Result<DirectoryEntry> info(const std::string& path) override;

 private:
  friend class MemoryFile;
  friend class MemoryLock;

  // One write or change of length that is not synced.
  struct Change {
    std::uint64_t offset = 0;
    Bytes bytes;
    std::optional<std::uint64_t> length;  // a change of length instead
  };
  struct Node {
    Bytes contents;               // as seen by reads
    Bytes durable;                // as of the last sync
    std::vector<Change> changes;  // since then
  };
  using Names = std::map<std::string, std::shared_ptr<Node>>;

  std::optional<Error> fault(Operation operation, std::size_t* bytes_done = nullptr);
  Status room_for(const Node& node, std::uint64_t size) const;
  std::uint64_t used_locked() const;
  static void apply(Bytes& contents, const Change& change);
  static Bytes survivors(const Node& node, Unsynced unsynced, Random& random);

  mutable std::mutex mutex_;
  Names names_;          // as seen
  Names durable_names_;  // as of the last sync_directory()
  std::vector<std::string> directories_;
  std::vector<std::string> locks_;
  FaultPlan plan_;
  std::uint64_t calls_ = 0;
  std::uint64_t capacity_ = UINT64_MAX;
};

}  // namespace memoir
