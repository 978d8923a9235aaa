// StreamId: what an entry of a stream is called: a time in milliseconds and a number within it.
// Ids order as pairs. Clients write them "ms-seq", or "ms" alone.
#pragma once

#include <compare>
#include <cstdint>
#include <limits>
#include <optional>

#include "src/base/bytes.h"
#include "src/base/number.h"

namespace memoir {

inline constexpr std::string_view kInvalidStreamId =
    "ERR Invalid stream ID specified as stream command argument";

struct StreamId {
  std::uint64_t ms = 0;
  std::uint64_t seq = 0;

  static constexpr std::uint64_t kPartMax = std::numeric_limits<std::uint64_t>::max();

  friend constexpr auto operator<=>(const StreamId&, const StreamId&) = default;
  bool is_zero() const { return ms == 0 && seq == 0; }

  // Becomes the next or the previous id; false, unchanged, if there is none.
  bool increment() {
    if (seq == kPartMax && ms == kPartMax) return false;
    if (++seq == 0) ++ms;
    return true;
  }
  bool decrement() {
    if (is_zero()) return false;
    if (seq-- == 0) --ms;
    return true;
  }
};
inline constexpr StreamId kStreamIdMin{};
inline constexpr StreamId kStreamIdMax{StreamId::kPartMax, StreamId::kPartMax};

// "ms-seq" as a view.
class StreamIdText {
 public:
  explicit StreamIdText(StreamId id, char separator = '-') {
    size_ = format_unsigned(id.ms, text_);
    text_[size_++] = separator;
    size_ += format_unsigned(id.seq, text_ + size_);
  }
  operator ByteView() const { return {text_, size_}; }  // NOLINT

 private:
  char text_[2 * kIntegerCharsMax + 1];
  std::size_t size_;
};

// "ms-seq", or "ms", whose number is then `missing_seq`.
std::optional<StreamId> parse_stream_id(ByteView text, std::uint64_t missing_seq = 0);
// The same, or "-" and "+" for the smallest and largest id.
std::optional<StreamId> parse_stream_bound(ByteView text, std::uint64_t missing_seq);

}  // namespace memoir
