// PackOr: one word that is a listpack, or the owner of a value's large form.
//
// A small collection is an object of two words, this and the pointer to its functions, and one
// block. The highest bit tells the forms apart: a Listpack never sets it. A new one is an empty
// listpack.
//
// Once a member has got a time, the word owns both the form and the times; that needs no room in
// the others: it is told by the bit below the highest, which no address has.
#pragma once

#include <cstdint>
#include <memory>
#include <new>
#include <utility>

#include "datatypes/encoding/listpack.h"
#include "datatypes/encoding/member_times.h"

namespace memoir {

// Pack: Listpack, or a class that has one as its only member.
template <class Large, class Pack = Listpack>
class PackOr {
 public:
  PackOr() : pack_() {}
  ~PackOr() { reset(); }
  PackOr(const PackOr&) = delete;
  PackOr& operator=(const PackOr&) = delete;

  bool is_large() const {
    if (static_cast<std::int64_t>(word_) >= 0) return false;
    return (word_ & kTimed) == 0 || timed()->form.is_large();
  }
  // Each only in its form.
  Pack& pack() { return plain().pack_; }
  const Pack& pack() const { return plain().pack_; }
  Large* large() const { return reinterpret_cast<Large*>(plain().word_ & ~kLarge); }

  // Changes the form; what was there before is freed. Times stay.
  void set_large(std::unique_ptr<Large> large) {
    PackOr& form = plain();
    form.reset();
    form.word_ = reinterpret_cast<std::uintptr_t>(large.release()) | kLarge;
  }
  void set_pack(Pack pack) {
    PackOr& form = plain();
    form.reset();
    new (&form.pack_) Pack(std::move(pack));
  }

  // The times of members, null if there never were any.
  MemberTimes* times() { return is_timed() ? &timed()->times : nullptr; }
  const MemberTimes* times() const { return is_timed() ? &timed()->times : nullptr; }
  // The same, made if need be.
  MemberTimes& add_times() {
    if (!is_timed()) {
      auto made = std::make_unique<Timed>();
      std::swap(made->form.word_, word_);  // the new one's, an empty pack, has nothing to free
      word_ = reinterpret_cast<std::uintptr_t>(made.release()) | kLarge | kTimed;
    }
    return timed()->times;
  }
  // Bytes that times add.
  std::size_t times_usage(std::size_t samples) const {
    return is_timed() ? usable_size(timed()) + timed()->times.memory_usage(samples) : 0;
  }

 private:
  static_assert(sizeof(Pack) == sizeof(std::uint64_t));
  static constexpr std::uint64_t kLarge = std::uint64_t{1} << 63;

  static constexpr std::uint64_t kTimed = std::uint64_t{1} << 62;

  struct Timed;

  bool is_timed() const { return (word_ >> 62) == 3; }
  Timed* timed() const { return reinterpret_cast<Timed*>(word_ & ~(kLarge | kTimed)); }
  // Where the form is kept.
  PackOr& plain() { return is_timed() ? timed()->form : *this; }
  const PackOr& plain() const { return is_timed() ? timed()->form : *this; }

  void reset() {
    if (is_timed()) {
      delete timed();
    } else if (is_large()) {
      delete large();
    } else {
      pack_.~Pack();
    }
  }

  union {
    Pack pack_;
    std::uint64_t word_;
  };
};

template <class Large, class Pack>
struct PackOr<Large, Pack>::Timed {
  PackOr form;
  MemberTimes times;
};

}  // namespace memoir
