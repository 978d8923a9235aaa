#include "datatypes/encoding/member_times.h"

#include <algorithm>
#include <limits>

#include "src/base/assert.h"
#include "src/base/hash.h"

namespace memoir {

MemberTimes MemberTimes::copy() const {
  MemberTimes made;
  if (!index_) {
    made.few_ = ScoredListpack(few_.listpack().copy());
    return made;
  }
  made.index_ = std::make_unique<ScoreIndex>();
  index_->tree.for_each(0, index_->tree.size(), [&](ScoredMember member, double ms) {
    made.index_->insert(member.member(), hash_in_memory(member.member()), ms);
  });
  return made;
}

void MemberTimes::become_index() {
  auto index = std::make_unique<ScoreIndex>();
  few_.for_each(0, few_.size(), [&](ByteView member, double ms) {
    index->insert(member, hash_in_memory(member), ms);
  });
  few_ = ScoredListpack();
  index_ = std::move(index);
}

void MemberTimes::set(ByteView member, std::int64_t ms) {
  DEBUG_ASSERT(ms >= 0 && ms < kMemberMomentMax);
  const auto score = static_cast<double>(ms);
  if (!index_) {
    if (const ScoredListpack::Cursor at = few_.find(member)) return few_.update(at, member, score);
    if (few_.size() < kFewMax && member.size() <= kShortBytesMax) {
      return few_.insert(member, score);
    }
    become_index();
  }
  const std::uint64_t hash = hash_in_memory(member);
  if (const ScoredMember found = index_->find(member, hash)) {
    index_->tree.update(found, score);
  } else {
    index_->insert(member, hash, score);
  }
}

bool MemberTimes::remove(ByteView member) {
  if (index_) return index_->remove(member);
  const ScoredListpack::Cursor at = few_.find(member);
  if (at) few_.erase(at);
  return at != nullptr;
}

std::int64_t MemberTimes::find(ByteView member) const {
  if (index_) {
    const ScoredMember found = index_->find(member, hash_in_memory(member));
    return found ? static_cast<std::int64_t>(found.score()) : kNoExpiry;
  }
  const ScoredListpack::Cursor at = few_.find(member);
  return at ? static_cast<std::int64_t>(few_.score(at)) : kNoExpiry;
}

std::int64_t MemberTimes::earliest() const {
  if (empty()) return kNoExpiry;
  const double ms = index_ ? index_->tree.at(0).score() : few_.score(few_.listpack().first());
  return static_cast<std::int64_t>(ms);
}

std::int64_t MemberTimes::latest() const {
  if (empty()) return kNoExpiry;
  if (index_) return static_cast<std::int64_t>(index_->tree.at(size() - 1).score());
  std::int64_t latest = kNoExpiry;
  few_.for_each(size() - 1, 1, [&](ByteView, double ms) {
    latest = static_cast<std::int64_t>(ms);
  });
  return latest;
}

void MemberTimes::take_before(std::int64_t ms, std::size_t most, std::vector<Bytes>& members) {
  const auto limit = static_cast<double>(ms);
  if (!index_) {
    const std::size_t count = std::min(few_.count_by_score(limit, false), most);
    few_.for_each(0, count, [&](ByteView member, double) { members.emplace_back(member); });
    few_.erase_range(0, count);
    return;
  }
  const std::size_t count = std::min(index_->tree.count_below(limit), most);
  if (count == 0) return;
  std::vector<ScoredMember> taken;
  index_->tree.erase_range(0, count, taken);
  members.reserve(members.size() + count);
  for (const ScoredMember member : taken) members.emplace_back(member.member());
  index_->forget(taken);
}

std::size_t MemberTimes::memory_usage(std::size_t samples) const {
  if (!index_) return few_.listpack().memory_usage();
  return usable_size(index_.get()) + index_->memory_usage(samples);
}

}  // namespace memoir
