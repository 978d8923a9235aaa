// SegmentArchive's retention: the facts for plan_retention(), and carrying out what it says.
//
// The order makes every crash harmless: a snapshot's or segment's index goes before it, snapshots
// before the segments that were behind them, segments from the oldest on, each removal durable
// before the next begins, so that what is left has no hole.
#include <algorithm>
#include <utility>

#include "persistence/segment_archive.h"
#include "persistence/segment_index.h"
#include "persistence/snapshot_file.h"
#include "persistence/timeline_snapshots.h"
#include "src/base/log.h"

namespace memoir {

namespace {

constexpr std::int64_t kUsPerSecond = 1'000'000;

Status remove_if_there(FileSystem& files, const std::string& path) {
  Status gone = files.remove(path);
  if (!gone && gone.error().code() == ErrorCode::kNotFound) return ok;
  return gone;
}

}  // namespace

Status SegmentArchive::apply_retention() {
  std::lock_guard work(work_mutex_);
  auto jobs = sealed_segments();
  if (!jobs) return std::move(jobs).error();
  Status done = run_retention(*jobs);
  if (auto left = sealed_segments()) publish(*left);
  return done;
}

Status SegmentArchive::run_retention(const std::vector<Job>& jobs) {
  if (snapshot_directory_.empty()) return ok;
  RetentionFacts facts;
  RetentionOptions options;
  {
    std::lock_guard lock(mutex_);
    options = retention_;
    facts.timeline = timeline_;
  }
  if (Status done = collect(jobs, facts); !done) return done;
  // A pin that comes while files go would come too late.
  const auto held = pins_.hold();
  facts.pins = pins_.held();
  const RetentionPlan plan = plan_retention(facts, options);
  if (plan.snapshots.empty() && plan.segments.empty()) return ok;
  if (Status done = remove_snapshots(plan.snapshots); !done) return done;
  // Even if none goes now: the sync of an earlier time may have failed, and a snapshot that comes
  // back would miss its journal.
  if (Status done = files_.sync_directory(snapshot_directory_); !done) return done;
  return remove_segments(plan.segments);
}

Status SegmentArchive::collect(const std::vector<Job>& jobs, RetentionFacts& facts) {
  facts.now_us = clock_.now_us();
  for (const Job& job : jobs) {
    Known& known = known_[Key(job.timeline, job.segment.first_lsn)];
    if (known.bytes == 0) {
      if (Status done = look_at(job, known); !done && !known.bad) return done;
    }
    facts.segments.push_back({.timeline = job.timeline,
                              .first_lsn = job.segment.first_lsn,
                              .end_lsn = job.limit,
                              .bytes = known.bytes + known.index_bytes,
                              .last_time_us = known.last_time_us});
  }
  return collect_snapshots(facts);
}

// A snapshot gets its index when it has been read back and found sound.
Status SegmentArchive::collect_snapshots(RetentionFacts& facts) {
  auto found = list_snapshots(files_, snapshot_directory_);
  if (!found) return std::move(found).error();
  const std::string path = join_path(directory_, timeline_name(facts.timeline));
  auto timeline = list_segments(files_, path, facts.timeline);
  if (!timeline) return std::move(timeline).error();
  if (timeline->segments.empty()) return ok;
  const TimelineStart present = describe_timeline(files_, *timeline);
  for (const SnapshotFile& snapshot : *found) {
    auto origin = read_snapshot_origin(files_, join_path(snapshot_directory_, snapshot.name));
    if (!origin && origin.peek_error().code() == ErrorCode::kIo) return std::move(origin).error();
    if (!origin) continue;  // what it is nobody knows
    const bool own = belongs_to(*origin, snapshot.lsn, present);
    const SnapshotFacts each{.lsn = snapshot.lsn,
                             .time_us = origin->created_s * kUsPerSecond,
                             .timeline = own ? facts.timeline : origin->timeline.value_or(0)};
    const std::string index = snapshot_index_name(snapshot.lsn);
    const bool sound = static_cast<bool>(files_.info(join_path(snapshot_directory_, index)));
    (sound ? facts.snapshots : facts.doubtful).push_back(each);
  }
  return ok;
}

Status SegmentArchive::remove_snapshots(const std::vector<SnapshotFacts>& snapshots) {
  for (const SnapshotFacts& snapshot : snapshots) {
    const std::string name = snapshot_name(snapshot.lsn);
    Status gone = remove_if_there(
        files_, join_path(snapshot_directory_, snapshot_index_name(snapshot.lsn)));
    if (gone) gone = remove_if_there(files_, join_path(snapshot_directory_, name));
    if (!gone) return gone;
    log_notice("Retention: {} is removed", name);
    std::lock_guard lock(mutex_);
    ++stats_.removed_snapshots;
  }
  return ok;
}

Status SegmentArchive::remove_segments(const std::vector<SegmentFacts>& segments) {
  std::uint32_t synced = 0;
  for (const SegmentFacts& segment : segments) {
    const std::string path = join_path(directory_, timeline_name(segment.timeline));
    // What went earlier, when a sync failed, must not come back in front of a hole.
    if (std::exchange(synced, segment.timeline) != segment.timeline) {
      if (Status done = files_.sync_directory(path); !done) return done;
    }
    Status gone = remove_if_there(files_, join_path(path, index_name(segment.first_lsn)));
    // Both forms where packing has left both; the plain one last, since it counts.
    if (gone) gone = remove_if_there(files_, join_path(path, packed_name(segment.first_lsn)));
    if (gone) gone = remove_if_there(files_, join_path(path, segment_name(segment.first_lsn)));
    if (gone) gone = files_.sync_directory(path);
    if (!gone) return gone;
    known_.erase(Key(segment.timeline, segment.first_lsn));
    log_notice("Retention: segment {} of timeline {} is removed ({} bytes)", segment.first_lsn,
               segment.timeline, segment.bytes);
    std::lock_guard lock(mutex_);
    ++stats_.removed_segments;
  }
  return ok;
}

}  // namespace memoir
