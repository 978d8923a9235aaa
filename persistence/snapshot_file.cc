#include "persistence/snapshot_file.h"

#include <algorithm>

#include "persistence/rdb_file.h"
#include "src/base/log.h"
#include "src/base/number.h"

namespace memoir {
namespace {

constexpr std::string_view kPrefix = "snapshot-";
constexpr std::string_view kSuffix = ".rdb";
constexpr std::string_view kIndexSuffix = ".index";
constexpr std::size_t kDigits = 20;

}  // namespace

std::string snapshot_name(Lsn lsn) {
  return fmt::format("{}{:0{}}{}", kPrefix, lsn, kDigits, kSuffix);
}

std::string snapshot_index_name(Lsn lsn) {
  return fmt::format("{}{:0{}}{}", kPrefix, lsn, kDigits, kIndexSuffix);
}

bool parse_snapshot_name(std::string_view name, Lsn& lsn) {
  return name.size() == kPrefix.size() + kDigits + kSuffix.size() && name.starts_with(kPrefix) &&
         name.ends_with(kSuffix) && parse_digits(name.substr(kPrefix.size(), kDigits), lsn);
}

Result<SnapshotOrigin> read_snapshot_origin(FileSystem& files, const std::string& path) {
  constexpr std::size_t kHeadBytes = 9;
  auto file = files.open(path, OpenMode::kRead);
  if (!file) return file.error();
  auto size = (*file)->size();
  if (!size) return size.error();
  RdbFileSource source(**file, *size);
  RdbReader in(source);
  if (!in.raw(kHeadBytes).starts_with("REDIS") && !in.failed()) {
    return Error(ErrorCode::kCorrupt, "Wrong signature trying to load DB from file");
  }
  SnapshotOrigin origin;
  while (!in.failed() && static_cast<RdbOpcode>(in.byte()) == RdbOpcode::kAux) {
    const Bytes name(in.string());
    const ByteView value = in.string();
    std::uint64_t number = 0;
    if (name == kAuxReplicationId) origin.replication_id = value;
    if (name == kAuxLsn && parse_digits(value, number)) origin.lsn = number;
    if (name == kAuxTimeline && parse_digits(value, number)) {
      origin.timeline = static_cast<std::uint32_t>(number);
    }
    if (name == kAuxCreated && parse_digits(value, number)) {
      origin.created_s = static_cast<std::int64_t>(number);
    }
  }
  if (Status sound = in.status(); !sound) return std::move(sound).error();
  return origin;
}

Result<std::vector<SnapshotFile>> list_snapshots(FileSystem& files,
                                                 const std::string& directory) {
  auto entries = files.list(directory);
  if (!entries) return entries.error();
  std::vector<SnapshotFile> found;
  for (const DirectoryEntry& entry : *entries) {
    Lsn lsn = 0;
    if (entry.is_directory || !parse_snapshot_name(entry.name, lsn)) continue;
    found.push_back({.name = entry.name, .lsn = lsn});
  }
  std::ranges::sort(found, {}, &SnapshotFile::lsn);
  return found;
}

}  // namespace memoir
