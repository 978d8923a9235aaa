// The request parser: every way to cut a stream gives the same requests; limits and errors are
// Redis's.
#include <catch2/catch.hpp>

#include <algorithm>
#include <cstring>
#include <vector>

#include "protocol/request_parser.h"
#include "src/base/random.h"

namespace memoir {
namespace {

using Words = std::vector<Bytes>;

struct Outcome {
  std::vector<Words> requests;
  Bytes error;

  bool operator==(const Outcome&) const = default;
};

// Hands `bytes` to the parser as reads of the socket would, whatever space it offers.
void receive(RequestParser& parser, ByteView bytes) {
  while (!bytes.empty()) {
    const auto space = parser.space();
    REQUIRE(space.size > 0);
    const std::size_t size = std::min(space.size, bytes.size());
    std::memcpy(space.data, bytes.data(), size);
    parser.received(size);
    bytes.remove_prefix(size);
  }
}

void take_batch(RequestParser& parser, Outcome& outcome) {
  for (const Request& request : parser.requests()) {
    Words words;
    std::vector<ByteView> views;
    bool owned = false;
    for (const Word& word : parser.words(request)) {
      words.emplace_back(word.text);
      views.push_back(word.text);
      owned |= static_cast<bool>(word.owner);
      if (word.owner) REQUIRE(word.text.data() == word.owner.data());
    }
    if (!request.raw.empty()) {
      REQUIRE_FALSE(owned);
      Bytes canonical;
      append_request(canonical, views);
      REQUIRE(request.raw == canonical);
    }
    outcome.requests.push_back(words);
  }
}

// Parses `pieces`, one read each; a batch is taken after every read.
Outcome parse_pieces(const std::vector<ByteView>& pieces, const RequestLimits& limits = {},
                     std::size_t requests_max = SIZE_MAX) {
  RequestParser parser;
  Outcome outcome;
  for (ByteView piece : pieces) {
    while (!piece.empty()) {
      const auto space = parser.space();
      REQUIRE(space.size > 0);
      const std::size_t size = std::min(space.size, piece.size());
      std::memcpy(space.data, piece.data(), size);
      parser.received(size);
      piece.remove_prefix(size);
      for (;;) {
        const Status status = parser.parse(limits, requests_max);
        const std::size_t before = outcome.requests.size();
        take_batch(parser, outcome);
        parser.next_batch();
        if (!status) {
          outcome.error = status.error().text();
          return outcome;
        }
        if (outcome.requests.size() == before) break;
      }
    }
  }
  return outcome;
}

Outcome parse_whole(ByteView bytes, const RequestLimits& limits = {}) {
  return parse_pieces({bytes}, limits);
}

Bytes error_of(ByteView bytes, const RequestLimits& limits = {}) {
  return parse_whole(bytes, limits).error;
}

Bytes request_of(const std::vector<ByteView>& words) {
  Bytes out;
  append_request(out, words);
  return out;
}

}  // namespace

// Goal: where reads cut the stream makes no difference.
// Method: cut in two after every byte, and read byte by byte, with and without a limit on batches.
TEST_CASE("a stream cut at every byte gives the same requests", "[protocol]") {
  const Bytes good = request_of({"SET", "key", "value"}) + "PING\r\n" + request_of({"GET", ""}) +
                     "\r\n*0\r\n*-1\r\n   \r\nset a \"b c\\x41\" 'd\\'e'\n" +
                     request_of({"MSET", "a", Bytes(300, 'x'), Bytes("\0\r\n", 3), "0123456789"}) +
                     request_of({"1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "11", "12"}) +
                     "*1\rX$4\rYPINGzz";
  const std::vector<Words> expected = {
      {"SET", "key", "value"},
      {"PING"},
      {"GET", ""},
      {"set", "a", "b cA", "d'e"},
      {"MSET", "a", Bytes(300, 'x'), Bytes("\0\r\n", 3), "0123456789"},
      {"1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "11", "12"},
      {"PING"}};
  for (const Bytes& tail : {Bytes(), Bytes("*1\r\nGET\r\n")}) {
    const Bytes stream = good + tail;
    const Outcome outcome = {
        expected, tail.empty() ? "" : "ERR Protocol error: expected '$', got 'G'"};
    REQUIRE(parse_whole(stream) == outcome);
    std::vector<ByteView> single;
    for (std::size_t cut = 0; cut < stream.size(); ++cut) {
      CAPTURE(cut);
      const ByteView view = stream;
      REQUIRE(parse_pieces({view.substr(0, cut), view.substr(cut)}) == outcome);
      REQUIRE(parse_pieces({view.substr(0, cut), view.substr(cut)}, {}, 1) == outcome);
      single.push_back(view.substr(cut, 1));
    }
    REQUIRE(parse_pieces(single) == outcome);
  }
}

TEST_CASE("requests in plain form keep their raw bytes", "[protocol]") {
  RequestParser parser;
  const Bytes request = request_of({"SET", "key", "value"});
  receive(parser, request + "PING\r\n" + "*1\rX$4\r\nPING\r\n" + "*1\r\n$4\r\nPINGxx" + request);
  REQUIRE(parser.parse({}));
  REQUIRE(parser.requests().size() == 5);
  CHECK(parser.requests()[0].raw == request);
  CHECK(parser.requests()[1].raw.empty());
  CHECK(parser.requests()[2].raw.empty());
  CHECK(parser.requests()[3].raw.empty());
  CHECK(parser.requests()[4].raw == request);
  CHECK_FALSE(parser.has_pending());
}

TEST_CASE("large words are received into their own allocation", "[protocol]") {
  const Bytes large(RequestParser::kLargeBulkBytes * 20 + 7, 'L');
  const Bytes exact(RequestParser::kLargeBulkBytes, 'E');
  const Bytes below(RequestParser::kLargeBulkBytes - 1, 'B');
  const Bytes stream = request_of({"MSET", "a", large, "b", exact, "c", below, "d", large}) +
                       request_of({"GET", "x"}) + request_of({"SET", large, "v"});
  const std::vector<Words> expected = {
      {"MSET", "a", large, "b", exact, "c", below, "d", large}, {"GET", "x"}, {"SET", large, "v"}};

  Random random(7);
  for (int round = 0; round < 30; ++round) {
    std::vector<ByteView> pieces;
    for (ByteView rest = stream; !rest.empty();) {
      const std::size_t size = std::min<std::size_t>(rest.size(), 1 + random.below(60000));
      pieces.push_back(rest.substr(0, size));
      rest.remove_prefix(size);
    }
    REQUIRE(parse_pieces(pieces) == Outcome{expected, ""});
  }

  RequestParser parser;
  const Bytes head = "*2\r\n$3\r\nGET\r\n$" + std::to_string(large.size()) + "\r\nLLL";
  receive(parser, head);
  REQUIRE(parser.parse({}));
  CHECK(parser.requests().empty());
  CHECK(parser.query_buffer_bytes() == 3);
  CHECK(parser.space().size == large.size() - 3 + 2);
  CHECK(parser.memory_usage() > large.size());
  receive(parser, large.substr(3) + "\r\n");
  CHECK(parser.has_pending());
  CHECK(parser.space().size > 0);
  REQUIRE(parser.parse({}));
  REQUIRE(parser.requests().size() == 1);
  const SharedBytes kept = parser.words(parser.requests()[0])[1].owner;
  CHECK(kept.size() == large.size());
  parser.next_batch();
  CHECK(kept.unique());
  CHECK(kept.view() == large);
  CHECK_FALSE(parser.has_pending());
}

TEST_CASE("views of a batch stay valid while more is received", "[protocol]") {
  RequestParser parser;
  const Bytes request = request_of({"SET", "key", "value"});
  const Bytes pending = request_of({"MSET", Bytes(1000, 'p'), Bytes(20000, 'q'), "end"});
  receive(parser, request + pending.substr(0, 500));
  REQUIRE(parser.parse({}));
  REQUIRE(parser.requests().size() == 1);
  const Request first = parser.requests()[0];
  receive(parser, ByteView(pending).substr(500, 18000));  // the buffer has to grow
  receive(parser, request + request);                     // garbage of the pending word
  const auto words = parser.words(first);
  CHECK(first.raw == request);
  CHECK(words[0].text == "SET");
  CHECK(words[2].text == "value");
  parser.next_batch();
  CHECK(parser.has_pending());
}

TEST_CASE("a request of very many words may trickle in", "[protocol]") {
  constexpr std::size_t kWords = 200'000;
  Bytes stream = "*" + std::to_string(kWords) + "\r\n";
  for (std::size_t i = 0; i < kWords; ++i) {
    const Bytes word = std::to_string(i);
    stream += "$" + std::to_string(word.size()) + "\r\n" + word + "\r\n";
  }
  RequestParser parser;
  for (ByteView rest = stream; !rest.empty();) {
    const std::size_t size = std::min<std::size_t>(rest.size(), 61);
    receive(parser, rest.substr(0, size));
    rest.remove_prefix(size);
    REQUIRE(parser.parse({}));
    if (!rest.empty()) {
      REQUIRE(parser.requests().empty());
      parser.next_batch();
    }
  }
  REQUIRE(parser.requests().size() == 1);
  const Request& request = parser.requests()[0];
  REQUIRE(request.word_count == kWords);
  CHECK(request.raw == stream);
  for (std::size_t i = 0; i < kWords; i += 997) {
    REQUIRE(parser.words(request)[i].text == std::to_string(i));
  }
  parser.next_batch();
  parser.shrink();
  CHECK(parser.memory_usage() == 0);
}

TEST_CASE("what waits in an incomplete request is counted", "[protocol]") {
  RequestParser parser;
  const Bytes start = "*3\r\n$3\r\nSET\r\n$3\r\nkey\r\n$100000\r\nxx";
  const RequestParser::Space space = parser.space();
  std::memcpy(space.data, start.data(), start.size());
  parser.received(start.size());
  REQUIRE(parser.parse({}));
  CHECK(parser.requests().empty());
  CHECK(parser.pending_argument_bytes() == 6);
  CHECK(parser.query_buffer_bytes() == 2);
  CHECK(parser.query_buffer_free_bytes() >= 99998);
  CHECK(parser.memory_usage() > 100000);

  // An idle connection keeps what has come, and goes on where it was.
  parser.shrink();
  CHECK(parser.memory_usage() < 50000);
  CHECK(parser.query_buffer_bytes() == 2);
  Bytes rest(99998, 'y');
  rest += "\r\n";
  for (ByteView left = rest; !left.empty();) {
    const RequestParser::Space room = parser.space();
    const std::size_t taken = std::min(left.size(), std::min<std::size_t>(room.size, 10000));
    std::memcpy(room.data, left.data(), taken);
    parser.received(taken);
    left.remove_prefix(taken);
    REQUIRE(parser.parse({}));
  }
  REQUIRE(parser.requests().size() == 1);
  const std::span<const Word> words = parser.words(parser.requests()[0]);
  CHECK(words[2].text == "xx" + Bytes(99998, 'y'));
}

TEST_CASE("protocol errors have Redis's texts", "[protocol]") {
  CHECK(error_of("*abc\r\n") == "ERR Protocol error: invalid multibulk length");
  CHECK(error_of("*\r\n") == "ERR Protocol error: invalid multibulk length");
  CHECK(error_of("*01\r\n") == "ERR Protocol error: invalid multibulk length");
  CHECK(error_of("*2147483648\r\n") == "ERR Protocol error: invalid multibulk length");
  CHECK(error_of("*2147483647\r\n").empty());
  CHECK(error_of("*1\r\nPING\r\n") == "ERR Protocol error: expected '$', got 'P'");
  CHECK(error_of("*1\r\n\r\n") == "ERR Protocol error: expected '$', got '\r'");
  CHECK(error_of("*1\r\n$-1\r\n") == "ERR Protocol error: invalid bulk length");
  CHECK(error_of("*1\r\n$x\r\n") == "ERR Protocol error: invalid bulk length");
  CHECK(error_of("*1\r\n$04\r\n") == "ERR Protocol error: invalid bulk length");
  CHECK(error_of("*1\r\n$536870913\r\n") == "ERR Protocol error: invalid bulk length");
  CHECK(error_of("*1\r\n$11\r\n", {.bulk_bytes_max = 10}) ==
        "ERR Protocol error: invalid bulk length");
  const Bytes ones(70'000, '1');
  CHECK(error_of("*" + ones) == "ERR Protocol error: too big mbulk count string");
  CHECK(error_of("*1\r\n$" + ones) == "ERR Protocol error: too big bulk count string");
  CHECK(error_of("*1\r\n" + ones) == "ERR Protocol error: too big bulk count string");
  CHECK(error_of(ones) == "ERR Protocol error: too big inline request");
  CHECK(error_of("set a \"b\r\n") == "ERR Protocol error: unbalanced quotes in request");
  CHECK(error_of("set a 'b'c\r\n") == "ERR Protocol error: unbalanced quotes in request");
}

TEST_CASE("clients that have not logged in have lower limits", "[protocol]") {
  const RequestLimits limits{.authenticated = false};
  CHECK(error_of("*11\r\n", limits) == "ERR Protocol error: unauthenticated multibulk length");
  CHECK(error_of("*10\r\n", limits).empty());
  CHECK(error_of("*1\r\n$16385\r\n", limits) ==
        "ERR Protocol error: unauthenticated bulk length");
  CHECK(error_of("*1\r\n$16385\r\n" + Bytes(16385, 'x') + "\r\n", limits) ==
        "ERR Protocol error: unauthenticated bulk length");
  CHECK(parse_whole("*1\r\n$16384\r\n" + Bytes(16384, 'x') + "\r\n", limits).requests.size() == 1);
}

TEST_CASE("a batch before an error is delivered, and the error stays", "[protocol]") {
  RequestParser parser;
  receive(parser, request_of({"PING"}) + request_of({"PING"}) + "*x\r\n" + request_of({"PING"}));
  REQUIRE(parser.parse({}, 1));
  CHECK(parser.requests().size() == 1);
  CHECK(parser.has_pending());
  parser.next_batch();
  const Status status = parser.parse({});
  REQUIRE_FALSE(status);
  CHECK(status.error().code() == ErrorCode::kReply);
  REQUIRE(parser.requests().size() == 1);
  CHECK(parser.words(parser.requests()[0])[0].text == "PING");
  parser.next_batch();
  receive(parser, request_of({"PING"}));
  CHECK_FALSE(parser.parse({}));
  CHECK(parser.requests().empty());
  CHECK_FALSE(parser.has_pending());
}

TEST_CASE("a query buffer over its limit is an error for the log", "[protocol]") {
  const RequestLimits limits{.query_buffer_max = 100'000};
  RequestParser parser;
  receive(parser, "*2\r\n$3\r\nGET\r\n$200000\r\n");
  REQUIRE(parser.parse(limits));
  receive(parser, Bytes(100'000, 'x'));
  REQUIRE(parser.parse(limits));
  receive(parser, "x");
  const Status status = parser.parse(limits);
  REQUIRE_FALSE(status);
  CHECK(status.error().code() == ErrorCode::kTooLarge);
}

TEST_CASE("inline requests split as Redis's", "[protocol]") {
  const auto words_of = [](ByteView line) {
    const Outcome outcome = parse_whole(Bytes(line) + "\r\n");
    CHECK(outcome.error.empty());
    return outcome.requests.empty() ? Words() : outcome.requests[0];
  };
  CHECK(words_of("").empty());
  CHECK(words_of(" \t\v\f ").empty());
  CHECK(words_of("PING") == Words{"PING"});
  CHECK(words_of("  a \t b  ") == Words{"a", "b"});
  CHECK(words_of("\va\vb") == Words{"a\vb"});
  CHECK(words_of("a\rb") == Words{"a", "b"});
  CHECK(words_of("a\\vb") == Words{"a\\vb"});
  CHECK(words_of("ECHO a\"b c\"") == Words{"ECHO", "ab c"});
  CHECK(words_of("ECHO 'a\\nb'") == Words{"ECHO", "a\\nb"});
  CHECK(words_of("ECHO \"\"") == Words{"ECHO", ""});
  CHECK(words_of("\"\\x41\\x4\\n\\q\\\\\\\"\"") == Words{"Ax4\nq\\\""});
  CHECK(words_of("'it\\'s' b") == Words{"it's", "b"});

  Words words;
  CHECK(split_line("save 900 1", words));
  CHECK(words == Words{"save", "900", "1"});
  CHECK_FALSE(split_line("a \"b", words));
  CHECK(words.empty());
  CHECK_FALSE(split_line("a 'b\\'", words));
  CHECK(split_line("", words));
}

TEST_CASE("memory is given back between requests", "[protocol]") {
  RequestParser parser;
  CHECK(parser.memory_usage() == 0);
  receive(parser, request_of({"PING"}) + "*1\r\n$4\r\nPI");
  CHECK(parser.memory_usage() >= RequestParser::kReadBytes);
  REQUIRE(parser.parse({}));
  parser.next_batch();
  CHECK(parser.query_buffer_bytes() == 2);
  CHECK(parser.query_buffer_free_bytes() > 0);
  parser.shrink();
  CHECK(parser.memory_usage() < 1000);
  receive(parser, "NG\r\n");
  REQUIRE(parser.parse({}));
  REQUIRE(parser.requests().size() == 1);
  CHECK(parser.words(parser.requests()[0])[0].text == "PING");
  CHECK(parser.requests()[0].raw == "*1\r\n$4\r\nPING\r\n");
}

}  // namespace memoir
