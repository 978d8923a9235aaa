// Ziplist and zipmap: what Redis had before listpacks. They are only read, from old dumps.
//
//   ziplist := bytes:u32 tail:u32 count:u16 entry* FF         count 65535: not known
//   entry   := back encoding                                  back: size of the entry before it
//   back    := n:u8 (below 254) | FE n:u32
//   encoding:= 00nnnnnn text | 01nnnnnn n text | 80 n:u32be text
//            | C0 i16 | D0 i32 | E0 i64 | F0 i24 | FE i8 | 1111xxxx (1..13: 0..12)
//   zipmap  := count:u8 (size field size free:u8 value unused{free})* FF    count >= 254: not known
//   size    := n:u8 (below 254) | FE n:u32
//
// Input is not trusted: every length, back length and count is checked.
#pragma once

#include "datatypes/encoding/listpack.h"
#include "src/base/bytes.h"

namespace memoir {

// Appends the elements to `out`. False if the bytes are unsound; `out` then has some of them.
bool decode_ziplist(ByteView bytes, Listpack& out);
// Appends fields and values in turn.
bool decode_zipmap(ByteView bytes, Listpack& out);

// Whether among the elements of a listpack, of which every `stride`-th is looked at, one comes
// twice.
bool has_repeated(const Listpack& pack, unsigned stride);

}  // namespace memoir
