// Goal: a snapshot holds the keyspace exactly as it was at the cut, whatever commands come while it
// is written.
// Method: random commands of every kind run between the slices of the walk, and each snapshot, read
// back, has the digest that the keyspace had at its cut. One thread, so a failure comes again.
#include "tests/server/snapshot_fixture.h"

#include "tests/transcripts/engine.h"

namespace memoir {
namespace {

class Rig {
 public:

  void call(const std::vector<Bytes>& words) {
    engine.run("a", words);
    last = engine.take_reply("a");
    // A session that got stuck in MULTI would test nothing.
    INFO(words[0] << " " << last.substr(0, 200));
    REQUIRE(!last.empty());
  }

  Bytes key() { return "k" + std::to_string(random.below(key_space)); }
  Bytes number(std::uint64_t below) { return std::to_string(random.below(below)); }
  Bytes text() {
    return number(1000) + Bytes(random.below(random.below(20) == 0 ? 40'000 : 60), 'x');
  }

  void add_big(const Bytes& name, int type, int members) {
    std::vector<Bytes> words;
    for (int i = 0; i < members; ++i) {
      if (words.empty()) words = {type == 0 ? "sadd" : type == 1 ? "hset" : "zadd", name};
      if (type == 2) words.push_back(std::to_string(i * 7 % 1000));
      words.push_back("m" + std::to_string(i));
      if (type == 1) words.push_back("v" + std::to_string(i));
      if (words.size() > 2000) {
        call(words);
        words.clear();
      }
    }
    if (!words.empty()) call(words);
  }
  void add_bigs() {
    for (int i = 0; i < 3; ++i) add_big("big" + std::to_string(i), i, 9000);
  }

  void one_of_many() {
    const Bytes k = key();
    switch (random.below(28)) {
      case 0: case 1: case 2: case 3: return call({"set", k, text()});
      case 4: return call({"set", k, text(), "px", "100000"});
      case 5: return call({"del", k, key(), key()});
      case 6: return call({"append", k, "more"});
      case 7: return call({"incr", "n" + number(50)});
      case 8: return call({"rename", k, key()});
      case 9: return call({"copy", k, key(), "replace"});
      case 10: return call({"move", k, number(3)});
      case 11: return call({"expire", k, number(100)});
      case 12: return call({"persist", k});
      case 13: return call({"sadd", "s" + number(40), text(), text()});
      case 14: return call({"hset", "h" + number(40), "f" + number(200), text()});
      case 15: return call({"zadd", "z" + number(40), number(100), text()});
      case 16: return call({"rpush", "l" + number(40), text(), text()});
      case 17: return call({"lpop", "l" + number(40)});
      case 18: return call({"xadd", "x" + number(20), "*", "f", text()});
      case 19: return call({"spop", "s" + number(40)});
      case 20: return call({"hdel", "h" + number(40), "f" + number(200)});
      case 21:
        clock.advance_ms(static_cast<std::int64_t>(random.below(300)));
        return call({"get", k});
      case 22:
        call({"multi"});
        call({"set", k, text()});
        call({"incr", key()});
        return call({"exec"});
      case 23:
        return call({"eval", "redis.call('set',KEYS[1],ARGV[1]) redis.call('del',KEYS[2])", "2", k,
                     key(), text()});
      case 24:
        call({"multi", "rollback"});
        call({"set", k, text()});
        if (random.below(10) == 0) call({"flushdb"});
        call({"set", key(), text()});
        call({"lpush", k, "x"});  // fails: all is undone
        return call({"exec"});
      case 25: return call({"hset", "h" + number(40), "t", "v", "u", "w"});
      case 26: return call({"hexpire", "h" + number(40), number(100), "fields", "1", "t"});
      default: return call({"getdel", k});
    }
  }

  void one_on_big() {
    const Bytes m = "m" + number(12'000);
    switch (random.below(12)) {
      case 0: return call({"sadd", "big0", m});
      case 1: return call({"srem", "big0", m});
      case 2: return call({"hset", "big1", m, text()});
      case 3: return call({"hdel", "big1", m});
      case 4: return call({"zadd", "big2", number(1000), m});
      case 5: return call({"zincrby", "big2", "3", m});
      case 6: return call({"zrem", "big2", m});
      case 7: return call({"zremrangebyrank", "big2", number(3000), number(3000)});
      case 8: return call({"spop", "big0", number(30)});
      case 9: return call({"zpopmin", "big2", number(30)});
      case 10: return call({"hincrby", "big1", "n" + number(50), "1"});
      default: return call({"hexpire", "big1", "1000", "fields", "1", m});
    }
  }

  void one_rare() {
    const Bytes big = "big" + number(3);
    switch (random.below(9)) {
      case 0: return call({"flushdb"});
      case 1: return call({"flushall"});
      case 2: return call({"swapdb", number(3), number(3)});
      case 3: return call({"rename", big, "big" + number(3)});
      case 4: return call({"move", big, "1"});
      case 5: return call({"del", big});
      case 6: return call({"copy", big, "big" + number(3), "replace"});
      case 7: return call({"select", number(3)});
      default:
        call({"multi", "rollback"});
        call({random.below(2) == 0 ? "flushall" : "flushdb"});
        call({"set", "k", "v"});
        call({"del", big});
        if (random.below(2) == 0) call({"lpush", "k", "x"});
        return call({"exec"});
    }
  }

  // Takes a snapshot with `between` called between slices; what it holds must be what was there at
  // its cut.
  template <class F>
  void snapshot(F&& between) {
    const Bytes expected = digest_of(engine.keyspace);
    SnapshotSettings settings;
    settings.directory = "/d";
    settings.lsn = ++number_of_snapshots;
    SnapshotWalk walk(engine.keyspace, RdbCompression::kYes, {}, WalkLocking::kBesideOthers);
    walk.step_by_buckets();
    walk.cut();
    auto file = SnapshotFileWriter::create(files, settings);
    REQUIRE(file);
    Status done = (*file)->write(walk, [&] {
      between();
      return false;
    });
    walk.end();
    if (done) done = (*file)->finish();
    if (done) done = (*file)->publish();
    REQUIRE(done);
    REQUIRE(walk.keys_done() == walk.keys_total());
    REQUIRE(digest_of_file(files, (*file)->path()) == expected);
  }

  ManualClock clock;
  MemoryJournal journal;
  TestEngine engine{clock, journal};
  MemoryFileSystem files;
  Random random{Catch::rngSeed()};
  std::uint64_t key_space = 400;
  Lsn number_of_snapshots = 0;
  Bytes last;
};

TEST_CASE("a snapshot is of its cut, whatever small keys do meanwhile", "[server][snapshot]") {
  Rig rig;
  REQUIRE(rig.files.create_directories("/d"));
  for (const std::uint64_t keys : {50, 400, 3000}) {
    rig.key_space = keys;
    for (std::uint64_t i = 0; i < keys * 2; ++i) rig.one_of_many();
    for (int round = 0; round < 4; ++round) {
      rig.snapshot([&] {
        if (rig.random.below(3) == 0) rig.one_of_many();
      });
    }
  }
}

TEST_CASE("a snapshot is of its cut while tables grow and shrink", "[server][snapshot]") {
  Rig rig;
  REQUIRE(rig.files.create_directories("/d"));
  int next = 0;
  // All in few stripes' worth of keys, so that segments split again and again while it is written.
  for (const int grown : {600, 6000, 30'000}) {
    while (next < grown) rig.call({"set", "g" + std::to_string(next++), "v"});
    rig.snapshot([&] {
      for (int i = 0; i < 8; ++i) rig.call({"set", "g" + std::to_string(next++), "v"});
    });
    rig.snapshot([&] {
      for (int i = 0; i < 8 && next > 0; ++i) rig.call({"del", "g" + std::to_string(--next)});
    });
    rig.snapshot([&] { rig.call({"set", "g" + rig.number(60'000), "w"}); });
  }
}

TEST_CASE("a snapshot has large values as they were at its cut", "[server][snapshot]") {
  Rig rig;
  REQUIRE(rig.files.create_directories("/d"));
  for (int i = 0; i < 300; ++i) rig.one_of_many();
  rig.call({"select", "0"});
  rig.add_bigs();
  for (int round = 0; round < 4; ++round) {
    rig.snapshot([&] {
      rig.one_on_big();
      if (rig.random.below(4) == 0) rig.one_of_many();
    });
  }
}

TEST_CASE("a snapshot is of its cut through flushes, swaps, renames", "[server][snapshot]") {
  Rig rig;
  REQUIRE(rig.files.create_directories("/d"));
  for (int round = 0; round < 40; ++round) {
    for (const char* db : {"1", "2", "0"}) {
      rig.call({"select", db});
      for (int i = 0; i < 150; ++i) rig.one_of_many();
    }
    if (round % 2 == 0) rig.add_bigs();
    std::uint64_t slices = 0;
    const std::uint64_t rare = 1 + rig.random.below(1500);
    rig.snapshot([&] {
      if (++slices % rare == 0) rig.one_rare();
      if (rig.random.below(4) == 0) rig.one_of_many();
      if (rig.random.below(8) == 0) rig.one_on_big();
    });
  }
}

}  // namespace
}  // namespace memoir
