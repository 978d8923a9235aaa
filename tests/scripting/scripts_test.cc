// Goal: what the server knows of scripts and functions is the same on all workers, scripts of EVAL
// go when there are too many, statistics and MONITOR tell of each command once. Method: dispatchers
// that share a keyspace, as workers do; counters read between requests.
#include <catch2/catch.hpp>

#include "src/scripting/random48.h"
#include "src/scripting/script_flags.h"
#include "tests/scripting/script_rig.h"

namespace memoir {
namespace {

TEST_CASE("two workers share scripts, libraries and their end", "[scripting]") {
  OneScriptRig one;
  ScriptRig other(one.shared, one.keyspace, one.journal);
  const Bytes sha(Sha::of("return 42").view());
  REQUIRE(one.rig.eval("return 42") == ":42\r\n");
  REQUIRE(other.run({"EVALSHA", sha, "0"}) == ":42\r\n");
  REQUIRE(other.run({"SCRIPT", "FLUSH"}) == "+OK\r\n");
  REQUIRE(one.rig.run({"EVALSHA", sha, "0"}).starts_with("-NOSCRIPT"));

  constexpr ByteView kFirst =
      "#!lua name=l\nredis.register_function('f', function() return 1 end)";
  constexpr ByteView kSecond =
      "#!lua name=l\nredis.register_function('f', function() return 2 end)";
  REQUIRE(one.rig.run({"FUNCTION", "LOAD", kFirst}) == "$1\r\nl\r\n");
  REQUIRE(other.run({"FCALL", "f", "0"}) == ":1\r\n");
  REQUIRE(one.rig.run({"FUNCTION", "LOAD", "REPLACE", kSecond}) == "$1\r\nl\r\n");
  REQUIRE(other.run({"FCALL", "F", "0"}) == ":2\r\n");
  REQUIRE(other.run({"FUNCTION", "FLUSH"}) == "+OK\r\n");
  REQUIRE(one.rig.run({"FCALL", "f", "0"}) == "-ERR Function not found\r\n");
}

TEST_CASE("EVAL's scripts go, least recently used first; loaded ones stay", "[scripting]") {
  OneScriptRig one;
  const auto body = [](std::size_t i) { return "return " + std::to_string(i); };
  one.rig.run({"SCRIPT", "LOAD", "return 'kept'"});
  for (std::size_t i = 0; i < ScriptCache::kEvictableMax; ++i) one.rig.eval(body(i));
  one.rig.eval(body(0));  // used again
  REQUIRE(one.shared.scripts.size() == ScriptCache::kEvictableMax + 1);
  REQUIRE(one.shared.scripts.evicted() == 0);
  one.rig.eval("return 'one more'");
  REQUIRE(one.shared.scripts.evicted() == 1);
  const auto known = [&](ByteView text) {
    return one.rig.run({"SCRIPT", "EXISTS", Sha::of(text).view()}) == "*1\r\n:1\r\n";
  };
  REQUIRE(known(body(0)));
  REQUIRE_FALSE(known(body(1)));
  REQUIRE(known("return 'kept'"));
  REQUIRE(one.rig.run({"EVALSHA", Sha::of(body(1)).view(), "0"}).starts_with("-NOSCRIPT"));
  // What SCRIPT LOAD names afterwards is kept, too.
  one.rig.run({"SCRIPT", "LOAD", body(2)});
  for (std::size_t i = 0; i < ScriptCache::kEvictableMax; ++i) one.rig.eval(body(1000 + i));
  REQUIRE(known(body(2)));
  REQUIRE_FALSE(known(body(3)));
}

TEST_CASE("of the operating system a script sees the clock alone", "[scripting]") {
  OneScriptRig one;
  CHECK(one.rig.eval("local n = 0 for _ in pairs(os) do n = n + 1 end return n") == ":1\r\n");
  CHECK(one.rig.eval("local a = os.clock() repeat until os.clock() > a return 'later'") ==
        "$5\r\nlater\r\n");
  CHECK(one.rig.eval("os.execute = 1").starts_with("-ERR"));
  CHECK(one.rig.eval("return os.execute('true')").starts_with("-ERR"));
}

TEST_CASE("each error counts once, and each command", "[scripting]") {
  OneScriptRig one;
  one.rig.eval("return redis.call('lpush', 'k')");
  REQUIRE(one.rig.host.errors.size() == 1);
  REQUIRE(one.rig.stats("lpush").rejected == 1);
  REQUIRE(one.rig.stats("eval").failed == 1);
  one.rig.host.errors.clear();
  one.rig.eval("redis.call('set', 'k', 'v') return redis.call('lpush', 'k', 'x')");
  REQUIRE(one.rig.host.errors ==
          std::vector<Bytes>{"WRONGTYPE Operation against a key holding the wrong kind of value"});
  REQUIRE(one.rig.stats("lpush").failed == 1);
  REQUIRE(one.rig.stats("set").calls == 1);
  one.rig.host.errors.clear();
  one.rig.eval("error('mine')");
  REQUIRE(one.rig.host.errors.size() == 1);
  one.rig.host.errors.clear();
  one.rig.eval("redis.pcall('nosuch') return 1");
  REQUIRE(one.rig.host.errors ==
          std::vector<Bytes>{"ERR Unknown Redis command called from script"});
}

TEST_CASE("MONITOR sees a script and then its commands", "[scripting]") {
  OneScriptRig one;
  one.rig.dispatcher->settings.monitored = true;
  one.rig.eval("return redis.call('set', 'k', 1)");
  REQUIRE(one.rig.host.monitored ==
          std::vector<Bytes>{"client EVAL return redis.call('set', 'k', 1) 0", "lua set k 1"});
}

TEST_CASE("a script keeps nothing for its next run but what the interpreter has", "[scripting]") {
  OneScriptRig one;
  constexpr ByteView kScript =
      "local seen = rawget(getfenv(1), 'x')\n"
      "local own = setmetatable({}, {__index = _G})\n"
      "setfenv(1, own)\n"
      "x = 1\n"
      "return seen or 'nothing'";
  REQUIRE(one.rig.eval(kScript) == "$7\r\nnothing\r\n");
  REQUIRE(one.rig.eval(kScript) == "$7\r\nnothing\r\n");
  REQUIRE(one.rig.eval("setfenv(0, {}) return 1") == ":1\r\n");
  REQUIRE(one.rig.eval("return type(redis)") == "$5\r\ntable\r\n");
}

TEST_CASE("read-only tables cannot be reached around", "[scripting]") {
  OneScriptRig one;
  const ByteView script = GENERATE(
      ByteView("rawset(_G, 'x', 1)"), ByteView("rawset(redis, 'x', 1)"),
      ByteView("setmetatable(redis, nil)"), ByteView("getmetatable(_G).__index = nil"),
      ByteView("getmetatable('').__index = nil"), ByteView("getmetatable('').__index.rep = nil"),
      ByteView("table.insert(string, 'x')"), ByteView("math.floor = nil"),
      ByteView("local t = setmetatable({}, _G) getmetatable(t).redis = nil"),
      ByteView("for name, value in pairs(_G) do if name == 'math' then value.x = 1 end end"),
      ByteView("string.rep = 1"), ByteView("server.call = nil"));
  CAPTURE(script);
  const Bytes reply = one.rig.eval(script);
  REQUIRE(reply.find("Attempt to modify a readonly table") != Bytes::npos);
}

TEST_CASE("a table that contains itself ends in an error, not in the stack", "[scripting]") {
  OneScriptRig one;
  const Bytes reply = one.rig.eval("local a = {} local b = {a} a[1] = b return a");
  REQUIRE(reply.starts_with("*1\r\n*1\r\n"));
  REQUIRE(reply.ends_with("-ERR reached lua stack limit\r\n"));
  REQUIRE(one.rig.eval("return 1") == ":1\r\n");
}

TEST_CASE("FUNCTION DUMP comes back by FUNCTION RESTORE", "[scripting]") {
  OneScriptRig one;
  const Bytes filler(500, '-');
  const Bytes library =
      "#!lua name=l\n--" + filler + "\nredis.register_function('f', function() return 1 end)";
  one.rig.run({"FUNCTION", "LOAD", library});
  one.rig.run(
      {"FUNCTION", "LOAD", "#!lua name=m\nredis.register_function('g', function() return 2 end)"});
  const Bytes dump = dump_libraries(one.shared.libraries);
  REQUIRE(one.rig.run({"FUNCTION", "RESTORE", dump}) == "-ERR Library l already exists\r\n");
  REQUIRE(one.rig.run({"FUNCTION", "RESTORE", dump, "REPLACE"}) == "+OK\r\n");
  REQUIRE(one.rig.run({"FUNCTION", "DELETE", "l"}) == "+OK\r\n");
  REQUIRE(one.rig.run({"FUNCTION", "RESTORE", dump, "FLUSH"}) == "+OK\r\n");
  REQUIRE(one.rig.run({"FCALL", "f", "0"}) == ":1\r\n");
  for (std::size_t cut = 0; cut < dump.size(); ++cut) {
    REQUIRE_FALSE(read_library_dump(ByteView(dump).substr(0, cut)));
  }
  Bytes damaged = dump;
  damaged[dump.size() / 2] ^= 1;
  REQUIRE_FALSE(read_library_dump(damaged));
}

TEST_CASE("random numbers are those of lrand48", "[scripting]") {
  Random48 random;
  random.seed(0);
  REQUIRE(random.next() == 366850414);
  REQUIRE(random.next() == 1610402240);
}

TEST_CASE("a script's first line", "[scripting]") {
  REQUIRE(read_script_head("return 1")->flags == kScriptCompat);
  REQUIRE(read_script_head("#!lua\nreturn 1")->flags == 0);
  REQUIRE(read_script_head("#!lua flags=no-writes,rollback\n")->flags ==
          (kScriptNoWrites | kScriptRollback));
  REQUIRE(read_script_head("#!lua flags=\n")->flags == 0);
  REQUIRE_FALSE(read_script_head("#!lua"));
  REQUIRE_FALSE(read_script_head("#!lua flags=a,\n"));
  REQUIRE_FALSE(read_script_head("#!lua name=x\n"));
  REQUIRE(read_library_head("#!lua name=\"x\"\ncode")->name == "x");
  REQUIRE_FALSE(read_library_head("#!lua name=x name=y\n"));
  REQUIRE_FALSE(is_function_name("a-b"));
  REQUIRE_FALSE(is_function_name(""));
}

}  // namespace
}  // namespace memoir
