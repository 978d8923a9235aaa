// What transcripts cannot see of the string commands: that large values are neither copied nor
// changed under a reply that still waits to be sent, and that random changes leave what a
// std::string has.
#include <catch2/catch.hpp>
#include <random>
#include <string>

#include "tests/transcripts/engine.h"

namespace memoir {
namespace {

struct Fixture {
  ManualClock clock;
  MemoryJournal journal;
  TestEngine engine{clock, journal};

  Bytes call(std::vector<Bytes> words) {
    engine.run("a", words);
    return engine.take_reply("a");
  }
  const Entry* entry(const Bytes& key) {
    const std::uint64_t hash = hash_in_memory(key);
    const auto place = engine.keyspace.shard(stripe_of(hash), 0).keys.find(key, hash);
    return place ? static_cast<const Entry*>(place.item().pointer) : nullptr;
  }
};

Bytes bulk(const Bytes& text) { return "$" + std::to_string(text.size()) + "\r\n" + text + "\r\n"; }

}  // namespace

TEST_CASE("a large value is kept as it was received and sent from where it lies", "[string]") {
  Fixture test;
  const Bytes text(100'000, 'x');
  const SharedBytes received = SharedBytes::copy_of(text);
  const Word words[] = {{"set", {}}, {"k", {}}, {received.view(), received}};
  Session& session = test.engine.session("a");
  OutputBuffer out;
  ReplyWriter reply(out, Resp::kV2);
  test.engine.dispatcher->run(session, words, {}, reply);
  REQUIRE(test.entry("k")->bytes().data() == received.data());

  OutputBuffer sent;
  ReplyWriter get_reply(sent, Resp::kV2);
  const Word get[] = {{"get", {}}, {"k", {}}};
  test.engine.dispatcher->run(session, get, {}, get_reply);
  OutputBuffer::Slice slices[4];
  const std::size_t count = sent.slices(slices, sent.end_position());
  REQUIRE(count == 3);
  REQUIRE(slices[1].data == received.data());

  // Neither a change nor the end of the value touches the reply.
  REQUIRE(test.call({"append", "k", "tail"}) == ":100004\r\n");
  REQUIRE(test.call({"setrange", "k", "0", "yyyy"}) == ":100004\r\n");
  REQUIRE(test.call({"del", "k"}) == ":1\r\n");
  REQUIRE(sent.flatten() == bulk(text));
}

TEST_CASE("a copy of a large value shares it until one of them changes", "[string]") {
  Fixture test;
  const Bytes text(50'000, 'x');
  test.call({"set", "k", text});
  test.call({"copy", "k", "l"});
  REQUIRE(test.entry("k")->bytes().data() == test.entry("l")->bytes().data());
  test.call({"setrange", "k", "0", "y"});
  REQUIRE(test.call({"get", "l"}) == bulk(text));
  REQUIRE(test.call({"getrange", "k", "0", "1"}) == bulk("yx"));
}

TEST_CASE("proto-max-bulk-len bounds strings that grow", "[string]") {
  Fixture test;
  test.engine.dispatcher->settings.string_bytes_max = 10;
  const Bytes error = "-ERR string exceeds maximum allowed size (proto-max-bulk-len)\r\n";
  REQUIRE(test.call({"set", "k", "12345678"}) == "+OK\r\n");
  REQUIRE(test.call({"append", "k", "90"}) == ":10\r\n");
  REQUIRE(test.call({"append", "k", "1"}) == error);
  REQUIRE(test.call({"setrange", "k", "9", "ab"}) == error);
  REQUIRE(test.call({"setrange", "k", "8", "ab"}) == ":10\r\n");
  REQUIRE(test.call({"get", "k"}) == bulk("12345678ab"));
  REQUIRE(test.call({"set", "l", "12345678901234567890"}) == "+OK\r\n");
  REQUIRE(test.call({"lcs", "k", "l", "len"}) ==
          "-ERR Insufficient memory, transient memory for LCS exceeds proto-max-bulk-len\r\n");
}

TEST_CASE("random changes of a string leave what a std::string has", "[string]") {
  std::mt19937_64 random(Catch::rngSeed());
  Fixture test;
  Bytes model;
  bool ends = false;
  for (int round = 0; round < 3000; ++round) {
    // Short strings, those that just do not fit into an entry, and long ones, in turns.
    const std::size_t scale = round / 50 % 3 == 0 ? 8 : round / 50 % 3 == 1 ? 200 : 3000;
    const Bytes text(random() % scale, static_cast<char>('0' + random() % 10));
    CAPTURE(round, model.size(), text.size());
    switch (random() % 6) {
      case 0:
        model = text;
        ends = random() % 2 == 0;
        test.call(ends ? std::vector<Bytes>{"set", "k", text, "ex", "100"}
                       : std::vector<Bytes>{"set", "k", text});
        break;
      case 1:
        model = text;
        test.call({"set", "k", text, "keepttl"});
        break;
      case 2:
      case 3:
        model += text;
        test.call({"append", "k", text});
        break;
      case 4:
        if (!text.empty()) {
          const std::size_t at = random() % (model.size() + 20);
          if (model.size() < at + text.size()) model.resize(at + text.size());
          model.replace(at, text.size(), text);
          test.call({"setrange", "k", std::to_string(at), text});
        }
        break;
      default:
        if (const auto value = parse_integer(model); value && *value < 1'000'000'000'000) {
          model = std::to_string(*value + 1);
          test.call({"incr", "k"});
        }
    }
    if (test.entry("k") == nullptr) {  // an empty text appended or set before anything was
      REQUIRE(model.empty());
      continue;
    }
    REQUIRE(test.call({"get", "k"}) == bulk(model));
    REQUIRE(test.call({"strlen", "k"}) == ":" + std::to_string(model.size()) + "\r\n");
    REQUIRE(test.call({"ttl", "k"}) == (ends ? ":100\r\n" : ":-1\r\n"));
  }
}

}  // namespace memoir
