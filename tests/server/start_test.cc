// A start in every kind of directory: import of what a Redis server left, with an end at any moment
// of it; what is refused; a start without a journal.
#include <catch2/catch.hpp>

#include "tests/server/loading_rig.h"

namespace memoir {
namespace {

using Catch::Contains;

constexpr char kDump[] = "data/dump.rdb";

// A dump as a Redis server writes it, without the fields that are ours.
Bytes redis_dump(int keys, const Bytes& replication_id = {}, Lsn offset = 0) {
  class Sink final : public RdbSink {
   public:
    Status write(ByteView bytes) override {
      all += bytes;
      return ok;
    }
    Status rewrite(std::uint64_t offset, ByteView bytes) override {
      all.replace(offset, bytes.size(), bytes);
      return ok;
    }
    Bytes all;
  };
  Sink sink;
  RdbFileWriter out(sink, RdbCompression::kNo, 9);
  out.aux("redis-ver", "6.2.0");
  out.aux("used-mem", 123456);
  if (!replication_id.empty()) {
    out.aux("repl-id", replication_id);
    out.aux("repl-offset", static_cast<std::int64_t>(offset));
  }
  out.begin_database(0, static_cast<std::uint64_t>(keys), 1);
  for (int i = 0; i < keys; ++i) {
    RdbKey key{.name = "key:" + std::to_string(i)};
    if (i == 0) key.expire_ms = 1'000;  // long ago
    out.begin_key(key);
    out.values().string("value:" + std::to_string(i));
  }
  REQUIRE(out.finish());
  return sink.all;
}

struct Started {
  std::unique_ptr<LoadingRig> rig = std::make_unique<LoadingRig>(2);
  std::unique_ptr<FileJournal> journal;
  std::string error;

