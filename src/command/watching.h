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

class Watchers final : public StripeAttachment {
 public:
  using Key = std::pair<unsigned, Bytes>;  // database as clients number it, key
  struct Watch {
    std::shared_ptr<WatchState> state;
    bool existed;  // when WATCH was called
    bool expired;  // it was there then, but its time was over: that it goes is no change
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
  // Marks the keys of a database that was flushed or exchanged: those that were there or are now.
  template <class Exists>
  void mark_database(unsigned db, Exists&& exists) {
    for (const auto& [key, watches] : watches_) {
      if (key.first != db) continue;
      const bool there = exists(key.second);
      for (const Watch& watch : watches) {
        if (watch.existed || there) watch.state->dirty.store(true);
      }
    }
  }
  bool empty() const { return watches_.empty(); }

 private:
  std::map<Key, std::vector<Watch>> watches_;
};

}  // namespace memoir
