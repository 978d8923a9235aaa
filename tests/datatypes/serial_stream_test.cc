// Streams in the RDB format that lie: about their entries, and about what is pending with whom.
// Each lie alone is refused; the same stream without it is read.
#include <catch2/catch.hpp>

#include "datatypes/stream/stream_node.h"
#include "src/base/alloc.h"
#include "tests/datatypes/serial_payloads.h"

namespace memoir {
namespace {

using Ids = std::vector<StreamId>;

Bytes raw(StreamId id) {
  Bytes bytes;
  append_fixed(bytes, __builtin_bswap64(id.ms));
  append_fixed(bytes, __builtin_bswap64(id.seq));
  return bytes;
}

struct Consumer {
  Bytes name;
  Ids pending;
};
struct Group {
  Bytes name = "group";
  Ids pending = {{1, 1}, {1, 2}};
  std::vector<Consumer> consumers = {{"a", {{1, 1}}}, {"b", {{1, 2}}}};
};

// What a stream of two nodes with entries 1-1, 1-2 and 5-1 tells of itself; each member may be
// changed into a lie.
struct Told {
  RdbType type = RdbType::kStreamListpacks3;
  std::vector<std::pair<StreamId, Ids>> nodes = {{{1, 1}, {{1, 1}, {1, 2}}}, {{5, 1}, {{5, 1}}}};
  std::uint64_t length = 3;
  StreamId last = {5, 1};
  std::vector<Group> groups = {Group()};
  std::uint64_t more_nodes = 0;  // that are counted but not there
  std::uint64_t more_groups = 0;
  std::uint64_t more_pending = 0;
  std::uint64_t more_consumers = 0;

  Bytes body() const {
    RdbWriter out(RdbCompression::kNo);
    out.length(nodes.size() + more_nodes);
    for (const auto& [first, ids] : nodes) write_node(out, first, ids);
    out.length(length);
    write_id(out, last);
    if (type != RdbType::kStreamListpacks) {
      write_id(out, {1, 1});
      write_id(out, {0, 0});
      out.length(length);
    }
    out.length(groups.size() + more_groups);
    for (const Group& group : groups) write_group(out, group);
    return out.take();
  }

 private:
  static void write_id(RdbWriter& out, StreamId id) {
    out.length(id.ms);
    out.length(id.seq);
  }
  static void write_node(RdbWriter& out, StreamId first, const Ids& ids) {
    Listpack node;
    const Word pairs[] = {{"field", {}}, {"value", {}}};
    for (const StreamId id : ids) append_stream_entry(node, first, id, pairs, 0);
    out.string(raw(first));
    out.string(node.bytes());
  }
  void write_group(RdbWriter& out, const Group& group) const {
    out.string(group.name);
    write_id(out, {1, 2});
    if (type != RdbType::kStreamListpacks) out.length(2);
    out.length(group.pending.size() + more_pending);
    for (const StreamId id : group.pending) {
      out.raw(raw(id));
      out.time_ms(1000);
      out.length(1);
    }
    out.length(group.consumers.size() + more_consumers);
    for (const Consumer& consumer : group.consumers) {
      out.string(consumer.name);
      out.time_ms(1000);
      if (type == RdbType::kStreamListpacks3) out.time_ms(1000);
      out.length(consumer.pending.size());
      for (const StreamId id : consumer.pending) out.raw(raw(id));
    }
  }
};

// Empty if the stream is read, and then it is sound; else why not.
Bytes refusal(const Told& told) {
  auto loaded = load_payload(payloads::sealed(told.type, told.body()), "key", kNoExpiry, {});
  if (!loaded) return loaded.peek_error().text();
  REQUIRE((*loaded)->object()->verify());
  return {};
}

}  // namespace

TEST_CASE("streams that tell the truth are read, in every version", "[rdb]") {
  for (const RdbType type : {RdbType::kStreamListpacks, RdbType::kStreamListpacks2,
                             RdbType::kStreamListpacks3}) {
    Told told;
    told.type = type;
    CHECK(refusal(told).empty());
    told.groups.clear();
    CHECK(refusal(told).empty());
  }
}

TEST_CASE("streams that lie about their entries are refused", "[rdb]") {
  const auto refused = [](const auto& change, ByteView why) {
    Told told;
    change(told);
    const Bytes text = refusal(told);
    CAPTURE(text);
    CHECK(text.find(why) != Bytes::npos);
  };
  refused([](Told& t) { t.length = 2; }, "as many entries as it says");
  refused([](Told& t) { t.length = 4; }, "as many entries as it says");
  refused([](Told& t) { t.length = UINT64_MAX; }, "as many entries as it says");
  refused([](Told& t) { t.last = {1, 2}; }, "do not ascend");
  refused([](Told& t) { t.nodes[1].first = {1, 2}; t.nodes[1].second = {{1, 2}}; },
          "do not ascend");
  refused([](Told& t) { std::swap(t.nodes[0], t.nodes[1]); }, "node is unsound");
  refused([](Told& t) { t.nodes[1] = t.nodes[0]; }, "node is unsound");
  refused([](Told& t) { t.nodes[0].second = {{1, 2}, {1, 1}}; }, "do not ascend");
  refused([](Told& t) { t.nodes[0].second.clear(); }, "node is unsound");
  for (const std::uint64_t more : {1ULL, 1ULL << 31, 1ULL << 62}) {
    refused([&](Told& t) { t.more_nodes = more; }, "at byte");
  }
}

TEST_CASE("streams that lie about what is pending are refused", "[rdb]") {
  const auto refused = [](const auto& change, ByteView why) {
    Told told;
    change(told);
    const Bytes text = refusal(told);
    CAPTURE(text);
    CHECK(text.find(why) != Bytes::npos);
  };
  refused([](Told& t) { t.groups.emplace_back(); }, "a consumer group comes twice");
  refused([](Told& t) { t.groups[0].pending.push_back({1, 1}); }, "a pending entry comes twice");
  refused([](Told& t) { t.groups[0].pending.push_back({1, 3}); }, "without a consumer");
  refused([](Told& t) { t.groups[0].consumers.pop_back(); }, "without a consumer");
  refused([](Told& t) { t.groups[0].consumers[1].name = "a"; }, "Duplicate stream consumer");
  refused([](Told& t) { t.groups[0].consumers[1].pending = {{1, 1}}; }, "is not its group's");
  refused([](Told& t) { t.groups[0].consumers[0].pending = {{1, 1}, {1, 1}}; },
          "is not its group's");
  refused([](Told& t) { t.groups[0].consumers[0].pending = {{7, 7}}; }, "is not its group's");
  const std::size_t before = allocated_bytes();
  for (const std::uint64_t more : {1ULL, 1ULL << 31, 1ULL << 62}) {
    refused([&](Told& t) { t.more_groups = more; }, "at byte");
    refused([&](Told& t) { t.more_pending = more; }, "at byte");
    refused([&](Told& t) { t.more_consumers = more; }, "at byte");
  }
  CHECK(allocated_bytes() < before + (1U << 20));
}

}  // namespace memoir
