// The server's side of its sealed segments: their settings, and what INFO tells of them.
#include "persistence/file_journal.h"
#include "src/base/log.h"
#include "src/server/server.h"

namespace memoir {
namespace {

constexpr std::int64_t kUsPerSecond = 1'000'000;

JournalCompressionOptions compression_of(const Config& config) {
  return {.zstd = config.journal_compression == JournalCompression::kZstd,
          .level = static_cast<int>(config.journal_compression_level)};
}

RetentionOptions retention_of(const Config& config) {
  // Longer than anybody's clock is for ever.
  const std::int64_t longest_s = INT64_MAX / kUsPerSecond;
  const std::int64_t time_s = config.journal_retention_time;
  return {.time_us = time_s > longest_s ? 0 : time_s * kUsPerSecond,
          .bytes = static_cast<std::uint64_t>(config.journal_retention_size)};
}

}  // namespace

SegmentArchiveOptions Server::archive_options(const Config& config) {
  return {.compression = compression_of(config),
          .retention = retention_of(config),
          .snapshot_directory = config.dir,
          .keys = &record_keys_};
}

void Server::register_journal_hooks() {
  config_.on_change({"journal-compression", "journal-compression-level", "journal-retention-time",
                     "journal-retention-size"},
                    [this](const Config&, const Config& to) {
                      if (!loading()) apply_archive_options(to);
                      return Status(ok);
                    });
}

void Server::apply_archive_options(const Config& config) {
  if (!file_journal_) return;
  file_journal_->archive().set_compression(compression_of(config));
  file_journal_->archive().set_retention(retention_of(config));
  file_journal_->wake_archive();
}

// A snapshot is good, so what it stands for may go; called on the thread of the snapshots.
void Server::after_snapshot() {
  if (!file_journal_) return;
  if (Status done = file_journal_->archive().apply_retention(); !done) {
    log_warning("Retention: {}", done.error().text());
  }
}

void Server::fill_archive(PersistenceFigures& figures) {
  if (loading() || !file_journal_) return;
  figures.archive = file_journal_->archive().stats();
  figures.journal_segments = figures.archive.segments + 1;
  figures.journal_bytes = figures.archive.bytes + figures.journal.segment_bytes;
  figures.journal_first_lsn = figures.archive.segments > 0 ? figures.archive.oldest_lsn
                                                           : figures.journal.segment_first_lsn;
}

}  // namespace memoir
