#include "src/server/redaction.h"

#include <algorithm>

#include "src/base/glob.h"
#include "src/server/config_rows.h"

namespace memoir {
namespace {

void hide(std::span<Word> words, std::size_t first, std::size_t count) {
  if (first >= words.size()) return;
  for (Word& word : words.subspan(first, std::min(count, words.size() - first))) {
    word = {"(redacted)", {}};
  }
}

// User and password behind each AUTH.
void hide_logins(std::span<Word> words) {
  for (std::size_t i = 1; i < words.size(); ++i) {
    if (!equals_ignoring_case(words[i].text, "AUTH")) continue;
    hide(words, i + 1, 2);
    i += 2;
  }
}

// The password behind AUTH, user and password behind AUTH2.
void hide_passwords(std::span<Word> words) {
  for (std::size_t i = 1; i < words.size(); ++i) {
    const bool with_user = equals_ignoring_case(words[i].text, "AUTH2");
    if (!with_user && !equals_ignoring_case(words[i].text, "AUTH")) continue;
    const std::size_t count = with_user ? 2 : 1;
    hide(words, i + 1, count);
    i += count;
  }
}

// The values of sensitive directives among pairs of name and value.
void hide_values(std::span<Word> words) {
  for (std::size_t i = 2; i + 1 < words.size(); i += 2) {
    const ConfigRow* row = find_config_row(words[i].text);
    if (row && row->has(kSensitive)) hide(words, i + 1, 1);
  }
}

}  // namespace

std::span<const Word> redacted(const CommandTable::Row& row, std::span<const Word> words,
                               std::vector<Word>& copy) {
  const CommandSpec& spec = *row.spec;
  if (!(spec.flags & (kSecretWords | kSecretLogin | kSecretValues | kSecretPassword))) {
    return words;
  }
  copy.assign(words.begin(), words.end());
  if (spec.has(kSecretWords)) hide(copy, row.parent ? 2 : 1, copy.size());
  if (spec.has(kSecretLogin)) hide_logins(copy);
  if (spec.has(kSecretValues)) hide_values(copy);
  if (spec.has(kSecretPassword)) hide_passwords(copy);
  return copy;
}

}  // namespace memoir
