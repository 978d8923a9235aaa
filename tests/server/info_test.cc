#include <catch2/catch.hpp>

#include "src/server/info.h"

namespace memoir {
namespace {

std::uint32_t sections_of(std::vector<ByteView> names) {
  std::vector<Word> words;
  for (const ByteView name : names) words.push_back({name, {}});
  return info_sections(words);
}

InfoSources some_sources() {
  InfoSources sources;
  sources.config = std::make_shared<const Config>();
  sources.server.run_id = "abc";
  sources.server.now_us = 100'000'000;
  sources.server.started_us = 10'000'000;
  sources.persistence.journal_on = true;
  sources.persistence.journal_lsn = 42;
  sources.commands = {{"config|get", 4, 10, 1, 2, {1, 2, 3.5}}, {"get", 0, 0, 0, 0, {}}};
  sources.errors = {{"ERR", 3}};
  sources.databases = {{3, 10, 2, 500, 4}};
  return sources;
}

bool has_line(const Bytes& text, ByteView line) {
  return ("\r\n" + text).find("\r\n" + Bytes(line) + "\r\n") != Bytes::npos;
}

TEST_CASE("INFO's words choose sections", "[server][info]") {
  CHECK(sections_of({}) == kInfoDefault);
  CHECK(sections_of({"ALL"}) == kInfoAll);
  CHECK(sections_of({"server", "Keyspace"}) == (kInfoServer | kInfoKeyspace));
  CHECK(sections_of({"nonsense"}) == 0);
  CHECK(sections_of({"default", "commandstats"}) == (kInfoDefault | kInfoCommandStats));
}

TEST_CASE("INFO writes sections with Redis's field names", "[server][info]") {
  const Bytes text = info_text(some_sources(), kInfoAll);
  for (const ByteView line :
       {"# Server", "redis_version:7.2.4", "server_name:memoir", "run_id:abc", "tcp_port:6379",
        "uptime_in_seconds:90", "maxmemory_policy:noeviction", "aof_enabled:1", "journal_lsn:42",
        "cmdstat_config|get:calls=4,usec=10,usec_per_call=2.50,rejected_calls=1,failed_calls=2",
        "errorstat_ERR:count=3",
        "latency_percentiles_usec_config|get:p50=1.000,p99=2.000,p99.9=3.500",
        "cluster_enabled:0", "db3:keys=10,expires=2,avg_ttl=500,subexpiry=4", "role:master"}) {
    CAPTURE(line);
    CHECK(has_line(text, line));
  }
  CHECK_FALSE(has_line(text, "cmdstat_get:calls=0"));
  CHECK(info_text(some_sources(), kInfoCluster | kInfoModules) ==
        "# Modules\r\n\r\n# Cluster\r\ncluster_enabled:0\r\n");
  CHECK(info_text(some_sources(), 0).empty());
}

TEST_CASE("bytes for people", "[server][info]") {
  CHECK(human_bytes(0) == "0B");
  CHECK(human_bytes(1023) == "1023B");
  CHECK(human_bytes(1024) == "1.00K");
  CHECK(human_bytes(1536 * 1024) == "1.50M");
  CHECK(human_bytes(5ULL << 40) == "5.00T");
}

}  // namespace
}  // namespace memoir
