// Errors are values. `Status` is ok or an Error; `Result<T>` is a T or an Error.
//
// An Error that goes to a client carries the reply's text with its code word ("ERR ...", "WRONGTYPE
// ..."), without '-' and CRLF. An Error of the environment or of a decoder carries an ErrorCode
// that callers may branch on and a text for the log.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>

#include "src/base/assert.h"

namespace memoir {

enum class ErrorCode : unsigned char {
  kReply,        // for the client: the text is the reply
  kCountedReply,  // the same, and it has been counted as an error already
  kTruncated,    // input ended early
  kCorrupt,      // input is not what it says it is
  kTooLarge,     // over a limit
  kUnsupported,  // a version or form this build does not know
  kIo,           // a system call failed
  kNoSpace,      // the disk is full
  kNotFound,     // no such file
};

class [[nodiscard]] Error {
 public:
  explicit Error(std::string_view reply) : Error(ErrorCode::kReply, std::string(reply)) {}
  Error(ErrorCode code, std::string text)
      : rep_(std::make_unique<Rep>(Rep{code, std::move(text)})) {}
  Error(Error&&) noexcept = default;
  Error& operator=(Error&&) noexcept = default;

  ErrorCode code() const { return rep_->code; }
  const std::string& text() const { return rep_->text; }
  Error clone() const { return Error(rep_->code, rep_->text); }

 private:
  struct Rep {
    ErrorCode code;
    std::string text;
  };
  friend class Status;
  Error() = default;
  std::unique_ptr<Rep> rep_;
};

struct Ok {};
inline constexpr Ok ok{};

class [[nodiscard]] Status {
 public:
  Status(Ok) {}                                          // NOLINT: `return ok;`
  Status(Error&& error) : error_(std::move(error)) {}    // NOLINT: `return Error(...);`

  explicit operator bool() const { return error_.rep_ == nullptr; }
  const Error& error() const& {
    DEBUG_ASSERT(error_.rep_ != nullptr);
    return error_;
  }
  Error error() && { return std::move(error_); }

 private:
  Error error_;
};

template <class T>
class [[nodiscard]] Result {
 public:
  Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}  // NOLINT
  Result(Error&& error) : state_(std::in_place_index<1>, std::move(error)) {}  // NOLINT

  explicit operator bool() const { return state_.index() == 0; }
  T& operator*() & { return std::get<0>(state_); }
  const T& operator*() const& { return std::get<0>(state_); }
  T operator*() && { return std::move(std::get<0>(state_)); }
  T* operator->() { return &std::get<0>(state_); }
  const T* operator->() const { return &std::get<0>(state_); }

  // The error, to be passed on: `if (!r) return r.error();`
  Error error() { return std::move(std::get<1>(state_)); }
  const Error& peek_error() const { return std::get<1>(state_); }

 private:
  std::variant<T, Error> state_;
};

}  // namespace memoir
