#include "src/base/coding.h"

namespace memoir {

void append_varint(Bytes& out, std::uint64_t value) {
  char text[10];
  std::size_t size = 0;
  while (value >= 0x80) {
    text[size++] = static_cast<char>(value | 0x80);
    value >>= 7;
  }
  text[size++] = static_cast<char>(value);
  out.append(text, size);
}

void append_string(Bytes& out, ByteView text) {
  append_varint(out, text.size());
  out.append(text);
}

std::uint64_t Reader::varint() {
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < 10; ++i) {
    if (i == in_.size()) return fail(ErrorCode::kTruncated), 0;
    const auto byte = static_cast<unsigned char>(in_[i]);
    if (i == 9 && byte > 1) break;  // over 64 bits
    value |= static_cast<std::uint64_t>(byte & 0x7f) << (7 * i);
    if (byte < 0x80) {
      in_.remove_prefix(i + 1);
      return value;
    }
  }
  return fail(ErrorCode::kCorrupt), 0;
}

ByteView Reader::bytes(std::size_t size) {
  if (in_.size() < size) return fail(ErrorCode::kTruncated), ByteView();
  const ByteView taken = in_.substr(0, size);
  in_.remove_prefix(size);
  return taken;
}

ByteView Reader::string() {
  const std::uint64_t size = varint();
  return bytes(size);
}

Status Reader::status() const {
  if (!failed_) return ok;
  switch (code_) {
    case ErrorCode::kTruncated: return Error(code_, "input ends early");
    case ErrorCode::kTooLarge: return Error(code_, "input is over a limit");
    case ErrorCode::kUnsupported: return Error(code_, "input has an unknown version or form");
    default: return Error(code_, "input is corrupt");
  }
}

}  // namespace memoir
