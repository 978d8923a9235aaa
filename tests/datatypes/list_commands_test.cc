// List commands through a dispatcher: replies, what is journaled, events, waiting clients.
#include <catch2/catch.hpp>

#include "datatypes/list/list.h"
#include "tests/datatypes/list_hash_fixture.h"

namespace memoir {
namespace {

using Events = std::vector<Bytes>;

}  // namespace

TEST_CASE("list commands reply as Redis does", "[list][command]") {
  ListHashFixture server;
  const std::pair<const char*, const char*> script[] = {
      {"RPUSH l a b 12 -5", ":4|"},
      {"LPUSH l z", ":5|"},
      {"LRANGE l 0 -1", "*5|$1|z|$1|a|$1|b|$2|12|$2|-5|"},
      {"LRANGE l -2 100", "*2|$2|12|$2|-5|"},
      {"LRANGE l 3 2", "*0|"},
      {"LRANGE l x 2", "-ERR value is not an integer or out of range|"},
      {"LINDEX l -1", "$2|-5|"},
      {"LINDEX l 9", "$-1|"},
      {"LINDEX none x", "$-1|"},
      {"LPUSHX none a", ":0|"},
      {"RPUSHX l e", ":6|"},
      {"LLEN l", ":6|"},
      {"LSET l 0 first", "+OK|"},
      {"LSET l 6 x", "-ERR index out of range|"},
      {"LSET none 0 x", "-ERR no such key|"},
      {"LINSERT l BEFORE 12 eleven", ":7|"},
      {"LINSERT l AFTER nowhere x", ":-1|"},
      {"LINSERT none AFTER a x", ":0|"},
      {"LINSERT l BESIDE a x", "-ERR syntax error|"},
      {"LPOP l", "$5|first|"},
      {"RPOP l 2", "*2|$1|e|$2|-5|"},
      {"LPOP l 0", "*0|"},
      {"LPOP none", "$-1|"},
      {"LPOP none 2", "*-1|"},
      {"LPOP l -1", "-ERR value is out of range, must be positive|"},
      {"LREM l 0 eleven", ":1|"},
      {"LRANGE l 0 -1", "*3|$1|a|$1|b|$2|12|"},
      {"LTRIM l 1 -1", "+OK|"},
      {"LMOVE l m RIGHT LEFT", "$2|12|"},
      {"RPOPLPUSH l m", "$1|b|"},
      {"LLEN l", ":0|"},
      {"RPOPLPUSH m m", "$2|12|"},
      {"LRANGE m 0 -1", "*2|$2|12|$1|b|"},
      {"LMPOP 2 l m RIGHT COUNT 5", "*2|$1|m|*2|$1|b|$2|12|"},
      {"LMPOP 1 m LEFT", "*-1|"},
      {"LMPOP 0 m LEFT", "-ERR numkeys should be greater than 0|"},
      {"LMPOP 3 m LEFT", "-ERR syntax error|"},
      {"LMPOP 1 m LEFT COUNT 0", "-ERR count should be greater than 0|"},
      {"HSET h f v", ":1|"},
      {"LPUSH h a", "-WRONGTYPE Operation against a key holding the wrong kind of value|"},
      {"RPUSH l a", ":1|"},
      {"LMOVE l h LEFT LEFT",
       "-WRONGTYPE Operation against a key holding the wrong kind of value|"},
      {"LLEN l", ":1|"},
  };
  for (const auto& [request, reply] : script) {
    INFO(request);
    CHECK(server.run(request) == reply);
  }
}

TEST_CASE("LPOS finds by rank, count and maxlen", "[list][command]") {
  ListHashFixture server;
  server.run("RPUSH l a b c 1 2 3 c c");
  CHECK(server.run("LPOS l c") == ":2|");
  CHECK(server.run("LPOS l c RANK 2") == ":6|");
  CHECK(server.run("LPOS l c RANK -1") == ":7|");
  CHECK(server.run("LPOS l c COUNT 0") == "*3|:2|:6|:7|");
  CHECK(server.run("LPOS l c COUNT 2 RANK -1") == "*2|:7|:6|");
  CHECK(server.run("LPOS l c COUNT 0 MAXLEN 7") == "*2|:2|:6|");
  CHECK(server.run("LPOS l 3") == ":5|");
  CHECK(server.run("LPOS l x") == "$-1|");
  CHECK(server.run("LPOS none x COUNT 1") == "*0|");
  CHECK(server.run("LPOS l c RANK 0").starts_with("-ERR RANK can't be zero"));
  CHECK(server.run("LPOS l c COUNT -1") == "-ERR COUNT can't be negative|");
  CHECK(server.run("LPOS l c MAXLEN -1") == "-ERR MAXLEN can't be negative|");
}

TEST_CASE("list events come in Redis's order", "[list][command]") {
  ListHashFixture server;
  server.run("RPUSH l a b c");
  CHECK(server.events == Events{"new l", "rpush l"});
  server.clear();
  server.run("LMOVE l m LEFT RIGHT");
  CHECK(server.events == Events{"new m", "rpush m", "lpop l"});
  server.clear();
  server.run("LTRIM l 0 -1");
  CHECK(server.events == Events{"ltrim l"});
  CHECK(server.journaled.empty());
  server.clear();
  server.run("LTRIM l 5 6");
  CHECK(server.events == Events{"ltrim l", "del l"});
  CHECK(server.journaled == "*4|$5|LTRIM|$1|l|$1|5|$1|6|");
}

TEST_CASE("what waits for a list is served by a push, in the order of coming", "[list][command]") {
  ListHashFixture server;
  Session& other = server.second;
  CHECK(server.run("BLPOP a b 0") == "(parked)");
  CHECK(server.run("BLMPOP 0 2 b c RIGHT COUNT 10") == "(parked)");
  CHECK(server.run("BLMOVE d e LEFT RIGHT 0") == "(parked)");
  CHECK(server.run("BRPOPLPUSH e f 0") == "(parked)");
  CHECK(server.journaled.empty());

  CHECK(server.run(other, "RPUSH b 1 2 3") == ":3|");
  CHECK(server.delivered == Events{"*2|$1|b|$1|1|", "*2|$1|b|*2|$1|3|$1|2|"});
  CHECK(server.journaled ==
        "*5|$5|RPUSH|$1|b|$1|1|$1|2|$1|3|" "*2|$4|LPOP|$1|b|" "*3|$4|RPOP|$1|b|$1|2|");
  server.clear();
  CHECK(server.run(other, "LPUSH d x") == ":1|");
  CHECK(server.delivered == Events{"$1|x|", "$1|x|"});
  CHECK(server.journaled == "*3|$5|LPUSH|$1|d|$1|x|" "*5|$5|LMOVE|$1|d|$1|e|$4|LEFT|$5|RIGHT|"
                            "*3|$9|RPOPLPUSH|$1|e|$1|f|");
  CHECK(server.run("LRANGE f 0 -1") == "*1|$1|x|");
}

TEST_CASE("blocking commands that need not wait do not", "[list][command]") {
  ListHashFixture server;
  server.run("RPUSH l a b c d");
  server.clear();
  CHECK(server.run("BLPOP none l 1") == "*2|$1|l|$1|a|");
  CHECK(server.run("BRPOP l 0.5") == "*2|$1|l|$1|d|");
  CHECK(server.run("BLMOVE l m left RIGHT 0") == "$1|b|");
  CHECK(server.run("BLMPOP 0 1 l LEFT") == "*2|$1|l|*1|$1|c|");
  CHECK(server.journaled == "*2|$4|LPOP|$1|l|" "*2|$4|RPOP|$1|l|"
                            "*5|$5|LMOVE|$1|l|$1|m|$4|left|$5|RIGHT|" "*3|$4|LPOP|$1|l|$1|1|");
  CHECK(server.run("BLPOP l x") == "-ERR timeout is not a float or out of range|");
  CHECK(server.run("BLPOP l -1") == "-ERR timeout is negative|");

  server.first.identity.may_block = false;  // as in scripts
  CHECK(server.run("BLPOP none 0") == "*-1|");
  CHECK(server.run("BLMOVE none l LEFT LEFT 0") == "$-1|");
  CHECK(server.run("BLMPOP 0 1 none LEFT") == "*-1|");
}

TEST_CASE("a list's encoding is reported as Redis 7.2 does", "[list][command]") {
  ListHashFixture server;
  server.keyspace.limits.list_listpack_size = 4;
  server.run("RPUSH l a b c d");
  CHECK(server.encoding("l") == "listpack");
  server.run("RPUSH l e");
  CHECK(server.encoding("l") == "quicklist");
  server.run("RPOP l");
  CHECK(server.encoding("l") == "quicklist");
  server.run("LPOP l 2");
  CHECK(server.encoding("l") == "listpack");
  server.run("RPUSH big a b c d e f g h");
  CHECK(server.encoding("big") == "quicklist");
  server.run("LTRIM big 0 1");
  CHECK(server.encoding("big") == "listpack");
  // A full one makes room for the element before the index is looked at.
  server.run("RPUSH full a b c d");
  CHECK(server.run("LSET full 7 x") == "-ERR index out of range|");
  CHECK(server.encoding("full") == "quicklist");

  server.keyspace.limits.list_listpack_size = -2;
  const Bytes large(9000, 'x');
  server.run_words(server.first, {"LSET", "l", "0", large});
  CHECK(server.encoding("l") == "quicklist");
  CHECK(server.run("LINDEX l 0") == "$9000|" + large + "|");
  server.run("LSET l 0 small");
  CHECK(server.encoding("l") == "quicklist");
  server.run("LPOP l");
  CHECK(server.encoding("l") == "listpack");
}

}  // namespace memoir
