// What CLIENT SETNAME, SETINFO and HELLO let pass as a name: printable ASCII without blanks, so
// that a line of CLIENT LIST stays readable.
#pragma once

#include <algorithm>

#include "src/base/bytes.h"
#include "src/base/result.h"

namespace memoir {

inline bool is_plain_name(ByteView name) {
  return std::ranges::all_of(name, [](char c) { return c >= '!' && c <= '~'; });
}

inline Status check_client_name(ByteView name) {
  if (is_plain_name(name)) return ok;
  return Error("ERR Client names cannot contain spaces, newlines or special characters.");
}

}  // namespace memoir
