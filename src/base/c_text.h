// c_text: a word up to its first zero byte.
//
// Redis handles some words as C strings: cursors, score bounds and those it repeats in an error. A
// zero byte ends them there, so it does here.
#pragma once

#include "src/base/bytes.h"

namespace memoir {

inline ByteView c_text(ByteView text) { return text.substr(0, text.find('\0')); }

}  // namespace memoir
