#include "src/store/rdb_writer.h"

#include <bit>

#include <liblzf/lzf.h>

#include "src/base/coding.h"
#include "src/base/crc64.h"
#include "src/base/number.h"

namespace memoir {
namespace {

constexpr std::size_t kIntegerTextMax = 11;     // "-2147483648"
constexpr std::size_t kCompressedTextMin = 21;  // shorter texts gain nothing
constexpr std::size_t kSavedBytesMin = 4;
constexpr std::size_t kCompressedTextMax = std::size_t{1} << 31;  // the library counts in 32 bits

}  // namespace

Status RdbSink::rewrite(std::uint64_t, ByteView) {
  return Error(ErrorCode::kUnsupported, "what is written cannot be changed any more");
}

void RdbWriter::make_room(std::size_t bytes) {
  if (sink_ && used_ != 0 && used_ + bytes > kFlushBytes) pass_on({});
  const std::size_t needed = used_ + bytes;
  if (needed <= buffer_.size()) return;
  std::size_t size = buffer_.empty() ? kFirstBytes : buffer_.size() * 2;
  while (size < needed) size *= 2;
  buffer_.resize(size);
}

// Empties the buffer into the sink, then `bytes` as well.
void RdbWriter::pass_on(ByteView bytes) {
  checksum();
  crc_ = crc64(crc_, bytes);
  for (const ByteView part : {written(), bytes}) {
    if (!part.empty() && status_) status_ = sink_->write(part);
    passed_on_ += part.size();
  }
  used_ = 0;
  summed_ = 0;
}

std::uint64_t RdbWriter::checksum() {
  crc_ = crc64(crc_, written().substr(summed_));
  summed_ = used_;
  return crc_;
}

Status RdbWriter::flush() {
  if (sink_) pass_on({});
  return status_ ? Status(ok) : Status(status_.error().clone());
}

void RdbWriter::length(std::uint64_t value) {
  if (value < 64) {
    byte(static_cast<std::uint8_t>(value));
  } else if (value < (1U << 14)) {
    byte(static_cast<std::uint8_t>(0x40 | (value >> 8)));
    byte(static_cast<std::uint8_t>(value));
  } else if (value <= UINT32_MAX) {
    byte(0x80);
    fixed(__builtin_bswap32(static_cast<std::uint32_t>(value)));
  } else {
    byte(0x81);
    fixed(__builtin_bswap64(value));
  }
}

// Writes an integer of at most 32 bits in its short form; false, and nothing, for others.
bool RdbWriter::short_integer(std::int64_t value) {
  char form[5];
  store(form + 1, static_cast<std::int32_t>(value));
  if (value == static_cast<std::int8_t>(value)) {
    form[0] = static_cast<char>(0xc0);
    raw({form, 2});
  } else if (value == static_cast<std::int16_t>(value)) {
    form[0] = static_cast<char>(0xc1);
    raw({form, 3});
  } else if (value == static_cast<std::int32_t>(value)) {
    form[0] = static_cast<char>(0xc2);
    raw({form, 5});
  } else {
    return false;
  }
  return true;
}

void RdbWriter::integer(std::int64_t value) {
  if (short_integer(value)) return;
  char text[kIntegerCharsMax];
  const std::size_t size = format_integer(value, text);
  length(size);
  raw({text, size});
}

void RdbWriter::string(ByteView text) {
  if (text.size() <= kIntegerTextMax) {
    // Most texts are no integers, which their last byte tells.
    if (!text.empty() && text.back() >= '0' && text.back() <= '9') {
      const auto value = parse_integer(text);
      if (value && short_integer(*value)) return;
    }
  } else if (compresses_ && text.size() >= kCompressedTextMin && compressed(text)) {
    return;
  }
  length(text.size());
  raw(text);
}

bool RdbWriter::compressed(ByteView text) {
  if (text.size() > kCompressedTextMax) return false;
  scratch_.resize(text.size());
  const unsigned size =
      lzf_compress(text.data(), static_cast<unsigned>(text.size()), scratch_.data(),
                   static_cast<unsigned>(text.size() - kSavedBytesMin));
  if (size != 0) {
    byte(0xc3);
    length(size);
    length(text.size());
    raw(ByteView(scratch_).substr(0, size));
  }
  constexpr std::size_t kScratchKept = 1 << 20;
  if (scratch_.capacity() > kScratchKept) Bytes().swap(scratch_);
  return size != 0;
}

}  // namespace memoir
