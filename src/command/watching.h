// Watching: which sessions WATCH which keys of a stripe. A change marks their sessions under the
// stripe's lock, so that EXEC, which locks the stripes of watched keys too, sees every change
// ordered before it.
#pragma once

#include <algorithm>
#include <map>
#include <memory>
#include <vector>

#include "src/command/session.h"
#include "src/store/keyspace.h"

namespace memoir {

// Whether a key is there, for those who watch it.
enum class Presence : std::uint8_t {
  kAbsent,
  kStale,  // its time is over, but nobody has removed it yet
  kFresh,
};

class Watchers final : public StripeAttachment {
 public:
  using Key = std::pair<unsigned, Bytes>;  // database as clients number it, key
  struct Watch {
    std::shared_ptr<WatchState> state;
    bool existed;  // when WATCH was called
    bool expired;  // it is there, but its time was over from the start: that it goes is no change
  };

  void add(Key key, Watch watch) { watches_[std::move(key)].push_back(std::move(watch)); }
  void remove(const Key& key, const WatchState* state) {
    const auto found = watches_.find(key);
    if (found == watches_.end()) return;
    std::erase_if(found->second, [&](const Watch& watch) { return watch.state.get() == state; });
    if (found->second.empty()) watches_.erase(found);
  }
  // A key changed and is now `there` or not.
  void mark(const Key& key, bool there) {
    const auto found = watches_.find(key);
    if (found == watches_.end()) return;
    for (Watch& watch : found->second) {
      const bool only_went = std::exchange(watch.expired, false) && !there;
      if (!only_went) watch.state->dirty.store(true);
    }
  }
  // Marks the keys of a database that was flushed or exchanged: those that were there or are now,
  // where a key whose time is over counts as none. `presence_of(key)`: as it is now.
  template <class PresenceOf>
  void mark_database(unsigned db, PresenceOf&& presence_of) {
    for (auto& [key, watches] : watches_) {
      if (key.first != db) continue;
      const Presence now = presence_of(key.second);
      for (Watch& watch : watches) {
        const bool was_there = watch.existed && !watch.expired;
        if (was_there || now == Presence::kFresh) watch.state->dirty.store(true);
        watch.expired = now == Presence::kStale;
      }
    }
  }
  // Whether it was known from the start that the time of `key` is over.
  bool known_expired(const Key& key, const WatchState* state) const {
    const auto found = watches_.find(key);
    if (found == watches_.end()) return false;
    return std::ranges::any_of(found->second, [state](const Watch& watch) {
      return watch.state.get() == state && watch.expired;
    });
  }
  bool empty() const { return watches_.empty(); }

 private:
  std::map<Key, std::vector<Watch>> watches_;
};

}  // namespace memoir
