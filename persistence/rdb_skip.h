// Skips values of the RDB format by their lengths, without decoding them.
//
// RdbSkipper is a cursor over bytes in memory that may be asked for more than there is: then it
// fails as kShort, and whoever has more starts again from the item's beginning, or hands it a
// source that goes on. After the first failure everything else does nothing.
#pragma once

#include <cstdint>
#include <string_view>

#include "src/base/bytes.h"
#include "src/base/coding.h"
#include "src/store/rdb_format.h"

namespace memoir {

// Brings further bytes, for values too large to be held at once.
class RdbWindow {
 public:
  virtual ~RdbWindow() = default;
  // What follows `at`: at least one byte, more where there is more; all before it is dropped.
  // Empty at the end of the file.
  virtual ByteView more(const char* at) = 0;
};

class RdbSkipper {
 public:
  enum class State : std::uint8_t { kGood, kShort, kCorrupt, kUnsupported };

  RdbSkipper(const char* at, const char* end, RdbWindow* window = nullptr)
      : at_(at), end_(end), window_(window) {}

  // A key with what stands before it and its value behind it, `first` being its first byte, which
  // has been read: opcodes of expiry and use, a type, a name. `version` is the file's.
  void item(std::uint8_t first, unsigned version = kRdbVersionMax);
  void value(RdbType type);
  void module_parts();  // of a module's data
  void string();
  std::uint64_t length();
  std::uint8_t byte() {
    if (at_ == end_ && !fill()) return 0;
    return static_cast<std::uint8_t>(*at_++);
  }
  void skip(std::uint64_t bytes);

  bool good() const { return state_ == State::kGood; }
  State state() const { return state_; }
  std::string_view reason() const { return reason_; }
  const char* at() const { return at_; }

 private:
  bool fill();
  void fail(State state, std::string_view reason) {
    if (state_ != State::kGood) return;
    state_ = state;
    reason_ = reason;
  }
  std::uint64_t length_after(std::uint8_t first);
  void strings(unsigned each, std::uint64_t bytes_behind);
  void scored_text();
  void quicklist_nodes();
  void timed_fields(RdbType type);
  void timed_members();
  void stream(RdbType type);
  void stream_group(RdbType type);

  const char* at_;
  const char* end_;
  RdbWindow* window_;
  State state_{State::kGood};
  std::string_view reason_;
};

}  // namespace memoir
