// ReplyWriter: a handler's pen. Writes one reply in RESP2 or RESP3 as the connection asked by HELLO.
//
// Types that RESP2 lacks are written the way Redis writes them there: a map as an array of twice the
// length, a set and a push as an array, a double as a bulk string, a boolean as 0 or 1, a null as "$-1", a big
// number or verbatim text as a bulk string. Aggregates of unknown length are opened with begin_array()
// and closed with the count.
#pragma once

#include <cstdint>

#include "protocol/output_buffer.h"
#include "src/base/bytes.h"
#include "src/base/result.h"

namespace memoir {

enum class Resp : std::uint8_t { kV2 = 2, kV3 = 3 };

class ReplyWriter {
 public:
  ReplyWriter(OutputBuffer& out, Resp version) : out_(out), version_(version) {}

  Resp version() const { return version_; }
  void set_version(Resp version) { version_ = version; }
  OutputBuffer& buffer() { return out_; }

  void simple(ByteView text);             // +text
  void ok();                              // +OK
  void error(ByteView text);              // -text; CR and LF become spaces
  void error(const Error& error) { this->error(error.text()); }
  void integer(std::int64_t value);       // :value
  void bulk(ByteView bytes);              // $n bytes
  void bulk(const SharedBytes& bytes);    // by reference when large
  void bulk_integer(std::int64_t value);  // the decimal form as a bulk string
  void bulk_double(double value);         // format_double() as a bulk string, in both versions
  void null();                            // $-1, RESP3: _
  void null_array();                      // *-1, RESP3: _
  void boolean(bool value);               // :1, RESP3: #t
  void double_value(double value);        // bulk string, RESP3: ,value
  void big_number(ByteView digits);
  void verbatim(ByteView text, ByteView format /* three characters, "txt" */);

  void array(std::size_t count);
  void map(std::size_t pairs);
  void set(std::size_t count);
  void push(std::size_t count);
  void empty_array() { array(0); }

  // An aggregate whose size is known at its end.
  using Mark = std::uint64_t;
  Mark begin() const { return out_.end_position(); }
  void end_array(Mark mark, std::size_t count);
  void end_map(Mark mark, std::size_t pairs);
  void end_set(Mark mark, std::size_t count);

  // Bytes already in RESP.
  void raw(ByteView resp) { out_.append(resp); }

 private:
  OutputBuffer& out_;
  Resp version_;
};

}  // namespace memoir
