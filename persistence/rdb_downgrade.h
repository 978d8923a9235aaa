// RDB values and files in a form that Redis 7.0 reads (version 10), whatever newer form they have.
//
// Version 11 brought sets as listpacks and a further time of stream consumers, version 12 hashes
// whose fields end; members of sets and sorted sets that end are Memoir's own. The first two lose
// nothing that matters. When members end has no place in version 10: they are there to stay, and
// are counted.
#pragma once

#include <cstdint>

#include "persistence/rdb_file.h"
#include "src/base/bytes.h"
#include "src/base/result.h"
#include "src/store/rdb_reader.h"
#include "src/store/rdb_writer.h"

namespace memoir {

inline constexpr unsigned kRdbVersionRedis70 = 10;

// Copies one value.
class RdbDowngrade {
 public:
  // What stands in front of the value tells its type, so some of it may be read here.
  RdbDowngrade(RdbReader& in, RdbType type);

  // The type to be written before copy().
  RdbType type() const;
  // Reads the whole value; failures are `in`'s.
  void copy(RdbWriter& out);
  // How many fields or members had a time at which they end.
  std::uint64_t times_left_out() const { return times_; }

 private:
  void strings(RdbWriter& out, unsigned each, std::size_t bytes_behind);
  void scored_text(RdbWriter& out);
  void quicklist(RdbWriter& out);
  void listpack(RdbWriter& out, std::size_t kept, std::size_t of);
  void timed_fields(RdbWriter& out);
  void stream(RdbWriter& out);
  void stream_group(RdbWriter& out);
  void skip_times();
  void copy_length(RdbWriter& out) { out.length(in_.length()); }
  void copy_raw(RdbWriter& out, std::size_t bytes) { out.raw(in_.raw(bytes)); }

  RdbReader& in_;
  RdbType type_;
  bool timed_ = false;  // Memoir's times follow
  std::uint64_t times_ = 0;
};

struct RdbDowngraded {
  std::uint64_t keys = 0;
  std::uint64_t times_left_out = 0;
};

// Copies a whole file, as the base of an append-only file.
Result<RdbDowngraded> downgrade_rdb(RdbReader& in, RdbSink& sink);

// Copies DUMP's payload. kUnsupported for versions this build does not know, kCorrupt, kTruncated.
Result<Bytes> downgrade_payload(ByteView payload, std::uint64_t& times_left_out);
// The same for FUNCTION DUMP's.
Result<Bytes> downgrade_functions(ByteView payload);

}  // namespace memoir
