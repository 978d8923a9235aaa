#include "datatypes/encoding/score_index.h"

#include <algorithm>
#include <array>

#include "src/base/hash.h"
#include "src/base/prefetch.h"

namespace memoir {

ScoreIndex::~ScoreIndex() {
  tree.clear();
  table.clear([](TableItem item) { release(item.pointer); });
}

ScoredMember ScoreIndex::find(ByteView member, std::uint64_t hash) const {
  const auto place = table.find(member, hash);
  return place ? ScoredMember(place.item()) : ScoredMember();
}

void ScoreIndex::insert(ByteView member, std::uint64_t hash, double score) {
  const ScoredMember added = ScoredMember::create(score, member);
  table.insert(added.item(), hash);
  tree.insert(added);
}

bool ScoreIndex::remove(ByteView member) {
  const std::uint64_t hash = hash_in_memory(member);
  const auto place = table.find(member, hash);
  if (!place) return false;
  ScoredMember removed(table.erase(place, hash));
  tree.erase(removed);
  removed.destroy();
  return true;
}

// In steps, so that buckets come into the cache side by side.
void ScoreIndex::forget(std::span<const ScoredMember> members) {
  constexpr std::size_t kStep = 16;
  std::array<std::uint64_t, kStep> hashes;
  while (!members.empty()) {
    const auto step = members.first(std::min(kStep, members.size()));
    members = members.subspan(step.size());
    for (const ScoredMember next : members.first(std::min(kStep, members.size()))) next.prefetch();
    for (std::size_t i = 0; i < step.size(); ++i) {
      hashes[i] = hash_in_memory(step[i].member());
      prefetch_line(table.home(hashes[i]));
    }
    for (std::size_t i = 0; i < step.size(); ++i) {
      table.erase(table.find(step[i].member(), hashes[i]), hashes[i]);
      ScoredMember(step[i]).destroy();
    }
  }
}

bool ScoreIndex::verify() const {
  if (table.size() != tree.size() || !table.verify() || !tree.verify()) return false;
  bool same = true;
  tree.for_each(0, tree.size(), [&](ScoredMember member, double) {
    same = same && find(member.member(), hash_in_memory(member.member())) == member;
  });
  return same;
}

std::size_t ScoreIndex::memory_usage(std::size_t samples) const {
  std::size_t seen = 0;
  std::size_t bytes = 0;
  std::uint64_t cursor = 0;
  do {
    cursor = table.scan(cursor, [&](TableItem item) {
      ++seen;
      bytes += usable_size(item.pointer);
    });
  } while (cursor != 0 && (samples == 0 || seen < samples));
  const std::size_t blocks = seen == 0 ? 0 : bytes * table.size() / seen;
  return table.memory_usage() + tree.memory_usage() + blocks;
}

}  // namespace memoir
