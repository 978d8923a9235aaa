#include "src/store/keyspace.h"

namespace memoir {

Keyspace::Keyspace(unsigned databases) : stripes_(std::make_unique<Stripe[]>(kStripes)) {
  for (unsigned db = 0; db < databases; ++db) physical_.push_back(db);
  for (unsigned i = 0; i < kStripes; ++i) {
    stripes_[i].shards = std::make_unique<Shard[]>(databases);
  }
}

Keyspace::~Keyspace() {
  for (unsigned i = 0; i < kStripes; ++i) {
    for (unsigned db = 0; db < databases(); ++db) {
      Shard& shard = stripes_[i].shards[db];
      shard.expires.clear();
      shard.keys.clear([](TableItem item) { Entry::destroy(static_cast<Entry*>(item.pointer)); });
    }
  }
}

void Keyspace::advance_position(Lsn lsn) {
  Lsn seen = position_.load(std::memory_order_relaxed);
  if (!locking_) {  // one worker: no locked instruction is needed
    if (seen < lsn) position_.store(lsn, std::memory_order_relaxed);
    return;
  }
  while (seen < lsn &&
         !position_.compare_exchange_weak(seen, lsn, std::memory_order_relaxed)) {
  }
}

}  // namespace memoir
