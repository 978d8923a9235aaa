// PartialValue: a large collection that a snapshot saves in parts while it goes on changing.
//
// The walk saves its table of members in slices; a writer that comes first to a bucket saves that
// one, here. The bucket's version tells that it is done, as with the buckets of keys. The value may
// be renamed meanwhile, which brings it under another stripe's lock, or be removed: then it belongs
// to the snapshot until it is saved.
//
// Everything but `stripe` is used under the lock of the stripe where the value lies now.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>

#include "src/store/keyspace.h"
#include "src/store/member_table.h"
#include "src/store/object.h"
#include "src/store/record_buffer.h"

namespace memoir {

class PartialValue final : public MemberObserver {
 public:
  // Begins to watch the value of `entry`, of which nothing is saved yet. `mark` is the snapshot's
  // cut in the versions of buckets.
  PartialValue(const Entry& entry, const RdbEntryStyle& style, Lsn mark, unsigned physical_db,
               unsigned in_stripe)
      : stripe(in_stripe), physical(physical_db), mark_(mark), object_(entry.object()) {
    saved_->add_head(entry, style);
    object_->set_member_observer(this);
  }

  void before_change(Bucket* home, std::uint64_t hash) override {
    if (home->version() >= mark_ || (hash >> 16) < cursor_) return;
    save(home, saved_->members());
    home->set_version(mark_);
  }

  // Exchanges `into`, which is empty, for what was saved so far, and adds the next buckets for
  // about so many cycles. False once the value is saved as a whole; then it is watched no longer.
  bool gather(std::unique_ptr<RecordBuffer>& into, std::uint64_t cycles);
  // Saves all that is left, at once.
  void finish();
  // Stops watching, whatever is saved: the snapshot has failed.
  void abandon();

  const Object* object() const { return object_; }
  // The value was removed: it is the snapshot's now.
  void adopt(Object* object) { owned_.reset(object); }
  
  std::atomic<unsigned> stripe;
  unsigned physical;

 private:
  void save(Bucket* home, RdbWriter& out) { object_->save_members(home, out); }
  bool save_next(RdbWriter& out);
  void stop_watching();

  const Lsn mark_;
  Object* object_;  // null: saved as a whole
  std::unique_ptr<Object> owned_;
  std::uint64_t cursor_{0};
  std::unique_ptr<RecordBuffer> saved_ = std::make_unique<RecordBuffer>(RdbCompression::kNo);
};

}  // namespace memoir
