// Texts of any bytes as JSON. A text that is UTF-8 is a string; any other is an object
// {"base64": "..."}, so that every value can be told apart and brought back exactly.
#pragma once

#include "src/base/bytes.h"

namespace memoir {

bool is_utf8(ByteView text);
Bytes base64(ByteView bytes);
// Appends the text as a JSON value.
void append_json_text(Bytes& out, ByteView text);

}  // namespace memoir