  std::size_t keys() const {
    std::size_t count = 0;
    for (unsigned i = 0; i < kStripes; ++i) count += rig->keyspace.shard(i, 0).keys.size();
    return count;
  }
  // Writes a key as a client would.
  void set(MemoryFileSystem& files, int number) {
    const Bytes words = set_request(number);
    std::vector<ByteView> views;
    RequestCursor(words).next(views);
    DataLoader loader(rig->target(files), {});
    REQUIRE(loader.apply(views, 0, 0));
    journal->append({.words = words});
    journal->flush();
    journal->work();
  }
};

Started start(FileSystem& files) {
  QuietLog quiet;
  Started started;
  Start start(started.rig->target(files), started.rig->settings());
  auto journal = start.with_journal();
  if (journal) {
    started.journal = *std::move(journal);
  } else {
    started.error = journal.peek_error().text();
  }
  return started;
}

MemoryFileSystem& with_dump(MemoryFileSystem& files, const Bytes& dump) {
  REQUIRE(files.create_directories("data"));
  files.set_contents(kDump, dump);
  REQUIRE(files.sync_directory("data"));
  auto file = files.open(kDump, OpenMode::kWrite);
  REQUIRE(file);
  REQUIRE((*file)->sync());
  return files;
}

}  // namespace

TEST_CASE("an empty directory begins empty, at LSN 0", "[server]") {
  MemoryFileSystem files;
  REQUIRE(files.create_directories("data"));
  const Started first = start(files);
  REQUIRE(first.journal);
  CHECK(first.keys() == 0);
  CHECK(first.journal->position() == 0);
}

TEST_CASE("a dump is imported once, with its id and offset", "[server]") {
  MemoryFileSystem files;
  const Bytes id(40, 'e');
  const Bytes dump = redis_dump(100, id, 777);
  with_dump(files, dump);
  Bytes digest;
  {
    Started first = start(files);
    REQUIRE(first.journal);
    CHECK(first.keys() == 99);
    CHECK(first.rig->figures.expired_keys == 1);
    CHECK(first.rig->figures.used_memory == 123456);
    CHECK(first.journal->position() == 777);
    CHECK(first.journal->replication_id() == id);
    CHECK(files.exists("data/" + snapshot_name(777)));
    first.set(files, 5000);
    digest = first.rig->digest();
    REQUIRE(first.journal->close());
  }
  // Another dump is of no interest any more.
  files.set_contents(kDump, redis_dump(3));
  Started second = start(files);
  REQUIRE(second.journal);
  CHECK(second.rig->digest() == digest);
  CHECK(second.keys() == 100);
}

TEST_CASE("a dump that says nothing of offsets begins a journal at LSN 1", "[server]") {
  MemoryFileSystem files;
  with_dump(files, redis_dump(10));
  const Started first = start(files);
  REQUIRE(first.journal);
  CHECK(first.journal->position() == 1);
  CHECK(first.journal->replication_id() == kTestReplicationId);
}

TEST_CASE("a bad dump is refused and nothing is touched", "[server]") {
  const Bytes dump = redis_dump(20);
  MemoryFileSystem files;
  with_dump(files, dump);
  const auto [bad, words] = GENERATE_COPY(
      std::pair<Bytes, std::string>("XEDIS" + dump.substr(5), "Wrong signature"),
      std::pair<Bytes, std::string>("REDIS0199" + dump.substr(9), "Can't handle RDB format"),
      std::pair<Bytes, std::string>(dump.substr(0, 100), "Short read or OOM loading DB"),
      std::pair<Bytes, std::string>(dump.substr(0, dump.size() - 1) + "x", "Wrong RDB checksum"));
  files.set_contents(kDump, bad);
  const auto paths = files.paths();
  const Started first = start(files);
  CHECK_FALSE(first.journal);
  CHECK_THAT(first.error, Contains(words));
  CHECK(files.contents(kDump) == bad);
  for (const std::string& path : files.paths()) {
    if (path != "data/journal/lock") CHECK(std::ranges::count(paths, path) == 1);
  }
}

// Goal: whenever an import ends early, the next start imports again or finds it done.
TEST_CASE("a loss of power at any call of an import", "[server]") {
  MemoryFileSystem source;
  with_dump(source, redis_dump(40, Bytes(40, 'e'), 500));
  Bytes digest;
  std::uint64_t calls = 0;
  {
    Random random(1);
    const auto files = source.power_cut(MemoryFileSystem::Unsynced::kLost, random);
    const Started whole = start(*files);
    REQUIRE(whole.journal);
    digest = whole.rig->digest();
    calls = files->calls();
  }
  for (std::uint64_t at = 0; at <= calls; ++at) {
    for (const auto unsynced : {MemoryFileSystem::Unsynced::kLost,
                                MemoryFileSystem::Unsynced::kKept,
                                MemoryFileSystem::Unsynced::kRandom}) {
      CAPTURE(at, static_cast<int>(unsynced));
      Random random(at);
      const auto files = source.power_cut(MemoryFileSystem::Unsynced::kKept, random);
      // From this call on nothing works any more: the machine is gone.
      files->set_faults([at](std::uint64_t call, MemoryFileSystem::Operation) {
        return call >= at ? std::optional(MemoryFileSystem::Fault{}) : std::nullopt;
      });
      Started cut = start(*files);
      const auto after = files->power_cut(unsynced, random);
      cut.journal.reset();
      Started again = start(*after);
      INFO(again.error);
      REQUIRE(again.journal);
      REQUIRE(again.rig->digest() == digest);
      REQUIRE(again.journal->position() >= 500);
      again.set(*after, 7000);
      const Bytes changed = again.rig->digest();
      REQUIRE(again.journal->close());
      again.journal.reset();
      Started third = start(*after);
      REQUIRE(third.journal);
      REQUIRE(third.rig->digest() == changed);
    }
  }
}

TEST_CASE("an error of the disk at any call of an import ends it, and it can be done again",
          "[server]") {
  MemoryFileSystem source;
  with_dump(source, redis_dump(40));
  Random random(1);
  std::uint64_t calls = 0;
  {
    const auto files = source.power_cut(MemoryFileSystem::Unsynced::kKept, random);
    REQUIRE(start(*files).journal);
    calls = files->calls();
  }
  for (std::uint64_t at = 0; at <= calls; ++at) {
    CAPTURE(at);
    const auto files = source.power_cut(MemoryFileSystem::Unsynced::kKept, random);
    files->set_faults([at](std::uint64_t call, MemoryFileSystem::Operation) {
      return call == at ? std::optional(MemoryFileSystem::Fault{.code = ErrorCode::kNoSpace})
                        : std::nullopt;
    });
    {
      const Started first = start(*files);
      if (first.journal) CHECK(first.keys() == 39);
    }
    files->set_faults({});
    const Started again = start(*files);
    INFO(again.error);
    REQUIRE(again.journal);
    REQUIRE(again.keys() == 39);
  }
}

TEST_CASE("an imported dump is the newest, whatever snapshots of another history lie there",
          "[server]") {
  MemoryFileSystem files;
  with_dump(files, redis_dump(10));
  {
    Started first = start(files);
    REQUIRE(first.journal);
    for (int i = 0; i < 50; ++i) first.set(files, 100 + i);
    REQUIRE(first.journal->close());
  }
  // The journal is taken away, an older dump put in its place.
  for (const std::string& path : segment_paths(files)) REQUIRE(files.remove(path));
  files.set_contents(kDump, redis_dump(4, Bytes(40, 'c'), 0));
  const std::string old = "data/" + snapshot_name(1);
  REQUIRE(files.rename(old, "data/" + snapshot_name(900)));
  for (int life = 0; life < 2; ++life) {
    Started again = start(files);
    INFO(again.error);
    REQUIRE(again.journal);
    CHECK(again.keys() == 3);
    CHECK(again.journal->position() == 901);
    CHECK(again.journal->replication_id() != Bytes(40, 'c'));
    REQUIRE(again.journal->close());
  }
}

TEST_CASE("snapshots without a journal are gone on from", "[server]") {
  MemoryFileSystem files;
  with_dump(files, redis_dump(10, Bytes(40, 'e'), 300));
  REQUIRE(start(files).journal);
  for (const std::string& path : segment_paths(files)) REQUIRE(files.remove(path));
  REQUIRE(files.remove(kDump));
  for (int life = 0; life < 2; ++life) {
    const Started again = start(files);
    INFO(again.error);
    REQUIRE(again.journal);
    CHECK(again.keys() == 9);
    CHECK(again.journal->position() == 300);
    CHECK(again.journal->replication_id() == Bytes(40, 'e'));
  }
  SECTION("but not if none of them is sound") {
    for (const std::string& path : segment_paths(files)) REQUIRE(files.remove(path));
    files.set_contents("data/" + snapshot_name(300), "REDIS0011");
    CHECK_THAT(start(files).error, Contains("none of the 1 snapshots"));
  }
}

TEST_CASE("without a journal the dump is loaded, and its absence is no error", "[server]") {
  MemoryFileSystem files;
  REQUIRE(files.create_directories("data"));
  {
    LoadingRig rig;
    Start start(rig.target(files), rig.settings());
    auto loaded = start.without_journal();
    REQUIRE(loaded);
    CHECK_FALSE(*loaded);
  }
  with_dump(files, redis_dump(10));
  QuietLog quiet;
  LoadingRig rig;
  Start start(rig.target(files), rig.settings());
  auto loaded = start.without_journal();
  REQUIRE(loaded);
  REQUIRE(*loaded);
  CHECK((*loaded)->keys == 9);
  CHECK((*loaded)->expired == 1);
}

TEST_CASE("an append-only file is imported before a dump", "[server]") {
  MemoryFileSystem files;
  with_dump(files, redis_dump(10));
  REQUIRE(files.create_directories("data/appendonlydir"));
  files.set_contents("data/appendonlydir/appendonly.aof.manifest",
                     "file appendonly.aof.1.base.rdb seq 1 type b\n"
                     "file appendonly.aof.1.incr.aof seq 1 type i\n");
  files.set_contents("data/appendonlydir/appendonly.aof.1.base.rdb", redis_dump(5));
  files.set_contents("data/appendonlydir/appendonly.aof.1.incr.aof",
                     request({"SELECT", "2"}) + request({"MULTI"}) +
                         request({"INCR", "counter"}) + request({"SET", "k", "v"}) +
                         request({"EXEC"}) + request({"SELECT", "0"}) +
                         request({"DEL", "key:1"}));
  Bytes digest;
  {
    const Started first = start(files);
    INFO(first.error);
    REQUIRE(first.journal);
    CHECK(first.keys() == 4);  // the overdue one is there until it is looked at
    CHECK(first.journal->position() == 1);
    digest = first.rig->digest();
  }
  const Started second = start(files);
  REQUIRE(second.journal);
  CHECK(second.rig->digest() == digest);
}

}  // namespace memoir
