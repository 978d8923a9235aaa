// Writing a snapshot's file: under a temporary name, synced, renamed, linked.
//
// A crash at any moment leaves the former snapshots as they were and perhaps a temporary file,
// which remove_temporary_snapshots() takes away at the next start. What is in the file is the
// caller's: SnapshotWalk (src/store/snapshot_walk.h) writes the keys; save_snapshot() does all of
// it while nobody changes anything.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "persistence/file.h"
#include "persistence/rdb_file.h"
#include "persistence/snapshot_file.h"
#include "src/base/bytes.h"
#include "src/base/result.h"
#include "src/store/keyspace.h"
#include "src/store/rdb_entry.h"
#include "src/store/snapshot_walk.h"

namespace memoir {

// What a snapshot is to be called, and what it says of itself.
struct SnapshotSettings {
  std::string directory = ".";
  // The directive dbfilename: with a journal a hard link to the newest snapshot, else its name.
  // Empty: no link.
  std::string link_name = "dump.rdb";
  bool has_journal = true;
  Lsn lsn = 0;
  Bytes replication_id;
  std::uint32_t timeline = 0;
  Bytes server_version;  // "7.2.4"
  std::int64_t now_s = 0;
  std::uint64_t used_memory = 0;
  RdbCompression compression = RdbCompression::kYes;
  RdbChecksum checksum = RdbChecksum::kYes;
  RdbEntryStyle style;
  std::vector<Bytes> functions;  // the libraries' texts
};

class SnapshotFileWriter {
 public:
  // Creates the temporary file and writes everything that stands before the first database.
  static Result<std::unique_ptr<SnapshotFileWriter>> create(FileSystem& files,
                                                            SnapshotSettings settings);
  // Removes the temporary file, unless publish() was good.
  ~SnapshotFileWriter();
  SnapshotFileWriter(const SnapshotFileWriter&) = delete;
  SnapshotFileWriter& operator=(const SnapshotFileWriter&) = delete;

  RdbFileWriter& rdb() { return rdb_; }
  // Writes all that `walk` finds, which has made its cut. An error if `stop`, asked now and then,
  // says so.
  Status write(SnapshotWalk& walk, const std::function<bool()>& stop);
  // Ends the file and brings it to disk, still under the temporary name.
  Status finish();
  // Gives it its name. After an error the former snapshots are what there is, unless only the
  // directory could not be synced.
  Status publish();
  // Where it lies once it is published.
  const std::string& path() const { return path_; }
  std::uint64_t bytes() const { return sink_.bytes(); }

 private:
  // Hands written pieces to the disk soon, so that the sync at the end has little to do.
  class Sink final : public RdbSink {
   public:
    explicit Sink(std::unique_ptr<File> file) : file_(std::move(file)) {}
    Status write(ByteView bytes) override;
    Status rewrite(std::uint64_t offset, ByteView bytes) override;
    Status sync() { return file_->sync(); }
    bool good() const { return static_cast<bool>(failure_); }
    Status failure() const { return failure_ ? Status(ok) : Status(failure_.error().clone()); }
    std::uint64_t bytes() const { return offset_; }

   private:
    static constexpr std::uint64_t kWriteBackBytes = 4UL << 20;
    std::unique_ptr<File> file_;
    std::uint64_t offset_{0};
    std::uint64_t handed_over_{0};
    Status failure_{ok};
  };

  SnapshotFileWriter(FileSystem& files, SnapshotSettings settings, std::string temporary,
                     std::unique_ptr<File> file);
  void write_head();
  void link();

  FileSystem& files_;
  const SnapshotSettings settings_;
  const std::string temporary_;
  std::string path_;
  Sink sink_;
  RdbFileWriter rdb_;
  bool published_{false};
};

// Writes a whole snapshot now. No stripe is locked here: the caller sees to it that nobody changes
// the keyspace meanwhile (it holds all stripes, or there is no other thread yet).
Status save_snapshot(FileSystem& files, Keyspace& keyspace, const SnapshotSettings& settings);

// At the start: takes away what a crash left in the midst of a snapshot.
Status remove_temporary_snapshots(FileSystem& files, const std::string& directory);

}  // namespace memoir
