#include "src/server/latency.h"

#include <algorithm>
#include <cstdlib>
#include <set>
#include <span>

#include "src/base/glob.h"
#include "src/base/log.h"

namespace memoir {

void LatencyMonitor::add(ByteView event, std::int64_t us, std::int64_t now_s) {
  const std::int64_t threshold_ms = threshold_ms_.load(std::memory_order_relaxed);
  const std::int64_t ms = us / 1000;
  if (threshold_ms <= 0 || ms < threshold_ms) return;
  const std::lock_guard lock(mutex_);
  auto found = events_.find(event);
  if (found == events_.end()) {
    found = events_.emplace(Bytes(event), Event{Bytes(event), {}, 0}).first;
  }
  Event& kept = found->second;
  kept.worst_ms = std::max(kept.worst_ms, ms);
  if (!kept.samples.empty() && kept.samples.back().time_s == now_s) {
    kept.samples.back().ms = std::max(kept.samples.back().ms, ms);
    return;
  }
  if (kept.samples.size() == kSamplesMax) kept.samples.erase(kept.samples.begin());
  kept.samples.push_back({now_s, ms});
}

std::vector<LatencyMonitor::Event> LatencyMonitor::events() const {
  const std::lock_guard lock(mutex_);
  std::vector<Event> all;
  for (const auto& [name, event] : events_) all.push_back(event);
  return all;
}

LatencyMonitor::Event LatencyMonitor::event(ByteView name) const {
  const std::lock_guard lock(mutex_);
  const auto found = events_.find(name);
  return found == events_.end() ? Event{} : found->second;
}

std::size_t LatencyMonitor::reset(ByteView name) {
  const std::lock_guard lock(mutex_);
  return std::erase_if(events_, [&](const auto& each) {
    return equals_ignoring_case(each.first, name);
  });
}

std::size_t LatencyMonitor::reset_all() {
  const std::lock_guard lock(mutex_);
  const std::size_t count = events_.size();
  events_.clear();
  return count;
}

LatencyFigures latency_figures(const LatencyMonitor::Event& event, std::int64_t now_s) {
  LatencyFigures figures;
  if (event.samples.empty()) return figures;
  const auto count = static_cast<std::int64_t>(event.samples.size());
  figures.samples = event.samples.size();
  figures.low_ms = figures.high_ms = event.samples.front().ms;
  std::int64_t sum = 0;
  for (const auto& sample : event.samples) {
    figures.low_ms = std::min(figures.low_ms, sample.ms);
    figures.high_ms = std::max(figures.high_ms, sample.ms);
    sum += sample.ms;
  }
  figures.average_ms = sum / count;
  sum = 0;
  for (const auto& sample : event.samples) sum += std::abs(sample.ms - figures.average_ms);
  figures.deviation_ms = sum / count;
  figures.period_s = std::max<std::int64_t>(now_s - event.samples.front().time_s, 1);
  return figures;
}

// ---- advice -------------------------------------------------------------------------------------

namespace {

enum class Advice : std::uint8_t {
  kSlowLogOff,
  kSlowLogTooHigh,
  kSlowLogRead,
  kSystemBusy,
  kSyncPolicy,
  kDisk,
  kHz,
  kLargeValues,
  kMassEviction,
};

std::set<Advice> advice_for(ByteView event, const LatencyAdviceInput& input) {
  if (event == "command") {
    std::set<Advice> advice{Advice::kSlowLogRead, Advice::kLargeValues};
    if (input.slowlog_us < 0) advice.insert(Advice::kSlowLogOff);
    if (input.slowlog_us / 1000 > input.threshold_ms) advice.insert(Advice::kSlowLogTooHigh);
    return advice;
  }
  if (event == "fast-command") return {Advice::kSystemBusy};
  if (event == "expire-cycle") {
    return input.hz < 100 ? std::set{Advice::kHz, Advice::kLargeValues}
                          : std::set{Advice::kLargeValues};
  }
  if (event == "eviction-cycle") return {Advice::kMassEviction};
  if (event == "aof-fsync-always") {
    return input.sync_always ? std::set{Advice::kSyncPolicy, Advice::kDisk}
                             : std::set{Advice::kDisk};
  }
  if (event.starts_with("aof-")) return {Advice::kDisk};
  return {};
}

Bytes advice_text(Advice advice, const LatencyAdviceInput& input) {
  switch (advice) {
    case Advice::kSlowLogOff:
      return fmt::format("- Some commands are slow, and the slow log that would name them is off. "
                         "Turn it on with 'CONFIG SET slowlog-log-slower-than {}'.\n",
                         input.threshold_ms * 1000);
    case Advice::kSlowLogTooHigh:
      return fmt::format("- The slow log leaves out commands that the latency monitor counts as "
                         "slow. Lower its limit with 'CONFIG SET slowlog-log-slower-than {}'.\n",
                         input.threshold_ms * 1000);
    case Advice::kSlowLogRead:
      return "- SLOWLOG GET shows which commands took long, and with what arguments.\n";
    case Advice::kSystemBusy:
      return "- Commands that do next to nothing took long, so the process did not get its share "
             "of the processor. Lower the load of the machine, look for noisy neighbours on the "
             "same host, and measure what the machine itself adds with 'redis-cli "
             "--intrinsic-latency 100' (on the server).\n";
    case Advice::kSyncPolicy:
      return "- With 'appendfsync always' every reply to a write waits for the disk. If losing a "
             "second of writes in a power failure is acceptable, 'appendfsync everysec' is much "
             "faster.\n";
    case Advice::kDisk:
      return "- The disk that holds the journal is slow. Use a local SSD for it, and keep other "
             "processes that write a lot away from that disk.\n";
    case Advice::kHz:
      return "- Expired keys are removed in bursts. More and shorter bursts come with 'CONFIG SET "
             "hz 100'.\n";
    case Advice::kLargeValues:
      return "- Commands over whole large values hold up all that comes behind them. Read and "
             "delete them in parts (SCAN and its kin), delete with UNLINK, or spread them over "
             "more keys.\n";
    case Advice::kMassEviction:
      return "- Much had to be evicted at once. A sudden decrease of maxmemory, or commands that "
             "store very large results, cause that.\n";
  }
  return {};
}

}  // namespace

Bytes latency_report(const std::vector<LatencyMonitor::Event>& events,
                     const LatencyAdviceInput& input, std::int64_t now_s) {
  if (events.empty() && input.threshold_ms == 0) {
    return "I cannot tell anything, Dave: the latency monitor is off. Turn it on with \"CONFIG SET "
           "latency-monitor-threshold <milliseconds>\" and ask me again later.\n";
  }
  if (events.empty()) {
    return "Dave, nothing took longer than the threshold since the monitor was turned on. There is "
           "nothing to worry about.\n";
  }
  Bytes text = "Dave, some things took longer than they should on this server:\n\n";
  std::set<Advice> advice;
  std::size_t number = 0;
  for (const auto& event : events) {
    const LatencyFigures f = latency_figures(event, now_s);
    text += fmt::format(
        "{}. {}: {} latency spikes (average {}ms, mean deviation {}ms, period {:.2f} sec). Worst "
        "all time event {}ms.\n",
        ++number, event.name, f.samples, f.average_ms, f.deviation_ms,
        static_cast<double>(f.period_s) / static_cast<double>(f.samples), event.worst_ms);
    advice.merge(advice_for(event.name, input));
  }
  text += advice.empty() ? "\nI know no easy remedy for these.\n" : "\nWhat may help:\n\n";
  for (const Advice each : advice) text += advice_text(each, input);
  return text;
}

// ---- graph --------------------------------------------------------------------------------------

namespace {

constexpr std::size_t kGraphColumns = 80;
constexpr std::size_t kGraphRows = 4;

Bytes elapsed_label(std::int64_t seconds) {
  if (seconds < 60) return fmt::format("{}s", seconds);
  if (seconds < 3600) return fmt::format("{}m", seconds / 60);
  if (seconds < 86400) return fmt::format("{}h", seconds / 3600);
  return fmt::format("{}d", seconds / 86400);
}

struct Column {
  std::size_t thirds;  // height, in thirds of a row
  Bytes label;
};

// Rows of columns, the labels written downwards under them.
void draw(Bytes& out, std::span<const Column> columns) {
  static constexpr char kTips[] = {'_', 'o', '#'};
  for (std::size_t row = kGraphRows; row-- > 0;) {
    for (const Column& column : columns) {
      const std::size_t full = column.thirds / 3;
      out += row > full ? ' ' : row < full ? '|' : kTips[column.thirds % 3];
    }
    out += '\n';
  }
  out += '\n';
  std::size_t longest = 0;
  for (const Column& column : columns) longest = std::max(longest, column.label.size());
  for (std::size_t i = 0; i < longest; ++i) {
    for (const Column& column : columns) {
      out += i < column.label.size() ? column.label[i] : ' ';
    }
    out += '\n';
  }
}

}  // namespace

Bytes latency_graph(const LatencyMonitor::Event& event, std::int64_t now_s) {
  const LatencyFigures f = latency_figures(event, now_s);
  Bytes text = fmt::format("{} - high {} ms, low {} ms (all time high {} ms)\n", event.name,
                           f.high_ms, f.low_ms, event.worst_ms);
  text.append(kGraphColumns, '-').push_back('\n');
  const std::int64_t span = std::max<std::int64_t>(f.high_ms - f.low_ms, 1);
  std::vector<Column> columns;
  for (const auto& sample : event.samples) {
    constexpr std::int64_t kHighest = kGraphRows * 3 - 1;
    const std::int64_t height = (sample.ms - f.low_ms) * kHighest / span;
    columns.push_back({static_cast<std::size_t>(height), elapsed_label(now_s - sample.time_s)});
  }
  for (std::size_t at = 0; at < columns.size(); at += kGraphColumns) {
    const auto part = std::span<const Column>(columns).subspan(at);
    draw(text, part.first(std::min(part.size(), kGraphColumns)));
  }
  return text;
}

}  // namespace memoir
