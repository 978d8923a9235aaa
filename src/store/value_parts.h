// ValueParts: a large value on its way into a snapshot, part by part, while it goes on changing.
//
// Whoever takes the snapshot asks for part after part under the lock of the value's stripe, and
// lets go of it in between. The value tells its parts of every change in advance, so that they save
// first what is about to change and not yet saved. The kinds: TableParts for collections whose
// members lie in a MemberTable (in any order), ListParts for lists (in theirs).
#pragma once

#include <cstdint>
#include <memory>

#include "src/store/member_table.h"
#include "src/store/object.h"
#include "src/store/rdb_writer.h"

namespace memoir {

class ValueParts {
 public:
  // The value tells nobody any more.
  virtual ~ValueParts() = default;
  // Saves some more to `out`; false if nothing is left.
  virtual bool save_next(RdbWriter& out) = 0;
};

// Where parts go that are saved before their turn, and may: the order does not matter.
class EarlyParts {
 public:
  virtual ~EarlyParts() = default;
  virtual RdbWriter& early() = 0;
};

// By the buckets of the members' table, whose versions tell which are saved.
class TableParts final : public ValueParts, public MemberObserver {
 public:
  TableParts(Object& object, std::uint64_t mark, EarlyParts& early)
      : object_(object), mark_(mark), early_(early) {
    object_.set_member_observer(this);
  }
  ~TableParts() override { object_.set_member_observer(nullptr); }

  bool save_next(RdbWriter& out) override;
  void before_change(Bucket* home, std::uint64_t hash) override;

 private:
  Object& object_;
  const std::uint64_t mark_;
  EarlyParts& early_;
  std::uint64_t cursor_{0};
};

}  // namespace memoir
