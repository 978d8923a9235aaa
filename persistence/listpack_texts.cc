#include "persistence/listpack_texts.h"

namespace memoir {
namespace {

constexpr std::size_t kHeaderBytes = 6;
constexpr std::uint8_t kEnd = 0xFF;

// How many bytes tell the length of an element backwards, behind it.
std::size_t back_bytes(std::size_t element_bytes) {
  std::size_t bytes = 1;
  for (; element_bytes > 127; element_bytes >>= 7) ++bytes;
  return bytes;
}

}  // namespace

ListpackTexts::ListpackTexts(ByteView listpack) {
  if (listpack.size() <= kHeaderBytes) {
    failed_ = true;
  } else {
    in_ = listpack.substr(kHeaderBytes);
  }
}

std::size_t ListpackTexts::count(ByteView listpack, bool& failed) {
  ListpackTexts texts(listpack);
  ByteView text;
  std::size_t count = 0;
  while (texts.next(text)) ++count;
  failed = texts.failed();
  return count;
}

bool ListpackTexts::skip(std::size_t element_bytes) {
  const std::size_t all = element_bytes + back_bytes(element_bytes);
  if (in_.size() <= all) return fail();  // the end mark is behind it
  in_.remove_prefix(all);
  return true;
}

bool ListpackTexts::take_text(std::size_t head_bytes, std::size_t bytes, ByteView& text) {
  if (bytes > in_.size() || head_bytes > in_.size() - bytes) return fail();
  text = in_.substr(head_bytes, bytes);
  return skip(head_bytes + bytes);
}

// An integer of `bytes` bytes, little-endian, with its sign.
bool ListpackTexts::take_integer(std::size_t head_bytes, std::size_t bytes, ByteView& text) {
  if (in_.size() < head_bytes + bytes) return fail();
  std::uint64_t value = 0;
  for (std::size_t i = bytes; i > 0; --i) {
    value = value << 8 | static_cast<std::uint8_t>(in_[head_bytes + i - 1]);
  }
  const auto unused_bits = static_cast<unsigned>(64 - 8 * bytes);
  const auto number = static_cast<std::int64_t>(value << unused_bits) >> unused_bits;
  text = {digits_, format_integer(number, digits_)};
  return skip(head_bytes + bytes);
}

bool ListpackTexts::next(ByteView& text) {
  if (failed_) return false;
  if (in_.empty()) return fail();
  const auto byte = [&](std::size_t at) -> std::size_t {
    return at < in_.size() ? static_cast<std::uint8_t>(in_[at]) : 0;
  };
  const std::size_t first = byte(0);
  if (first == kEnd) return false;
  if (first < 0x80) {
    text = {digits_, format_integer(static_cast<std::int64_t>(first), digits_)};
    return skip(1);
  }
  if (first < 0xC0) return take_text(1, first & 0x3F, text);
  if (first < 0xE0) {
    const auto value = static_cast<std::int64_t>((first & 0x1F) << 8 | byte(1));
    text = {digits_, format_integer(value >= 4096 ? value - 8192 : value, digits_)};
    return skip(2);
  }
  if (first < 0xF0) return take_text(2, (first & 0x0F) << 8 | byte(1), text);
  switch (first) {
    case 0xF0:
      return take_text(5, byte(1) | byte(2) << 8 | byte(3) << 16 | byte(4) << 24, text);
    case 0xF1:
      return take_integer(1, 2, text);
    case 0xF2:
      return take_integer(1, 3, text);
    case 0xF3:
      return take_integer(1, 4, text);
    case 0xF4:
      return take_integer(1, 8, text);
    default:
      return fail();
  }
}

}  // namespace memoir
