#include "datatypes/string/value_condition.h"

#include <algorithm>

#include "src/base/hash.h"
#include "src/store/database.h"
#include "src/store/string_edit.h"

namespace memoir {

std::array<char, 16> digest_text(ByteView value) {
  std::uint64_t hash = hash_on_disk(value);
  std::array<char, 16> text;
  for (std::size_t i = text.size(); i-- > 0; hash >>= 4) text[i] = "0123456789abcdef"[hash & 15];
  return text;
}

bool ValueCondition::take(Args& args) {
  static constexpr struct {
    const char* word;
    Kind kind;
  } kOptions[] = {{"IFEQ", Kind::kEqual},
                  {"IFNE", Kind::kNotEqual},
                  {"IFDEQ", Kind::kDigestEqual},
                  {"IFDNE", Kind::kDigestNotEqual}};
  if (given()) return false;
  for (const auto& option : kOptions) {
    if (!args.take(option.word, 1)) continue;
    kind_ = option.kind;
    text_ = args.next();
    return true;
  }
  return false;
}

Result<bool> ValueCondition::holds(const Entry* entry) const {
  if (!given()) return true;
  if (!entry) return !wants_value();
  if (!entry->is_string()) return Error(kWrongType);
  char scratch[kIntegerCharsMax];
  const ByteView value = string_view_of(*entry, scratch);
  if (kind_ == Kind::kEqual) return value == text_;
  if (kind_ == Kind::kNotEqual) return value != text_;
  const auto digest = digest_text(value);
  const bool is_hex = std::ranges::all_of(text_, [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
  });
  if (text_.size() != digest.size() || !is_hex) {
    return Error("ERR must be exactly 16 hexadecimal characters");
  }
  const bool equal = equals_ignoring_case(text_, ByteView(digest.data(), digest.size()));
  return equal == (kind_ == Kind::kDigestEqual);
}

}  // namespace memoir
