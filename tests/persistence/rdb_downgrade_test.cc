// Values in the form of RDB version 10: the same contents under types that Redis 7.0 knows.
#include <set>

#include <catch2/catch.hpp>

#include "persistence/listpack_texts.h"
#include "persistence/rdb_downgrade.h"
#include "tests/datatypes/serial_payloads.h"

namespace memoir {
namespace {

// What a value holds, without when parts of it end.
class Contents final : public DigestSink {
 public:
  void ordered(ByteView part) override {
    parts.insert("o" + std::to_string(count_++) + Bytes(part));
  }
  void unordered(std::span<const ByteView> element) override {
    Bytes all = "u";
    for (const ByteView part : element) all.append("|").append(part);
    parts.insert(all);
  }
  std::multiset<Bytes> parts;

 private:
  int count_ = 0;
};

std::multiset<Bytes> contents_of(ByteView payload) {
  auto entry = load_payload(payload, "key", kNoExpiry, {});
  INFO((entry ? "" : entry.peek_error().text()));
  REQUIRE(entry);
  if ((*entry)->is_string()) return {dump_payload(**entry, RdbCompression::kNo)};
  Contents contents;
  (*entry)->object()->digest(contents);
  return contents.parts;
}

TEST_CASE("a value of each type and form, as Redis 7.0 reads it", "[persistence][rdb]") {
  for (const payloads::Sample& sample : payloads::all()) {
    CAPTURE(sample.name);
    std::uint64_t times = 0;
    auto down = downgrade_payload(sample.payload, times);
    INFO((down ? "" : down.peek_error().text()));
    REQUIRE(down);
    REQUIRE(static_cast<unsigned char>((*down)[0]) <=
            static_cast<unsigned>(RdbType::kStreamListpacks2));
    REQUIRE(load<std::uint16_t>(down->data() + down->size() - 10) == 10);
    REQUIRE(is_sound_payload(*down, PayloadCheck::kVersionAndChecksum));
    REQUIRE(contents_of(*down) == contents_of(sample.payload));
    REQUIRE((times > 0) == (ByteView(sample.name).find("time") != ByteView::npos ||
                            ByteView(sample.name).find("triples") != ByteView::npos));
  }
}

TEST_CASE("a payload cut anywhere or of an unknown version is refused", "[persistence][rdb]") {
  for (const payloads::Sample& sample : payloads::all()) {
    CAPTURE(sample.name);
    std::uint64_t times = 0;
    const ByteView all(sample.payload);
    const ByteView footer = all.substr(all.size() - 10);
    for (std::size_t cut = 0; cut + 11 < all.size(); cut += 1 + cut / 50) {
      REQUIRE(!downgrade_payload(Bytes(all.substr(0, cut)).append(footer), times));
    }
    Bytes newer(all);
    store(newer.data() + newer.size() - 10, std::uint16_t{80});
    REQUIRE(downgrade_payload(newer, times).peek_error().code() == ErrorCode::kUnsupported);
  }
}

TEST_CASE("the elements of a listpack as texts", "[persistence][rdb]") {
  std::vector<Bytes> elements = {"", "a", Bytes(63, 'b'), Bytes(64, 'c'), Bytes(4095, 'd'),
                                 Bytes(4096, 'e'), Bytes(70'000, 'f')};
  for (const std::int64_t base : {0L, 127L, 128L, 4095L, 4096L, 32767L, 8388607L, 2147483647L,
                                  9223372036854775807L}) {
    elements.push_back(std::to_string(base));
    elements.push_back(std::to_string(-base));
    if (base < INT64_MAX) elements.push_back(std::to_string(base + 1));
    elements.push_back(std::to_string(-base - 1));
  }
  const Bytes pack = payloads::listpack_of(elements);
  ListpackTexts texts(pack);
  ByteView text;
  for (const Bytes& element : elements) {
    REQUIRE(texts.next(text));
    REQUIRE(text == (element == "-0" ? Bytes("-0") : element));
  }
  REQUIRE_FALSE(texts.next(text));
  REQUIRE_FALSE(texts.failed());
  for (std::size_t cut = 0; cut < pack.size(); cut += 1 + cut / 20) {
    bool failed = false;
    ListpackTexts::count(ByteView(pack).substr(0, cut), failed);
    REQUIRE(failed);
  }
}

}  // namespace
}  // namespace memoir
