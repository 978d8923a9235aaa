#include "persistence/aof_manifest.h"

#include <charconv>

#include "src/base/glob.h"
#include "src/base/log.h"

namespace memoir {
namespace {

// The longest line, its end included.
constexpr std::size_t kLineBytesMax = 1024;
constexpr ByteView kBlanks = " \t\r\n";
constexpr const char* kInvalid = "Invalid AOF manifest file format";

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// Splits a line into words. A word may be quoted: "..." with the escapes \n \r \t \b \a and \xHH,
// '...' with \' alone.
class WordSplitter {
 public:
  explicit WordSplitter(ByteView line) : in_(line) {}

  // False if quotes do not end, or end within a word.
  bool split(std::vector<Bytes>& words) {
    for (;;) {
      while (!in_.empty() && is_blank(in_[0])) in_.remove_prefix(1);
      if (in_.empty()) return true;
      words.emplace_back();
      if (!word(words.back())) return false;
    }
  }

 private:
  static bool is_blank(char c) {
    return c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == '\v' || c == '\f';
  }
  char take() {
    const char c = in_[0];
    in_.remove_prefix(1);
    return c;
  }
  bool word(Bytes& out) {
    while (!in_.empty() && !is_blank(in_[0])) {
      const char c = take();
      if (c == '"' || c == '\'') return c == '"' ? double_quoted(out) : single_quoted(out);
      out.push_back(c);
    }
    return true;
  }
  bool ends_here() const { return in_.empty() || is_blank(in_[0]); }
  bool double_quoted(Bytes& out) {
    while (!in_.empty()) {
      const char c = take();
      if (c == '"') return ends_here();
      if (c != '\\' || in_.empty()) {
        out.push_back(c);
      } else {
        escaped(out);
      }
    }
    return false;
  }
  void escaped(Bytes& out) {
    if (in_.size() >= 3 && in_[0] == 'x' && hex_digit(in_[1]) >= 0 && hex_digit(in_[2]) >= 0) {
      out.push_back(static_cast<char>(hex_digit(in_[1]) * 16 + hex_digit(in_[2])));
      in_.remove_prefix(3);
      return;
    }
    static constexpr ByteView kNames = "nrtba";
    static constexpr ByteView kMeanings = "\n\r\t\b\a";
    const char c = take();
    const std::size_t at = kNames.find(c);
    out.push_back(at == ByteView::npos ? c : kMeanings[at]);
  }
  bool single_quoted(Bytes& out) {
    while (!in_.empty()) {
      const char c = take();
      if (c == '\'') return ends_here();
      if (c == '\\' && !in_.empty() && in_[0] == '\'') {
        out.push_back(take());
      } else {
        out.push_back(c);
      }
    }
    return false;
  }

  ByteView in_;
};

// As C's atoll: what can be read of a number, else 0.
std::int64_t leading_number(ByteView text) {
  text.remove_prefix(std::min(text.find_first_not_of(kBlanks), text.size()));
  if (text.starts_with('+')) text.remove_prefix(1);
  std::int64_t value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

struct Line {
  std::optional<Bytes> name;
  std::int64_t sequence = 0;
  char type = '\0';
};

const char* parse_pairs(const std::vector<Bytes>& words, Line& line) {
  for (std::size_t i = 0; i < words.size(); i += 2) {
    const Bytes& value = words[i + 1];
    if (equals_ignoring_case(words[i], "file")) {
      if (value.find_first_of("/\\") != Bytes::npos) {
        return "File can't be a path, just a filename";
      }
      line.name = value;
    } else if (equals_ignoring_case(words[i], "seq")) {
      line.sequence = leading_number(value);
    } else if (equals_ignoring_case(words[i], "type")) {
      line.type = value.empty() ? '\0' : value[0];
    }
  }
  return line.name && line.sequence != 0 && line.type != '\0' ? nullptr : kInvalid;
}

const char* add_file(Line&& line, AofManifest& manifest) {
  AofFile file{.name = *std::move(line.name), .sequence = line.sequence};
  switch (line.type) {
    case 'b':
      if (manifest.base) return "Found duplicate base file information";
      manifest.base = std::move(file);
      return nullptr;
    case 'h':
      manifest.history.push_back(std::move(file));
      return nullptr;
    case 'i': {
      const std::int64_t last =
          manifest.increments.empty() ? 0 : manifest.increments.back().sequence;
      if (file.sequence <= last) return "Found a non-monotonic sequence number";
      manifest.increments.push_back(std::move(file));
      return nullptr;
    }
    default:
      return "Unknown AOF file type";
  }
}

const char* parse_line(ByteView text, AofManifest& manifest) {
  std::vector<Bytes> words;
  // Further pairs are for servers to come.
  if (!WordSplitter(text).split(words) || words.size() < 6 || words.size() % 2 != 0) {
    return kInvalid;
  }
  Line line;
  if (const char* wrong = parse_pairs(words, line)) return wrong;
  return add_file(std::move(line), manifest);
}

ByteView trimmed(ByteView line) {
  const std::size_t first = line.find_first_not_of(kBlanks);
  if (first == ByteView::npos) return {};
  return line.substr(first, line.find_last_not_of(kBlanks) - first + 1);
}

bool needs_quotes(ByteView name) {
  for (const char c : name) {
    if (c <= ' ' || c > '~' || c == '"' || c == '\'' || c == '\\') return true;
  }
  return name.empty();
}

void append_name(Bytes& out, ByteView name) {
  if (!needs_quotes(name)) {
    out.append(name);
    return;
  }
  out.push_back('"');
  for (const char c : name) {
    if (c == '"' || c == '\\') {
      out.append({'\\', c});
    } else if (c >= ' ' && c <= '~') {
      out.push_back(c);
    } else {
      fmt::format_to(std::back_inserter(out), "\\x{:02x}", static_cast<unsigned char>(c));
    }
  }
  out.push_back('"');
}

void append_line(Bytes& out, const AofFile& file, char type) {
  out.append("file ");
  append_name(out, file.name);
  fmt::format_to(std::back_inserter(out), " seq {} type {}\n", file.sequence, type);
}

}  // namespace

Result<AofManifest> parse_aof_manifest(ByteView text) {
  if (text.empty()) return Error(ErrorCode::kCorrupt, "Found an empty AOF manifest");
  AofManifest manifest;
  for (unsigned number = 1; !text.empty(); ++number) {
    const std::size_t newline = text.substr(0, kLineBytesMax).find('\n');
    const bool whole = newline != ByteView::npos;
    const ByteView taken = text.substr(0, whole ? newline + 1 : kLineBytesMax);
    text.remove_prefix(taken.size());
    if (taken[0] == '#') continue;
    const ByteView line = trimmed(taken);
    // A zero byte hides the end of its line.
    const char* wrong = !whole || line.find('\0') != ByteView::npos
                            ? "The AOF manifest file contains too long line"
                            : parse_line(line, manifest);
    if (wrong == nullptr) continue;
    return Error(ErrorCode::kCorrupt, fmt::format("line {}, '{}': {}", number, line, wrong));
  }
  return manifest;
}

Bytes format_aof_manifest(const AofManifest& manifest) {
  Bytes out;
  if (manifest.base) append_line(out, *manifest.base, 'b');
  for (const AofFile& file : manifest.history) append_line(out, file, 'h');
  for (const AofFile& file : manifest.increments) append_line(out, file, 'i');
  return out;
}

}  // namespace memoir
