// Hostile payloads: every truncation and many random changes of sound ones, with the checksum
// mended. None crashes, none takes more memory than its size justifies, and what is accepted keeps
// the invariants of its type and can be written, read, copied and changed.
#include <random>

#include <catch2/catch.hpp>

#include "tests/datatypes/serial_payloads.h"

namespace memoir {
namespace {

using namespace payloads;

void check_list(List& list, const EncodingLimits& limits) {
  REQUIRE(list.verify());
  list.push(ListEnd::kHead, {"pushed", {}}, limits);
  list.drop(ListEnd::kTail, 1);
  REQUIRE(list.verify());
}

void check_hash(Hash& hash, const EncodingLimits& limits) {
  REQUIRE(hash.verify());
  std::size_t count = 0;
  char digits[kIntegerCharsMax];
  hash.for_each([&](const HashText& field, const HashText&) {
    ++count;
    REQUIRE(hash.contains(field.text(digits)));
  });
  REQUIRE(count == hash.size());
  hash.set("one more", "value", limits);
  REQUIRE(hash.verify());
}

void check_set(Set& set, const EncodingLimits& limits) {
  std::vector<Bytes> members;
  set.for_each([&](const MemberView& member) { members.push_back(Bytes(member.text())); });
  REQUIRE(set.verify());
  REQUIRE(members.size() == set.size());
  for (const Bytes& member : members) REQUIRE(set.remove(member));
  REQUIRE(set.size() == 0);
  set.add("one more", limits);
}

void check_sorted_set(SortedSet& set, const EncodingLimits& limits) {
  REQUIRE(set.verify());
  std::size_t rank = 0;
  double before = 0;
  set.for_each([&](ByteView member, double score) {
    REQUIRE(score == score);
    REQUIRE((rank == 0 || before <= score));
    before = score;
    const auto found = set.rank(member);
    REQUIRE(found);
    REQUIRE(found->rank == rank++);
  });
  REQUIRE(rank == set.size());
  set.set("one more", 0.5, limits);
}

void check_stream(Stream& stream, const EncodingLimits& limits) {
  REQUIRE(stream.verify());
  StreamId next = stream.marks().last;
  const Word pairs[] = {{"field", {}}, {"value", {}}};
  if (next.increment()) stream.append(next, pairs, limits);
  REQUIRE(stream.verify());
}

void check(Entry& entry, const EncodingLimits& limits) {
  const Bytes payload = dump_payload(entry, RdbCompression::kYes);
  auto again = load_payload(payload, "key", kNoExpiry, limits);
  REQUIRE(again);
  if (entry.is_string()) return;
  REQUIRE((entry.object()->size() > 0 || entry.type() == TypeId::kStream));
  const auto copy = entry.object()->copy();
  REQUIRE(copy->size() == entry.object()->size());
  switch (entry.type()) {
    case TypeId::kList:
      return check_list(static_cast<List&>(*entry.object()), limits);
    case TypeId::kHash:
      return check_hash(static_cast<Hash&>(*entry.object()), limits);
    case TypeId::kSet:
      return check_set(static_cast<Set&>(*entry.object()), limits);
    case TypeId::kSortedSet:
      return check_sorted_set(static_cast<SortedSet&>(*entry.object()), limits);
    case TypeId::kStream:
      return check_stream(static_cast<Stream&>(*entry.object()), limits);
    default:
      return;
  }
}

// Whether it was accepted.
bool attempt(const Bytes& payload, const EncodingLimits& limits) {
  auto loaded = load_payload(payload, "key", kNoExpiry, limits);
  if (loaded) check(**loaded, limits);
  return static_cast<bool>(loaded);
}

}  // namespace

TEST_CASE("every truncation of a payload is refused or sound", "[rdb]") {
  const EncodingLimits limits;
  for (const Sample& sample : all()) {
    CAPTURE(sample.name);
    const Bytes value = sample.payload.substr(0, sample.payload.size() - 10);
    const std::size_t step = value.size() > 3000 ? 41 : 1;
    for (std::size_t cut = 1; cut < value.size(); cut += step) {
      CAPTURE(cut);
      CHECK_FALSE(attempt(value.substr(0, cut) + Bytes(10, '\0'), limits));
    }
  }
}

TEST_CASE("every byte of a payload changed is refused or sound", "[rdb]") {
  EncodingLimits limits;
  std::size_t accepted = 0;
  const std::size_t before = allocated_bytes();
  for (const Sample& sample : all()) {
    CAPTURE(sample.name);
    const std::size_t value_bytes = sample.payload.size() - 10;
    for (std::size_t at = 0; at < value_bytes; at += at < 2000 ? 1 : 97) {
      CAPTURE(at);
      for (const int pattern : {0x01, 0x02, 0x10, 0x40, 0x80, 0xc0, 0xff}) {
        Bytes payload = sample.payload;
        payload[at] = static_cast<char>(payload[at] ^ pattern);
        limits.hash_listpack_entries = pattern == 0x10 ? 2 : 128;
        accepted += attempt(payload, limits) ? 1 : 0;
      }
    }
  }
  CHECK(accepted > 0);
  CHECK(allocated_bytes() < before + (64U << 20));
}

TEST_CASE("payloads changed at random are refused or sound", "[rdb]") {
  std::mt19937_64 random(Catch::rngSeed());
  EncodingLimits limits;
  const std::size_t before = allocated_bytes();
  std::size_t accepted = 0;
  for (const Sample& sample : all()) {
    CAPTURE(sample.name);
    const std::size_t value_bytes = sample.payload.size() - 10;
    const int rounds = value_bytes > 3000 ? 60 : 700;
    for (int round = 0; round < rounds; ++round) {
      Bytes payload = sample.payload;
      limits.list_listpack_size = round % 2 == 0 ? -2 : 3;
      limits.set_listpack_entries = round % 3 == 0 ? 2 : 128;
      for (std::uint64_t changes = 1 + random() % 3; changes > 0; --changes) {
        // Most in front, where the heads are.
        const std::size_t range =
            random() % 2 ? std::min<std::size_t>(value_bytes, 24) : value_bytes;
        char& byte = payload[random() % range];
        byte = random() % 2 ? static_cast<char>(byte ^ (1 << random() % 8))
                            : static_cast<char>(random());
      }
      accepted += attempt(payload, limits) ? 1 : 0;
    }
  }
  CHECK(accepted > 0);
  CHECK(allocated_bytes() < before + (64U << 20));
}

}  // namespace memoir
