// Goal: MULTI, EXEC and WATCH do what Redis's do, and a transaction is one record.
// Method: replies and the journal's text, by hand and against a real server beforehand.
#include "tests/command/command_rig.h"

namespace memoir {
namespace {

const Bytes kQueued = "+QUEUED\r\n";
const Bytes kNothing = "*-1\r\n";

TEST_CASE("a transaction runs its queue and is one record", "[command][transaction]") {
  CommandRig rig;
  REQUIRE(rig.run("multi") == "+OK\r\n");
  REQUIRE(rig.run("set key1 1") == kQueued);
  REQUIRE(rig.run("incr key1") == kQueued);
  REQUIRE(rig.run("get key1") == kQueued);
  REQUIRE(rig.run("incr key9") == kQueued);
  REQUIRE(rig.run("half key1") == kQueued);
  REQUIRE(rig.journal.records.empty());
  REQUIRE(rig.run("exec") == "*5\r\n+OK\r\n:2\r\n$1\r\n2\r\n:1\r\n-ERR half way\r\n");
  REQUIRE(rig.journal.take_text() == "0: MULTI; set key1 1; incr key1; incr key9; EXEC\n");
  REQUIRE(rig.run("exec") == "-ERR EXEC without MULTI\r\n");
  REQUIRE(rig.run("discard") == "-ERR DISCARD without MULTI\r\n");
  rig.run("multi");
  REQUIRE(rig.run("exec") == "*0\r\n");
}

TEST_CASE("a single effect needs no MULTI, several of one command do", "[command][transaction]") {
  CommandRig rig;
  rig.run("push key1 a b");
  rig.journal.records.clear();
  rig.run("multi");
  rig.run("get key5");
  rig.run("pop key1");
  rig.run("del key7");
  rig.run("exec");
  REQUIRE(rig.journal.take_text() == "0: pop key1\n");
  rig.run("multi");
  rig.run("bmove key1 key2 0");
  rig.run("exec");
  REQUIRE(rig.journal.take_text() == "0: MULTI; pop key1; push key2 b; EXEC\n");
  rig.run("multi");
  rig.run("get key1");
  rig.run("exec");
  REQUIRE(rig.journal.take_text().empty());
}

TEST_CASE("a transaction over several databases selects them", "[command][transaction]") {
  CommandRig rig;
  rig.run("select 1");
  rig.run("multi");
  rig.run("set key1 a");
  rig.run("select 2");
  rig.run("set key1 b");
  rig.run("select 3");
  rig.run("set key1 c");
  REQUIRE(rig.run("exec").starts_with("*5\r\n+OK"));
  REQUIRE(rig.session_db() == 3);
  REQUIRE(rig.journal.text() ==
          "1: MULTI; set key1 a; SELECT 2; set key1 b; SELECT 3; set key1 c; SELECT 1; EXEC\n");
  rig.run("multi");
  rig.run("select 0");
  rig.run("set key1 z");
  rig.run("exec");
  REQUIRE(rig.journal.records.back().db == 0);
  REQUIRE(rig.replays());
}

TEST_CASE("a refused command breaks the transaction", "[command][transaction]") {
  CommandRig rig;
  const Bytes bad = GENERATE("set key1", "nope", "alone", "echo nope");
  rig.run("multi");
  rig.run("set key1 1");
  REQUIRE(rig.run(bad)[0] == '-');
  REQUIRE(rig.run("set key2 1") == kQueued);
  REQUIRE(rig.run("exec") ==
          "-EXECABORT Transaction discarded because of previous errors.\r\n");
  REQUIRE(rig.run("get key1") == "$-1\r\n");
  REQUIRE(rig.run("exec") == "-ERR EXEC without MULTI\r\n");
  REQUIRE(rig.journal.records.empty());
}

TEST_CASE("errors of the transaction commands do not break it", "[command][transaction]") {
  CommandRig rig;
  rig.run("multi");
  REQUIRE(rig.run("multi") == "-ERR MULTI calls can not be nested\r\n");
  REQUIRE(rig.run("watch key1") == "-ERR WATCH inside MULTI is not allowed\r\n");
  REQUIRE(rig.run("unwatch") == kQueued);
  REQUIRE(rig.run("exec") == "*1\r\n+OK\r\n");
}

TEST_CASE("a refused EXEC discards the transaction and says why", "[command][transaction]") {
  CommandRig rig;
  REQUIRE(rig.run("exec foo") ==
          "-EXECABORT Transaction discarded because of: wrong number of arguments for 'exec' "
          "command\r\n");
  rig.run("multi");
  rig.run("set key1 1");
  rig.journal.refusal = "MISCONF no disk";
  REQUIRE(rig.run("exec") ==
          "-EXECABORT Transaction discarded because of: MISCONF no disk\r\n");
  rig.journal.refusal.clear();
  REQUIRE(rig.run("exec") == "-ERR EXEC without MULTI\r\n");
  // Only EXEC asks for room, for all that is queued; DISCARD needs none.
  rig.run("multi");
  rig.run("set key1 " + Bytes(5000, 'x'));
  rig.run("set key2 " + Bytes(6000, 'x'));
  rig.journal.refusal = "MISCONF no disk";
  REQUIRE(rig.run("discard") == "+OK\r\n");
  rig.journal.refusal.clear();
  rig.run("multi");
  rig.run("set key1 " + Bytes(5000, 'x'));
  rig.run("set key2 " + Bytes(6000, 'x'));
  rig.run("exec");
  REQUIRE(rig.journal.bytes_asked > 11'000);
}

TEST_CASE("over the limit of memory EXEC and queuing are refused, DISCARD is not",
          "[command][transaction]") {
  CommandRig rig;
  DispatchSettings& settings = rig.worker->dispatcher.settings;
  const Bytes oom = "OOM command not allowed when used memory > 'maxmemory'.";
  rig.run("multi");
  rig.run("set key1 1");
  settings.maxmemory = 1;
  REQUIRE(rig.run("exec") == "-EXECABORT Transaction discarded because of: " + oom + "\r\n");
  REQUIRE(rig.run("set key1 1") == "-" + oom + "\r\n");
  REQUIRE(rig.run("get key1") == "$-1\r\n");
  REQUIRE(rig.run("del key1") == ":0\r\n");
  rig.run("multi");
  REQUIRE(rig.run("get key1") == "-" + oom + "\r\n");
  REQUIRE(rig.run("discard") == "+OK\r\n");
  settings.maxmemory = 0;
  rig.run("multi");
  rig.run("set key1 1");
  settings.maxmemory = 1;
  REQUIRE(rig.run("discard") == "+OK\r\n");
}

TEST_CASE("EXEC answers null if a watched key changed", "[command][transaction]") {
  CommandRig rig;
  Session other;
  rig.run("set key1 1");
  rig.run("push key2 a");
  const Bytes change = GENERATE("set key1 1", "del key1", "incr key1", "rename key1 key5",
      "append key1 x",
                                "set key3 1", "push key2 b", "pop key2",
                                    "expireat key1 1800000000000",
                                "flushdb", "swapdb 0 1", "rename key2 key3");
  REQUIRE(rig.run("watch key1 key2 key3 key1") == "+OK\r\n");
  REQUIRE(rig.run(other, change)[0] != '-');
  rig.run("multi");
  rig.run("set key8 1");
  REQUIRE(rig.run("exec") == kNothing);
  REQUIRE(rig.run("get key8") == "$-1\r\n");
  rig.run("multi");
  rig.run("ping");
  REQUIRE(rig.run("exec") == "*1\r\n+PONG\r\n");  // watches are gone
}

TEST_CASE("EXEC runs if nothing watched changed", "[command][transaction]") {
  CommandRig rig;
  Session other;
  rig.run("set key1 1");
  const Bytes harmless = GENERATE("get key1", "del key3", "set key9 1", "rename key7 key1",
                                  "expireat key3 1800000000000", "pop key3", "dbsize",
                                  "swapdb 2 3", "half key1");
  rig.run("watch key1 key3");
  rig.run(other, harmless);
  rig.run("multi");
  rig.run("ping");
  REQUIRE(rig.run("exec") == "*1\r\n+PONG\r\n");
}

TEST_CASE("watches end with UNWATCH, DISCARD and EXEC", "[command][transaction]") {
  CommandRig rig;
  Session other;
  rig.run("watch key1");
  rig.run(other, "set key1 1");
  SECTION("unwatch") { rig.run("unwatch"); }
  SECTION("discard") {
    rig.run("multi");
    rig.run("discard");
  }
  SECTION("exec") {
    rig.run("multi");
    REQUIRE(rig.run("exec") == kNothing);
  }
  rig.run("multi");
  REQUIRE(rig.run("exec") == "*0\r\n");
  for (unsigned i = 0; i < kStripes; ++i) REQUIRE_FALSE(rig.keyspace.stripe(i).has_watchers);
}

TEST_CASE("watched databases are told apart", "[command][transaction]") {
  CommandRig rig;
  Session other;
  rig.run("watch key1");
  rig.run(other, "select 1");
  rig.run(other, "set key1 1");
  rig.run(other, "flushdb");
  rig.run("multi");
  REQUIRE(rig.run("exec") == "*0\r\n");
  // An exchange brings a watched key that was not there.
  rig.run(other, "set key1 1");
  rig.run("watch key1");
  rig.run(other, "swapdb 0 1");
  rig.run("multi");
  REQUIRE(rig.run("exec") == kNothing);
}

TEST_CASE("a key whose time is over counts as none when databases are exchanged",
          "[command][transaction]") {
  CommandRig rig;
  Session other;
  rig.run(other, "select 1");
  const auto set_to_expire = [&](Session& session) {
    rig.run(session, "set key1 1 " + std::to_string(rig.clock.now_ms() + 100));
  };
  set_to_expire(other);
  const bool here_too = GENERATE(false, true);
  if (here_too) set_to_expire(rig.worker->session);
  rig.clock.advance_ms(200);
  rig.run("watch key1");
  rig.run(other, "swapdb 0 1");
  const bool fresh = GENERATE(false, true);
  if (fresh) rig.run("set key1 2");
  rig.run("multi");
  REQUIRE(rig.run("exec") == (fresh ? kNothing : "*0\r\n"));
}

TEST_CASE("a watched key that expires breaks the transaction", "[command][transaction]") {
  CommandRig rig;
  Session other;
  rig.run("set key1 1 " + std::to_string(rig.clock.now_ms() + 100));
  rig.run("watch key1");
  rig.clock.advance_ms(200);
  if (GENERATE(false, true)) rig.run(other, "get key1");
  rig.run("multi");
  REQUIRE(rig.run("exec") == kNothing);
}

TEST_CASE("a key that had expired before WATCH may go, but not come", "[command][transaction]") {
  CommandRig rig;
  Session other;
  rig.run("set key1 1 " + std::to_string(rig.clock.now_ms() + 100));
  rig.clock.advance_ms(200);
  rig.run("watch key1");
  const int what = GENERATE(0, 1, 2, 3);
  if (what == 1) rig.run(other, "get key1");
  if (what == 2) rig.run(other, "set key1 2");
  if (what == 3) {
    rig.run(other, "get key1");
    rig.run(other, "set key1 2");
  }
  rig.run("multi");
  REQUIRE(rig.run("exec") == (what >= 2 ? kNothing : "*0\r\n"));
}

TEST_CASE("MONITOR sees queued commands when they run, then EXEC", "[command][transaction]") {
  CommandRig rig;
  rig.worker->dispatcher.settings.monitored = true;
  rig.run("multi");
  rig.run("set key1 1");
  rig.run("exec");
  rig.run("exec");
  REQUIRE(rig.host.monitored == "multi / set key1 1 / exec / exec / ");
}

TEST_CASE("expired keys are deleted within the transaction's record", "[command][transaction]") {
  CommandRig rig;
  rig.run("set key1 1 " + std::to_string(rig.clock.now_ms() + 100));
  rig.journal.records.clear();
  rig.clock.advance_ms(200);
  rig.run("multi");
  rig.run("set key2 1");
  rig.run("incr key1");
  rig.run("exec");
  REQUIRE(rig.journal.text() == "0: MULTI; set key2 1; DEL key1; incr key1; EXEC\n");
}

TEST_CASE("a client is told of nothing it did not ask for in a transaction that blocks",
          "[command][transaction]") {
  CommandRig rig;
  rig.run("multi");
  rig.run("bpop key1 0");
  rig.run("bmove key1 key2 0");
  REQUIRE(rig.run("exec") == "*2\r\n*-1\r\n$-1\r\n");
}

}  // namespace
}  // namespace memoir
