#include "persistence/snapshot_writer.h"

#include "src/base/log.h"

namespace memoir {
namespace {

constexpr std::string_view kTemporarySuffix = ".tmp";
// Of a server without a journal, whose snapshot has the name it is configured to have.
constexpr std::string_view kTemporaryPrefix = "temp-";
constexpr std::string_view kSnapshotPrefix = "snapshot-";

std::string temporary_name(const SnapshotSettings& settings) {
  if (settings.has_journal) return snapshot_name(settings.lsn) + std::string(kTemporarySuffix);
  return std::string(kTemporaryPrefix) + settings.link_name + std::string(kTemporarySuffix);
}

}  // namespace

Status SnapshotFileWriter::Sink::rewrite(std::uint64_t offset, ByteView bytes) {
  return file_->write(offset, bytes);
}

Status SnapshotFileWriter::Sink::write(ByteView bytes) {
  if (!failure_) return failure();
  failure_ = file_->write(offset_, bytes);
  if (!failure_) return failure();
  offset_ += bytes.size();
  if (offset_ - handed_over_ >= kWriteBackBytes) {
    file_->start_write_back(handed_over_, offset_ - handed_over_);
    handed_over_ = offset_;
  }
  return ok;
}

SnapshotFileWriter::SnapshotFileWriter(FileSystem& files, SnapshotSettings settings,
                                       std::string temporary, std::unique_ptr<File> file)
    : files_(files),
      settings_(std::move(settings)),
      temporary_(std::move(temporary)),
      path_(join_path(settings_.directory, settings_.has_journal ? snapshot_name(settings_.lsn)
                                                                 : settings_.link_name)),
      sink_(std::move(file)),
      rdb_(sink_, settings_.compression) {}

Result<std::unique_ptr<SnapshotFileWriter>> SnapshotFileWriter::create(
    FileSystem& files, SnapshotSettings settings) {
  std::string temporary = join_path(settings.directory, temporary_name(settings));
  auto file = files.open(temporary, OpenMode::kCreate);
  if (!file) return file.error();
  std::unique_ptr<SnapshotFileWriter> writer(new SnapshotFileWriter(
      files, std::move(settings), std::move(temporary), *std::move(file)));
  writer->write_head();
  return writer;
}

SnapshotFileWriter::~SnapshotFileWriter() {
  if (!published_) (void)files_.remove(temporary_);
}

// The fields and their order are Redis's, and ours behind them.
void SnapshotFileWriter::write_head() {
  rdb_.aux("redis-ver", settings_.server_version);
  rdb_.aux("redis-bits", std::int64_t{64});
  rdb_.aux("ctime", settings_.now_s);
  rdb_.aux("used-mem", static_cast<std::int64_t>(settings_.used_memory));
  if (settings_.has_journal) {
    rdb_.aux("repl-stream-db", std::int64_t{0});
    rdb_.aux(kAuxReplicationId, settings_.replication_id);
    rdb_.aux(kAuxLsn, static_cast<std::int64_t>(settings_.lsn));
    rdb_.aux(kAuxTimeline, std::int64_t{settings_.timeline});
  }
  rdb_.aux("aof-base", std::int64_t{0});
  for (const Bytes& source : settings_.functions) rdb_.function(source);
}

Status SnapshotFileWriter::write(SnapshotWalk& walk, const std::function<bool()>& stop) {
  const auto called_off = [&] { return !sink_.good() || (stop && stop()); };
  const bool whole = walk.run(rdb_.values(), called_off);
  if (!sink_.good()) return sink_.failure();
  rdb_.note_type(walk.newest());
  return whole ? Status(ok) : Status(Error(ErrorCode::kIo, "it was called off"));
}

Status SnapshotFileWriter::finish() {
  if (Status written = rdb_.finish(settings_.checksum); !written) return written;
  return sink_.sync();
}

Status SnapshotFileWriter::publish() {
  if (Status renamed = files_.rename(temporary_, path_); !renamed) return renamed;
  published_ = true;
  if (Status synced = files_.sync_directory(settings_.directory); !synced) return synced;
  if (settings_.has_journal && !settings_.link_name.empty()) link();
  return ok;
}

// A convenience for those who look for the file: its failure is none of the snapshot's.
void SnapshotFileWriter::link() {
  const std::string target = join_path(settings_.directory, settings_.link_name);
  const std::string temporary = join_path(
      settings_.directory,
      std::string(kTemporaryPrefix) + settings_.link_name + std::string(kTemporarySuffix));
  (void)files_.remove(temporary);
  Status linked = files_.link(path_, temporary);
  if (linked) linked = files_.rename(temporary, target);
  if (linked) linked = files_.sync_directory(settings_.directory);
  if (!linked) log_warning("No link to the snapshot could be made: {}", linked.error().text());
}

Status save_snapshot(FileSystem& files, Keyspace& keyspace, const SnapshotSettings& settings) {
  auto file = SnapshotFileWriter::create(files, settings);
  if (!file) return file.error();
  SnapshotWalk walk(keyspace, settings.compression, settings.style, WalkLocking::kNone);
  walk.cut();
  if (Status written = (*file)->write(walk, {}); !written) return written;
  if (Status synced = (*file)->finish(); !synced) return synced;
  return (*file)->publish();
}

Status remove_temporary_snapshots(FileSystem& files, const std::string& directory) {
  auto entries = files.list(directory);
  if (!entries) return entries.error();
  for (const DirectoryEntry& entry : *entries) {
    const std::string_view name = entry.name;
    const bool ours = name.starts_with(kSnapshotPrefix) || name.starts_with(kTemporaryPrefix);
    if (entry.is_directory || !ours || !name.ends_with(kTemporarySuffix)) continue;
    log_notice("Removing {}, which an interrupted snapshot left", name);
    Status removed = files.remove(join_path(directory, entry.name));
    if (!removed) return removed;
  }
  return ok;
}

}  // namespace memoir
