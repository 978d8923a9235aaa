#include "src/acl/security_log.h"

#include <algorithm>

namespace memoir {
namespace {

constexpr std::int64_t kSameWithinMs = 60'000;
// How many of the newest entries are compared.
constexpr std::size_t kComparedMax = 10;

bool is_same(const SecurityLog::Entry& a, const SecurityLog::Entry& b) {
  const std::int64_t apart_ms = a.time_ms > b.time_ms ? a.time_ms - b.time_ms
                                                      : b.time_ms - a.time_ms;
  return a.reason == b.reason && a.context == b.context && apart_ms <= kSameWithinMs &&
         a.object == b.object && a.user == b.user;
}

}  // namespace

void SecurityLog::add(Entry entry, std::size_t entries_max) {
  counts_[static_cast<std::size_t>(entry.reason)].fetch_add(1, std::memory_order_relaxed);
  const std::lock_guard lock(mutex_);
  const auto end =
      entries_.begin() + static_cast<std::ptrdiff_t>(std::min(entries_.size(), kComparedMax));
  const auto same =
      std::find_if(entries_.begin(), end, [&](const Entry& each) { return is_same(each, entry); });
  if (same != end) {
    Entry again = std::move(*same);
    entries_.erase(same);
    again.client = std::move(entry.client);
    again.time_ms = entry.time_ms;
    ++again.count;
    entries_.push_front(std::move(again));
    return;
  }
  entry.id = next_id_++;
  entry.created_ms = entry.time_ms;
  entries_.push_front(std::move(entry));
  while (entries_.size() > entries_max) entries_.pop_back();
}

std::vector<SecurityLog::Entry> SecurityLog::newest(std::size_t count) const {
  const std::lock_guard lock(mutex_);
  count = std::min(count, entries_.size());
  return {entries_.begin(), entries_.begin() + static_cast<std::ptrdiff_t>(count)};
}

void SecurityLog::clear() {
  const std::lock_guard lock(mutex_);
  entries_.clear();
}

void SecurityLog::reset_counts() {
  for (auto& count : counts_) count.store(0, std::memory_order_relaxed);
}

const char* reason_name(Denial reason) {
  switch (reason) {
    case Denial::kCommand: return "command";
    case Denial::kKey: return "key";
    case Denial::kChannel: return "channel";
    case Denial::kAuth: return "auth";
    case Denial::kNone: break;
  }
  return "unknown";
}

const char* context_name(Origin context) {
  switch (context) {
    case Origin::kClient: return "toplevel";
    case Origin::kTransaction: return "multi";
    case Origin::kScript: return "lua";
    case Origin::kModule: return "module";
  }
  return "unknown";
}

}  // namespace memoir
