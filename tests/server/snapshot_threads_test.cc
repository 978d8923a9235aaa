// Goal: snapshots taken one after another while several threads write are each the keyspace at one
// moment: what the journal up to the snapshot's LSN makes of an empty one.
// Method: writers keep invariants by MULTI (a sum over accounts, a list's length and a counter,
// fields of large values in pairs) and rename, move, flush and swap besides; each file read back is
// compared with a replay of the journal's records, and the invariants are checked. To be run with a
// thread sanitizer too.
#include <atomic>
#include <thread>

#include "src/base/number.h"
#include "tests/server/snapshot_fixture.h"
#include "tests/transcripts/engine.h"

namespace memoir {
namespace {

constexpr unsigned kWriters = 3;
constexpr int kAccounts = 300;
constexpr int kPairs = 9000;  // so many that the values are saved in parts

// Records of several threads.
class SharedJournal final : public Journal {
 public:
  Status writable(std::size_t) override { return ok; }
  Lsn append(const Record& record) override {
    const std::lock_guard lock(mutex_);
    const Lsn lsn = inner.append(record);
    position_ = lsn;
    written_ = synced_ = lsn;
    ends.push_back(lsn);
    return lsn;
  }
  void flush() override {}
  void set_mode(SyncMode mode) override { mode_ = mode; }
  Status sync_now() override { return ok; }
  Status close() override { return ok; }
  Status start_timeline(ByteView, Lsn) override { return ok; }
  Status change_replication_id(ByteView) override { return ok; }
  Bytes replication_id() const override { return Bytes(40, '0'); }
  JournalStats stats() const override { return {}; }

  // The records up to an LSN.
  std::vector<MemoryJournal::Kept> up_to(Lsn lsn) {
    const std::lock_guard lock(mutex_);
    const auto end = std::upper_bound(ends.begin(), ends.end(), lsn);
    return {inner.records.begin(), inner.records.begin() + (end - ends.begin())};
  }

  MemoryJournal inner;
  std::vector<Lsn> ends;

 protected:
  std::uint32_t register_session(SessionInfo) override { return 1; }
  void close_session(std::uint32_t) override {}

 private:
  std::mutex mutex_;
};

class Writer final : public DispatchHost {
 public:
  Writer(Keyspace& keyspace, const CommandTable& commands, Journal& journal, const Clock& clock,
         std::uint64_t seed)
      : dispatcher(keyspace, commands, journal, clock, *this, seed), random(seed) {
    session.identity.may_block = false;
  }

  void run(std::span<const Bytes> texts) {
    std::vector<Word> words;
    std::vector<ByteView> views(texts.begin(), texts.end());
    for (const ByteView view : views) words.push_back({view, {}});
    Bytes raw;
    append_request(raw, views);
    OutputBuffer out;
    ReplyWriter reply(out, session.identity.resp);
    dispatcher.run(session, words, raw, reply);
  }
  void run(const std::vector<Bytes>& texts) { run(std::span<const Bytes>(texts)); }
  void atomically(const std::vector<std::vector<Bytes>>& requests) {
    run({"multi"});
    for (const auto& request : requests) run(request);
    run({"exec"});
  }

