// The reply parser: RESP2 and RESP3 bytes into a tree; for tests, scripts and links to other
// servers.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "src/base/bytes.h"
#include "src/base/result.h"

namespace memoir {

struct Reply {
  // The RESP type byte: '+', '-', ':', '$', '*', '%', '~', '>', '_', ',', '#', '(', '=', '|', '!'.
  // RESP2's null bulk and null array are kept apart as '$' and '*' with `null` set.
  char type = '_';
  bool null = false;
  std::int64_t integer = 0;
  double number = 0;
  Bytes text;                    // strings, errors, verbatim (with its "txt:"), big numbers
  // Of an aggregate. A map's keys and values alternate; so do an attribute's ('|'), whose last, odd
  // element is the reply that it belongs to.
  std::vector<Reply> elements;

  // One line per element, as a transcript shows it: "+OK", "-ERR text", ":1", ",0.5", "#t", "(12"
  // as on the wire; bulk strings in double quotes with \n \r \t \b \a \" \\ \xHH escapes, verbatim
  // strings and long errors likewise behind '=' and '!'; nulls as "$-1", "*-1", "_"; an aggregate
  // as "*2" with its elements below it, indented by two more blanks. Lines are separated, not
  // ended, by '\n'.
  Bytes to_string() const;
};

// Parses one reply from the front of `in` and removes it there; nothing if it is not complete yet.
// kCorrupt if it is not RESP or nests deeper than 128.
Result<std::optional<Reply>> parse_reply(ByteView& in);

}  // namespace memoir
