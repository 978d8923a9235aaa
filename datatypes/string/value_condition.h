// ValueCondition: the options IFEQ, IFNE (a value), IFDEQ and IFDNE (a value's digest) of SET and
// DELEX: whether a string is still what the client last saw.
#pragma once

#include <array>
#include <cstdint>

#include "src/command/args.h"
#include "src/store/entry.h"

namespace memoir {

// The digest of a string: its XXH3 hash of 64 bits as 16 hex digits.
std::array<char, 16> digest_text(ByteView value);

class ValueCondition {
 public:
  // Takes one of the options with its value from `args`. False, and nothing taken, if there is none
  // or one was taken before.
  bool take(Args& args);
  bool given() const { return kind_ != Kind::kNone; }
  // Whether it wants a value to be there: IFEQ and IFDEQ do not hold for a missing key, the others
  // do.
  bool wants_value() const { return kind_ == Kind::kEqual || kind_ == Kind::kDigestEqual; }
  // Whether it holds for the value of a key, null if it is missing. Errors: WRONGTYPE, a digest
  // that is none.
  Result<bool> holds(const Entry* entry) const;

 private:
  enum class Kind : std::uint8_t { kNone, kEqual, kNotEqual, kDigestEqual, kDigestNotEqual };
  Kind kind_{Kind::kNone};
  ByteView text_;
};

}  // namespace memoir
