// Little-endian integers and length-prefixed strings in byte buffers, and Reader, the cursor that
// remembers its first failure: read everything, ask once.
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>
#include <type_traits>

#include "src/base/bytes.h"
#include "src/base/result.h"

namespace memoir {

static_assert(std::endian::native == std::endian::little);

template <class T>
inline T load(const void* from) {
  static_assert(std::is_trivially_copyable_v<T>);
  T value;
  std::memcpy(&value, from, sizeof(T));
  return value;
}
template <class T>
inline void store(void* to, T value) {
  static_assert(std::is_trivially_copyable_v<T>);
  std::memcpy(to, &value, sizeof(T));
}
template <class T>
inline void append_fixed(Bytes& out, T value) {
  out.append(reinterpret_cast<const char*>(&value), sizeof(T));
}
// LEB128, 1 to 10 bytes.
void append_varint(Bytes& out, std::uint64_t value);
// size:varint bytes
void append_string(Bytes& out, ByteView text);

// A cursor over bytes. After a failure every further read gives zeros and empty views.
class Reader {
 public:
  explicit Reader(ByteView in) : in_(in) {}

  template <class T>
  T fixed() {
    if (in_.size() < sizeof(T)) return fail(ErrorCode::kTruncated), T{};
    T value = load<T>(in_.data());
    in_.remove_prefix(sizeof(T));
    return value;
  }
  std::uint64_t varint();
  ByteView bytes(std::size_t size);
  ByteView string();  // size:varint bytes

  bool empty() const { return in_.empty(); }
  ByteView rest() const { return in_; }
  bool failed() const { return failed_; }
  void fail(ErrorCode code) {
    if (!failed_) code_ = code;
    failed_ = true;
    in_ = {};
  }
  // Ok, or the first failure.
  Status status() const;

 private:
  ByteView in_;
  bool failed_{false};
  ErrorCode code_{ErrorCode::kCorrupt};
};

}  // namespace memoir
