// Matching remembers the last '*' only: once a later '*' is reached, giving an earlier one more
// text cannot help, so the work is at most pattern times text.
#include "src/base/glob.h"

#include <utility>

namespace memoir {
namespace {

// Redis refuses patterns that nest its matcher deeper than this: each '*' group with something
// behind it, once reached, is one level.
constexpr int kStarsMax = 1000;

inline char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; }
inline char upper(char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c; }
inline bool same(char a, char b, Case mode) {
  return a == b || (mode == Case::kInsensitive && lower(a) == lower(b));
}

bool in_range(char first, char last, char c, Case mode) {
  if (first > last) std::swap(first, last);
  if (mode == Case::kInsensitive) {
    first = lower(first);
    last = lower(last);
    c = lower(c);
  }
  return c >= first && c <= last;
}

// Matches `c` with the class whose '[' is at `at`; moves `at` behind the class. A class that is not
// closed ends with the pattern; an escaped character compares with case, whatever the mode.
bool match_class(ByteView pattern, std::size_t& at, char c, Case mode) {
  std::size_t p = at + 1;
  const bool negated = p < pattern.size() && pattern[p] == '^';
  if (negated) ++p;
  bool found = false;
  for (; p < pattern.size() && pattern[p] != ']'; ++p) {
    const std::size_t left = pattern.size() - p;
    if (pattern[p] == '\\' && left >= 2) {
      ++p;
      found |= pattern[p] == c;
    } else if (left >= 3 && pattern[p + 1] == '-') {
      found |= in_range(pattern[p], pattern[p + 2], c, mode);
      p += 2;
    } else {
      found |= same(pattern[p], c, mode);
    }
  }
  at = p < pattern.size() ? p + 1 : p;
  return found != negated;
}

// Matches `c` with the element at `at`, which is not a '*', and moves `at` behind it.
bool match_one(ByteView pattern, std::size_t& at, char c, Case mode) {
  switch (pattern[at]) {
    case '?': ++at; return true;
    case '[': return match_class(pattern, at, c, mode);
    case '\\':
      if (at + 1 < pattern.size()) ++at;
      [[fallthrough]];
    default: return same(pattern[at++], c, mode);
  }
}

std::size_t skip_stars(ByteView pattern, std::size_t at) {
  while (at < pattern.size() && pattern[at] == '*') ++at;
  return at;
}

}  // namespace

bool glob_match(ByteView pattern, ByteView text, Case mode) {
  // As in Redis nothing but the empty pattern matches an empty text, not even "*".
  if (text.empty()) return pattern.empty();
  std::size_t p = 0;
  std::size_t t = 0;
  std::size_t retry_p = 0;  // behind the last '*', or 0
  std::size_t retry_t = 0;  // where the text behind it began
  int stars = 0;
  while (t < text.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      p = skip_stars(pattern, p);
      if (p == pattern.size()) return true;
      if (++stars > kStarsMax) return false;
      retry_p = p;
      retry_t = t;
    } else if (p < pattern.size() && match_one(pattern, p, text[t], mode)) {
      ++t;
    } else if (retry_p != 0) {
      p = retry_p;
      t = ++retry_t;
    } else {
      return false;
    }
  }
  return skip_stars(pattern, p) == pattern.size();
}

bool glob_is_literal(ByteView pattern) {
  return pattern.find_first_of("*?[\\") == ByteView::npos;
}

bool equals_ignoring_case(ByteView a, ByteView b) {
  if (a.size() != b.size()) return false;
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (lower(a[i]) != lower(b[i])) return false;
  }
  return true;
}

Bytes to_lower(ByteView text) {
  Bytes out(text);
  for (char& c : out) c = lower(c);
  return out;
}

Bytes to_upper(ByteView text) {
  Bytes out(text);
  for (char& c : out) c = upper(c);
  return out;
}

}  // namespace memoir
