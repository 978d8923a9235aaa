#include "src/store/keyspace.h"

namespace memoir {

Keyspace::Keyspace(unsigned databases)
    : stripes_(std::make_unique<Stripe[]>(kStripes)),
      shards_(std::make_unique<Shard[]>(std::size_t{databases} * kStripes)) {
  for (unsigned db = 0; db < databases; ++db) physical_.push_back(db);
}

void free_entries(Shard& shard) {
  shard.expires.clear();
  shard.member_expires.reset();
  shard.keys.clear([](TableItem item) { Entry::destroy(static_cast<Entry*>(item.pointer)); });
}

Keyspace::~Keyspace() {
  for (unsigned i = 0; i < kStripes; ++i) {
    for (unsigned db = 0; db < databases(); ++db) free_entries(shard(i, db));
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
