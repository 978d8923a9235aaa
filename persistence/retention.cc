#include "persistence/retention.h"

#include <algorithm>
#include <tuple>

namespace memoir {

namespace {

// The newest that are always kept: should the last one turn out damaged, there is another.
constexpr std::size_t kNewestKept = 2;
// Snapshots between the horizon's and the newest are kept at this fraction of what is retained.
constexpr std::int64_t kSteps = 4;

using Snapshots = std::vector<SnapshotFacts>;

// How far the journal may be cut: 0 not at all, n at the n-th oldest snapshot. By time: the newest
// snapshot at or before the horizon.
std::size_t cut_by_time(const Snapshots& snapshots, std::int64_t now_us,
                        const RetentionOptions& options) {
  std::size_t cut = 0;
  if (options.time_us <= 0) return cut;
  const std::int64_t horizon = now_us - options.time_us;
  for (std::size_t i = 0; i < snapshots.size(); ++i) {
    if (snapshots[i].time_us <= horizon) cut = i + 1;
  }
  return cut;
}

// By size: as little as will do.
std::size_t cut_by_size(const Snapshots& snapshots, const std::vector<SegmentFacts>& segments,
                        const RetentionOptions& options) {
  if (options.bytes == 0) return 0;
  for (std::size_t cut = 0; cut < snapshots.size(); ++cut) {
    const Lsn from = cut == 0 ? 0 : snapshots[cut - 1].lsn;
    std::uint64_t bytes = 0;
    for (const SegmentFacts& segment : segments) {
      if (segment.end_lsn > from) bytes += segment.bytes;
    }
    if (bytes <= options.bytes) return cut;
  }
  return snapshots.size();
}

using Segments = std::vector<SegmentFacts>;

// What the journal between two LSNs takes on disk, about.
std::uint64_t bytes_between(const Segments& segments, Lsn from, Lsn to) {
  std::uint64_t bytes = 0;
  for (const SegmentFacts& each : segments) {
    if (each.first_lsn >= from && each.first_lsn < to) bytes += each.bytes;
  }
  return bytes;
}

// Whether the way from `last` to `next` is long enough for a step of its own.
bool is_step(const SnapshotFacts& last, const SnapshotFacts& next, const Snapshots& all,
             const Segments& segments, const RetentionOptions& options) {
  if (options.time_us > 0 && next.time_us - last.time_us >= options.time_us / kSteps) return true;
  if (options.bytes > 0 &&
      bytes_between(segments, last.lsn, next.lsn) >= options.bytes / kSteps) {
    return true;
  }
  const bool endless = options.time_us <= 0 && options.bytes == 0;
  return endless && next.lsn - last.lsn >= (all.back().lsn - all.front().lsn) / kSteps;
}

// Takes away from `snapshots`, ascending, what stays.
Snapshots keep_some(Snapshots& snapshots, const Segments& segments, std::size_t oldest, Lsn pinned,
                    const RetentionOptions& options) {
  Snapshots kept;
  Snapshots gone;
  const std::size_t newest = snapshots.size() - std::min(snapshots.size(), kNewestKept);
  for (std::size_t i = 0; i < snapshots.size(); ++i) {
    const SnapshotFacts& each = snapshots[i];
    const bool wanted = i >= newest || i == oldest || each.lsn >= pinned ||
                        (i > oldest &&
                         is_step(kept.back(), each, snapshots, segments, options));
    (wanted ? kept : gone).push_back(each);
  }
  snapshots = std::move(kept);
  return gone;
}

// Order of removal: a reader of what is left never finds a hole.
constexpr auto kByAge = [](const auto& each) {
  if constexpr (requires { each.first_lsn; }) {
    return std::tuple(each.timeline, each.first_lsn);
  } else {
    return std::tuple(each.timeline, each.lsn);
  }
};

// Adds the older timelines that are wholly beyond the horizon, whole ones from the oldest on. For
// the size they count as what is older than all of the present one, which keeps `bytes`.
void cut_timelines(const RetentionFacts& facts, const RetentionOptions& options,
                   std::uint64_t bytes, RetentionPlan& plan) {
  std::vector<SegmentFacts> older;
  for (const SegmentFacts& each : facts.segments) {
    if (each.timeline >= facts.timeline) continue;
    older.push_back(each);
    bytes += each.bytes;
  }
  std::ranges::sort(older, {}, kByAge);
  for (auto begin = older.begin(); begin != older.end();) {
    std::int64_t last_us = INT64_MIN;
    std::uint64_t its_bytes = 0;
    auto end = begin;
    for (; end != older.end() && end->timeline == begin->timeline; ++end) {
      its_bytes += end->bytes;
      last_us = std::max(last_us, end->last_time_us);
    }
    const bool too_old = options.time_us > 0 && last_us < facts.now_us - options.time_us;
    const bool too_large = options.bytes > 0 && bytes > options.bytes;
    if (!too_old && !too_large) return;
    plan.segments.insert(plan.segments.end(), begin, end);
    for (const auto* snapshots : {&facts.snapshots, &facts.doubtful}) {
      for (const SnapshotFacts& each : *snapshots) {
        if (each.timeline == begin->timeline) plan.snapshots.push_back(each);
      }
    }
    bytes -= its_bytes;
    begin = end;
  }
}

}  // namespace

RetentionPlan plan_retention(const RetentionFacts& facts, const RetentionOptions& options) {
  RetentionPlan plan;
  Snapshots present;
  for (const SnapshotFacts& each : facts.snapshots) {
    if (each.timeline == facts.timeline) present.push_back(each);
  }
  if (present.empty()) return plan;
  std::ranges::sort(present, {}, kByAge);
  std::vector<SegmentFacts> own;
  for (const SegmentFacts& each : facts.segments) {
    if (each.timeline == facts.timeline) own.push_back(each);
  }

  const Lsn pinned = facts.pins.empty() ? UINT64_MAX : std::ranges::min(facts.pins);
  std::size_t cut = std::max(cut_by_time(present, facts.now_us, options),
                             cut_by_size(present, own, options));
  cut = std::min(cut, present.size() - 1);  // the newest is never the only one
  // A reader that stands at an LSN needs the journal from there and may need the snapshot before.
  while (cut > 0 && present[cut - 1].lsn > pinned) --cut;
  const Lsn from = cut == 0 ? 0 : present[cut - 1].lsn;
  plan.snapshots = keep_some(present, own, cut == 0 ? 0 : cut - 1, pinned, options);
  std::uint64_t bytes = 0;
  for (const SegmentFacts& each : own) {
    if (each.end_lsn > from) {
      bytes += each.bytes;
    } else {
      plan.segments.push_back(each);
    }
  }
  // Nobody will want to know whether one is sound that lies before all that is kept.
  for (const SnapshotFacts& each : facts.doubtful) {
    if (each.timeline == facts.timeline && each.lsn < from) plan.snapshots.push_back(each);
  }
  cut_timelines(facts, options, bytes, plan);
  std::ranges::sort(plan.snapshots, {}, kByAge);
  std::ranges::sort(plan.segments, {}, kByAge);
  return plan;
}

}  // namespace memoir
