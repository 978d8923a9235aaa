// MemberTable: the table of a large collection's members, which a snapshot can watch.
//
// A collection of a million members cannot be saved while its stripe stays locked. The snapshot
// goes through its table in slices and hears through a MemberObserver of every bucket that is about
// to change, so that it can save that one first (Object::set_member_observer). A table that nobody
// watches pays a test of one word for that.
#pragma once

#include <cstdint>

#include "src/store/table.h"

namespace memoir {

// Called under the lock of the value's stripe, before a member in `home` changes, comes or goes.
class MemberObserver {
 public:
  virtual ~MemberObserver() = default;
  virtual void before_change(Bucket* home, std::uint64_t hash) = 0;
};

template <class Traits>
class MemberTable : public Table<Traits> {
  using Base = Table<Traits>;

 public:
  using typename Base::Place;
  // Fewer members than this are saved at once, within a millisecond.
  static constexpr std::size_t kPartsSizeMin = 8192;

  bool has_parts() const { return Base::size() >= kPartsSizeMin && Base::grows_aligned(); }
  void set_observer(MemberObserver* observer) { observer_ = observer; }
  // To be called before a member with this hash is changed where it lies.
  void before_change(std::uint64_t hash) {
    if (observer_) [[unlikely]] observer_->before_change(Base::home(hash), hash);
  }

  Place insert(TableItem item, std::uint64_t hash) {
    before_change(hash);
    return Base::insert(item, hash);
  }
  TableItem erase(const Place& place, std::uint64_t hash) {
    before_change(hash);
    return Base::erase(place, hash, observer_ ? Shrink::kNo : Shrink::kYes);
  }

 private:
  MemberObserver* observer_{nullptr};
};

}  // namespace memoir
