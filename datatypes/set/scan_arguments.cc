#include "datatypes/set/scan_arguments.h"

namespace memoir {

void ScanArguments::read_cursor(Args& args) {
  ByteView text = args.next();
  if (text.empty()) return;
  const bool negative = text.front() == '-';
  if (negative || text.front() == '+') text.remove_prefix(1);
  while (text.size() > 1 && text.front() == '0') text.remove_prefix(1);
  const auto value = parse_unsigned(text);
  if (!value) return args.fail("ERR invalid cursor");
  cursor_ = negative ? -*value : *value;
}

void ScanArguments::read_options(Args& args) {
  while (args.more()) {
    if (args.take("count", 1)) {
      count_ = args.integer();
      if (count_ < 1) args.fail(kSyntaxError);
    } else if (args.take("match", 1)) {
      pattern_ = args.next();
      filters_ = pattern_ != "*";
    } else {
      return args.fail(kSyntaxError);
    }
  }
}

void end_scan(ReplyWriter& reply, ReplyWriter::Mark start, std::uint64_t cursor,
              std::size_t items) {
  char digits[kIntegerCharsMax];
  const std::size_t length = format_unsigned(cursor, digits);
  reply.end_array(start, items);
  Bytes head = "*2\r\n$";
  append_integer(head, static_cast<std::int64_t>(length));
  head.append("\r\n").append(digits, length).append("\r\n");
  reply.buffer().insert(start, head);
}

}  // namespace memoir
