// Records applied on several threads leave what they leave one after the other: values, expiries,
// versions of buckets, libraries.
#include <catch2/catch.hpp>

#include "src/command/parallel_replayer.h"
#include "src/command/replayer.h"
#include "tests/server/loading_rig.h"
#include "tests/transcripts/engine.h"

namespace memoir {
namespace {

class ReplayTestHost final : public DispatchHost {
 public:
  explicit ReplayTestHost(Scripting& scripting) : scripts_(scripting) {}
  Status admit(Session&, const CommandTable::Row&, std::span<const Word>) override { return ok; }
  void notify(const KeyEvent&, Lsn) override {}
  void parked(Session&, const std::shared_ptr<Parked>&) override {}
  void deliver(const std::shared_ptr<Parked>&, OutputBuffer&&, Lsn) override {}
  void free_later(std::vector<std::unique_ptr<Object>>&& garbage) override { garbage.clear(); }
  ScriptEngine* script_engine() override { return &scripts_; }

 private:
  ScriptEngine scripts_;
};

// Random requests of a few clients in several databases, as an engine with a journal runs them.
class Life {
 public:
  explicit Life(std::uint64_t seed) : random_(seed) {
    run({"FUNCTION", "LOAD", kLibrary});
  }

  void live(int requests) {
    for (int i = 0; i < requests; ++i) {
      if (random_.below(40) == 0) clock_.advance_ms(static_cast<std::int64_t>(random_.below(900)));
      if (random_.below(30) == 0) run({"SELECT", std::to_string(random_.below(4))});
      random_.below(25) == 0 ? transaction() : run(request());
    }
  }

  const std::vector<MemoryJournal::Kept>& records() const { return journal_.records; }
  Keyspace& keyspace() { return engine_.keyspace; }

 private:
  static constexpr char kLibrary[] =
      "#!lua name=lib\nredis.register_function('put', function(keys, args)\n"
      "for _, key in ipairs(keys) do redis.call('set', key, args[1]) end return #keys end)";

  using Words = std::vector<Bytes>;
  Bytes key(const char* kind) { return Bytes(kind) + std::to_string(random_.below(300)); }
  Bytes number() { return std::to_string(random_.below(1000)); }

  Words request() {
    switch (random_.below(34)) {
      case 0: case 1: case 2: case 3: case 4: return {"SET", key("s"), "value:" + number()};
      case 5: return {"SET", key("s"), number(), "PX", std::to_string(1 + random_.below(3000))};
      case 6: return {"APPEND", key("s"), Bytes(random_.below(400), 'x')};
      case 7: return {"INCRBY", key("n"), number()};
      case 8: return {"RPUSH", key("l"), number(), number()};
      case 9: return {"LPOP", key("l")};
      case 10: return {"HSET", key("h"), "f" + number(), number()};
      case 11: return {"HEXPIRE", key("h"), "1", "FIELDS", "1", "f" + number()};
      case 12: return {"SADD", key("t"), number(), number()};
      case 13: return {"SPOP", key("t")};
      case 14: return {"ZADD", key("z"), number(), number()};
      case 15: return {"ZPOPMIN", key("z")};
      case 16: return {"XADD", key("x"), "*", "f", number()};
      case 17: return {"MSET", key("s"), number(), key("s"), number(), key("s"), number()};
      case 18: return {"DEL", key("s"), key("l"), key("h")};
      case 19: return {"RENAME", key("s"), key("s")};
      case 20: return {"COPY", key("h"), key("h"), "REPLACE"};
      case 21: return {"SMOVE", key("t"), key("t"), number()};
      case 22: return {"SUNIONSTORE", key("t"), key("t"), key("t")};
      case 23: return {"PEXPIRE", key("h"), std::to_string(1 + random_.below(2000))};
      case 24: return {"MOVE", key("s"), std::to_string(random_.below(4))};
      case 25: return {"EVAL", "redis.call('incr', KEYS[1]) redis.call('set', KEYS[2], 'e')", "2",
                       key("n"), key("s")};
      case 26: return {"FCALL", "put", "2", key("s"), key("s"), number()};
      case 27: return {"GETEX", key("s"), "PERSIST"};
      case 28: return {"LMOVE", key("l"), key("l"), "LEFT", "RIGHT"};
      case 29: return random_.below(20) == 0 ? Words{"SWAPDB", "0", "2"} : Words{"GET", key("s")};
      case 30: return random_.below(80) == 0 ? Words{"FLUSHDB"} : Words{"GET", key("s")};
      case 31: return random_.below(200) == 0 ? Words{"FLUSHALL"} : Words{"GET", key("n")};
      case 32: return {"SETRANGE", key("s"), "3", number()};
      default: return {"INCRBYFLOAT", key("d"), "0.5"};
    }
  }

