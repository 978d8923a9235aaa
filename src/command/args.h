// Args: a cursor over a request's words that remembers its first failure.
//
// Handlers read everything in a straight line and ask once, with status(), before they change
// anything. The views live until the run is over.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "protocol/request_parser.h"
#include "src/base/bytes.h"
#include "src/base/glob.h"
#include "src/base/number.h"
#include "src/base/result.h"

namespace memoir {

inline constexpr std::string_view kSyntaxError = "ERR syntax error";
inline constexpr std::string_view kNotInteger = "ERR value is not an integer or out of range";
inline constexpr std::string_view kNotFloat = "ERR value is not a valid float";

class Args {
 public:
  // `words` without the command's own name.
  explicit Args(std::span<const Word> words) : words_(words) {}
  // Not trivial, so that a call passes the address of an Args built in place, not a copy of its
  // words.
  Args(const Args& other)
      : words_(other.words_), at_(other.at_), error_(other.error_), failed_(other.failed_) {}
  Args& operator=(const Args&) = default;

  bool more() const { return at_ < words_.size(); }
  std::size_t left() const { return words_.size() - at_; }
  // The words from the cursor on.
  std::span<const Word> rest() const { return words_.subspan(at_); }

  // The next word, or an empty one and a remembered syntax error at the end.
  ByteView next() { return next_word().text; }
  const Word& next_word() {
    if (more()) return words_[at_++];
    fail(kSyntaxError);
    return kNoWord;
  }
  // The next word without taking it; empty at the end.
  ByteView peek() const { return more() ? words_[at_].text : ByteView(); }
  void skip(std::size_t count = 1) {
    at_ = at_ + count < words_.size() ? at_ + count : words_.size();
  }

  // Takes the next word if it is `option` in any case.
  bool take(ByteView option) {
    if (!more() || !equals_ignoring_case(words_[at_].text, option)) return false;
    ++at_;
    return true;
  }
  // The same, only if at least `following` words come behind it (an option with values).
  bool take(ByteView option, std::size_t following) {
    return left() > following && take(option);
  }

  std::int64_t integer(std::string_view error = kNotInteger) {
    const auto value = parse_integer(next());
    if (!value) fail(error);
    return value.value_or(0);
  }
  // An integer within [low, high].
  std::int64_t integer_between(std::int64_t low, std::int64_t high,
                               std::string_view error = kNotInteger) {
    const std::int64_t value = integer(error);
    if (!failed_ && (value < low || value > high)) fail(error);
    return value;
  }
  double number(std::string_view error = kNotFloat) {
    const auto value = parse_double(next());
    if (!value) fail(error);
    return value.value_or(0);
  }

  // Remembers an error unless there is one already. `error` is a literal.
  void fail(std::string_view error) {
    if (failed_) return;
    failed_ = true;
    error_ = error;
  }
  bool failed() const { return failed_; }
  Status status() const { return failed_ ? Status(Error(error_)) : Status(ok); }

 private:
  static const Word kNoWord;

  std::span<const Word> words_;
  std::size_t at_{0};
  std::string_view error_;
  bool failed_{false};
};

inline const Word Args::kNoWord{};

}  // namespace memoir
