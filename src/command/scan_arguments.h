// The arguments that all scans share: cursor [MATCH pattern] [COUNT count], and SCAN's [TYPE type].
#pragma once

#include <cstdint>

#include "protocol/reply_writer.h"
#include "src/base/bytes.h"
#include "src/base/glob.h"
#include "src/command/args.h"

namespace memoir {

class ScanArguments {
 public:
  // Reads the cursor, as strtoul would; "ERR invalid cursor".
  void read_cursor(Args& args);
  enum class Of : std::uint8_t { kCollection, kDatabase, kHash, kSortedSet };
  // Reads the options behind it. Redis does so only if the key exists. TYPE is a database's alone,
  // NOVALUES a hash's, NOSCORES a sorted set's.
  void read_options(Args& args, Of of = Of::kCollection);

  std::uint64_t cursor() const { return cursor_; }
  // How many items a call should return, roughly.
  std::uint64_t count() const { return static_cast<std::uint64_t>(count_); }
  bool admits(ByteView text) const { return !filters_ || glob_match(pattern_, text); }
  // Whether what belongs to a field or member is left out.
  bool bare() const { return bare_; }
  // The type by name; an unknown one matches nothing.
  bool admits_type(ByteView name) const { return !has_type_ || equals_ignoring_case(type_, name); }

 private:
  std::uint64_t cursor_{0};
  std::int64_t count_{10};
  ByteView pattern_;
  ByteView type_;
  bool filters_{false};
  bool has_type_{false};
  bool bare_{false};
};

// Runs `step(cursor)`, which gives the next cursor, until `found` reaches the count asked for, the
// end comes or ten times as many steps were made; returns the cursor to go on with.
template <class F>
std::uint64_t scan_some(const ScanArguments& arguments, const std::size_t& found, F&& step) {
  std::uint64_t cursor = arguments.cursor();
  std::uint64_t steps = 0;
  do {
    cursor = step(cursor);
  } while (cursor != 0 && found < arguments.count() && ++steps / 10 < arguments.count());
  return cursor;
}

// Closes the reply of a scan whose `items` words stand behind `start`: puts the cursor before them.
void end_scan(ReplyWriter& reply, ReplyWriter::Mark start, std::uint64_t cursor, std::size_t items);

}  // namespace memoir
