// RdbReader: reads the primitives of the RDB format, whoever wrote them.
//
// It reads from bytes in memory, or from a source in chunks. Input is not trusted: every length is
// checked against what is there, and no more memory is taken than the input justifies (a length
// alone justifies none; compressed text at most some 90 times its own size). After the first
// failure every read gives zeros and empty views: read everything, ask once.
#pragma once

#include <cstdint>
#include <memory>

#include "src/base/bytes.h"
#include "src/base/coding.h"
#include "src/base/number.h"
#include "src/base/result.h"
#include "src/store/rdb_format.h"

namespace memoir {

// The name of the module that an id in the format means.
Bytes rdb_module_name(std::uint64_t id);

// Gives bytes, in order.
class RdbSource {
 public:
  virtual ~RdbSource() = default;
  // Reads at least one byte into `into`, at most `bytes`; 0 at the end.
  virtual Result<std::size_t> read(char* into, std::size_t bytes) = 0;
  // How many bytes are surely still to come; 0 if nobody knows (a socket).
  virtual std::uint64_t left() const { return 0; }
};

class RdbReader {
 public:
  struct Text {
    ByteView view;
    SharedBytes owner;  // not null: holds exactly `view`
  };

  // Reads `in`, which must stay.
  explicit RdbReader(ByteView in)
      : start_(in.data()), at_(start_), end_(start_ + in.size()), summed_(start_) {}
  explicit RdbReader(RdbSource& source);
  RdbReader(const RdbReader&) = delete;
  RdbReader& operator=(const RdbReader&) = delete;

  std::uint8_t byte() { return fixed<std::uint8_t>(); }
  template <class T>
  T fixed() {
    if (buffered() < sizeof(T) && !refill(sizeof(T))) return T{};
    const T value = load<T>(at_);
    at_ += sizeof(T);
    return value;
  }
  std::uint64_t length() {
    const std::uint8_t first = byte();
    return first < 64 ? first : length_after(first);
  }
  double double_value() { return fixed<double>(); }
  // The form of RDB versions before 8: decimal digits.
  double double_text();
  std::int64_t time_ms() { return fixed<std::int64_t>(); }
  // A string; the view is valid until the next read.
  ByteView string() {
    ByteView view;
    return short_string(view) ? view : text(SIZE_MAX).view;
  }
  // The same; one of `own_bytes_min` bytes or more is read straight into a buffer of its own.
  Text text(std::size_t own_bytes_min);
  // A string of at most 63 bytes that is neither compressed nor an integer and lies in the buffer:
  // most are. False, and nothing is read, for any other; `view` is valid until the next read.
  bool short_string(ByteView& view) {
    if (buffered() == 0) return false;
    const std::size_t bytes = static_cast<unsigned char>(*at_);
    if (bytes >= 64 || buffered() <= bytes) return false;
    view = {at_ + 1, bytes};
    at_ += 1 + bytes;
    return true;
  }
  // `bytes` bytes as they are; valid until the next read.
  ByteView raw(std::size_t bytes);

  // Nothing is left. May read ahead.
  bool at_end() { return failed_ || (buffered() == 0 && !read_more()); }
  // Bytes consumed so far.
  std::uint64_t position() const { return before_ + static_cast<std::uint64_t>(at_ - start_); }
  // CRC-64 of the bytes consumed so far.
  std::uint64_t checksum();

  bool failed() const { return failed_; }
  // Remembers a failure, unless there is one already.
  void fail(ErrorCode code, std::string_view text);
  void corrupt(std::string_view text) { fail(ErrorCode::kCorrupt, text); }
  // Ok, or the first failure.
  Status status() const;

 private:
  enum class Form : std::uint8_t { kPlain, kInteger8, kInteger16, kInteger32, kCompressed };
  struct Head {
    Form form;
    std::uint64_t length;
  };

  static constexpr std::size_t kChunkBytes = 256 * 1024;

  std::size_t buffered() const { return static_cast<std::size_t>(end_ - at_); }
  // Whether so many bytes are surely still to come.
  bool is_there(std::uint64_t bytes) const;
  Head head();
  std::uint64_t length_after(std::uint8_t first);
  bool refill(std::size_t bytes);
  bool read_more();
  ByteView gather(std::size_t bytes);
  void copy_to(char* to, std::size_t bytes);
  ByteView integer_text(Form form);
  Text owned(ByteView view) const;
  ByteView packed_text(std::size_t& bytes);
  void unpack(ByteView packed, char* to, std::size_t bytes);

  const char* start_;  // of the buffer, or of the input in memory
  const char* at_;
  const char* end_;
  const char* summed_;  // up to here crc_ goes
  RdbSource* source_{nullptr};
  std::unique_ptr<char[]> buffer_;  // of a chunked input
  Bytes gathered_;                  // a string longer than that
  Bytes unpacked_;
  char digits_[kIntegerCharsMax];
  std::uint64_t before_{0};  // bytes consumed before start_
  std::uint64_t crc_{0};
  bool failed_{false};
  ErrorCode code_{ErrorCode::kCorrupt};
  Bytes text_;
};

}  // namespace memoir
