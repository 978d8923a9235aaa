// RdbWriter: writes the primitives of the RDB format (see rdb_format.h for its numbers).
//
//   length   := 00xxxxxx | 01xxxxxx x | 80 u32be | 81 u64be
//   string   := length bytes | C0 i8 | C1 i16 | C2 i32 | C3 length length lzf
//   time     := ms:i64
//
// A text of at most 11 bytes that is an integer of 32 bits is written as one, a longer one
// compressed where that saves at least four bytes: byte for byte what Redis writes.
//
// What is written gathers in a buffer. With a sink it goes there in large pieces, and the first
// failure is remembered: write everything, ask once. Without one, take() hands it out.
#pragma once

#include <cstdint>
#include <cstring>

#include "src/base/bytes.h"
#include "src/base/result.h"
#include "src/store/rdb_format.h"

namespace memoir {

// Where an RdbWriter's bytes go, in order.
class RdbSink {
 public:
  virtual ~RdbSink() = default;
  virtual Status write(ByteView bytes) = 0;
  // Overwrites bytes that were written, `offset` behind the first. kUnsupported where nothing can
  // be called back (a socket).
  virtual Status rewrite(std::uint64_t offset, ByteView bytes);
};

enum class RdbCompression : bool { kNo, kYes };

class RdbWriter {
 public:
  explicit RdbWriter(RdbCompression compression, RdbSink* sink = nullptr)
      : sink_(sink), compresses_(compression == RdbCompression::kYes) {}
  RdbWriter(const RdbWriter&) = delete;
  RdbWriter& operator=(const RdbWriter&) = delete;

  void type(RdbType type) { byte(static_cast<std::uint8_t>(type)); }
  void opcode(RdbOpcode opcode) { byte(static_cast<std::uint8_t>(opcode)); }
  void byte(std::uint8_t value) {
    *room(1) = static_cast<char>(value);
    ++used_;
  }
  void raw(ByteView bytes) {
    if (bytes.size() > kDirectBytesMin && sink_) [[unlikely]] return pass_on(bytes);
    if (!bytes.empty()) std::memcpy(room(bytes.size()), bytes.data(), bytes.size());
    used_ += bytes.size();
  }
  template <class T>
  void fixed(T value) {
    std::memcpy(room(sizeof(T)), &value, sizeof(T));
    used_ += sizeof(T);
  }
  void length(std::uint64_t value);
  void string(ByteView text);
  // The text of an integer.
  void integer(std::int64_t value);
  void double_value(double value) { fixed(value); }
  void time_ms(std::int64_t ms) { fixed(ms); }

  // CRC-64 of all that was written so far.
  std::uint64_t checksum();
  // Brings all that was written to the sink. Ok, or the sink's first failure.
  Status flush();
  // All that was written; only without a sink. Nothing may be written after.
  Bytes take() {
    buffer_.resize(used_);
    return std::move(buffer_);
  }
  // All that was written, until the next is; only without a sink.
  ByteView written() const { return {buffer_.data(), used_}; }
  ByteView gathered() const { return written(); }
  // Forgets what was written; only without a sink.
  void clear() {
    used_ = summed_ = 0;
    crc_ = 0;
  }
  // Bytes written so far.
  std::uint64_t position() const { return passed_on_ + used_; }

 private:
  static constexpr std::size_t kFlushBytes = 256 * 1024;
  static constexpr std::size_t kDirectBytesMin = kFlushBytes / 2;  // go to the sink by themselves
  static constexpr std::size_t kFirstBytes = 128;

  // Where `bytes` (with a sink, at most kDirectBytesMin) more can be written.
  char* room(std::size_t bytes) {
    if (buffer_.size() - used_ < bytes) [[unlikely]] make_room(bytes);
    return buffer_.data() + used_;
  }
  void make_room(std::size_t bytes);
  bool short_integer(std::int64_t value);
  bool compressed(ByteView text);
  void pass_on(ByteView bytes);

  RdbSink* sink_;
  Bytes buffer_;  // as long as there is room
  std::size_t used_{0};
  Bytes scratch_;  // for compressed text
  std::size_t summed_{0};  // bytes of the buffer that crc_ covers
  std::uint64_t crc_{0};
  std::uint64_t passed_on_{0};
  Status status_{ok};
  const bool compresses_;
};

}  // namespace memoir
