// Whole files in the RDB format: what frames the values. The values themselves are written and read
// by whoever knows the types (datatypes/serial): here they are the caller's.
//
//   file := "REDIS" version:4 digits  item*  FF  [crc:u64]                the crc from version 5 on
//   item := FA name:string value:string                  about the file
//         | F5 source:string                             a library of functions
//         | FE db:length  [FB keys:length expiring:length]
//         | [FC ms:i64 | FD s:i32] [F8 seconds:length | F9 counter:u8] type:u8 key:string value
//
// Both sides stream: memory does not grow with the file. Not thread-safe.
#pragma once

#include <cstdint>
#include <optional>

#include "persistence/file.h"
#include "src/base/bytes.h"
#include "src/base/result.h"
#include "src/store/entry.h"
#include "src/store/rdb_reader.h"
#include "src/store/rdb_writer.h"

namespace memoir {

// What stands before a value.
struct RdbKey {
  Bytes name;
  RdbType type = RdbType::kString;
  std::int64_t expire_ms = kNoExpiry;
  std::optional<std::uint64_t> idle_seconds = std::nullopt;  // not used for so long
  std::optional<std::uint8_t> frequency = std::nullopt;      // the LFU counter
};

// Appends to an open file from `offset` on.
class RdbFileSink final : public RdbSink {
 public:
  explicit RdbFileSink(File& file, std::uint64_t offset = 0) : file_(file), offset_(offset) {}
  Status write(ByteView bytes) override;

 private:
  File& file_;
  std::uint64_t offset_;
};

// Reads an open file of `size` bytes from `offset` on.
class RdbFileSource final : public RdbSource {
 public:
  RdbFileSource(File& file, std::uint64_t size, std::uint64_t offset = 0)
      : file_(file), size_(size), offset_(offset) {}
  Result<std::size_t> read(char* into, std::size_t bytes) override;
  std::uint64_t left() const override { return size_ - offset_; }

 private:
  File& file_;
  std::uint64_t size_;
  std::uint64_t offset_;
};

enum class RdbChecksum : bool { kNo, kYes };

// Writes a file: aux() and function() as often as wanted, then for each database begin_database()
// and for each key begin_key() followed by its value into values(); finish() at the end.
class RdbFileWriter {
 public:
  // `version` is the lowest that knows all types that will be written.
  RdbFileWriter(RdbSink& sink, RdbCompression compression,
                unsigned version = kRdbVersionWritten);

  void aux(ByteView name, ByteView value);
  void aux(ByteView name, std::int64_t value);
  void function(ByteView source);
  void begin_database(unsigned index, std::uint64_t keys, std::uint64_t expiring);
  void begin_key(const RdbKey& key);
  RdbWriter& values() { return out_; }
  // Writes the end. Ok if all of it has reached the sink.
  Status finish(RdbChecksum checksum = RdbChecksum::kYes);

 private:
  RdbWriter out_;
};

// Is told what a file holds, in its order. An error ends the reading.
class RdbFileEvents {
 public:
  virtual ~RdbFileEvents() = default;
  virtual Status aux(ByteView name, ByteView value) {
    (void)name, (void)value;
    return ok;
  }
  virtual Status function(ByteView source) = 0;
  virtual Status database(std::uint64_t index) = 0;
  // How many keys the database has, and how many of them expire; a hint.
  virtual void sizes(std::uint64_t keys, std::uint64_t expiring) {
    (void)keys, (void)expiring;
  }
  // A key: reads its value, all of it, from `in`.
  virtual Status key(const RdbKey& key, RdbReader& in) = 0;
};

// Reads a whole file. `in` may have more behind it (an RDB in front of an append-only file).
// kTruncated, kCorrupt or kUnsupported with the place in the text.
Status read_rdb_file(RdbReader& in, RdbChecksum checksum, RdbFileEvents& events);

}  // namespace memoir
