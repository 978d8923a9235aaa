// Redis's glob-style patterns (stringmatchlen): '*', '?', '[a-c^...]', '\' escapes. Linear-ish: a
// pattern of many stars gives up as Redis does rather than run exponentially.
#pragma once

#include "src/base/bytes.h"

namespace memoir {

enum class Case : bool { kSensitive, kInsensitive };

bool glob_match(ByteView pattern, ByteView text, Case mode = Case::kSensitive);
// Whether the pattern can match one text only (no special characters).
bool glob_is_literal(ByteView pattern);

// ASCII, for command words and options.
bool equals_ignoring_case(ByteView a, ByteView b);
Bytes to_lower(ByteView text);
Bytes to_upper(ByteView text);

}  // namespace memoir
