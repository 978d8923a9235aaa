// PartialValue: a large value that a snapshot saves in parts while it goes on changing.
//
// The walk saves its parts in slices; what a writer changes before its turn is saved first
// (value_parts.h). The value may be renamed meanwhile, which brings it under another stripe's lock,
// or be removed: then it belongs to the snapshot until it is saved.
//
// Everything but `stripe` is used under the lock of the stripe where the value lies now.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>

#include "src/store/keyspace.h"
#include "src/store/record_buffer.h"
#include "src/store/value_parts.h"

namespace memoir {

class PartialValue final : private EarlyParts {
 public:
  // Begins to watch the value of `entry`, of which nothing is saved yet. `mark` is the snapshot's
  // cut in the versions of buckets.
  PartialValue(const Entry& entry, const RdbEntryStyle& style, Lsn mark, unsigned physical_db,
               unsigned in_stripe)
      : stripe(in_stripe), physical(physical_db), object_(entry.object()) {
    saved_->add_head(entry, style);
    parts_ = object_->begin_parts(mark, *this);
  }

  // Exchanges `early`, which is empty, for what was saved so far, and saves the next parts to
  // `next` until is_over(); both are to be written, in this order. False once the value is saved as
  // a whole; then it is watched no longer.
  template <class F>
  bool gather(std::unique_ptr<RecordBuffer>& early, RecordBuffer& next, F&& is_over) {
    std::swap(saved_, early);
    if (!object_) return false;
    while (parts_->save_next(next.members())) {
      if (is_over()) return true;
    }
    stop_watching();
    return false;
  }
  // Saves all that is left, at once.
  void finish();
  // Stops watching, whatever is saved: the snapshot has failed.
  void abandon() { stop_watching(); }

  // Null: it is saved as a whole.
  const Object* object() const { return object_; }
  // The value was removed: it is the snapshot's now.
  void adopt(Object* object) { owned_.reset(object); }

  std::atomic<unsigned> stripe;
  unsigned physical;

 private:
  RdbWriter& early() override { return saved_->members(); }
  void stop_watching();

  Object* object_;
  std::unique_ptr<Object> owned_;
  std::unique_ptr<ValueParts> parts_;  // goes before the value does
  std::unique_ptr<RecordBuffer> saved_ = std::make_unique<RecordBuffer>(RdbCompression::kNo);
};

}  // namespace memoir
