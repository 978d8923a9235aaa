#include "protocol/reply_parser.h"

#include <algorithm>
#include <cstdint>
#include <limits>
#include <utility>

#include "src/base/number.h"

namespace memoir {
namespace {

constexpr int kDepthMax = 128;
// An announced count is believed up to here; beyond, elements must arrive before memory is taken.
constexpr std::size_t kReservedElementsMax = 1024;
constexpr std::size_t kLineBytesMax = 64 * 1024;

// Reads one reply and all it contains from the front of `in`.
class TreeReader {
 public:
  enum class Outcome : unsigned char { kComplete, kIncomplete, kCorrupt };

  explicit TreeReader(ByteView in) : in_(in) {}
  ByteView rest() const { return in_; }

  Outcome read(Reply& reply, int depth) {
    if (depth > kDepthMax) return Outcome::kCorrupt;
    ByteView line;
    if (const Outcome outcome = take_line(line); outcome != Outcome::kComplete) return outcome;
    if (line.empty()) return Outcome::kCorrupt;
    reply.type = line[0];
    line.remove_prefix(1);
    switch (reply.type) {
      case '+':
      case '-':
      case '(': reply.text = line; return Outcome::kComplete;
      case ':': return read_integer(line, reply);
      case ',': return read_number(line, reply);
      case '#': return read_boolean(line, reply);
      case '_':
        reply.null = true;
        return line.empty() ? Outcome::kComplete : Outcome::kCorrupt;
      case '$':
      case '=':
      case '!': return read_string(line, reply);
      case '*':
      case '~':
      case '>': return read_elements(line, 1, 0, reply, depth);
      case '%': return read_elements(line, 2, 0, reply, depth);
      case '|': return read_elements(line, 2, 1, reply, depth);
      default: return Outcome::kCorrupt;
    }
  }

 private:
  Outcome take_line(ByteView& line) {
    const std::size_t size = in_.find('\r');
    if (size == ByteView::npos) {
      return in_.size() > kLineBytesMax ? Outcome::kCorrupt : Outcome::kIncomplete;
    }
    if (size + 1 == in_.size()) return Outcome::kIncomplete;
    if (in_[size + 1] != '\n') return Outcome::kCorrupt;
    line = in_.substr(0, size);
    in_.remove_prefix(size + 2);
    return Outcome::kComplete;
  }

  static Outcome read_integer(ByteView line, Reply& reply) {
    if (line.starts_with('+')) line.remove_prefix(1);
    const auto value = parse_integer(line);
    if (!value) return Outcome::kCorrupt;
    reply.integer = *value;
    return Outcome::kComplete;
  }

  static Outcome read_number(ByteView line, Reply& reply) {
    reply.text = line;
    if (line == "nan" || line == "-nan") {
      reply.number = std::numeric_limits<double>::quiet_NaN();
      return Outcome::kComplete;
    }
    const auto value = parse_double(line);
    if (!value) return Outcome::kCorrupt;
    reply.number = *value;
    return Outcome::kComplete;
  }

  static Outcome read_boolean(ByteView line, Reply& reply) {
    if (line != "t" && line != "f") return Outcome::kCorrupt;
    reply.integer = line == "t" ? 1 : 0;
    return Outcome::kComplete;
  }

  // The count of a string or an aggregate; -1 is null.
  static Outcome read_count(ByteView line, Reply& reply, std::size_t& count) {
    const auto value = parse_integer(line);
    if (!value || *value < -1) return Outcome::kCorrupt;
    if (*value < 0 && reply.type != '$' && reply.type != '*') return Outcome::kCorrupt;
    reply.null = *value < 0;
    count = reply.null ? 0 : static_cast<std::size_t>(*value);
    return Outcome::kComplete;
  }

  Outcome read_string(ByteView line, Reply& reply) {
    std::size_t size;
    const Outcome outcome = read_count(line, reply, size);
    if (outcome != Outcome::kComplete || reply.null) return outcome;
    if (in_.size() < size || in_.size() - size < 2) return Outcome::kIncomplete;
    if (in_.substr(size, 2) != "\r\n") return Outcome::kCorrupt;
    reply.text = in_.substr(0, size);
    in_.remove_prefix(size + 2);
    return Outcome::kComplete;
  }

  // `line` counts elements in groups of `group`; `extra` more follow them.
  Outcome read_elements(ByteView line, std::size_t group, std::size_t extra, Reply& reply,
                        int depth) {
    std::size_t count;
    const Outcome outcome = read_count(line, reply, count);
    if (outcome != Outcome::kComplete || reply.null) return outcome;
    if (count > SIZE_MAX / 4) return Outcome::kCorrupt;
    count = count * group + extra;
    reply.elements.reserve(std::min(count, kReservedElementsMax));
    for (std::size_t i = 0; i < count; ++i) {
      const Outcome element = read(reply.elements.emplace_back(), depth + 1);
      if (element != Outcome::kComplete) return element;
    }
    return Outcome::kComplete;
  }

  ByteView in_;
};

void append_quoted(Bytes& out, ByteView text) {
  out += '"';
  for (const char c : text) {
    switch (c) {
      case '"':
      case '\\': (out += '\\') += c; break;
      case '\n': out += "\\n"; break;
      case '\r': out += "\\r"; break;
      case '\t': out += "\\t"; break;
      case '\b': out += "\\b"; break;
      case '\a': out += "\\a"; break;
      default:
        if (c >= ' ' && c <= '~') {
          out += c;
        } else {
          const auto byte = static_cast<unsigned char>(c);
          ((out += "\\x") += "0123456789abcdef"[byte >> 4]) += "0123456789abcdef"[byte & 15];
        }
    }
  }
  out += '"';
}

void append_lines(Bytes& out, const Reply& reply, std::size_t indent) {
  out.append(indent, ' ');
  switch (reply.type) {
    case '$':
      if (reply.null) {
        out += "$-1";
      } else {
        append_quoted(out, reply.text);
      }
      return;
    case '=':
    case '!':
      out += reply.type;
      append_quoted(out, reply.text);
      return;
    case ':':
      out += ':';
      append_integer(out, reply.integer);
      return;
    case '#': out += reply.integer != 0 ? "#t" : "#f"; return;
    case '_': out += '_'; return;
    case '+':
    case '-':
    case ',':
    case '(': (out += reply.type) += reply.text; return;
    default: break;
  }
  out += reply.type;
  if (reply.null) {
    out += "-1";
    return;
  }
  const std::size_t group = reply.type == '%' || reply.type == '|' ? 2 : 1;
  append_integer(out, static_cast<std::int64_t>(reply.elements.size() / group));
  for (const Reply& element : reply.elements) {
    out += '\n';
    append_lines(out, element, indent + 2);
  }
}

}  // namespace

Bytes Reply::to_string() const {
  Bytes out;
  append_lines(out, *this, 0);
  return out;
}

Result<std::optional<Reply>> parse_reply(ByteView& in) {
  if (in.empty()) return std::optional<Reply>();
  TreeReader reader(in);
  Reply reply;
  switch (reader.read(reply, 1)) {
    case TreeReader::Outcome::kIncomplete: return std::optional<Reply>();
    case TreeReader::Outcome::kCorrupt:
      return Error(ErrorCode::kCorrupt, "not a reply of the Redis protocol");
    case TreeReader::Outcome::kComplete: break;
  }
  in = reader.rest();
  return std::optional<Reply>(std::move(reply));
}

}  // namespace memoir