  void write_something() {
    const auto any = [&](int below) {
      return std::to_string(random.below(static_cast<std::uint64_t>(below)));
    };
    const Bytes amount = std::to_string(1 + random.below(50));
    switch (random.below(12)) {
      case 0: case 1: case 2:
        return atomically({{"decrby", "a" + any(kAccounts), amount},
                           {"incrby", "a" + any(kAccounts), amount}});
      case 3: return atomically({{"rpush", "list", amount}, {"incr", "pushed"}});
      case 4: case 5:
        return atomically({{"hincrby", "pairs", "f" + any(kPairs), amount},
                           {"hincrby", "pairs", "f" + any(kPairs), "-" + amount}});
      case 6:
        return atomically({{"zincrby", "scores", amount, "m" + any(kPairs)},
                           {"incrby", "total", amount}});
      case 7: return run({"set", "new" + any(100'000), amount});
      case 8: return run({"del", "new" + any(100'000), "new" + any(100'000)});
      case 9: return run({"rename", "new" + any(1000), "new" + any(1000)});
      case 10:
        return atomically({{"sadd", "left", "s" + any(kPairs)}, {"smove", "left", "right",
                                                                 "s" + any(kPairs)}});
      default: return write_rarely();
    }
  }

  void write_rarely() {
    if (random.below(100) != 0) return;
    switch (random.below(5)) {
      case 0: return atomically({{"select", "1"}, {"flushdb"}, {"select", "0"}});
      case 1: return atomically({{"swapdb", "1", "2"}});
      case 2: return atomically({{"rename", "pairs", "other"}, {"rename", "other", "pairs"}});
      case 3: return atomically({{"copy", "scores", "s2", "db", "1", "replace"}});
      default: return atomically({{"copy", "pairs", "p2", "db", "2", "replace"},
                                  {"sunionstore", "union", "left", "right"}, {"del", "union"}});
    }
  }

  Status admit(Session&, const CommandTable::Row&, std::span<const Word>) override { return ok; }
  void notify(const KeyEvent&, Lsn) override {}
  void parked(Session&, const std::shared_ptr<Parked>&) override {}
  void deliver(const std::shared_ptr<Parked>&, OutputBuffer&&, Lsn) override {}
  void free_later(std::vector<std::unique_ptr<Object>>&& garbage) override { garbage.clear(); }

  Dispatcher dispatcher;
  Random random;
  Session session;
};

struct Rig {
  Rig() {
    for (const auto list : data_type_commands()) commands.add(list());
    commands.add(transaction_commands());
    REQUIRE(files.create_directories("/d"));
  }

  ManualClock clock;
  SharedJournal journal;
  CommandTable commands;
  Keyspace keyspace{16};
  MemoryFileSystem files;
};

std::int64_t number_at(Keyspace& keyspace, const Bytes& key) {
  const std::uint64_t hash = hash_in_memory(key);
  const auto place = keyspace.shard(stripe_of(hash), keyspace.physical(0)).keys.find(key, hash);
  return place ? static_cast<Entry*>(place.item().pointer)->integer() : 0;
}

const Object* object_at(Keyspace& keyspace, const Bytes& key) {
  const std::uint64_t hash = hash_in_memory(key);
  const auto place = keyspace.shard(stripe_of(hash), keyspace.physical(0)).keys.find(key, hash);
  return place ? static_cast<Entry*>(place.item().pointer)->object() : nullptr;
}

void fill(Rig& rig) {
  Writer writer(rig.keyspace, rig.commands, rig.journal, rig.clock, 1);
  for (int i = 0; i < kAccounts; ++i) writer.run({"set", "a" + std::to_string(i), "1000"});
  std::vector<Bytes> hset{"hset", "pairs"};
  std::vector<Bytes> zadd{"zadd", "scores"};
  std::vector<Bytes> sadd{"sadd", "left"};
  for (int i = 0; i < kPairs; ++i) {
    hset.insert(hset.end(), {"f" + std::to_string(i), "0"});
    zadd.insert(zadd.end(), {"0", "m" + std::to_string(i)});
    sadd.push_back("s" + std::to_string(i));
  }
  writer.run(hset);
  writer.run(zadd);
  writer.run(sadd);
  for (int i = 0; i < 3000; ++i) writer.run({"set", "new" + std::to_string(i), "x"});
}

// Takes a snapshot beside the writers and returns its LSN.
Lsn take(Rig& rig) {
  SnapshotWalk walk(rig.keyspace, RdbCompression::kYes, {}, WalkLocking::kBesideOthers);
  walk.step_by_buckets();
  SnapshotSettings settings;
  settings.directory = "/d";
  StripeSet all;
  all.add_all();
  {
    const LockedStripes locked(rig.keyspace, all);
    settings.lsn = rig.journal.position();
    walk.cut();
  }
  auto file = SnapshotFileWriter::create(rig.files, settings);
  REQUIRE(file);
  Status done = (*file)->write(walk, {});
  {
    const LockedStripes locked(rig.keyspace, all);
    walk.end();
  }
  REQUIRE(done);
  REQUIRE((*file)->finish());
  REQUIRE((*file)->publish());
  return settings.lsn;
}

TEST_CASE("every snapshot beside writers is a moment of the journal",
          "[server][snapshot][threads]") {
  Rig rig;
  fill(rig);
  std::atomic<bool> stop{false};
  std::vector<std::thread> threads;
  for (unsigned i = 0; i < kWriters; ++i) {
    threads.emplace_back([&rig, &stop, i] {
      Writer writer(rig.keyspace, rig.commands, rig.journal, rig.clock, 100 + i);
      while (!stop) writer.write_something();
    });
  }
  std::vector<Lsn> taken;
  for (int i = 0; i < 5; ++i) taken.push_back(take(rig));
  stop = true;
  for (std::thread& thread : threads) thread.join();

  REQUIRE(taken.back() > taken.front());
  for (const Lsn lsn : taken) {
    CAPTURE(lsn);
    Keyspace loaded(16);
    const Bytes digest = digest_of_file(rig.files, "/d/" + snapshot_name(lsn), loaded);

    std::int64_t sum = 0;
    for (int i = 0; i < kAccounts; ++i) sum += number_at(loaded, "a" + std::to_string(i));
    CHECK(sum == 1000 * kAccounts);
    const Object* const list = object_at(loaded, "list");
    CHECK(number_at(loaded, "pushed") == static_cast<std::int64_t>(list ? list->size() : 0));
    CHECK(object_at(loaded, "pairs")->size() == kPairs);

    MemoryJournal records;
    records.records = rig.journal.up_to(lsn);
    TestEngine replayed(rig.clock, records);
    REQUIRE(replayed.replay());
    REQUIRE(digest == digest_of(replayed.keyspace));
  }
}

}  // namespace
}  // namespace memoir
