// The elements of a listpack as texts, for what turns one RDB form into another. It changes nothing
// and trusts nothing: every length is checked.
//
//   listpack := bytes:u32 count:u16 element* FF
#pragma once

#include <cstddef>
#include <cstdint>

#include "src/base/bytes.h"
#include "src/base/number.h"

namespace memoir {

class ListpackTexts {
 public:
  explicit ListpackTexts(ByteView listpack);

  // The next element; false at the end and at bytes that are none. The text is valid until the
  // next call.
  bool next(ByteView& text);
  bool failed() const { return failed_; }
  // How many elements there are from the front on; failed() if they are unsound.
  static std::size_t count(ByteView listpack, bool& failed);

 private:
  bool fail() {
    failed_ = true;
    return false;
  }
  bool take_text(std::size_t head_bytes, std::size_t bytes, ByteView& text);
  bool take_integer(std::size_t head_bytes, std::size_t bytes, ByteView& text);
  bool skip(std::size_t element_bytes);

  ByteView in_;
  bool failed_ = false;
  char digits_[kIntegerCharsMax];
};

}  // namespace memoir
