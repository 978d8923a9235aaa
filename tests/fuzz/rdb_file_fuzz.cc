// Whole RDB files, read from memory, in chunks, and cut into blocks of whole keys that are read one
// by one; all must tell the same.
#include <algorithm>

#include "persistence/memory_file.h"
#include "persistence/rdb_blocks.h"
#include "persistence/rdb_file.h"
#include "tests/fuzz/fuzz_checks.h"

namespace memoir::fuzz {
namespace {

// Gives a few bytes at a time.
class Drip final : public RdbSource {
 public:
  Drip(ByteView all, bool knows_length) : all_(all), knows_length_(knows_length) {}
  Result<std::size_t> read(char* into, std::size_t bytes) override {
    const std::size_t step = std::min({bytes, all_.size() - at_, 1 + at_ % 7});
    std::copy_n(all_.data() + at_, step, into);
    at_ += step;
    return step;
  }
  std::uint64_t left() const override { return knows_length_ ? all_.size() - at_ : 0; }

 private:
  ByteView all_;
  std::size_t at_ = 0;
  bool knows_length_;
};

// Checks the values and sums up what it is told.
class Told final : public RdbFileEvents {
 public:
  explicit Told(const EncodingLimits& limits) : limits_(limits) {}

  Status aux(ByteView name, ByteView value) override {
    sum_.ordered(name);
    sum_.ordered(value);
    return ok;
  }
  Status function(ByteView source) override {
    sum_.ordered(source);
    return ok;
  }
  Status database(std::uint64_t index) override {
    number(index);
    return ok;
  }
  void sizes(std::uint64_t keys, std::uint64_t expiring) override {
    number(keys);
    number(expiring);
  }
  Status key(const RdbKey& key, RdbReader& in) override {
    require(key.expire_ms >= kNoExpiry, "a negative expiry");
    const EntryOwner entry = load_value(in, key.type, key.name, key.expire_ms, limits_);
    if (!entry) return in.status();
    check_value(*entry, limits_);
    sum_.ordered(key.name);
    number(static_cast<std::uint64_t>(key.expire_ms));
    number(contents_of(*entry));
    Contents one;
    one.ordered(key.name);
    keys_ ^= one.digest() * contents_of(*entry);
    ++count_;
    return ok;
  }
  std::uint64_t digest() const { return sum_.digest(); }
  // Of the keys alone, in whatever order they came.
  std::uint64_t keys() const { return keys_; }
  std::uint64_t count() const { return count_; }

 private:
  void number(std::uint64_t value) {
    sum_.ordered({reinterpret_cast<const char*>(&value), sizeof(value)});
  }
  const EncodingLimits& limits_;
  Contents sum_;
  std::uint64_t keys_ = 0;
  std::uint64_t count_ = 0;
};

struct Outcome {
  bool read;
  std::uint64_t position;
  std::uint64_t digest;
  std::uint64_t keys;
  std::uint64_t count;
  bool operator==(const Outcome&) const = default;
};

Outcome read_all(RdbReader& in, const EncodingLimits& limits) {
  Told told(limits);
  const Status status = read_rdb_file(in, RdbChecksum::kNo, told);
  return {static_cast<bool>(status), status ? in.position() : 0, told.digest(), told.keys(),
          told.count()};
}

constexpr unsigned kVersionWithChecksum = 5;

// Reads each block as a file of its own.
class Blocks final : public RdbBlockEvents {
 public:
  Blocks(ByteView file, const EncodingLimits& limits) : file_(file), told_(limits) {}
  Status aux(ByteView, ByteView) override { return ok; }
  Status function(ByteView) override { return ok; }
  Status database(std::uint64_t) override { return ok; }
  void sizes(std::uint64_t, std::uint64_t) override {}
  Status block(RdbBlock&& block) override {
    require(block.keys > 0 && block.offset + block.bytes <= file_.size(), "the place of a block");
    const ByteView bytes = file_.substr(block.offset, block.bytes);
    if (block.buffer) require(block.view() == bytes, "the bytes of a block");
    Bytes alone(file_.substr(0, kRdbHeadBytes));
    alone.append(bytes).push_back('\xff');
    if (block.version >= kVersionWithChecksum) alone.append(8, '\0');
    RdbReader in(alone);
    const std::uint64_t before = told_.count();
    Status status = read_rdb_file(in, RdbChecksum::kNo, told_);
    if (!status) return status;
    require(told_.count() - before == block.keys, "the number of keys in a block");
    require(in.position() == alone.size(), "a block has keys alone");
    return ok;
  }
  const Told& told() const { return told_; }

 private:
  ByteView file_;
  Told told_;
};

void check_blocks(ByteView input, const Outcome& expected, const EncodingLimits& limits) {
  MemoryFileSystem files;
  files.set_contents("/file", input);
  const auto file = files.open("/file", OpenMode::kRead);
  require(static_cast<bool>(file), "a file in memory");
  for (const std::size_t bytes : {16U, 4096U}) {
    Blocks blocks(input, limits);
    const Status status = read_rdb_blocks(
        **file, input.size(),
        {.checksum = RdbChecksum::kNo, .block_bytes = bytes, .value_bytes_max = 4 * bytes}, blocks);
    require(static_cast<bool>(status) == expected.read, "blocks are refused, or the file");
    if (!status) continue;
    require(blocks.told().count() == expected.count, "the number of keys in blocks");
    require(blocks.told().keys() == expected.keys, "the keys in blocks");
  }
}

}  // namespace
}  // namespace memoir::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace memoir;
  set_log_level(LogLevel::kNothing);
  const ByteView input(reinterpret_cast<const char*>(data), size);
  const EncodingLimits limits = fuzz::limits_for(size);
  RdbReader whole(input);
  const fuzz::Outcome expected = fuzz::read_all(whole, limits);
  fuzz::Drip drip(input, size % 2 == 0);
  RdbReader chunked(drip);
  fuzz::require(fuzz::read_all(chunked, limits) == expected, "chunks read otherwise than memory");
  fuzz::check_blocks(input, expected, limits);
  return 0;
}
