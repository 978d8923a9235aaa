#include "protocol/reply_writer.h"

#include <algorithm>

namespace memoir {
namespace {

constexpr std::size_t kDoubleBytesMax = 40;

}  // namespace

void ReplyWriter::error(ByteView text) {
  char* start = out_.reserve(text.size() + 3);
  *start = '-';
  char* end = std::transform(text.begin(), text.end(), start + 1,
                             [](char c) { return c == '\r' || c == '\n' ? ' ' : c; });
  end_line(end, start);
}

void ReplyWriter::bulk(const SharedBytes& bytes) {
  if (bytes.size() < OutputBuffer::kReferenceBytesMin) return bulk(bytes.view());
  header('$', bytes.size());
  out_.append_reference(bytes);
  out_.append("\r\n");
}

void ReplyWriter::bulk_integer(std::int64_t value) {
  char text[kIntegerCharsMax];
  bulk(ByteView(text, format_integer(value, text)));
}

void ReplyWriter::bulk_double(double value) {
  char text[kDoubleBytesMax];
  bulk(ByteView(text, format_double(value, text)));
}

void ReplyWriter::null_array() {
  out_.append(version_ == Resp::kV3 ? ByteView("_\r\n") : ByteView("*-1\r\n"));
}

void ReplyWriter::boolean(bool value) {
  if (version_ == Resp::kV2) return integer(value ? 1 : 0);
  out_.append(value ? "#t\r\n" : "#f\r\n");
}

void ReplyWriter::double_value(double value) {
  if (version_ == Resp::kV2) return bulk_double(value);
  char* start = out_.reserve(1 + kDoubleBytesMax + 2);
  *start = ',';
  end_line(start + 1 + format_double(value, start + 1), start);
}

void ReplyWriter::big_number(ByteView digits) {
  if (version_ == Resp::kV2) return bulk(digits);
  out_.append("(");
  out_.append(digits);
  out_.append("\r\n");
}

void ReplyWriter::verbatim(ByteView text, ByteView format) {
  if (version_ == Resp::kV2) return bulk(text);
  header('=', format.size() + 1 + text.size());
  out_.append(format);
  out_.append(":");
  out_.append(text);
  out_.append("\r\n");
}

void ReplyWriter::insert_header(Mark mark, char type, std::size_t count) {
  char text[kHeaderBytesMax];
  out_.insert(mark, ByteView(text, put_header(text, type, count)));
}

void ReplyWriter::end_array(Mark mark, std::size_t count) { insert_header(mark, '*', count); }

void ReplyWriter::end_map(Mark mark, std::size_t pairs) {
  version_ == Resp::kV3 ? insert_header(mark, '%', pairs) : insert_header(mark, '*', 2 * pairs);
}

void ReplyWriter::end_set(Mark mark, std::size_t count) {
  insert_header(mark, version_ == Resp::kV3 ? '~' : '*', count);
}

}  // namespace memoir
