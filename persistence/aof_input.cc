#include "persistence/aof_input.h"

#include <algorithm>
#include <charconv>
#include <cstring>

#include "persistence/record.h"

namespace memoir {
namespace {

// The longest line, its end included: as Redis.
constexpr std::size_t kLineBytesMax = 1023;
constexpr std::uint64_t kWordsMax = INT32_MAX;
constexpr std::size_t kBufferBytesMin = 4096;

}  // namespace

AofInput::AofInput(File& file, std::uint64_t size, std::uint64_t offset, std::size_t buffer_bytes)
    : file_(file),
      size_(size),
      capacity_(std::max(buffer_bytes, kBufferBytesMin)),
      window_offset_(offset) {
  window_ = std::make_unique_for_overwrite<char[]>(capacity_);
}

void AofInput::rewind(std::uint64_t offset) {
  if (offset >= window_offset_ && offset <= window_offset_ + filled_) {
    at_ = static_cast<std::size_t>(offset - window_offset_);
    return;
  }
  window_offset_ = offset;
  filled_ = 0;
  at_ = 0;
}

AofInput::Item AofInput::next() {
  for (;;) {
    if (at_ == filled_ && offset() >= size_) return Item::kEnd;
    wanted_ = 0;
    switch (at_ == filled_ ? Parsed::kMore : parse()) {
      case Parsed::kWhole:
        at_ += parsed_;
        return is_annotation_ ? Item::kAnnotation : Item::kRequest;
      case Parsed::kBad:
        return Item::kBad;
      case Parsed::kMore:
        break;
    }
    const std::uint64_t left = size_ - offset();
    if (wanted_ > left || unread().size() == left) {
      // An annotation that the end cuts short says nothing, and nothing is lost with it.
      const bool annotation = !unread().empty() && unread()[0] == '#';
      return annotation ? Item::kEnd : Item::kTorn;
    }
    if (!fill()) return Item::kFailed;
  }
}

// Brings more of the file into the window: at least one byte, and `wanted_` if the file has them.
bool AofInput::fill() {
  const std::size_t kept = unread().size();
  if (kept == capacity_ || wanted_ > capacity_) {
    // No more than the file holds: wanted_ has been checked against it.
    const std::size_t grown = std::max(wanted_, capacity_ * 2);
    auto larger = std::make_unique_for_overwrite<char[]>(grown);
    std::memcpy(larger.get(), unread().data(), kept);
    window_ = std::move(larger);
    capacity_ = grown;
  } else if (at_ > 0) {
    std::memmove(window_.get(), unread().data(), kept);
  }
  window_offset_ += at_;
  at_ = 0;
  filled_ = kept;
  const std::size_t goal = std::max(wanted_, kept + 1);
  while (filled_ < goal) {
    const std::uint64_t from = window_offset_ + filled_;
    const std::size_t bytes = static_cast<std::size_t>(
        std::min<std::uint64_t>(capacity_ - filled_, size_ - std::min(from, size_)));
    if (bytes == 0) return true;
    auto read = file_.read(from, window_.get() + filled_, bytes);
    if (!read) {
      failure_ = read.error();
      return false;
    }
    if (*read == 0) {  // it has become shorter
      size_ = from;
      return true;
    }
    filled_ += *read;
  }
  return true;
}

AofInput::Parsed AofInput::parse() {
  is_annotation_ = unread()[0] == '#';
  return is_annotation_ ? parse_annotation() : parse_request();
}

AofInput::Parsed AofInput::parse_annotation() {
  const ByteView in = unread();
  const std::size_t end = in.substr(0, kLineBytesMax).find('\n');
  if (end == ByteView::npos) return in.size() < kLineBytesMax ? Parsed::kMore : Parsed::kBad;
  annotation_ = in.substr(1, end - 1);
  if (annotation_.ends_with('\r')) annotation_.remove_suffix(1);
  parsed_ = end + 1;
  return Parsed::kWhole;
}

// Reads "<mark><digits>\r\n" at `at`, which it moves behind it.
AofInput::Parsed AofInput::number_line(char mark, std::size_t& at, std::uint64_t& value) {
  const ByteView in = unread().substr(std::min(at, unread().size()));
  if (in.empty()) return Parsed::kMore;
  if (in[0] != mark) return Parsed::kBad;
  const std::size_t end = in.substr(0, kLineBytesMax).find('\n');
  const bool whole = end != ByteView::npos;
  ByteView digits = in.substr(1, whole ? end - 1 : kLineBytesMax);
  if (digits.ends_with('\r')) digits.remove_suffix(1);
  const char* last = digits.data() + digits.size();
  const auto [stop, wrong] = std::from_chars(digits.data(), last, value);
  // What has been cut short may be empty yet.
  const bool readable = (wrong == std::errc() && stop == last) || (!whole && digits.empty());
  if (!readable || (!whole && in.size() >= kLineBytesMax)) return Parsed::kBad;
  if (!whole) return Parsed::kMore;
  at += end + 1;
  return Parsed::kWhole;
}

AofInput::Parsed AofInput::parse_request() {
  words_.clear();
  std::size_t at = 0;
  std::uint64_t count = 0;
  if (Parsed head = number_line('*', at, count); head != Parsed::kWhole) return head;
  if (count < 1 || count > kWordsMax) return Parsed::kBad;
  const ByteView in = unread();
  for (; count > 0; --count) {
    std::uint64_t bytes = 0;
    if (Parsed head = number_line('$', at, bytes); head != Parsed::kWhole) return head;
    if (bytes > kRecordBytesMax) return Parsed::kBad;  // no value is as long
    const auto length = static_cast<std::size_t>(bytes);
    if (in.size() - at < length + 2) {
      wanted_ = at + length + 2;
      return Parsed::kMore;
    }
    if (in[at + length] != '\r' || in[at + length + 1] != '\n') return Parsed::kBad;
    words_.push_back(in.substr(at, length));
    at += length + 2;
  }
  parsed_ = at;
  return Parsed::kWhole;
}

}  // namespace memoir
