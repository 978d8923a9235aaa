// Hash commands through a dispatcher: replies in both protocols, what is journaled, events.
#include <catch2/catch.hpp>
#include <set>

#include "datatypes/hash/hash.h"
#include "tests/datatypes/list_hash_fixture.h"

namespace memoir {
namespace {

using Events = std::vector<Bytes>;

}  // namespace

TEST_CASE("hash commands reply as Redis does", "[hash][command]") {
  ListHashFixture server;
  // In both forms of a hash.
  server.keyspace.limits.hash_listpack_entries = GENERATE(128, 0);
  const std::pair<const char*, const char*> script[] = {
      {"HSET h a 1 b two", ":2|"},
      {"HSET h a 2 c 3", ":1|"},
      {"HSET h a", "-ERR wrong number of arguments for 'hset' command|"},
      {"HSET h a 1 b", "-ERR wrong number of arguments for 'hset' command|"},
      {"HMSET h d 4", "+OK|"},
      {"HSETNX h a 9", ":0|"},
      {"HSETNX h e 5", ":1|"},
      {"HGET h a", "$1|2|"},
      {"HGET h none", "$-1|"},
      {"HGET none a", "$-1|"},
      {"HMGET h a none b", "*3|$1|2|$-1|$3|two|"},
      {"HMGET none a b", "*2|$-1|$-1|"},
      {"HLEN h", ":5|"},
      {"HSTRLEN h b", ":3|"},
      {"HSTRLEN h none", ":0|"},
      {"HEXISTS h b", ":1|"},
      {"HEXISTS h none", ":0|"},
      {"HDEL h c d none", ":2|"},
      {"HINCRBY h a 40", ":42|"},
      {"HINCRBY h b 1", "-ERR hash value is not an integer|"},
      {"HINCRBY h new -7", ":-7|"},
      {"HINCRBY h new -9223372036854775807", "-ERR increment or decrement would overflow|"},
      {"HINCRBY h new x", "-ERR value is not an integer or out of range|"},
      {"HINCRBYFLOAT h a 0.5", "$4|42.5|"},
      {"HINCRBYFLOAT h b 1", "-ERR hash value is not a float|"},
      {"HINCRBYFLOAT h a x", "-ERR value is not a valid float|"},
      {"HINCRBYFLOAT h a inf", "-ERR value is NaN or Infinity|"},
      {"HDEL h a b new", ":3|"},
      {"HGETALL h", "*2|$1|e|$1|5|"},
      {"HKEYS h", "*1|$1|e|"},
      {"HVALS h", "*1|$1|5|"},
      {"HSCAN h 0 COUNT 1000", "*2|$1|0|*2|$1|e|$1|5|"},
      {"HSCAN h 0 MATCH x*", "*2|$1|0|*0|"},
      {"HSCAN h x", "-ERR invalid cursor|"},
      {"HSCAN h 0 COUNT 0", "-ERR syntax error|"},
      {"HSCAN none 0 JUNK", "*2|$1|0|*0|"},
      {"HRANDFIELD h", "$1|e|"},
      {"HRANDFIELD h 2 WITHVALUES", "*2|$1|e|$1|5|"},
      {"HRANDFIELD h -2", "*2|$1|e|$1|e|"},
      {"HRANDFIELD none", "$-1|"},
      {"HRANDFIELD none 2", "*0|"},
      {"HRANDFIELD h 2 VALUES", "-ERR syntax error|"},
      {"HDEL h e", ":1|"},
      {"HGETALL h", "*0|"},
      {"HKEYS h", "*0|"},
      {"RPUSH l a", ":1|"},
      {"HGET l a", "-WRONGTYPE Operation against a key holding the wrong kind of value|"},
  };
  for (const auto& [request, reply] : script) {
    INFO(request);
    CHECK(server.run(request) == reply);
  }
}

// The bytes that Redis's DUMP shows for this hash.
TEST_CASE("a small hash's bytes are Redis's", "[hash][command]") {
  ListHashFixture server;
  server.run("HSET h f 1 g v2");
  const auto* hash = static_cast<const Hash*>(server.object("h"));
  REQUIRE((hash && hash->pack()));
  const char expected[] =
      "\x13\0\0\0\x04\0" "\x81" "f\x02" "\x01\x01" "\x81" "g\x02" "\x82" "v2\x03\xff";
  CHECK(hash->pack()->bytes() == ByteView(expected, sizeof expected - 1));
}

TEST_CASE("hash commands speak RESP3", "[hash][command]") {
  ListHashFixture server;
  server.first.identity.resp = Resp::kV3;
  server.run("HSET h f v");
  CHECK(server.run("HGETALL h") == "%1|$1|f|$1|v|");
  CHECK(server.run("HGETALL none") == "%0|");
  CHECK(server.run("HGET none f") == "_|");
  CHECK(server.run("HRANDFIELD h 1 WITHVALUES") == "*1|*2|$1|f|$1|v|");
  CHECK(server.run("HRANDFIELD h 1") == "*1|$1|f|");
}

TEST_CASE("hash commands journal what replays the same", "[hash][command]") {
  ListHashFixture server;
  server.run("HINCRBYFLOAT h f 3.25");
  CHECK(server.journaled == "*4|$4|HSET|$1|h|$1|f|$4|3.25|");
  CHECK(server.events == Events{"new h", "hincrbyfloat h"});
  server.clear();
  server.run("HSETNX h f other");
  server.run("HDEL h none");
  server.run("HINCRBY h f 1");
  CHECK(server.journaled.empty());
  CHECK(server.events.empty());
  server.run("HDEL h f");
  CHECK(server.journaled == "*3|$4|HDEL|$1|h|$1|f|");
  CHECK(server.events == Events{"hdel h", "del h"});
}

TEST_CASE("HSCAN sees every field of a large hash", "[hash][command]") {
  ListHashFixture server;
  std::set<Bytes> wanted;
  for (int i = 0; i < 3000; ++i) {
    const Bytes field = "field:" + std::to_string(i);
    server.run_words(server.first, {"HSET", "h", field, "v"});
    wanted.insert(field);
  }
  CHECK(server.encoding("h") == "hashtable");
  std::set<Bytes> seen;
  Bytes cursor = "0";
  do {
    const Bytes reply = server.run("HSCAN h " + cursor + " COUNT 50");
    std::vector<Bytes> lines;
    for (std::size_t at = 0; at < reply.size();) {
      const std::size_t end = reply.find('|', at);
      lines.push_back(reply.substr(at, end - at));
      at = end + 1;
    }
    cursor = lines[2];
    for (std::size_t i = 5; i < lines.size(); i += 4) seen.insert(lines[i]);
  } while (cursor != "0");
  CHECK(seen == wanted);
}

}  // namespace memoir
