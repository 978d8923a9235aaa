// Goal: a prefetched batch runs as its requests would one by one, whatever is in it and however
// long it is.
// Method: the same random requests through a parser with prefetch() and singly; the replies must
// agree.
#include "tests/command/command_rig.h"

namespace memoir {
namespace {

Bytes run_batch(CommandRig& rig, TestWorker& worker, ByteView input, bool prefetch) {
  RequestParser parser;
  OutputBuffer out;
  ReplyWriter reply(out, Resp::kV2);
  const RequestLimits limits;
  while (!input.empty()) {
    const RequestParser::Space space = parser.space();
    const std::size_t bytes = std::min(space.size, input.size());
    std::memcpy(space.data, input.data(), bytes);
    input.remove_prefix(bytes);
    parser.received(bytes);
    REQUIRE(parser.parse(limits));
    if (prefetch) worker.dispatcher.prefetch(worker.session, parser);
    for (const Request& request : parser.requests()) {
      worker.dispatcher.run(worker.session, parser.words(request), request.raw, reply);
    }
    worker.dispatcher.forget_batch();
    parser.next_batch();
  }
  REQUIRE(rig.nothing_locked());
  return out.flatten();
}

Bytes random_requests(Random& random, int count) {
  Bytes input;
  for (int i = 0; i < count; ++i) {
    const Bytes key = "key" + std::to_string(random.below(40));
    const Bytes other = "key" + std::to_string(random.below(40));
    const Bytes number = std::to_string(random.below(4));
    std::vector<Bytes> words;
    switch (random.below(16)) {
      case 0: words = {"nope", key}; break;
      case 1: words = {"get"}; break;
      case 2: words = {"select", number}; break;
      case 3: words = {"mset", key, number, other, "x"}; break;
      case 4: words = {"mget", key, other, ""}; break;
      case 5: words = {"multi"}; break;
      case 6:
      case 7: words = {"exec"}; break;
      case 8: words = {"rename", key, other}; break;
      case 9: words = {"del", key, other}; break;
      case 10: words = {"set", key, Bytes(random.below(2) * 40'000, 'L')}; break;
      case 11: words = {"append", "", number}; break;
      case 12: words = {"echo", "get"}; break;
      case 13: words = {"swapdb", number, "1"}; break;
      default: words = {"INCR", key};
    }
    const std::vector<ByteView> views(words.begin(), words.end());
    append_request(input, views);
  }
  return input;
}

TEST_CASE("a batch gives the replies of its requests one by one", "[command][batch]") {
  Random random(Catch::rngSeed());
  for (const int count : {1, 2, 31, 32, 33, 64, 65, 1000}) {
    for (const bool locking : {true, false}) {
      const Bytes input = random_requests(random, count);
      CommandRig batched(locking);
      CommandRig single(locking);
      batched.journal.checked = single.journal.checked = nullptr;
      REQUIRE(run_batch(batched, *batched.worker, input, true) ==
              run_batch(single, *single.worker, input, false));
      REQUIRE(batched.journal.text() == single.journal.text());
      for (unsigned db = 0; db < 4; ++db) {
        REQUIRE(dump_of(batched.keyspace, db) == dump_of(single.keyspace, db));
      }
      REQUIRE(batched.replays());
    }
  }
}

TEST_CASE("requests outside the batch may run between those of it", "[command][batch]") {
  CommandRig rig;
  Bytes input;
  for (int i = 0; i < 40; ++i) {
    const Bytes key = "key" + std::to_string(i);
    const ByteView words[] = {"incr", key};
    append_request(input, words);
  }
  RequestParser parser;
  const RequestParser::Space space = parser.space();
  std::memcpy(space.data, input.data(), input.size());
  parser.received(input.size());
  REQUIRE(parser.parse(RequestLimits{}));
  OutputBuffer out;
  ReplyWriter reply(out, Resp::kV2);
  rig.worker->dispatcher.prefetch(rig.worker->session, parser);
  for (const Request& request : parser.requests()) {
    REQUIRE(rig.run("incr key3")[0] == ':');
    rig.worker->dispatcher.run(rig.worker->session, parser.words(request), request.raw, reply);
  }
  REQUIRE(rig.run("get key3") == "$2\r\n41\r\n");
}

TEST_CASE("a locked stripe does not stop a prefetch", "[command][batch]") {
  CommandRig rig;
  Bytes input;
  for (int i = 0; i < 20; ++i) {
    const Bytes key = "key" + std::to_string(i);
    const ByteView words[] = {"get", key};
    append_request(input, words);
  }
  RequestParser parser;
  const RequestParser::Space space = parser.space();
  std::memcpy(space.data, input.data(), input.size());
  parser.received(input.size());
  REQUIRE(parser.parse(RequestLimits{}));
  {
    StripeSet all;
    all.add_all();
    const LockedStripes locked(rig.keyspace, all);
    rig.worker->dispatcher.prefetch(rig.worker->session, parser);
  }
  OutputBuffer out;
  ReplyWriter reply(out, Resp::kV2);
  for (const Request& request : parser.requests()) {
    rig.worker->dispatcher.run(rig.worker->session, parser.words(request), request.raw, reply);
  }
  rig.worker->dispatcher.forget_batch();
  REQUIRE(out.size() == 20 * 5);
}

}  // namespace
}  // namespace memoir
