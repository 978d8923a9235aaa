// ReplyWriter: a handler's pen. Writes one reply in RESP2 or RESP3 as the connection asked by
// HELLO.
//
// Types that RESP2 lacks are written the way Redis writes them there: a map as an array of twice
// the length, a set and a push as an array, a double as a bulk string, a boolean as 0 or 1, a null
// as "$-1", a big number or verbatim text as a bulk string. Aggregates of unknown length are opened
// with begin_array() and closed with the count.
#pragma once

#include <cstdint>
#include <cstring>

#include "protocol/output_buffer.h"
#include "src/base/bytes.h"
#include "src/base/number.h"
#include "src/base/result.h"

namespace memoir {

enum class Resp : std::uint8_t { kV2 = 2, kV3 = 3 };

class ReplyWriter {
 public:
  ReplyWriter(OutputBuffer& out, Resp version) : out_(out), version_(version) {}

  Resp version() const { return version_; }
  void set_version(Resp version) { version_ = version; }
  OutputBuffer& buffer() { return out_; }

  void simple(ByteView text) {            // +text
    char* at = out_.reserve(text.size() + 3);
    *at = '+';
    if (!text.empty()) std::memcpy(at + 1, text.data(), text.size());
    end_line(at + 1 + text.size(), at);
  }
  void ok() { out_.append("+OK\r\n"); }   // +OK
  void error(ByteView text);              // -text; CR and LF become spaces
  void error(const Error& error) { this->error(error.text()); }
  void integer(std::int64_t value) {      // :value
    char* at = out_.reserve(kHeaderBytesMax);
    if (static_cast<std::uint64_t>(value) < 10) {
      out_.commit(put_small_header(at, ':', static_cast<unsigned>(value)));
      return;
    }
    *at = ':';
    end_line(at + 1 + format_integer(value, at + 1), at);
  }
  void bulk(ByteView bytes) {             // $n bytes
    char* const start = out_.reserve(kHeaderBytesMax + bytes.size() + 2);
    char* at = start + put_header(start, '$', bytes.size());
    if (!bytes.empty()) std::memcpy(at, bytes.data(), bytes.size());
    end_line(at + bytes.size(), start);
  }
  void bulk(const SharedBytes& bytes);    // by reference when large
  void bulk_integer(std::int64_t value);  // the decimal form as a bulk string
  void bulk_double(double value);         // format_double() as a bulk string, in both versions
  void null() { out_.append(version_ == Resp::kV3 ? ByteView("_\r\n") : ByteView("$-1\r\n")); }
  void null_array();                      // *-1, RESP3: _ (and null() likewise)
  void boolean(bool value);               // :1, RESP3: #t
  void double_value(double value);        // bulk string, RESP3: ,value
  void big_number(ByteView digits);
  void verbatim(ByteView text, ByteView format /* three characters, "txt" */);

  void array(std::size_t count) { header('*', count); }
  void map(std::size_t pairs) {
    version_ == Resp::kV3 ? header('%', pairs) : header('*', 2 * pairs);
  }
  void set(std::size_t count) { header(version_ == Resp::kV3 ? '~' : '*', count); }
  void push(std::size_t count) { header(version_ == Resp::kV3 ? '>' : '*', count); }
  void empty_array() { array(0); }

  // The reply has grown beyond what the client may be sent: whoever writes without end may stop.
  bool unwanted() const { return out_.overflowed(); }

  // An aggregate whose size is known at its end.
  using Mark = std::uint64_t;
  Mark begin() const { return out_.end_position(); }
  void end_array(Mark mark, std::size_t count);
  void end_map(Mark mark, std::size_t pairs);
  void end_set(Mark mark, std::size_t count);

  // Bytes already in RESP.
  void raw(ByteView resp) { out_.append(resp); }

 private:
  // A type byte, the longest integer and a line end.
  static constexpr std::size_t kHeaderBytesMax = 1 + kIntegerCharsMax + 2;

  // Ends a line at `at` and hands over everything from `start`, where room was reserved, up to
  // there.
  void end_line(char* at, const char* start) {
    at[0] = '\r';
    at[1] = '\n';
    out_.commit(static_cast<std::size_t>(at + 2 - start));
  }
  // `type`, a number below 10 and a line end in one store.
  static std::size_t put_small_header(char* at, char type, unsigned digit) {
    const std::uint32_t line = static_cast<unsigned char>(type) | ('0' + digit) << 8 |
                               static_cast<std::uint32_t>('\r') << 16 |
                               static_cast<std::uint32_t>('\n') << 24;
    std::memcpy(at, &line, sizeof(line));
    return sizeof(line);
  }
  // `type`, `count` and a line end; returns how many bytes that took, at most kHeaderBytesMax.
  static std::size_t put_header(char* at, char type, std::size_t count) {
    if (count < 10) return put_small_header(at, type, static_cast<unsigned>(count));
    at[0] = type;
    std::size_t size = 3;
    if (count < 100) {
      at[1] = static_cast<char>('0' + count / 10);
      at[2] = static_cast<char>('0' + count % 10);
    } else {
      size = 1 + format_unsigned(count, at + 1);
    }
    at[size] = '\r';
    at[size + 1] = '\n';
    return size + 2;
  }
  void header(char type, std::size_t count) {
    out_.commit(put_header(out_.reserve(kHeaderBytesMax), type, count));
  }
  void insert_header(Mark mark, char type, std::size_t count);

  OutputBuffer& out_;
  Resp version_;
};

}  // namespace memoir
