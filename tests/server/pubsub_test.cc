// Goal: the registry counts receivers and names the workers concerned.
#include <algorithm>

#include <catch2/catch.hpp>

#include "src/server/pubsub.h"

namespace memoir {
namespace {

TEST_CASE("a message's audience is the channel's subscribers and matching patterns", "[pubsub]") {
  PubSub pubsub;
  pubsub.subscribe(Topic::kChannel, "news", 0);
  pubsub.subscribe(Topic::kChannel, "news", 0);
  pubsub.subscribe(Topic::kChannel, "news", 3);
  pubsub.subscribe(Topic::kPattern, "n*", 5);
  pubsub.subscribe(Topic::kPattern, "x*", 6);
  pubsub.subscribe(Topic::kShardChannel, "news", 7);

  const PubSub::Audience audience = pubsub.audience(Topic::kChannel, "news");
  CHECK(audience.receivers == 4);
  CHECK(audience.workers.count() == 3);
  CHECK(audience.workers.test(0));
  CHECK(audience.workers.test(3));
  CHECK(audience.workers.test(5));

  // Patterns do not hear shard channels.
  CHECK(pubsub.audience(Topic::kShardChannel, "news").receivers == 1);
  CHECK(pubsub.audience(Topic::kChannel, "other").receivers == 0);
}

TEST_CASE("a name without subscribers is forgotten", "[pubsub]") {
  PubSub pubsub;
  pubsub.subscribe(Topic::kChannel, "a", 1);
  pubsub.subscribe(Topic::kPattern, "p*", 1);
  CHECK(pubsub.count(Topic::kChannel) == 1);
  CHECK(pubsub.count(Topic::kPattern) == 1);
  pubsub.unsubscribe(Topic::kChannel, "a", 1);
  pubsub.unsubscribe(Topic::kPattern, "p*", 1);
  CHECK(pubsub.count(Topic::kChannel) == 0);
  CHECK(pubsub.count(Topic::kPattern) == 0);
  CHECK(pubsub.audience(Topic::kChannel, "pa").receivers == 0);
  pubsub.unsubscribe(Topic::kChannel, "a", 1);  // nothing happens
}

TEST_CASE("channels can be listed by pattern", "[pubsub]") {
  PubSub pubsub;
  for (const char* name : {"one", "two", "three"}) pubsub.subscribe(Topic::kChannel, name, 0);
  std::vector<Bytes> names = pubsub.names(Topic::kChannel, "t*");
  std::ranges::sort(names);
  CHECK(names == std::vector<Bytes>{"three", "two"});
  CHECK(pubsub.names(Topic::kChannel, "").size() == 3);
  CHECK(pubsub.subscribers(Topic::kChannel, "two") == 1);
  CHECK(pubsub.subscribers(Topic::kChannel, "none") == 0);
}

}  // namespace
}  // namespace memoir
