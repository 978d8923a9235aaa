// What time and eviction took, as commands for the journal: DEL or UNLINK of a key; HDEL, SREM or
// ZREM of members.
#pragma once

#include <algorithm>
#include <span>
#include <vector>

#include "protocol/request_parser.h"
#include "src/base/assert.h"
#include "src/base/bytes.h"
#include "src/store/changes.h"

namespace memoir {

inline ByteView removing_command(TypeId type) {
  switch (type) {
    case TypeId::kHash:
      return "HDEL";
    case TypeId::kSet:
      return "SREM";
    case TypeId::kSortedSet:
      return "ZREM";
    default:
      UNREACHABLE();
  }
}

// Calls visit(ByteView request) for each command that `removal` makes, in order. Many members make
// several, so that no record grows without bounds. `del` is the command that removes keys;
// `scratch` holds the request for the call.
template <class F>
void each_removal_request(const Removal& removal, ByteView del, Bytes& scratch, F&& visit) {
  constexpr std::size_t kMembersMax = 1000;
  std::vector<ByteView> words{removal.members.empty() ? del : removing_command(removal.type),
                              removal.key};
  std::span<const Bytes> left = removal.members;
  do {
    words.resize(2);
    const auto some = left.first(std::min(kMembersMax, left.size()));
    words.insert(words.end(), some.begin(), some.end());
    left = left.subspan(some.size());
    scratch.clear();
    append_request(scratch, words);
    visit(ByteView(scratch));
  } while (!left.empty());
}

}  // namespace memoir
