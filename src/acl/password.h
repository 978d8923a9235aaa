// Passwords: kept and compared as SHA-256 in lower-case hex, never as they were given.
#pragma once

#include "src/base/bytes.h"

namespace memoir {

inline constexpr std::size_t kPasswordHashChars = 64;

// The hash of a password, kPasswordHashChars hex digits.
Bytes password_hash(ByteView password);
// Whether `text` has the form of such a hash.
bool is_password_hash(ByteView text);
// Compares two hashes in a time that does not depend on where they differ.
bool equal_hashes(ByteView a, ByteView b);

}  // namespace memoir
