// Rules as they come in words: of ACL SETUSER, a `user` line, a line of the ACL file.
#pragma once

#include <span>
#include <vector>

#include "src/base/bytes.h"
#include "src/base/result.h"

namespace memoir {

// Whether there is a blank or a null character in it: names and patterns must do without, or the
// texts that show rules could not be read back.
bool has_blanks(ByteView text);

// Puts selectors that came in several words, "(+get" "~x)", together. The error's text is the first
// word of a selector that does not end.
Result<std::vector<Bytes>> join_selectors(std::span<const Bytes> words);

// A selector's inner rules: "(+get ~x)" as "+get", "~x".
std::vector<Bytes> split_selector(ByteView rule);

}  // namespace memoir
