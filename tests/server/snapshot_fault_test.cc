// Goal: whatever fails while a snapshot is written, verified and indexed, and wherever the power
// goes, each file under a snapshot's name is whole, and what was there before still is.
// Method: the file system fails at one call after another, for once or for good, and in the second
// case loses its power; then everything that is found is read.
#include "persistence/snapshot_index_writer.h"
#include "tests/server/snapshot_fixture.h"
#include "tests/transcripts/engine.h"

namespace memoir {
namespace {

using Operation = MemoryFileSystem::Operation;

class Rig {
 public:
  Rig() { fill("first"); }

  void fill(const Bytes& value) {
    for (int i = 0; i < 300; ++i) call({"set", "key" + std::to_string(i), value});
    for (int i = 0; i < 200; ++i) call({"sadd", "set", "m" + std::to_string(i) + value});
  }
  void call(const std::vector<Bytes>& words) {
    engine.run("a", words);
    engine.take_reply("a");
  }

  SnapshotSettings settings(Lsn lsn) {
    SnapshotSettings made;
    made.directory = "/d";
    made.lsn = lsn;
    made.compression = compression;
    made.replication_id = Bytes(40, 'a');
    made.server_version = "7.2.4";
    made.functions = {"#!lua name=l\nredis.register_function('f', function() end)"};
    return made;
  }
  // All that a server does for a snapshot.
  Status take(FileSystem& files, Lsn lsn) {
    if (Status saved = save_snapshot(files, engine.keyspace, settings(lsn)); !saved) return saved;
    SnapshotCheck check;
    check.path = "/d/" + snapshot_name(lsn);
    check.index_path = "/d/" + snapshot_index_name(lsn);
    check.lsn = lsn;
    auto checked = check_snapshot(files, check);
    return checked ? Status(ok) : Status(checked.error());
  }

