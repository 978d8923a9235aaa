#include "src/store/rdb_reader.h"

#include <algorithm>
#include <cstdlib>
#include <limits>

#include <liblzf/lzf.h>

#include "src/base/crc64.h"

namespace memoir {
namespace {

// Three bytes of compressed text stand for 264 at most.
constexpr std::uint64_t kExpansionMax = 90;
constexpr std::size_t kGatherStep = std::size_t{1} << 20;

}  // namespace

// Nine letters of six bits each, above ten bits of a version.
Bytes rdb_module_name(std::uint64_t id) {
  constexpr std::string_view kLetters =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  Bytes name;
  for (unsigned shift = 58; shift >= 10; shift -= 6) name.push_back(kLetters[(id >> shift) & 63]);
  return name;
}

RdbReader::RdbReader(RdbSource& source)
    : source_(&source), buffer_(std::make_unique_for_overwrite<char[]>(kChunkBytes)) {
  start_ = at_ = end_ = summed_ = buffer_.get();
}

void RdbReader::fail(ErrorCode code, std::string_view text) {
  if (failed_) return;
  failed_ = true;
  code_ = code;
  text_ = text;
  end_ = at_;
}

Status RdbReader::status() const {
  if (!failed_) return ok;
  return Error(code_, text_);
}

std::uint64_t RdbReader::checksum() {
  crc_ = crc64(crc_, {summed_, static_cast<std::size_t>(at_ - summed_)});
  summed_ = at_;
  return crc_;
}

// --- the buffer ---

bool RdbReader::is_there(std::uint64_t bytes) const {
  return bytes <= buffered() || (source_ && bytes - buffered() <= source_->left());
}

// Reads behind what is buffered, which moves to the front. False at the end of input.
bool RdbReader::read_more() {
  if (failed_ || !source_) return false;
  checksum();
  const std::size_t kept = buffered();
  before_ += static_cast<std::uint64_t>(at_ - start_);
  std::memmove(buffer_.get(), at_, kept);
  at_ = summed_ = buffer_.get();
  end_ = at_ + kept;
  Result<std::size_t> read = source_->read(buffer_.get() + kept, kChunkBytes - kept);
  if (!read) {
    fail(read.peek_error().code(), read.peek_error().text());
    return false;
  }
  end_ += *read;
  return *read != 0;
}

// Has at least `bytes` (at most kChunkBytes) buffered, or fails.
bool RdbReader::refill(std::size_t bytes) {
  while (buffered() < bytes) {
    if (read_more()) continue;
    fail(ErrorCode::kTruncated, "unexpected end of input");
    return false;
  }
  return true;
}

ByteView RdbReader::raw(std::size_t bytes) {
  if (buffered() < bytes) {
    if (source_ && bytes > kChunkBytes) return gather(bytes);
    if (!refill(std::min(bytes, kChunkBytes)) || buffered() < bytes) {
      fail(ErrorCode::kTruncated, "unexpected end of input");
      return {};
    }
  }
  const ByteView view(at_, bytes);
  at_ += bytes;
  return view;
}

// Memory grows with what comes.
ByteView RdbReader::gather(std::size_t bytes) {
  gathered_.clear();
  while (gathered_.size() < bytes && !failed_) {
    const std::size_t step = std::min(bytes - gathered_.size(), kGatherStep);
    const std::size_t before = gathered_.size();
    gathered_.resize(before + step);
    copy_to(gathered_.data() + before, step);
  }
  return failed_ ? ByteView() : ByteView(gathered_);
}

void RdbReader::copy_to(char* to, std::size_t bytes) {
  while (bytes > 0) {
    if (buffered() == 0 && !refill(1)) return;
    const std::size_t step = std::min(bytes, buffered());
    std::memcpy(to, at_, step);
    at_ += step;
    to += step;
    bytes -= step;
  }
}

// --- numbers ---

std::uint64_t RdbReader::length_after(std::uint8_t first) {
  switch (first >> 6) {
    case 0:
      return first & 63;
    case 1:
      return (static_cast<std::uint64_t>(first & 63) << 8) | byte();
    case 2:
      if (first == 0x80) return __builtin_bswap32(fixed<std::uint32_t>());
      if (first == 0x81) return __builtin_bswap64(fixed<std::uint64_t>());
      break;
    default:
      break;
  }
  corrupt("unknown form of a length");
  return 0;
}

double RdbReader::double_text() {
  const std::uint8_t size = byte();
  if (size == 255) return -std::numeric_limits<double>::infinity();
  if (size == 254) return std::numeric_limits<double>::infinity();
  if (size == 253) return std::numeric_limits<double>::quiet_NaN();
  const Bytes text(raw(size));
  char* end = nullptr;
  const double value = std::strtod(text.c_str(), &end);
  if (!failed_ && end == text.c_str()) corrupt("a score that is no number");
  return value;
}

// --- strings ---

RdbReader::Head RdbReader::head() {
  const std::uint8_t first = byte();
  if (first < 0xc0) return {Form::kPlain, length_after(first)};
  switch (first & 63) {
    case 0:
      return {Form::kInteger8, 0};
    case 1:
      return {Form::kInteger16, 0};
    case 2:
      return {Form::kInteger32, 0};
    case 3:
      return {Form::kCompressed, 0};
    default:
      corrupt("unknown form of a string");
      return {Form::kPlain, 0};
  }
}

// The packed bytes of a compressed text of `bytes` bytes.
ByteView RdbReader::packed_text(std::size_t& bytes) {
  const std::uint64_t packed_bytes = length();
  bytes = length();
  const bool sound = bytes != 0 && bytes <= UINT32_MAX && packed_bytes <= UINT32_MAX &&
                     bytes <= packed_bytes * kExpansionMax;
  if (!sound) corrupt("the sizes of a compressed string contradict each other");
  return failed_ ? ByteView() : raw(packed_bytes);
}

void RdbReader::unpack(ByteView packed, char* to, std::size_t bytes) {
  const unsigned size = lzf_decompress(packed.data(), static_cast<unsigned>(packed.size()), to,
                                       static_cast<unsigned>(bytes));
  if (size != bytes) corrupt("a compressed string is unsound");
}

ByteView RdbReader::integer_text(Form form) {
  std::int64_t value = 0;
  if (form == Form::kInteger8) value = fixed<std::int8_t>();
  if (form == Form::kInteger16) value = fixed<std::int16_t>();
  if (form == Form::kInteger32) value = fixed<std::int32_t>();
  return {digits_, format_integer(value, digits_)};
}

RdbReader::Text RdbReader::text(std::size_t own_bytes_min) {
  const Head head = this->head();
  if (head.form == Form::kPlain) {
    if (head.length < own_bytes_min) return {raw(head.length), {}};
    if (!is_there(head.length)) return owned(raw(head.length));
    SharedBytes made = SharedBytes::with_size(head.length);
    copy_to(made.data(), head.length);
    return {made.view(), made};
  }
  if (head.form != Form::kCompressed) return {integer_text(head.form), {}};
  std::size_t bytes = 0;
  const ByteView packed = packed_text(bytes);
  if (failed_) return {};
  if (bytes >= own_bytes_min) {
    SharedBytes made = SharedBytes::with_size(bytes);
    unpack(packed, made.data(), bytes);
    return {made.view(), made};
  }
  unpacked_.resize(bytes);
  unpack(packed, unpacked_.data(), bytes);
  return {unpacked_, {}};
}

RdbReader::Text RdbReader::owned(ByteView view) const {
  if (failed_) return {};
  const SharedBytes made = SharedBytes::copy_of(view);
  return {made.view(), made};
}

}  // namespace memoir
