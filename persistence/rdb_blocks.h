// An RDB file cut into blocks of whole keys, for several threads that decode them.
//
// One thread goes through the file: it skips values by their lengths, decodes nothing, and sums up
// the checksum. Blocks come in the order of the file. What stands between keys (fields about the
// file, functions, the choice of a database) it tells itself, in its place among the blocks.
//
// Input is not trusted: every length is checked against the file's. A value larger than
// RdbBlockOptions::value_bytes_max is not kept in memory: its block says where it lies.
#pragma once

#include <cstdint>
#include <memory>

#include "persistence/file.h"
#include "persistence/rdb_file.h"
#include "src/base/bytes.h"
#include "src/base/result.h"

namespace memoir {

// Keys with their values as they stand in the file, what stands before each included.
struct RdbBlock {
  std::unique_ptr<char[]> buffer;  // null: to be read from the file
  std::size_t capacity = 0;        // of the buffer
  std::size_t begin = 0;           // where the keys begin in it
  std::uint64_t bytes = 0;
  std::uint64_t offset = 0;        // in the file
  std::uint64_t keys = 0;
  std::uint64_t db = 0;
  unsigned version = 0;            // the file's

  ByteView view() const { return {buffer.get() + begin, bytes}; }
};

// Is told what a file holds, in its order. An error ends the reading.
class RdbBlockEvents {
 public:
  virtual ~RdbBlockEvents() = default;
  virtual Status aux(ByteView name, ByteView value) = 0;
  virtual Status function(ByteView source) = 0;
  virtual Status database(std::uint64_t index) = 0;
  virtual void sizes(std::uint64_t keys, std::uint64_t expiring) = 0;
  virtual Status block(RdbBlock&& block) = 0;
  // A buffer of at least `bytes` that is no longer needed, or null.
  virtual std::unique_ptr<char[]> take_buffer(std::size_t bytes) {
    (void)bytes;
    return nullptr;
  }
};

struct RdbBlockOptions {
  RdbChecksum checksum = RdbChecksum::kYes;
  std::size_t block_bytes = 256UL << 10;
  std::size_t value_bytes_max = 16UL << 20;
};

// Reads a whole file of `size` bytes. kTruncated, kCorrupt or kUnsupported with the place in the
// text.
Status read_rdb_blocks(File& file, std::uint64_t size, const RdbBlockOptions& options,
                       RdbBlockEvents& events);

}  // namespace memoir