  RdbCompression compression = RdbCompression::kYes;
  ManualClock clock;
  MemoryJournal journal;
  TestEngine engine{clock, journal};
};

// What there is of snapshots is whole and as it was taken.
void require_sound(FileSystem& files, const std::map<Lsn, Bytes>& digests, bool has_first) {
  auto found = list_snapshots(files, "/d");
  REQUIRE(found);
  bool first = false;
  for (const SnapshotFile& file : *found) {
    first = first || file.lsn == 100;
    REQUIRE(digest_of_file(files, "/d/" + file.name) == digests.at(file.lsn));
    const auto index = SnapshotIndex::open(files, "/d/" + snapshot_index_name(file.lsn));
    if (index) REQUIRE((*index)->head().lsn == file.lsn);
    if (!index) REQUIRE(index.peek_error().code() == ErrorCode::kNotFound);
  }
  REQUIRE(first == has_first);
  REQUIRE(remove_temporary_snapshots(files, "/d"));
  const auto left = files.list("/d");
  REQUIRE(left);
  for (const DirectoryEntry& entry : *left) REQUIRE(!entry.name.ends_with(".tmp"));
}

TEST_CASE("a snapshot that fails anywhere leaves the former one", "[server][snapshot]") {
  Rig rig;
  std::map<Lsn, Bytes> digests;
  std::uint64_t calls = 0;
  for (std::uint64_t failing = 0; failing <= calls; ++failing) {
    for (const bool lasting : {false, true}) {
      CAPTURE(failing, lasting);
      MemoryFileSystem files;
      REQUIRE(files.create_directories("/d"));
      rig.fill("first");
      digests[100] = digest_of(rig.engine.keyspace);
      REQUIRE(rig.take(files, 100));
      const std::uint64_t before = files.calls();
      rig.fill("other");
      digests[200] = digest_of(rig.engine.keyspace);
      files.set_faults([&](std::uint64_t call, Operation) {
        const bool fails = lasting ? call >= before + failing : call == before + failing;
        return fails ? std::optional(MemoryFileSystem::Fault{.code = ErrorCode::kNoSpace,
                                                             .bytes_done = 7})
                     : std::nullopt;
      });
      const Status done = rig.take(files, 200);
      files.set_faults({});
      calls = std::max(calls, files.calls() - before);
      if (done) REQUIRE(digest_of_file(files, "/d/" + snapshot_name(200)) == digests.at(200));
      if (!lasting) {
        require_sound(files, digests, true);
        continue;
      }
      Random random(Catch::rngSeed() + failing);
      for (const auto unsynced : {MemoryFileSystem::Unsynced::kLost,
                                  MemoryFileSystem::Unsynced::kKept,
                                  MemoryFileSystem::Unsynced::kRandom}) {
        const auto after = files.power_cut(unsynced, random);
        require_sound(*after, digests, true);
      }
    }
  }
  REQUIRE(calls > 15);
}

TEST_CASE("an index finds every key, and only those", "[server][snapshot]") {
  Rig rig;
  rig.call({"select", "3"});
  for (int i = 0; i < 3000; ++i) {
    rig.call({"set", i % 3 == 0 ? std::to_string(i) : "other" + std::to_string(i) +
                                                      Bytes(i % 7 == 0 ? 200 : 0, 'y'),
              Bytes(static_cast<std::size_t>(i), 'x')});
  }
  MemoryFileSystem files;
  REQUIRE(files.create_directories("/d"));
  rig.compression = RdbCompression::kNo;
  REQUIRE(rig.take(files, 7));
  auto index = SnapshotIndex::open(files, "/d/" + snapshot_index_name(7));
  REQUIRE(index);
  const Bytes bytes = files.contents("/d/" + snapshot_name(7));
  REQUIRE((*index)->head().snapshot_bytes == bytes.size());
  REQUIRE((*index)->head().keys == 3301);

  std::uint64_t keys = 0;
  const auto look = [&](unsigned db, ByteView key) {
    auto offsets = (*index)->find(db, key);
    REQUIRE(offsets);
    REQUIRE(offsets->size() == 1);
    RdbReader in(ByteView(bytes).substr((*offsets)[0]));
    const auto type = static_cast<RdbType>(in.byte());
    REQUIRE(in.string() == key);
    REQUIRE(load_value(in, type, key, kNoExpiry, {}));
    REQUIRE_FALSE((*index)->find(db + 1, key)->size() > 0);
    ++keys;
  };
  for (unsigned db : {0U, 3U}) {
    for (unsigned i = 0; i < kStripes; ++i) {
      rig.engine.keyspace.shard(i, db).keys.for_each([&](TableItem item) {
        look(db, static_cast<const Entry*>(item.pointer)->key());
      });
    }
  }
  REQUIRE(keys == 3301);
  REQUIRE((*index)->find(0, "absent")->empty());

  // Each block can be read by itself, and together they are everything.
  std::uint64_t in_blocks = 0;
  const auto& blocks = (*index)->blocks();
  REQUIRE(blocks.size() > 3);
  for (std::size_t i = 0; i < blocks.size(); ++i) {
    const std::uint64_t end =
        i + 1 < blocks.size() ? blocks[i + 1].offset : (*index)->head().keys_end;
    RdbReader in(ByteView(bytes).substr(blocks[i].offset, end - blocks[i].offset));
    for (std::uint32_t k = 0; k < blocks[i].keys; ++k, ++in_blocks) {
      const auto type = static_cast<RdbType>(in.byte());
      const Bytes key(in.string());
      REQUIRE(load_value(in, type, key, kNoExpiry, {}));
    }
  }
  REQUIRE(in_blocks == 3301);
}

TEST_CASE("an index is the same whether its keys fit into memory or not", "[server][snapshot]") {
  MemoryFileSystem files;
  REQUIRE(files.create_directories("/d"));
  for (const std::size_t fits : {std::size_t{100'000}, std::size_t{700}, std::size_t{10'000}}) {
    SnapshotIndexWriter out(files, "/d/" + std::to_string(fits), fits);
    for (std::uint64_t i = 0; i < 10'000; ++i) {
      const auto db = static_cast<std::uint32_t>(i / 6000);
      REQUIRE(out.add(db, "k" + std::to_string(i), 100 + i * 500));
    }
    REQUIRE(out.finish({}));
  }
  REQUIRE(files.contents("/d/700") == files.contents("/d/100000"));
  REQUIRE(files.contents("/d/10000") == files.contents("/d/100000"));
  REQUIRE(files.list("/d")->size() == 3);
}

TEST_CASE("damage to a snapshot or its index is noticed", "[server][snapshot]") {
  Rig rig;
  MemoryFileSystem files;
  REQUIRE(files.create_directories("/d"));
  REQUIRE(rig.take(files, 7));
  const std::string path = "/d/" + snapshot_name(7);
  const Bytes whole = files.contents(path);
  SnapshotCheck check;
  check.path = path;
  Random random(Catch::rngSeed());
  for (int i = 0; i < 3000; ++i) {
    Bytes damaged = whole;
    const std::size_t at = random.below(damaged.size());
    if (random.below(3) == 0) {
      damaged.resize(at);
    } else {
      damaged[at] = static_cast<char>(damaged[at] ^ (1 << random.below(8)));
    }
    files.set_contents(path, damaged);
    CAPTURE(at, damaged.size());
    REQUIRE_FALSE(check_snapshot(files, check));
  }
  files.set_contents(path, whole + "x");
  REQUIRE_FALSE(check_snapshot(files, check));
  files.set_contents(path, whole);
  REQUIRE(check_snapshot(files, check));

  const std::string index_path = "/d/" + snapshot_index_name(7);
  const Bytes index = files.contents(index_path);
  const auto sound = SnapshotIndex::open(files, index_path);
  REQUIRE(sound);
  // The end of the buckets has no hash: zeros that nobody reads.
  const std::size_t unread = sizeof(SnapshotIndexHead) +
                             (*sound)->head().blocks * sizeof(SnapshotBlock) +
                             (*sound)->head().buckets * sizeof(SnapshotIndexBucket) + 8;
  for (int i = 0; i < 2000; ++i) {
    Bytes damaged = index;
    const std::size_t at = random.below(damaged.size());
    if (at >= unread && at < unread + 8) continue;
    damaged[at] = static_cast<char>(damaged[at] ^ (1 << random.below(8)));
    files.set_contents(index_path, damaged);
    auto opened = SnapshotIndex::open(files, index_path);
    if (!opened) continue;
    // Then the damage lies among the entries: whoever comes by notices.
    int noticed = 0;
    for (int k = 0; k < 300; ++k) {
      noticed += (*opened)->find(0, "key" + std::to_string(k)) ? 0 : 1;
    }
    CAPTURE(at);
    REQUIRE(noticed > 0);
  }
}

}  // namespace
}  // namespace memoir
