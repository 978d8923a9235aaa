#include "persistence/json_text.h"

#include <cstdint>

#include "src/base/log.h"

namespace memoir {
namespace {

// How many bytes the character at the front takes; 0: it is none. The shortest form only, no
// surrogates, nothing above U+10FFFF.
std::size_t character_bytes(ByteView in) {
  const auto byte = [&](std::size_t at) -> unsigned {
    return at < in.size() ? static_cast<unsigned char>(in[at]) : 0U;
  };
  const auto follows = [&](std::size_t at) { return (byte(at) & 0xC0) == 0x80; };
  const unsigned first = byte(0);
  if (first < 0x80) return 1;
  if (first < 0xC2) return 0;
  if (first < 0xE0) return follows(1) ? 2 : 0;
  if (first < 0xF0) {
    const bool sound = follows(1) && follows(2) && (first != 0xE0 || byte(1) >= 0xA0) &&
                       (first != 0xED || byte(1) < 0xA0);
    return sound ? 3 : 0;
  }
  const bool sound = first < 0xF5 && follows(1) && follows(2) && follows(3) &&
                     (first != 0xF0 || byte(1) >= 0x90) && (first != 0xF4 || byte(1) < 0x90);
  return sound ? 4 : 0;
}

}  // namespace

bool is_utf8(ByteView text) {
  while (!text.empty()) {
    const std::size_t bytes = character_bytes(text);
    if (bytes == 0) return false;
    text.remove_prefix(bytes);
  }
  return true;
}

Bytes base64(ByteView bytes) {
  static constexpr ByteView kDigits =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  Bytes out;
  out.reserve((bytes.size() + 2) / 3 * 4);
  for (; !bytes.empty(); bytes.remove_prefix(std::min<std::size_t>(3, bytes.size()))) {
    std::uint32_t bits = 0;
    for (std::size_t i = 0; i < 3; ++i) {
      bits = bits << 8 | (i < bytes.size() ? static_cast<unsigned char>(bytes[i]) : 0U);
    }
    for (std::size_t i = 0; i < 4; ++i) {
      out.push_back(i <= bytes.size() ? kDigits[bits >> (18 - 6 * i) & 63] : '=');
    }
  }
  return out;
}

void append_json_text(Bytes& out, ByteView text) {
  if (!is_utf8(text)) {
    out.append("{\"base64\":\"").append(base64(text)).append("\"}");
    return;
  }
  out.push_back('"');
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      out.append({'\\', c});
    } else if (c == '\n') {
      out.append("\\n");
    } else if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) {
      fmt::format_to(std::back_inserter(out), "\\u{:04x}", static_cast<unsigned>(c));
    } else {
      out.push_back(c);
    }
  }
  out.push_back('"');
}

}  // namespace memoir
