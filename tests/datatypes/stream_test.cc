// Stream: its nodes' bytes against Redis's, and everything else against a std::map.
#include "datatypes/stream/stream.h"

#include <map>
#include <random>
#include <vector>

#include <catch2/catch.hpp>
#include "src/base/alloc.h"

namespace memoir {
namespace {

using Pairs = std::vector<std::pair<Bytes, Bytes>>;
using Model = std::map<StreamId, Pairs>;

void add(Stream& stream, StreamId id, const Pairs& pairs, const EncodingLimits& limits = {}) {
  std::vector<Word> words;
  for (const auto& [field, value] : pairs) {
    words.push_back({field, {}});
    words.push_back({value, {}});
  }
  stream.append(id, words, limits);
}

Pairs pairs_of(const StreamEntry& entry) {
  Pairs pairs;
  entry.each([&](ByteView field, ByteView value) { pairs.emplace_back(field, value); });
  return pairs;
}

Model contents(const Stream& stream, StreamReader::Order order = StreamReader::Order::kForward,
               StreamId first = kStreamIdMin, StreamId last = kStreamIdMax) {
  Model all;
  StreamReader reader(stream, first, last, order);
  StreamEntry entry;
  StreamId before = order == StreamReader::Order::kForward ? kStreamIdMin : kStreamIdMax;
  while (reader.next(entry)) {
    REQUIRE((order == StreamReader::Order::kForward ? before < entry.id : entry.id < before));
    before = entry.id;
    all.emplace(entry.id, pairs_of(entry));
  }
  return all;
}

void check_same(const Stream& stream, const Model& model) {
  REQUIRE(stream.verify());
  REQUIRE(stream.size() == model.size());
  REQUIRE(contents(stream) == model);
  REQUIRE(contents(stream, StreamReader::Order::kBackward) == model);
  REQUIRE(stream.last_entry_id() == (model.empty() ? StreamId() : model.rbegin()->first));
  REQUIRE(stream.marks().first == (model.empty() ? StreamId() : model.begin()->first));
}

void check_range(const Stream& stream, const Model& model, StreamId first, StreamId last) {
  Model within;
  if (first <= last) within.insert(model.lower_bound(first), model.upper_bound(last));
  REQUIRE(contents(stream, StreamReader::Order::kForward, first, last) == within);
  REQUIRE(contents(stream, StreamReader::Order::kBackward, first, last) == within);
}

Pairs random_pairs(std::mt19937_64& random) {
  Pairs pairs;
  const bool usual = random() % 3 != 0;
  const std::size_t count = usual ? 2 : 1 + random() % 4;
  for (std::size_t i = 0; i < count; ++i) {
    Bytes field = usual ? "field" + std::to_string(i) : Bytes(random() % 5, 'f');
    Bytes value = random() % 2 == 0 ? std::to_string(random() % 70000)
                                    : Bytes(random() % 90, 'v');
    pairs.emplace_back(std::move(field), std::move(value));
  }
  return pairs;
}

StreamId random_id(std::mt19937_64& random, StreamId below) {
  return {random() % (below.ms + 2), random() % 3};
}

void trim_model(Model& model, const StreamTrim& trim) {
  const auto goes = [&] {
    if (trim.by == StreamTrim::By::kLength) return model.size() > trim.length;
    return model.begin()->first < trim.first;
  };
  while (!model.empty() && goes()) model.erase(model.begin());
}

ByteView operator""_bytes(const char* text, std::size_t size) { return {text, size}; }

ByteView node_bytes(const Stream& stream) { return stream.nodes().first().value().bytes(); }

}  // namespace

TEST_CASE("a stream's nodes are Redis's", "[stream]") {
  Stream stream;
  add(stream, {100, 1}, {{"f", "v"}, {"12", "-1"}});
  // 1 live, 0 deleted, 2 fields, f, 12, 0; flags 2, 0, 0, v, -1, 5 elements.
  CHECK(node_bytes(stream) ==
        "\x22\0\0\0\x0c\0\x01\x01\0\x01\x02\x01\x81"
        "f\x02\x0c\x01\0\x01\x02\x01\0\x01\0\x01\x81"
        "v\x02\xdf\xff\x02\x05\x01\xff"_bytes);
  add(stream, {100, 3}, {{"g", "x"}});
  stream.erase({100, 1});
  stream.settle_first();
  const StreamNodeHead head(stream.nodes().first().value());
  CHECK(head.live == 1);
  CHECK(head.deleted == 1);
  CHECK(is_stream_node(stream.nodes().first().value()));
  CHECK(stream.marks().max_deleted == StreamId{100, 1});
  CHECK(stream.marks().first == StreamId{100, 3});
}

TEST_CASE("random changes of a stream leave what a std::map holds", "[stream]") {
  std::mt19937_64 random(11);
  for (int round = 0; round < 30; ++round) {
    EncodingLimits limits;
    limits.stream_node_entries = static_cast<std::int64_t>(random() % 12);
    limits.stream_node_bytes = random() % 3 == 0 ? 200 : 4096;
    Stream stream;
    Model model;
    StreamId last;
    for (int step = 0; step < 600; ++step) {
      const unsigned what = static_cast<unsigned>(random() % 20);
      if (what < 13) {
        last = random() % 2 == 0 ? StreamId{last.ms + 1 + random() % 3, 0}
                                 : StreamId{last.ms, last.seq + 1 + random() % 300};
        const Pairs pairs = random_pairs(random);
        add(stream, last, pairs, limits);
        model.emplace(last, pairs);
      } else if (what < 19) {
        StreamId id = random_id(random, last);
        if (!model.empty() && random() % 2 == 0) {
          const auto at = model.lower_bound(id);
          if (at != model.end()) id = at->first;
        }
        REQUIRE(stream.contains(id) == model.contains(id));
        REQUIRE(stream.erase(id) == (model.erase(id) == 1));
        stream.settle_first();
      } else {
        StreamTrim trim;
        trim.by = random() % 2 == 0 ? StreamTrim::By::kLength : StreamTrim::By::kId;
        trim.length = model.size() - std::min<std::size_t>(model.size(), random() % 20);
        trim.first = random_id(random, last);
        const std::size_t before = model.size();
        trim_model(model, trim);
        REQUIRE(stream.trim(trim).entries == before - model.size());
      }
      if (step % 20 == 0) check_same(stream, model);
      check_range(stream, model, random_id(random, last), random_id(random, last));
    }
    check_same(stream, model);
    const auto copy = stream.copy();
    check_same(static_cast<const Stream&>(*copy), model);
  }
}

TEST_CASE("trimming whole nodes leaves at least what was asked for", "[stream]") {
  std::mt19937_64 random(5);
  EncodingLimits limits;
  limits.stream_node_entries = 4;
  for (int round = 0; round < 50; ++round) {
    Stream stream;
    for (std::uint64_t i = 1; i <= 60; ++i) add(stream, {i, 0}, {{"f", "v"}}, limits);
    for (int i = 0; i < 20; ++i) stream.erase({random() % 60 + 1, 0});
    stream.settle_first();
    const std::size_t before = stream.size();
    StreamTrim trim;
    trim.by = StreamTrim::By::kLength;
    trim.whole_nodes = true;
    trim.length = random() % 40;
    trim.limit = random() % 30;
    const StreamTrimmed done = stream.trim(trim);
    REQUIRE(stream.verify());
    REQUIRE(stream.size() == before - done.entries);
    REQUIRE((done.entries == 0 || stream.size() >= trim.length));
    if (trim.limit != 0) REQUIRE(done.entries <= trim.limit);
    if (!stream.nodes().empty()) REQUIRE(done.reached == stream.nodes().first().key());
  }
}

TEST_CASE("groups keep what is pending with whom under random changes", "[stream]") {
  std::mt19937_64 random(3);
  StreamGroup group("g", {}, 0);
  std::map<StreamId, std::pair<Bytes, std::uint64_t>> model;
  const Bytes names[] = {"ann", "bob", "cyd"};
  for (int step = 0; step < 20000; ++step) {
    const StreamId id{random() % 700, random() % 2};
    const Bytes& name = names[random() % 3];
    StreamConsumer* consumer = group.find_consumer(name);
    if (!consumer) consumer = &group.add_consumer(name, step);
    if (random() % 5 < 3) {
      group.deliver(id, *consumer, step, static_cast<std::uint64_t>(step));
      model[id] = {name, static_cast<std::uint64_t>(step)};
    } else {
      REQUIRE(group.acknowledge(id) == (model.erase(id) == 1));
    }
    if (random() % 4000 == 0) {
      group.remove_consumer(*consumer);
      std::erase_if(model, [&](const auto& entry) { return entry.second.first == name; });
    }
    if (step % 2000 != 0) continue;
    REQUIRE(group.verify());
    REQUIRE(group.copy()->verify());
    REQUIRE(group.pending().size() == model.size());
    for (const auto& [pending, owner] : model) {
      const StreamDelivery* const delivery = group.find_delivery(pending);
      REQUIRE(delivery);
      REQUIRE(delivery->consumer->name == owner.first);
      REQUIRE(delivery->count == owner.second);
    }
  }
}

TEST_CASE("a node cut or changed anywhere is refused or still a node", "[stream]") {
  Stream stream;
  add(stream, {1, 0}, {{"field", "value"}, {"n", "1234"}});
  add(stream, {2, 0}, {{"field", "another"}, {"n", "12"}});
  add(stream, {3, 0}, {{"x", "y"}});
  stream.erase({2, 0});
  const Bytes sound(node_bytes(stream));
  std::size_t accepted = 0;
  for (std::size_t at = 0; at < sound.size(); ++at) {
    for (unsigned change = 1; change < 256; change += 7) {
      Bytes bytes = sound;
      bytes[at] = static_cast<char>(static_cast<unsigned char>(bytes[at]) ^ change);
      Listpack node;
      if (!Listpack::decode(bytes, node)) continue;
      if (!is_stream_node(node)) continue;
      ++accepted;
      const StreamNodeHead head(node);
      const char* entry_at = head.entries;
      for (std::size_t i = 0; i < head.live + head.deleted; ++i) {
        const StreamEntry entry = read_stream_entry(entry_at, {1, 0}, head);
        pairs_of(entry);
        entry_at = entry.end();
        REQUIRE(read_stream_entry_before(entry_at, {1, 0}, head).id == entry.id);
      }
    }
  }
  CHECK(accepted > 0);
}

TEST_CASE("Redis's radix tree is counted as it would be", "[stream]") {
  EncodingLimits one;
  one.stream_node_entries = 1;
  Stream stream;
  CHECK(stream.radix_nodes() == 1);
  add(stream, {1, 0}, {{"a", "b"}}, one);
  CHECK(stream.radix_nodes() == 2);
  add(stream, {2, 0}, {{"a", "b"}}, one);
  CHECK(stream.radix_nodes() == 6);
  add(stream, {2, 1}, {{"a", "b"}}, one);
  CHECK(stream.radix_nodes() == 8);
}

TEST_CASE("an entry costs little more than its bytes, a pending one some 56", "[stream]") {
  Stream stream;
  const std::size_t before = allocated_bytes();
  for (std::uint64_t i = 1; i <= 100'000; ++i) {
    add(stream, {1'700'000'000'000 + i, 0}, {{"temperature", "21"}, {"place", "roof"}});
  }
  const std::size_t entries_bytes = allocated_bytes() - before;
  CHECK(entries_bytes < 100'000 * 26);
  CHECK(stream.memory_usage(0) > entries_bytes * 9 / 10);
  CHECK(stream.memory_usage(0) < entries_bytes * 11 / 10);
  StreamGroup& group = stream.add_group("g", {}, 0);
  StreamConsumer& consumer = group.add_consumer("c", 0);
  for (std::uint64_t i = 1; i <= 100'000; ++i) {
    group.deliver({1'700'000'000'000 + i, 0}, consumer, 1, 1);
  }
  CHECK(allocated_bytes() - before - entries_bytes < 100'000 * 60);
}

}  // namespace memoir
