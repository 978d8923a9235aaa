// Goal: a script that runs long lets others answer, can be killed unless it has written, and leaves
// nothing behind when the server stops in its midst. Method: the host's serve_meanwhile() does what
// another client would do just then.
#include <catch2/catch.hpp>

#include "tests/scripting/script_rig.h"

namespace memoir {
namespace {

constexpr ByteView kForever = "while true do end";

TEST_CASE("a long script is busy until it is killed", "[scripting]") {
  OneScriptRig one;
  one.rig.dispatcher->settings.busy_reply_threshold_ms = 1;
  int turns = 0;
  one.rig.host.meanwhile = [&] {
    REQUIRE(one.keyspace.busy());
    const auto busy = one.shared.busy_script();
    REQUIRE(busy);
    REQUIRE(busy->words[0] == "EVAL");
    REQUIRE(busy->words[1] == kForever);
    if (++turns < 3) return;
    REQUIRE_FALSE(one.shared.kill(ScriptKind::kFunction));
    REQUIRE(one.shared.kill(ScriptKind::kEval));
  };
  const Bytes reply = one.rig.eval(kForever);
  REQUIRE(reply.starts_with("-ERR Script killed by user with SCRIPT KILL... script: "));
  REQUIRE(turns == 3);
  REQUIRE_FALSE(one.keyspace.busy());
  REQUIRE_FALSE(one.shared.busy_script());
  REQUIRE(one.shared.kill(ScriptKind::kEval).error().text() ==
          "NOTBUSY No scripts in execution right now.");
  REQUIRE(one.rig.eval("return 7") == ":7\r\n");
}

TEST_CASE("neither pcall nor a coroutine saves a script from being killed", "[scripting]") {
  OneScriptRig one;
  one.rig.dispatcher->settings.busy_reply_threshold_ms = 1;
  one.rig.host.meanwhile = [&] { (void)one.shared.kill(ScriptKind::kEval); };
  const ByteView script =
      GENERATE(ByteView("while true do pcall(function() while true do end end) end"),
               ByteView("local f = function() while true do end end\n"
                        "while true do\n"
                        "  coroutine.resume(coroutine.create(f))\n"
                        "end"),
               ByteView("local f = function() while true do end end\n"
                        "while true do xpcall(f, function() return 1 end) end"));
  CAPTURE(script);
  REQUIRE(one.rig.eval(script).starts_with("-ERR Script killed by user"));
}

TEST_CASE("a script that has written cannot be killed, one that can be undone can", "[scripting]") {
  OneScriptRig one;
  one.rig.dispatcher->settings.busy_reply_threshold_ms = 1;
  Bytes refusal;
  int turns = 0;
  one.rig.host.meanwhile = [&] {
    const Status killed = one.shared.kill(ScriptKind::kEval);
    refusal = killed ? Bytes() : killed.error().text();
    ++turns;
  };
  constexpr ByteView kBody =
      "redis.call('set', 'k', 'v')\n"
      "for i = 1, 3000000 do end\n"
      "return 'done'";
  SECTION("it goes on to its end") {
    REQUIRE(one.rig.eval(kBody) == "$4\r\ndone\r\n");
    REQUIRE(turns > 0);
    REQUIRE(refusal.starts_with("UNKILLABLE "));
    REQUIRE(one.journal.records.size() == 1);
  }
  SECTION("it is taken back") {
    const Bytes script = Bytes("#!lua flags=rollback\n").append(kBody);
    REQUIRE(one.rig.eval(script).starts_with("-ERR Script killed by user"));
    REQUIRE(refusal.empty());
    REQUIRE(one.rig.run({"EXISTS", "k"}) == ":0\r\n");
    REQUIRE(one.journal.records.empty());
  }
}

TEST_CASE("a script in whose midst the server stops leaves no record", "[scripting]") {
  OneScriptRig one;
  one.rig.dispatcher->settings.busy_reply_threshold_ms = 1;
  one.rig.host.meanwhile = [&] { one.rig.host.stops = true; };
  one.rig.eval("redis.call('set', 'k', 'v') while true do end");
  REQUIRE(one.journal.records.empty());
  REQUIRE(one.keyspace.busy());  // nobody may build on what it did
}

TEST_CASE("a library may not take for ever to register its functions", "[scripting]") {
  OneScriptRig one;
  auto library = one.rig.host.scripts.make_library("#!lua name=l\nwhile true do end", 20);
  REQUIRE_FALSE(library);
  REQUIRE(library.error().text() == "ERR Error registering functions: ERR FUNCTION LOAD timeout");
}

}  // namespace
}  // namespace memoir
