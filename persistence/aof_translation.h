// Requests of the journal in words that Redis 7.0 knows.
//
// Most are the same. What differs, by the newer commands' names:
//
//   HSETEX                              HSET without the times
//   RESTORE, FUNCTION RESTORE           with a payload of version 10
//   XADD, XTRIM KEEPREF; XDELEX KEEPREF without that word; XDEL
//   when fields and members end         left out, and counted: Redis 7 has no place for it
//   XDELEX, XADD, XTRIM with DELREF or ACKED, XACKDEL, BITOP DIFF, DIFF1, ANDOR and ONE,
//   GEOSEARCHSTORE BYPOLYGON, what is not known here
//                                       refused: what they did depends on data that are not here
//
// Not thread-safe.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "src/base/bytes.h"
#include "src/base/result.h"

namespace memoir {

enum class AofForm : std::uint8_t {
  kUnknown,
  kAsItIs,
  kTranslated,  // by its words; some may be refused
  kLeftOut,
  kRefused,
};

// What becomes of a command, by its name in lower case.
AofForm aof_form_of(ByteView name);

class AofTranslator {
 public:
  // Appends what is to be done instead of the request, if anything. kUnsupported with the command
  // for what is refused.
  Status translate(std::span<const ByteView> words, Bytes& out);

  // Fields and members whose end has been left out.
  std::uint64_t times_left_out() const { return times_; }

 private:
  Status rewrite(ByteView name, std::span<const ByteView> words, Bytes& out);
  Status set_fields(std::span<const ByteView> words, Bytes& out);
  Status restore(std::span<const ByteView> words, Bytes& out);
  Status function(std::span<const ByteView> words, Bytes& out);
  Status without_references(std::span<const ByteView> words, Bytes& out);
  Status delete_entries(std::span<const ByteView> words, Bytes& out);

  std::uint64_t times_ = 0;
  std::vector<ByteView> rewritten_;
};

// Appends a request in RESP.
void append_aof_request(Bytes& out, std::span<const ByteView> words);

}  // namespace memoir
