// Requests as text: lines with quotes, and the array form that the parser reads.
#include <cctype>

#include "protocol/request_parser.h"
#include "src/base/number.h"

namespace memoir {
namespace {

bool is_blank(char c) { return std::isspace(static_cast<unsigned char>(c)) != 0; }

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// The character that '\' and `c` stand for between double quotes.
char unescape(char c) {
  switch (c) {
    case 'n': return '\n';
    case 'r': return '\r';
    case 't': return '\t';
    case 'b': return '\b';
    case 'a': return '\a';
    default: return c;
  }
}

// Reads from behind an opening '"' at `at` to behind its partner; false if there is none.
bool take_double_quoted(ByteView line, std::size_t& at, Bytes& word) {
  while (at < line.size()) {
    const char c = line[at++];
    if (c == '"') return true;
    if (c != '\\' || at == line.size()) {
      word += c;
      continue;
    }
    if (line[at] == 'x' && at + 2 < line.size() && hex_digit(line[at + 1]) >= 0 &&
        hex_digit(line[at + 2]) >= 0) {
      word += static_cast<char>(hex_digit(line[at + 1]) * 16 + hex_digit(line[at + 2]));
      at += 3;
    } else {
      word += unescape(line[at++]);
    }
  }
  return false;
}

bool take_single_quoted(ByteView line, std::size_t& at, Bytes& word) {
  while (at < line.size()) {
    char c = line[at++];
    if (c == '\'') return true;
    if (c == '\\' && at < line.size() && line[at] == '\'') c = line[at++];
    word += c;
  }
  return false;
}

}  // namespace

bool split_line(ByteView line, std::vector<Bytes>& words) {
  words.clear();
  std::size_t at = 0;
  for (;;) {
    while (at < line.size() && is_blank(line[at])) ++at;
    if (at == line.size()) return true;
    Bytes& word = words.emplace_back();
    while (at < line.size()) {
      const char c = line[at++];
      if (c == ' ' || c == '\t' || c == '\r' || c == '\n') break;
      if (c != '"' && c != '\'') {
        word += c;
        continue;
      }
      const bool closed = c == '"' ? take_double_quoted(line, at, word)
                                   : take_single_quoted(line, at, word);
      // A closing quote ends the word, so a blank or nothing must follow.
      if (!closed || (at < line.size() && !is_blank(line[at]))) {
        words.clear();
        return false;
      }
      break;
    }
  }
}

void append_request(Bytes& out, std::span<const ByteView> words) {
  out += '*';
  append_integer(out, static_cast<std::int64_t>(words.size()));
  out += "\r\n";
  for (const ByteView word : words) {
    out += '$';
    append_integer(out, static_cast<std::int64_t>(word.size()));
    out += "\r\n";
    out += word;
    out += "\r\n";
  }
}

}  // namespace memoir
