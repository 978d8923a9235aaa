#include "src/acl/acl_rules.h"

#include <algorithm>
#include <optional>

#include "protocol/request_parser.h"

namespace memoir {

bool has_blanks(ByteView text) {
  return std::ranges::any_of(
      text, [](char c) { return c == ' ' || (c >= '\t' && c <= '\r') || c == '\0'; });
}

Result<std::vector<Bytes>> join_selectors(std::span<const Bytes> words) {
  std::vector<Bytes> rules;
  const Bytes* opened = nullptr;
  for (const Bytes& word : words) {
    if (opened) {
      rules.back().append(" ").append(word);
      if (word.ends_with(')')) opened = nullptr;
      continue;
    }
    if (word.starts_with('(') && !word.ends_with(')')) opened = &word;
    rules.push_back(word);
  }
  if (opened) return Error(*opened);
  return rules;
}

std::vector<Bytes> split_selector(ByteView rule) {
  std::vector<Bytes> inner;
  if (!split_line(rule.substr(1, rule.size() - 2), inner)) inner.clear();
  return inner;
}

}  // namespace memoir
