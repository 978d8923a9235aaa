// Whole files in the RDB format: what frames the values. The values themselves are written and read
// by whoever knows the types (datatypes/serial): here they are the caller's.
//
//   file := head  item*  FF  [crc:u64]                                    the crc from version 5 on
//   head := "REDIS" version:4 digits | "VALKEY" version:3 digits
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

  // For the next key; memory for the name is kept.
  void reset() {
    name.clear();
    expire_ms = kNoExpiry;
    idle_seconds.reset();
    frequency.reset();
  }
};

// Appends to an open file from `offset` on.
class RdbFileSink final : public RdbSink {
 public:
  explicit RdbFileSink(File& file, std::uint64_t offset = 0)
      : file_(file), start_(offset), offset_(offset) {}
  Status write(ByteView bytes) override;
  Status rewrite(std::uint64_t offset, ByteView bytes) override;

 private:
  File& file_;
  std::uint64_t start_;
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
//
// What version a file needs is known when all types in it are. So the head gets the lowest there
// is, and finish() writes the right one over it, with a checksum mended accordingly. Where that
// cannot be done (RdbSink::rewrite), the version is to be given in advance.
class RdbFileWriter {
 public:
  RdbFileWriter(RdbSink& sink, RdbCompression compression, unsigned version = kRdbVersionMin);

  void aux(ByteView name, ByteView value);
  void aux(ByteView name, std::int64_t value);
  void function(ByteView source);
  void begin_database(unsigned index, std::uint64_t keys, std::uint64_t expiring);
  void begin_key(const RdbKey& key);
  // Says that there is a value of this type, among bytes that were written elsewhere and are given
  // to values() as they are. begin_key() does it for its own.
  void note_type(RdbType type) {
    if (const unsigned version = rdb_version_for(type); version > needed_) needed_ = version;
  }
  RdbWriter& values() { return out_; }
  // Writes the end. Ok if all of it has reached the sink.
  Status finish(RdbChecksum checksum = RdbChecksum::kYes);

 private:
  std::uint64_t settle_version(std::uint64_t checksum) const;

  RdbSink& sink_;
  RdbWriter out_;
  const unsigned version_;  // what the head says
  unsigned needed_;
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
  // A key: reads its value, all of it, from `in`. An expiry before 1970 is given as 0.
  virtual Status key(const RdbKey& key, RdbReader& in) = 0;
};

// What a file begins with, in bytes.
inline constexpr std::size_t kRdbHeadBytes = 9;
// Whether a file that begins so (at most a head is looked at) is an RDB.
bool is_rdb(ByteView begin);
// The version that a head tells. kTruncated, kCorrupt, kUnsupported.
Result<unsigned> rdb_version_in(ByteView head);
// Passes over the data of a module behind its id.
void skip_module_parts(RdbReader& in);
// The same for what else means nothing here; fails for what cannot be skipped. `version` is the
// file's.
void skip_foreign(RdbReader& in, unsigned version, RdbOpcode opcode);

// Reads a whole file. Data of modules that belong to no key is passed over with a log line each; it
// means nothing without the module. `in` may have more behind it (an RDB in front of an append-only
// file).
// kTruncated, kCorrupt or kUnsupported with the place in the text.
Status read_rdb_file(RdbReader& in, RdbChecksum checksum, RdbFileEvents& events);

}  // namespace memoir
