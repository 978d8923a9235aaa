#include "persistence/snapshot_file.h"

#include <algorithm>

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
