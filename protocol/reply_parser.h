// The reply parser: RESP2 and RESP3 bytes into a tree; for tests, scripts and links to other servers.
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
  std::vector<Reply> elements;   // a map's keys and values alternate

  // One line per element, as a transcript shows it.
  Bytes to_string() const;
};

// Parses one reply from the front of `in` and removes it there; nothing if it is not complete yet.
// kCorrupt if it is not RESP or nests deeper than 128.
Result<std::optional<Reply>> parse_reply(ByteView& in);

}  // namespace memoir
