#include "datatypes/stream/stream_id.h"

#include "src/base/c_text.h"

namespace memoir {

std::optional<StreamId> parse_stream_id(ByteView text, std::uint64_t missing_seq) {
  constexpr std::size_t kTextBytesMax = 127;
  if (text.size() > kTextBytesMax) return std::nullopt;
  text = c_text(text);
  const std::size_t dash = text.find('-');
  const auto ms = parse_unsigned(text.substr(0, dash));
  if (!ms) return std::nullopt;
  if (dash == ByteView::npos) return StreamId{*ms, missing_seq};
  const auto seq = parse_unsigned(text.substr(dash + 1));
  if (!seq) return std::nullopt;
  return StreamId{*ms, *seq};
}

std::optional<StreamId> parse_stream_bound(ByteView text, std::uint64_t missing_seq) {
  if (c_text(text) == "-") return kStreamIdMin;
  if (c_text(text) == "+") return kStreamIdMax;
  return parse_stream_id(text, missing_seq);
}

}  // namespace memoir
