// Effects: what a handler did, in words that give the same result on any replay (SPOP as SREM, SET
// EX as SET PXAT). If there are any they are journaled instead of the request; several travel as
// one MULTI ... EXEC.
#pragma once

#include <initializer_list>
#include <span>

#include "protocol/request_parser.h"
#include "src/base/bytes.h"
#include "src/base/number.h"

namespace memoir {

class Effects {
 public:
  // One command, all words copied: effects.add({"SREM", key, member}).
  void add(std::initializer_list<ByteView> words) {
    add(std::span<const ByteView>(words.begin(), words.size()));
  }
  void add(std::span<const ByteView> words) {
    append_request(resp_, words);
    ++count_;
  }
  // Commands that are RESP already.
  void add_resp(ByteView resp, std::size_t commands) {
    resp_ += resp;
    count_ += commands;
  }
  // Forgets what was added since there were so many.
  void truncate(std::size_t bytes, std::size_t count) {
    resp_.resize(bytes);
    count_ = count;
  }
  // The run changed something that must not be journaled at all.
  void suppress() { suppressed_ = true; }

  std::size_t count() const { return count_; }
  bool suppressed() const { return suppressed_; }
  // The commands' RESP bytes back to back.
  ByteView resp() const { return resp_; }
  void clear() {
    resp_.clear();
    count_ = 0;
    suppressed_ = false;
  }

 private:
  Bytes resp_;
  std::size_t count_{0};
  bool suppressed_{false};
};

// A decimal integer as a view, for effects: effects.add({"PEXPIREAT", key, Decimal(ms)}).
class Decimal {
 public:
  explicit Decimal(std::int64_t value) : size_(format_integer(value, text_)) {}
  operator ByteView() const { return {text_, size_}; }  // NOLINT

 private:
  char text_[kIntegerCharsMax];
  std::size_t size_;
};

}  // namespace memoir
