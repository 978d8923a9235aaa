#include "src/store/undo.h"

#include "src/store/database.h"

namespace memoir {

void UndoLog::before_change(unsigned db, ByteView key, const Entry* entry) {
  if (!known_.emplace(db, key).second) return;
  Entry* const image = entry ? Entry::copy(*entry, key) : nullptr;
  steps_.emplace_back(KeyImage{db, Bytes(key), std::unique_ptr<Entry, FreeEntry>(image)});
}

// What becomes of a key afterwards starts from an empty table, so images are taken anew.
void UndoLog::before_flush(unsigned db, unsigned stripe, Shard& shard) {
  steps_.emplace_back(Flush(db, stripe, std::move(shard)));
  known_.clear();
}

// The numbers name other databases now.
void UndoLog::before_swap(unsigned a, unsigned b) {
  steps_.emplace_back(Swap{a, b});
  known_.clear();
}

void UndoLog::undo(RunEnvironment& env) {
  LockedStripes& locked = *env.stripes;
  for (; !steps_.empty(); steps_.pop_back()) {
    auto& step = steps_.back();
    if (auto* image = std::get_if<KeyImage>(&step)) {
      Database(env, image->db).restore(image->key, image->entry.release());
    } else if (auto* flush = std::get_if<Flush>(&step)) {
      // All that came later is taken back already: the table is empty again.
      std::swap(locked.shard_at(flush->stripe, flush->db), flush->shard);
    } else if (auto* swap = std::get_if<Swap>(&step)) {
      locked.keyspace().swap_databases(swap->a, swap->b);
    }
  }
  known_.clear();
}

}  // namespace memoir
