// RecordBuffer: keys with their values in the RDB format, gathered under a stripe's lock and
// written out without it.
//
// A long string is not copied: the buffer keeps a reference to it, and whoever changes the value
// meanwhile makes a copy, as it does for a socket that still sends it. Belongs to one thread at a
// time, or to whoever holds the lock of its stripe.
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "src/base/bytes.h"
#include "src/store/entry.h"
#include "src/store/rdb_entry.h"
#include "src/store/rdb_writer.h"

namespace memoir {

class RecordBuffer {
 public:
  explicit RecordBuffer(RdbCompression compression) : out_(compression) {}

  // A whole record.
  void add(const Entry& entry, const RdbEntryStyle& style);
  // What stands before the members of a value that is saved in parts.
  void add_head(const Entry& entry, const RdbEntryStyle& style);
  // Members of such a value.
  RdbWriter& members() { return out_; }

  bool empty() const { return out_.written().empty(); }
  // What it takes of memory that would not be taken without it.
  std::size_t bytes() const { return out_.written().size() + apart_bytes_; }
  std::size_t keys() const { return keys_; }
  // The type of value that needs the newest version of the format, of all that were ever added.
  RdbType newest() const { return newest_; }

  // Appends everything to `to` and forgets it.
  void move_to(RdbWriter& to);

 private:
  struct Apart {
    std::size_t at;
    SharedBytes text;
  };
  static constexpr std::size_t kApartBytesMin = 16 * 1024;

  void note(RdbType type) {
    if (rdb_version_for(type) > rdb_version_for(newest_)) newest_ = type;
  }

  RdbWriter out_;
  std::vector<Apart> apart_;
  std::size_t apart_bytes_{0};
  std::size_t keys_{0};
  RdbType newest_{RdbType::kString};
};

}  // namespace memoir
