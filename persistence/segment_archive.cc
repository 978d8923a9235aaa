#include "persistence/segment_archive.h"

#include <algorithm>

#include "persistence/index_builder.h"
#include "persistence/segment_index.h"
#include "src/base/log.h"

namespace memoir {

namespace {

// Uncompressed segments are packed if frames cost more than this share of their records.
constexpr std::uint64_t kOverheadPercent = 8;

Result<std::uint64_t> file_bytes(FileSystem& files, const std::string& path) {
  auto file = files.open(path, OpenMode::kRead);
  if (!file) return file.error();
  auto size = (*file)->size();
  if (!size) return Error(ErrorCode::kIo, path + ": " + size.peek_error().text());
  return size;
}

bool is_missing_or_bad(const Error& error) {
  return error.code() != ErrorCode::kIo && error.code() != ErrorCode::kNoSpace;
}

}  // namespace

SegmentArchive::SegmentArchive(FileSystem& files, const Clock& clock, std::string directory,
                               SegmentArchiveOptions options)
    : files_(files),
      clock_(clock),
      directory_(std::move(directory)),
      snapshot_directory_(std::move(options.snapshot_directory)),
      keys_(options.keys),
      packed_with_(options.compression),
      compression_(options.compression),
      retention_(options.retention) {}

void SegmentArchive::set_compression(JournalCompressionOptions compression) {
  std::lock_guard lock(mutex_);
  compression_ = compression;
  changed_ = true;
}

void SegmentArchive::set_retention(RetentionOptions retention) {
  std::lock_guard lock(mutex_);
  retention_ = retention;
  retention_due_ = true;
}

void SegmentArchive::set_sealed(std::uint32_t timeline, Lsn lsn) {
  std::lock_guard lock(mutex_);
  if (timeline_ == timeline && sealed_ == lsn) return;
  timeline_ = timeline;
  sealed_ = lsn;
  changed_ = true;
}

void SegmentArchive::distrust_index(std::uint32_t timeline, Lsn first_lsn) {
  std::lock_guard lock(mutex_);
  distrusted_.emplace_back(timeline, first_lsn);
  changed_ = true;
}

void SegmentArchive::remove_distrusted(const std::vector<Key>& keys) {
  for (const Key& key : keys) {
    const std::string directory = join_path(directory_, timeline_name(key.first));
    (void)files_.remove(join_path(directory, index_name(key.second)));
    known_[key].indexed = false;
  }
}

std::int64_t SegmentArchive::idle_us() const {
  std::lock_guard lock(mutex_);
  const std::int64_t now = clock_.monotonic_us();
  const std::int64_t retention = retention_due_ ? 0 : retention_us_ + kRetentionUs - now;
  const std::int64_t work = changed_ ? retry_us_ - now : INT64_MAX;
  return std::max<std::int64_t>(0, std::min(retention, work));
}

ArchiveStats SegmentArchive::stats() const {
  std::lock_guard lock(mutex_);
  return stats_;
}

// ---- work --------------------------------------------------------------------------------------

Result<std::vector<SegmentArchive::Job>> SegmentArchive::sealed_segments() {
  std::uint32_t present = 0;
  Lsn sealed = 0;
  {
    std::lock_guard lock(mutex_);
    present = timeline_;
    sealed = sealed_;
  }
  auto timelines = list_timelines(files_, directory_);
  if (!timelines) return timelines.error();
  std::vector<Job> jobs;
  for (const Timeline& timeline : *timelines) {
    if (timeline.number > present) break;
    for (std::size_t i = 0; i < timeline.segments.size(); ++i) {
      const bool last = i + 1 == timeline.segments.size();
      const Lsn limit = last ? UINT64_MAX : timeline.segments[i + 1].first_lsn;
      if (timeline.number == present && limit > sealed) break;
      jobs.push_back(
          {.timeline = timeline.number, .segment = timeline.segments[i], .limit = limit});
    }
  }
  return jobs;
}

bool SegmentArchive::step() {
  std::lock_guard work(work_mutex_);
  bool due = false;
  std::vector<Key> distrusted;
  {
    std::lock_guard lock(mutex_);
    const std::int64_t now = clock_.monotonic_us();
    due = retention_due_ || now >= retention_us_ + kRetentionUs;
    if (!due && (!changed_ || now < retry_us_)) return false;
    if (packed_with_ != compression_) {
      packed_with_ = compression_;
      for (auto& [key, known] : known_) known.packed = false;
    }
    changed_ = false;
    distrusted.swap(distrusted_);
  }
  remove_distrusted(distrusted);
  auto jobs = sealed_segments();
  if (!jobs) {
    log_verbose("Journal: {}", jobs.peek_error().text());
    std::lock_guard lock(mutex_);
    changed_ = true;
    retry_us_ = clock_.monotonic_us() + kRetryUs;
    return false;
  }
  if (due) {
    {
      std::lock_guard lock(mutex_);
      retention_due_ = false;
      retention_us_ = clock_.monotonic_us();
      changed_ = true;
    }
    if (Status done = run_retention(*jobs); !done) {
      log_warning("Journal: retention: {}. It is tried again", done.error().text());
    }
    auto left = sealed_segments();
    if (left) publish(*left);
    return true;
  }
  for (const Job& job : *jobs) {
    const Worked worked = work_on(job);
    if (worked == Worked::kNothing) continue;
    publish(*jobs);
    return worked == Worked::kSomething;
  }
  publish(*jobs);
  return false;
}

SegmentArchive::Worked SegmentArchive::work_on(const Job& job) {
  Known& known = known_[Key(job.timeline, job.segment.first_lsn)];
  if (known.bad || (known.packed && (known.indexed || keys_ == nullptr))) {
    return Worked::kNothing;
  }
  auto worked = [&]() -> Result<bool> {
    if (!known.packed) return pack(job, known);
    return index(job, known);
  }();
  if (!worked) {
    failed(job, worked.peek_error(), known);
    // What the disk does not do for one segment it will hardly do for the next.
    return known.bad ? Worked::kNothing : Worked::kFailed;
  }
  if (Status looked = look_at(job, known); !looked) {
    log_verbose("Journal: {}", looked.error().text());
  }
  failing_ = false;
  std::lock_guard lock(mutex_);
  changed_ = true;
  return Worked::kSomething;
}

void SegmentArchive::failed(const Job& job, const Error& error, Known& known) {
  if (stopping_) return;
  known.bad = is_missing_or_bad(error);
  if (known.bad && error.code() != ErrorCode::kNotFound) {
    log_warning("Journal: {} is left as it is: {}", job.segment.path, error.text());
  } else if (!known.bad && !std::exchange(failing_, true)) {
    log_warning("Journal: sealed segments cannot be worked on: {}. It is tried again",
                error.text());
  }
  std::lock_guard lock(mutex_);
  ++stats_.failures;
  changed_ = true;
  if (!known.bad) retry_us_ = clock_.monotonic_us() + kRetryUs;
}

// Its size, and what its index knows of it.
Status SegmentArchive::look_at(const Job& job, Known& known) {
  // Packing may have given it another name.
  auto timeline = list_segments(files_, parent_path(job.segment.path), job.timeline);
  if (!timeline) return std::move(timeline).error();
  for (const SegmentFile& segment : timeline->segments) {
    if (segment.first_lsn != job.segment.first_lsn) continue;
    auto bytes = file_bytes(files_, segment.path);
    if (!bytes) return std::move(bytes).error();
    auto unpacked = segment_bytes(files_, segment);
    if (!unpacked) return std::move(unpacked).error();
    known.bytes = *bytes;
    known.unpacked_bytes = *unpacked;
  }
  return ok;
}

// ---- packing -----------------------------------------------------------------------------------

Result<std::optional<PackForm>> SegmentArchive::wanted_form(const Job& job) {
  if (job.segment.packed) return std::optional<PackForm>();
  if (packed_with_.zstd) return std::optional(PackForm::kZstd);
  if (job.limit == UINT64_MAX) return std::optional<PackForm>();
  auto reader = SegmentReader::open(files_, job.segment.path, kSegmentHeaderBytes);
  if (!reader) return reader.error();
  auto bytes = (*reader)->size();
  if (!bytes) return bytes.error();
  const std::uint64_t words = job.limit - job.segment.first_lsn;
  const bool costly = *bytes > words + words * kOverheadPercent / 100 + kPackedFrameBytes / 4;
  const bool as_written = (*reader)->header().form == kFormWritten;
  return costly && as_written ? std::optional(PackForm::kMerged) : std::nullopt;
}

// Whether it needed packing.
Result<bool> SegmentArchive::pack(const Job& job, Known& known) {
  auto form = wanted_form(job);
  if (!form) return form.error();
  if (!*form) {
    known.packed = true;
    return true;
  }
  const std::int64_t begin = clock_.monotonic_us();
  auto packed =
      pack_segment(files_, job.segment, job.limit, **form, packed_with_.level, &stopping_);
  if (!packed) return packed.error();
  known.packed = true;
  known.indexed = false;  // its places are others now
  log_verbose("Journal: {} packed from {} to {} bytes in {:.3f} seconds", packed->path,
              packed->bytes_before, packed->bytes_after,
              static_cast<double>(clock_.monotonic_us() - begin) / 1e6);
  return true;
}

// ---- the index ---------------------------------------------------------------------------------

bool SegmentArchive::index_is_good(const Job& job, Known& known) {
  const std::string path = index_path(job.segment);
  auto index = SegmentIndex::open(files_, path);
  if (!index) {
    if (index.peek_error().code() != ErrorCode::kNotFound) {
      log_warning("Journal: {} is made again", index.peek_error().text());
    }
    return false;
  }
  const IndexTail& facts = (*index)->facts();
  const auto bytes = segment_bytes(files_, job.segment);
  if (facts.timeline != job.timeline || facts.first_lsn != job.segment.first_lsn || !bytes ||
      facts.segment_bytes != *bytes || (job.limit != UINT64_MAX && facts.end_lsn != job.limit)) {
    return false;
  }
  known.index_bytes = (*index)->file_bytes();
  known.first_time_us = facts.first_time_us;
  known.last_time_us = facts.last_time_us;
  return true;
}

Result<bool> SegmentArchive::index(const Job& job, Known& known) {
  known.indexed = index_is_good(job, known);
  if (known.indexed) return true;
  const std::int64_t begin = clock_.monotonic_us();
  Status built = build_index(files_, job.segment, job.limit, *keys_, {.stop = &stopping_});
  if (!built) return std::move(built).error();
  known.indexed = index_is_good(job, known);
  log_verbose("Journal: {} written, {} bytes in {:.3f} seconds", index_path(job.segment),
              known.index_bytes, static_cast<double>(clock_.monotonic_us() - begin) / 1e6);
  if (known.indexed) return true;
  return Error(ErrorCode::kIo, index_path(job.segment) + " does not fit what it was made from");
}

// ---- figures -----------------------------------------------------------------------------------

void SegmentArchive::publish(const std::vector<Job>& jobs) {
  ArchiveStats sum;
  for (const Job& job : jobs) {
    Known& known = known_[Key(job.timeline, job.segment.first_lsn)];
    if (known.bytes == 0 && !look_at(job, known)) continue;
    ++sum.segments;
    sum.bytes += known.bytes;
    if (job.segment.packed || known.bytes < known.unpacked_bytes) {
      ++sum.packed_segments;
      sum.packed_bytes += known.bytes;
      sum.unpacked_bytes += known.unpacked_bytes;
    }
    sum.indexed_segments += known.indexed ? 1 : 0;
    sum.index_bytes += known.index_bytes;
    const bool waits = !known.bad && (!known.packed || (keys_ != nullptr && !known.indexed));
    sum.waiting_segments += waits ? 1 : 0;
  }
  std::lock_guard lock(mutex_);
  const auto oldest = std::ranges::find(jobs, timeline_, &Job::timeline);
  if (oldest != jobs.end()) {
    sum.oldest_lsn = oldest->segment.first_lsn;
    sum.oldest_time_us = known_[Key(oldest->timeline, sum.oldest_lsn)].first_time_us;
  }
  sum.failures = stats_.failures;
  sum.removed_segments = stats_.removed_segments;
  sum.removed_snapshots = stats_.removed_snapshots;
  stats_ = sum;
}

}  // namespace memoir