  void transaction() {
    run({"MULTI"});
    for (std::uint64_t left = 1 + random_.below(5); left > 0; --left) run(request());
    run({"EXEC"});
  }
  void run(const Words& words) {
    engine_.run("client", words);
    while (!engine_.take_reply("client").empty()) {
    }
  }

  Random random_;
  ManualClock clock_{1'700'000'000'000'000};
  MemoryJournal journal_;
  TestEngine engine_{clock_, journal_};
};

// Gives a life's records to a sink.
void deliver(const Life& life, RecordSink& sink) {
  Lsn lsn = 0;
  for (const MemoryJournal::Kept& kept : life.records()) {
    Bytes words;
    append_record_words(words, static_cast<std::uint16_t>(kept.db), kept.words);
    const Status status = sink.on_record({.first = lsn,
                                          .lsn = lsn + words.size(),
                                          .time_us = kept.time_us,
                                          .db = static_cast<std::uint16_t>(kept.db),
                                          .words = words});
    if (!status) FAIL(status.error().text());
    lsn += words.size();
  }
}

// Every key of all databases with the version of its bucket.
std::map<Bytes, Lsn> versions_of(Keyspace& keyspace) {
  std::map<Bytes, Lsn> versions;
  for (unsigned db = 0; db < keyspace.databases(); ++db) {
    for (unsigned i = 0; i < kStripes; ++i) {
      const EntryTable& keys = keyspace.shard(i, keyspace.physical(db)).keys;
      keys.for_each([&](TableItem item) {
        const ByteView key = static_cast<const Entry*>(item.pointer)->key();
        versions[std::to_string(db) + ":" + Bytes(key)] =
            keys.home(hash_in_memory(key))->version();
      });
    }
  }
  return versions;
}

ParallelReplayOptions options_of(LoadingRig& rig, unsigned threads, std::size_t batch_bytes) {
  ParallelReplayOptions options;
  options.threads = threads;
  options.batch_bytes = batch_bytes;
  options.make_host = [&rig] { return std::make_unique<ReplayTestHost>(rig.scripting); };
  return options;
}

}  // namespace

TEST_CASE("records applied on several threads leave what they leave one by one",
          "[server][threads]") {
  const std::uint64_t seed = GENERATE(1, 2, 3);
  Life life(seed);
  life.live(6000);

  LoadingRig serial;
  ReplayTestHost host(serial.scripting);
  Dispatcher dispatcher(serial.keyspace, serial.commands, *serial.idle, serial.clock, host, 1);
  Replayer one_by_one(dispatcher);
  deliver(life, one_by_one);
  REQUIRE(serial.digest() == digest_of(life.keyspace()));

  const unsigned threads = GENERATE(1U, 2U, 5U);
  const std::size_t batch_bytes = GENERATE(std::size_t{300}, std::size_t{20'000});
  CAPTURE(seed, threads, batch_bytes);
  LoadingRig rig;
  {
    ParallelReplayer replayer(rig.keyspace, rig.commands, *rig.idle, rig.clock,
                              options_of(rig, threads, batch_bytes));
    deliver(life, replayer);
    const Status finished = replayer.finish();
    REQUIRE(finished);
    CHECK(replayer.records() == life.records().size());
  }
  CHECK(rig.digest() == serial.digest());
  CHECK(versions_of(rig.keyspace) == versions_of(serial.keyspace));
  CHECK(rig.keyspace.position() == serial.keyspace.position());
  CHECK(rig.scripting.libraries.library_count() == serial.scripting.libraries.library_count());
}

TEST_CASE("a record that cannot be applied ends a replay with its name", "[server][threads]") {
  const Bytes bad = GENERATE(request({"NOSUCH", "key"}), request({"SET", "key"}),
                             request({"INCR", "text"}), Bytes("*1\r\n$4\r\nPI"));
  LoadingRig rig;
  ParallelReplayer replayer(rig.keyspace, rig.commands, *rig.idle, rig.clock,
                            options_of(rig, 3, 200));
  Lsn lsn = 0;
  Status status = ok;
  const auto give = [&](const Bytes& words) {
    if (!status) return;
    status = replayer.on_record({.first = lsn, .lsn = lsn + words.size(), .words = words});
    lsn += words.size();
  };
  give(request({"SET", "text", "no number"}));
  for (int i = 0; i < 500; ++i) give(set_request(i));
  const Lsn end = lsn + bad.size();
  give(bad);
  for (int i = 0; i < 500; ++i) give(set_request(i));
  if (status) status = replayer.finish();
  REQUIRE_FALSE(status);
  CHECK(status.error().code() == ErrorCode::kCorrupt);
  CHECK(status.error().text().find("the record that ends at " + std::to_string(end)) == 0);
}

}  // namespace memoir
