// PackOr: one word that is a listpack, or the owner of a value's large form.
//
// A small collection is an object of two words, this and the pointer to its functions, and one
// block. The highest bit tells the forms apart: a Listpack never sets it. A new one is an empty
// listpack.
#pragma once

#include <cstdint>
#include <memory>
#include <new>
#include <utility>

#include "datatypes/encoding/listpack.h"

namespace memoir {

// Pack: Listpack, or a class that has one as its only member.
template <class Large, class Pack = Listpack>
class PackOr {
 public:
  PackOr() : pack_() {}
  ~PackOr() { reset(); }
  PackOr(const PackOr&) = delete;
  PackOr& operator=(const PackOr&) = delete;

  bool is_large() const { return static_cast<std::int64_t>(word_) < 0; }
  // Each only in its form.
  Pack& pack() { return pack_; }
  const Pack& pack() const { return pack_; }
  Large* large() const { return reinterpret_cast<Large*>(word_ & ~kLarge); }

  // Changes the form; what was there before is freed.
  void set_large(std::unique_ptr<Large> large) {
    reset();
    word_ = reinterpret_cast<std::uintptr_t>(large.release()) | kLarge;
  }
  void set_pack(Pack pack) {
    reset();
    new (&pack_) Pack(std::move(pack));
  }

 private:
  static_assert(sizeof(Pack) == sizeof(std::uint64_t));
  static constexpr std::uint64_t kLarge = std::uint64_t{1} << 63;

  void reset() {
    if (is_large()) {
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

}  // namespace memoir
