// AofInput: the requests and annotations of one append-only file, or of its part behind an RDB.
//
// It reads through one buffer, which grows only for a request that is longer, and only to what the
// file really holds: a length that claims more is the end of a torn file. Views are valid until the
// next call. Not thread-safe.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "persistence/file.h"
#include "src/base/bytes.h"
#include "src/base/result.h"

namespace memoir {

class AofInput {
 public:
  enum class Item : std::uint8_t {
    kRequest,     // words() has it
    kAnnotation,  // annotation() has it
    kEnd,
    kTorn,    // the file ends within a request
    kBad,     // what stands here is no request
    kFailed,  // the disk; error() says what
  };

  // Reads [offset, size) of `file`, which must stay.
  AofInput(File& file, std::uint64_t size, std::uint64_t offset, std::size_t buffer_bytes);

  Item next();

  std::span<const ByteView> words() const { return words_; }
  // Without '#' and the end of the line.
  ByteView annotation() const { return annotation_; }
  // Behind the last request or annotation; where the trouble begins if there is any.
  std::uint64_t offset() const { return window_offset_ + at_; }
  // Goes on at an offset that it has been at.
  void rewind(std::uint64_t offset);
  // After kFailed.
  Error take_error() { return std::move(failure_).error(); }

 private:
  // What stands at a place in the window: as much as is there.
  enum class Parsed : std::uint8_t { kWhole, kMore, kBad };

  ByteView unread() const { return ByteView(window_.get() + at_, filled_ - at_); }
  Parsed parse();
  Parsed parse_request();
  Parsed parse_annotation();
  Parsed number_line(char mark, std::size_t& at, std::uint64_t& value);
  bool fill();

  File& file_;
  std::uint64_t size_;
  std::unique_ptr<char[]> window_;
  std::size_t capacity_;
  std::uint64_t window_offset_;  // of window_[0] in the file
  std::size_t filled_ = 0;
  std::size_t at_ = 0;
  std::size_t wanted_ = 0;  // after kMore: so many bytes of the request are needed at least
  std::size_t parsed_ = 0;  // after kWhole: its length
  bool is_annotation_ = false;
  std::vector<ByteView> words_;
  ByteView annotation_;
  Status failure_ = ok;
};

}  // namespace memoir
