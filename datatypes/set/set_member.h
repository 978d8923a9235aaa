// One member of a set: as a view, whatever holds it, and as an item of a large set's table.
#pragma once

#include <cstdint>
#include <cstring>
#include <optional>

#include "src/base/alloc.h"
#include "src/base/bytes.h"
#include "src/base/coding.h"
#include "src/base/hash.h"
#include "src/base/number.h"
#include "src/store/table.h"

namespace memoir {

// A member as text or as a number, turned into the other, and hashed, when somebody asks. Compact
// sets hold numbers, tables hold text: so a member that is looked up in many sets is converted
// once.
//
// Does not own the text.
class MemberView {
 public:
  explicit MemberView(ByteView text) : text_(text), has_text_(true) {}
  explicit MemberView(std::int64_t integer) : integer_(integer), form_(Form::kInteger) {}
  // Copies point into themselves, so they are made anew.
  MemberView(const MemberView& other)
      : integer_(other.integer_), form_(other.form_), has_text_(other.form_ != Form::kInteger) {
    if (has_text_) text_ = other.text_;
  }
  MemberView& operator=(const MemberView&) = delete;

  ByteView text() const {
    if (!has_text_) {
      text_ = {digits_, format_integer(integer_, digits_)};
      has_text_ = true;
    }
    return text_;
  }
  // The number, if the text is the canonical form of one.
  std::optional<std::int64_t> integer() const {
    if (form_ == Form::kUnknown) {
      const auto parsed = parse_integer(text_);
      form_ = parsed ? Form::kParsed : Form::kText;
      if (parsed) integer_ = *parsed;
    }
    return form_ == Form::kText ? std::nullopt : std::optional(integer_);
  }
  std::uint64_t hash() const {
    if (!hashed_) {
      hash_ = hash_in_memory(text());
      hashed_ = true;
    }
    return hash_;
  }

 private:
  enum class Form : std::uint8_t { kUnknown, kText, kInteger, kParsed };

  mutable ByteView text_;
  mutable std::int64_t integer_{0};
  mutable std::uint64_t hash_{0};
  mutable Form form_{Form::kUnknown};
  mutable bool has_text_{false};
  mutable bool hashed_{false};
  mutable char digits_[kIntegerCharsMax];
};

// Members in a table: a block of exactly the text, its length in the item's aux bits; a text of 255
// bytes or more has its length (u64) in front.
struct SetMemberTraits {
  static constexpr std::size_t kLong = 255;

  static ByteView key(TableItem item) {
    const auto* block = static_cast<const char*>(item.pointer);
    if (__builtin_expect(item.aux != kLong, 1)) return {block, item.aux};
    return {block + sizeof(std::uint64_t), load<std::uint64_t>(block)};
  }
  static std::uint64_t hash(ByteView key) { return hash_in_memory(key); }

  static TableItem make(ByteView text) {
    if (text.size() < kLong) {
      void* block = allocate(text.size());
      if (!text.empty()) std::memcpy(block, text.data(), text.size());
      return {block, static_cast<std::uint8_t>(text.size())};
    }
    auto* block = static_cast<char*>(allocate(sizeof(std::uint64_t) + text.size()));
    store(block, static_cast<std::uint64_t>(text.size()));
    std::memcpy(block + sizeof(std::uint64_t), text.data(), text.size());
    return {block, static_cast<std::uint8_t>(kLong)};
  }
};

}  // namespace memoir
