// Append-only files: a single one, with or without an RDB in front, read through buffers of two
// sizes; both must tell the same.
#include "persistence/aof_reader.h"
#include "persistence/memory_file.h"
#include "tests/fuzz/fuzz_checks.h"

namespace memoir::fuzz {
namespace {

class Told final : public AofEvents {
 public:
  Status function(ByteView source) override {
    sum_.ordered(source);
    return ok;
  }
  Status database(std::uint64_t) override { return ok; }
  Status key(const RdbKey& key, RdbReader& in) override {
    const EncodingLimits limits;
    const EntryOwner entry = load_value(in, key.type, key.name, key.expire_ms, limits);
    if (!entry) return in.status();
    check_value(*entry, limits);
    sum_.ordered(key.name);
    return ok;
  }
  Status request(const AofRequest& request) override {
    require(!request.words.empty(), "a request without words");
    for (const ByteView word : request.words) sum_.ordered(word);
    return ok;
  }
  std::uint64_t digest() const { return sum_.digest(); }

 private:
  Contents sum_;
};

struct Outcome {
  bool read;
  std::uint64_t requests;
  std::uint64_t digest;
  bool operator==(const Outcome&) const = default;
};

Outcome read_all(ByteView contents, std::size_t buffer_bytes) {
  MemoryFileSystem files;
  AofLocation where;
  where.directory = "/d";
  files.set_contents("/d/appendonly.aof", contents);
  AofOptions options;
  options.buffer_bytes = buffer_bytes;
  options.checksum = RdbChecksum::kNo;
  Told told;
  const Result<AofSummary> summary = read_append_only(files, where, options, told);
  return {static_cast<bool>(summary), summary ? summary->requests : 0, told.digest()};
}

}  // namespace
}  // namespace memoir::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace memoir;
  set_log_level(LogLevel::kNothing);
  const ByteView input(reinterpret_cast<const char*>(data), size);
  const fuzz::Outcome small = fuzz::read_all(input, 16);
  fuzz::require(small == fuzz::read_all(input, 4096), "buffers of two sizes read otherwise");
  return 0;
}
