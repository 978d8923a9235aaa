// RDB files loaded on several threads: what is in them comes in, whatever the threads and the
// blocks; damage is an error and not a crash.
#include <catch2/catch.hpp>

#include "persistence/rdb_blocks.h"
#include "tests/datatypes/serial_payloads.h"
#include "tests/server/loading_rig.h"

namespace memoir {
namespace {

constexpr char kPath[] = "data/dump.rdb";

void make_folder(MemoryFileSystem& files) { REQUIRE(files.create_directories("data")); }

// Values of every type in several databases, a few of them large, with expiries.
void fill(LoadingRig& rig, MemoryFileSystem& files, int keys) {
  int number = 0;
  for (const payloads::Sample& sample : payloads::all()) {
    auto entry = load_payload(sample.payload, sample.name, kNoExpiry, {});
    REQUIRE(entry);
    REQUIRE(put_key(rig.keyspace, static_cast<unsigned>(number++ % 3), entry->release()));
  }
  for (int i = 0; i < keys; ++i) {
    const Bytes key = "key:" + std::to_string(i);
    const Bytes value(static_cast<std::size_t>(i % 97), 'v');
    const std::int64_t expire_ms = i % 5 == 0 ? 1'900'000'000'000 + i : kNoExpiry;
    REQUIRE(put_key(rig.keyspace, i % 7 == 0 ? 2 : 0,
                    Entry::make_inline(key, value, Storage::kInline, expire_ms)));
  }
  rig.apply(files, {"SET", "large", Bytes(700'000, 'L')}, 1);
  rig.apply(files, {"FUNCTION", "LOAD",
                    "#!lua name=lib\nredis.register_function('f', function() return 1 end)"});
}

Bytes saved(LoadingRig& rig, MemoryFileSystem& files) {
  SnapshotSettings settings = rig.settings().snapshot;
  settings.directory = "data";
  settings.has_journal = false;
  rig.scripting.libraries.each(
      [&](const Library& library) { settings.functions.push_back(library.payload); });
  REQUIRE(save_snapshot(files, rig.keyspace, settings));
  return files.contents(kPath);
}

Result<RdbLoaded> load(LoadingRig& rig, MemoryFileSystem& files,
                       Overdue overdue = Overdue::kKeep) {
  QuietLog quiet;
  DataLoader loader(rig.target(files), rig.settings().load);
  return loader.load_file(kPath, overdue);
}

}  // namespace

TEST_CASE("a file is loaded the same by any number of threads", "[server][threads]") {
  MemoryFileSystem files;
  make_folder(files);
  LoadingRig source;
  fill(source, files, 20'000);
  const Bytes file = saved(source, files);
  for (const unsigned threads : {1U, 2U, 4U}) {
    CAPTURE(threads);
    LoadingRig rig(threads);
    auto loaded = load(rig, files);
    REQUIRE(loaded);
    CHECK(rig.digest() == source.digest());
    CHECK(loaded->functions == 1);
    CHECK(rig.scripting.libraries.library_count() == 1);
    CHECK(rig.figures.loaded_bytes == file.size());
    for (unsigned stripe = 0; stripe < kStripes; ++stripe) {
      for (unsigned db = 0; db < 3; ++db) {
        CHECK(rig.keyspace.shard(stripe, db).keys.verify());
        CHECK(rig.keyspace.shard(stripe, db).expires.verify());
      }
    }
  }
}

TEST_CASE("keys whose time is over are dropped where the file stands for itself", "[server]") {
  MemoryFileSystem files;
  make_folder(files);
  LoadingRig source;
  for (int i = 0; i < 10; ++i) {
    REQUIRE(put_key(source.keyspace, 0,
                    Entry::make_inline("k" + std::to_string(i), "v", Storage::kInline,
                                       1'000 + i)));
  }
  REQUIRE(put_key(source.keyspace, 0, Entry::make_inline("stays", "v", Storage::kInline)));
  saved(source, files);
  LoadingRig dropping;
  auto loaded = load(dropping, files, Overdue::kDrop);
  REQUIRE(loaded);
  CHECK(loaded->keys == 1);
  CHECK(loaded->expired == 10);
  LoadingRig keeping;
  loaded = load(keeping, files, Overdue::kKeep);
  REQUIRE(loaded);
  CHECK(loaded->keys == 11);
  CHECK(keeping.digest() == source.digest());
}

TEST_CASE("a file that is cut anywhere, or has a byte changed, is an error", "[server][threads]") {
  MemoryFileSystem files;
  make_folder(files);
  LoadingRig source;
  fill(source, files, 50);
  const Bytes file = saved(source, files);
  const Bytes digest = source.digest();
  for (std::size_t at = 0; at < file.size(); at += 1 + at % 5 + file.size() / 400) {
    CAPTURE(at);
    files.set_contents(kPath, file.substr(0, at));
    LoadingRig cut;
    CHECK_FALSE(load(cut, files));
    Bytes flipped = file;
    flipped[at] = static_cast<char>(flipped[at] ^ 0x55);
    files.set_contents(kPath, flipped);
    LoadingRig changed;
    CHECK_FALSE(load(changed, files));
    empty_keyspace(changed.keyspace, changed.scripting);
    files.set_contents(kPath, file);
    REQUIRE(load(changed, files));
    REQUIRE(changed.digest() == digest);
  }
}

TEST_CASE("errors of a file are told in Redis's words", "[server]") {
  MemoryFileSystem files;
  make_folder(files);
  const auto error_of = [&](const Bytes& file) {
    files.set_contents(kPath, file);
    LoadingRig rig;
    auto loaded = load(rig, files);
    REQUIRE_FALSE(loaded);
    return loaded.peek_error().text();
  };
  using Catch::Contains;
  CHECK_THAT(error_of("SIDER0011"), Contains("Wrong signature trying to load DB from file"));
  CHECK_THAT(error_of("REDIS0099"), Contains("Can't handle RDB format version 0099"));
  CHECK_THAT(error_of("REDIS0011"), Contains("Short read or OOM loading DB"));
  CHECK_THAT(error_of("REDIS0011\xff" "abcdefgh"), Contains("Wrong RDB checksum"));
  CHECK_THAT(error_of(Bytes("REDIS0011\xfe\x63\xff", 12)), Contains("databases"));
  const Bytes pair("\x00\x01k\x01v", 5);
  CHECK_THAT(error_of("REDIS0004" + pair + pair + "\xff"), Contains("duplicated key 'k'"));
}

TEST_CASE("values larger than a block may be are read from where they lie", "[persistence]") {
  MemoryFileSystem files;
  make_folder(files);
  LoadingRig source;
  fill(source, files, 300);
  const Bytes file = saved(source, files);

  class Blocks final : public RdbBlockEvents {
   public:
    explicit Blocks(const Bytes& file) : file_(file) {}
    Status aux(ByteView, ByteView) override { return ok; }
    Status function(ByteView) override { return ok; }
    Status database(std::uint64_t index) override {
      db = index;
      return ok;
    }
    void sizes(std::uint64_t count, std::uint64_t) override { told += count; }
    Status block(RdbBlock&& block) override {
      REQUIRE(block.offset >= end);
      end = block.offset + block.bytes;
      keys += block.keys;
      if (!block.buffer) {
        ++large;
        CHECK(block.keys == 1);
      } else {
        REQUIRE(block.view() == ByteView(file_).substr(block.offset, block.bytes));
      }
      return ok;
    }
    std::uint64_t db = 0, told = 0, keys = 0, end = 0, large = 0;

   private:
    const Bytes& file_;
  };
  auto opened = files.open(kPath, OpenMode::kRead);
  REQUIRE(opened);
  for (const std::size_t bytes : {64, 1000, 100'000}) {
    Blocks blocks(file);
    const RdbBlockOptions options{.block_bytes = bytes, .value_bytes_max = 200'000};
    const Status status = read_rdb_blocks(**opened, file.size(), options, blocks);
    INFO((status ? "" : status.error().text()));
    REQUIRE(status);
    CHECK(blocks.keys == blocks.told);
    CHECK(blocks.large == 1);
    CHECK(blocks.end <= file.size() - 9);
  }
}

}  // namespace memoir
