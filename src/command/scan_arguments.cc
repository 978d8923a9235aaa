#include "src/command/scan_arguments.h"

#include "src/base/c_text.h"

namespace memoir {

namespace {

// What strtoul makes of a cursor: it ends at a zero byte, may have a sign and may be empty. Blanks
// in front are refused.
std::optional<std::uint64_t> parse_cursor(ByteView text) {
  text = c_text(text);
  if (text.empty()) return 0;
  const bool negative = text.front() == '-';
  if (negative || text.front() == '+') text.remove_prefix(1);
  if (text.empty() || text.front() < '0' || text.front() > '9') return std::nullopt;
  const auto value = parse_unsigned(text);
  if (!value) return std::nullopt;
  return negative ? 0 - *value : *value;
}

}  // namespace

void ScanArguments::read_cursor(Args& args) {
  const auto value = parse_cursor(args.next());
  if (!value) args.fail("ERR invalid cursor");
  cursor_ = value.value_or(0);
}

void ScanArguments::read_options(Args& args, Of of) {
  while (args.more() && !args.failed()) {
    if (args.take("COUNT", 1)) {
      count_ = args.integer();
      if (count_ < 1) args.fail(kSyntaxError);
    } else if (args.take("MATCH", 1)) {
      pattern_ = args.next();
      filters_ = pattern_ != "*";
    } else if (of == Of::kDatabase && args.take("TYPE", 1)) {
      type_ = args.next();
      has_type_ = true;
    } else if ((of == Of::kHash && args.take("NOVALUES")) ||
               (of == Of::kSortedSet && args.take("NOSCORES"))) {
      bare_ = true;
    } else {
      args.fail(kSyntaxError);
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
