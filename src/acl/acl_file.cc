#include "src/acl/acl_file.h"

#include <algorithm>

#include "src/acl/acl_rules.h"
#include "src/base/log.h"

namespace memoir {
namespace {

ByteView trim(ByteView text, ByteView blanks) {
  const std::size_t begin = text.find_first_not_of(blanks);
  if (begin == ByteView::npos) return {};
  return text.substr(begin, text.find_last_not_of(blanks) + 1 - begin);
}

std::vector<Bytes> split(ByteView text, char at) {
  std::vector<Bytes> parts;
  for (std::size_t begin = 0;;) {
    const std::size_t end = text.find(at, begin);
    parts.emplace_back(text.substr(begin, end - begin));
    if (end == ByteView::npos) return parts;
    begin = end + 1;
  }
}

// Applies a line's rules; the mistakes in it.
Bytes apply_rules(User& user, std::span<const Bytes> words, ByteView where, bool all_channels) {
  auto rules = join_selectors(words);
  if (!rules) return fmt::format("{}: Unmatched parenthesis in selector definition.", where);
  Bytes problems;
  bool told = false;
  for (const Bytes& rule : *rules) {
    const ByteView trimmed = trim(rule, "\t\r\n");
    const RuleError error = user.apply(trimmed, all_channels);
    if (error == RuleError::kUnknown) {
      // Nothing in it is secret.
      problems += fmt::format("{}: Error in applying operation '{}': {}. ", where, trimmed,
                              rule_error_text(error));
    } else if (error != RuleError::kNone && !told) {
      // What follows may be wrong for the same reason.
      problems += fmt::format("{}: {}. ", where, rule_error_text(error));
      told = true;
    }
  }
  return problems;
}

}  // namespace

Result<std::vector<User>> parse_acl_file(ByteView text, ByteView name, Users& users,
                                         bool all_channels) {
  std::vector<User> loaded;
  Bytes problems;
  std::size_t number = 0;
  for (const Bytes& raw : split(text, '\n')) {
    const Bytes where = fmt::format("{}:{}", name, ++number);
    const ByteView line = trim(raw, " \t\r\n");
    if (line.empty()) continue;
    const std::vector<Bytes> words = split(line, ' ');
    if (words[0] != "user" || words.size() < 2) {
      problems += where + " should start with user keyword followed by the username. ";
      continue;
    }
    if (has_blanks(words[1])) {
      problems += fmt::format("'{}: username '{}' contains invalid characters. ", where, words[1]);
      continue;
    }
    if (std::ranges::find(loaded, words[1], &User::name) != loaded.end()) {
      problems += fmt::format("WARNING: Duplicate user '{}' found on line {}. ", words[1], number);
      continue;
    }
    User& user = loaded.emplace_back(users.draft(words[1], all_channels));
    problems += apply_rules(user, std::span(words).subspan(2), where, all_channels);
  }
  if (problems.empty()) return loaded;
  return Error(problems + "WARNING: ACL errors detected, no change to the previously active ACL "
                          "rules was performed");
}

Bytes user_line(const User& user) { return "user " + user.name() + " " + user.describe(); }

Bytes acl_file_text(std::span<const UserPointer> users) {
  Bytes text;
  for (const UserPointer& user : users) text.append(user_line(*user)).append("\n");
  return text;
}

}  // namespace memoir
