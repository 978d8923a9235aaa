// Listpack: its bytes against Redis's, and its methods against a vector under random changes.
#include <deque>
#include <random>
#include <string>
#include <vector>

#include <catch2/catch.hpp>
#include "datatypes/encoding/listpack.h"

namespace memoir {
namespace {

Bytes text(const Listpack& lp, Listpack::Cursor at) {
  char buffer[kIntegerCharsMax];
  return Bytes(lp.text_of(at, buffer));
}

std::vector<Bytes> contents(const Listpack& lp) {
  std::vector<Bytes> all;
  lp.for_each([&](Listpack::Cursor at) { all.push_back(text(lp, at)); });
  return all;
}

Bytes from_hex(ByteView hex) {
  Bytes out;
  for (std::size_t i = 0; i + 1 < hex.size(); i += 2) {
    out.push_back(static_cast<char>(std::stoi(Bytes(hex.substr(i, 2)), nullptr, 16)));
  }
  return out;
}

// Values of all encodings, with their limits.
Bytes random_value(std::mt19937_64& random) {
  switch (random() % 10) {
    case 0: return Bytes(random() % 70, 'a' + static_cast<char>(random() % 26));
    case 1: return Bytes(4090 + random() % 12, 'x');
    case 2: return std::to_string(static_cast<std::int64_t>(random()));
    case 3: return std::to_string(static_cast<std::int32_t>(random()));
    case 4: return std::to_string(static_cast<std::int16_t>(random()));
    case 5: return std::to_string(static_cast<int>(random() % 300) - 10);
    case 6: return "0" + std::to_string(random() % 100);
    case 7: return Bytes(120 + random() % 12, 'y');
    case 8: return random() % 50 == 0 ? Bytes(16380 + random() % 8, 'z') : "-";
    default: return "m" + std::to_string(random() % 10);
  }
}

}  // namespace

// Bytes as `DUMP` of a Redis 7.0 hash shows them after type and length.
TEST_CASE("a listpack's bytes are Redis's", "[listpack]") {
  Listpack lp;
  CHECK(lp.bytes() == from_hex("070000000000ff"));
  for (const char* value : {"a", "1", "-1", "4095", "-4097", "32768", "-8388608", "8388608",
                            "2147483648", "007", ""}) {
    lp.append(ByteView(value));
  }
  CHECK(lp.bytes() ==
        from_hex("370000000b00" "816102" "0101" "dfff02" "cfff02" "f1ffef03" "f200800004"
                 "f200008004" "f300008000" "05" "f4000000800000000009" "8330303704" "8001" "ff"));
  Listpack longer;
  longer.append(ByteView(Bytes(64, 'q')));
  longer.append(ByteView(Bytes(4096, 'r')));
  const Bytes expected = from_hex("511000000200" "e040") + Bytes(64, 'q') + from_hex("42") +
                         from_hex("f000100000") + Bytes(4096, 'r') + from_hex("2085") +
                         from_hex("ff");
  CHECK(longer.bytes() == expected);
  CHECK(Listpack::validate(expected));
}

TEST_CASE("integers of all widths read back", "[listpack]") {
  Listpack lp;
  std::vector<std::int64_t> values;
  for (int bit = 0; bit < 64; ++bit) {
    for (std::int64_t d = -2; d <= 2; ++d) {
      const auto power = static_cast<std::uint64_t>(1) << bit;
      values.push_back(static_cast<std::int64_t>(power + static_cast<std::uint64_t>(d)));
      values.push_back(static_cast<std::int64_t>(0 - power + static_cast<std::uint64_t>(d)));
    }
  }
  for (const std::int64_t v : values) lp.append(v);
  REQUIRE(Listpack::validate(lp.bytes()));
  REQUIRE(lp.count() == values.size());
  std::size_t i = 0;
  lp.for_each([&](Listpack::Cursor at) {
    const Listpack::Item item = lp.get(at);
    CHECK((item.is_integer && item.integer == values[i]));
    CHECK(lp.find(std::to_string(values[i]), lp.first()) != nullptr);
    ++i;
  });
}

TEST_CASE("random changes leave what a vector holds", "[listpack]") {
  std::mt19937_64 random(20260711);
  for (int round = 0; round < 30; ++round) {
    Listpack lp;
    std::vector<Bytes> model;
    for (int step = 0; step < 300; ++step) {
      const Bytes value = random_value(random);
      const std::size_t index = model.empty() ? 0 : random() % model.size();
      const auto place = model.begin() + static_cast<std::ptrdiff_t>(index);
      Listpack::Cursor at = lp.at(static_cast<long>(index));
      REQUIRE((at == nullptr) == model.empty());
      switch (random() % (round % 2 == 0 ? 9 : 7)) {
        case 0:
        case 1: lp.append(value), model.push_back(value); break;
        case 2: lp.prepend(value), model.insert(model.begin(), value); break;
        case 3:
          if (!at) break;
          at = lp.insert_before(at, value);
          REQUIRE(text(lp, at) == value);
          model.insert(place, value);
          break;
        case 4:
          if (!at) break;
          at = lp.insert_after(at, value);
          REQUIRE(text(lp, at) == value);
          model.insert(place + 1, value);
          break;
        case 5:
          if (!at) break;
          at = lp.replace(at, value);
          REQUIRE(text(lp, at) == value);
          *place = value;
          break;
        case 6: {
          if (!at) break;
          at = lp.erase(at);
          model.erase(place);
          const bool at_end = index == model.size();
          REQUIRE((at == nullptr) == at_end);
          if (at) REQUIRE(text(lp, at) == model[index]);
          break;
        }
        case 7: {
          if (!at) break;
          const std::size_t n = std::min<std::size_t>(random() % 6, model.size() - index);
          lp.erase_range(at, n);
          model.erase(place, place + static_cast<std::ptrdiff_t>(n));
          break;
        }
        default: {
          if (!at) break;
          Listpack tail = lp.split(at);
          REQUIRE(Listpack::validate(tail.bytes()));
          REQUIRE(Listpack::validate(lp.bytes()));
          REQUIRE(lp.count() == index);
          lp.append_all(tail);
        }
      }
      REQUIRE(Listpack::validate(lp.bytes()));
      REQUIRE(lp.count() == model.size());
      REQUIRE(contents(lp) == model);
      REQUIRE(lp.memory_usage() >= (model.empty() ? 0 : lp.size_bytes()));
    }
    for (std::size_t i = 0; i < model.size(); ++i) {
      REQUIRE(text(lp, lp.at(static_cast<long>(i) - static_cast<long>(model.size()))) == model[i]);
      const auto found = lp.find(model[i], lp.first());
      REQUIRE((found && text(lp, found) == model[i]));
    }
    if (!model.empty()) {
      std::size_t n = model.size();
      for (auto at = lp.last(); at; at = lp.prev(at)) REQUIRE(text(lp, at) == model[--n]);
      for (auto at = lp.first(); at; at = lp.next(at)) REQUIRE(text(lp, at) == model[n++]);
    }
    REQUIRE(lp.copy().bytes() == lp.bytes());
  }
}

TEST_CASE("a listpack as a queue keeps to its block", "[listpack]") {
  Listpack lp;
  std::deque<Bytes> model;
  std::mt19937_64 random(7);
  for (int step = 0; step < 20000; ++step) {
    const Bytes value = "value:" + std::to_string(random() % 1000);
    const bool grow = model.size() < 100 || (model.size() < 300 && random() % 2 == 0);
    if (random() % 2 == 0) {
      if (grow) lp.prepend(value), model.push_front(value);
      else lp.erase(lp.last()), model.pop_back();
    } else {
      if (grow) lp.append(value), model.push_back(value);
      else lp.erase(lp.first()), model.pop_front();
    }
    REQUIRE(lp.count() == model.size());
    REQUIRE(text(lp, lp.first()) == model.front());
    REQUIRE(text(lp, lp.last()) == model.back());
  }
  CHECK(contents(lp) == std::vector<Bytes>(model.begin(), model.end()));
  CHECK(lp.memory_usage() < 3 * lp.size_bytes());
}

TEST_CASE("a long queue goes round in its block", "[listpack]") {
  Listpack lp;
  std::deque<Bytes> model;
  std::mt19937_64 random(11);
  for (int step = 0; step < 6000; ++step) {  // to some 200 KB, then turning both ways, then down
    const Bytes value = Bytes(random() % 90, 'v') + std::to_string(step);
    const bool grow = step < 4000 ? model.size() < 3000 : random() % 4 == 0;
    const bool at_head = (step / 700) % 2 == 0;
    if (grow) {
      if (at_head) lp.prepend(value), model.push_front(value);
      else lp.append(value), model.push_back(value);
    } else {
      if (at_head) lp.erase(lp.first()), model.pop_front();
      else lp.erase(lp.last()), model.pop_back();
    }
    REQUIRE(lp.count() == model.size());
    REQUIRE(text(lp, lp.first()) == model.front());
    REQUIRE(text(lp, lp.last()) == model.back());
  }
  while (model.size() > 1) lp.erase(lp.first()), model.pop_front();
  CHECK(contents(lp) == std::vector<Bytes>(model.begin(), model.end()));
  const Bytes wide(70000, 'w');  // more than may lie in front
  lp.prepend(wide);
  lp.erase(lp.at(1));
  CHECK(contents(lp) == std::vector<Bytes>{wide});
}

TEST_CASE("a small listpack takes the smallest block", "[listpack]") {
  Listpack lp;
  for (int i = 0; i < 10; ++i) {
    const Bytes value = "value" + std::to_string(i);
    lp.append(ByteView(value));
  }
  CHECK(lp.size_bytes() == 87);
  CHECK(lp.memory_usage() <= 104);  // 96, and what the C library's allocator may add
  CHECK(lp.copy().memory_usage() <= 104);
  CHECK(sizeof lp == 8);
}

TEST_CASE("more elements than the header can count", "[listpack]") {
  Listpack lp;
  for (int i = 0; i < 70000; ++i) lp.append(std::int64_t{i});
  CHECK(lp.count() == 70000);
  CHECK(load<std::uint16_t>(lp.bytes().data() + 4) == 65535);
  CHECK(text(lp, lp.at(-1)) == "69999");
  CHECK(text(lp, lp.at(66000)) == "66000");
  lp.erase_range(lp.first(), 69990);
  CHECK(lp.count() == 10);
  CHECK(Listpack::validate(lp.bytes()));
}

TEST_CASE("find() steps over values", "[listpack]") {
  Listpack lp;
  for (const char* v : {"f1", "v", "f2", "f3", "v", "12", "f3", "last"}) lp.append(ByteView(v));
  CHECK(lp.find("f3", lp.first(), 1) == lp.at(6));
  CHECK(lp.find("v", lp.first(), 1) == lp.at(4));
  CHECK(lp.find("12", lp.first(), 0) == lp.at(5));
  CHECK(lp.find("12", lp.first(), 1) == nullptr);
  CHECK(lp.find("last", lp.first(), 2) == nullptr);
}

TEST_CASE("unsound bytes are refused", "[listpack]") {
  Listpack lp;
  for (const char* v : {"a", "123456", "some text that is longer than sixty-four bytes, so that "
                                       "its head has two bytes", "-5", "70000000000"}) {
    lp.append(ByteView(v));
  }
  const Bytes sound(lp.bytes());
  for (std::size_t cut = 0; cut < sound.size(); ++cut) {
    CHECK_FALSE(Listpack::validate(ByteView(sound).substr(0, cut)));
  }
  std::mt19937_64 random(3);
  for (int i = 0; i < 20000; ++i) {
    Bytes bytes = sound;
    for (std::uint64_t n = 1 + random() % 3; n > 0; --n) {
      bytes[random() % bytes.size()] = static_cast<char>(random());
    }
    Listpack out;
    if (Listpack::decode(bytes, out)) {
      REQUIRE(Listpack::validate(out.bytes()));
      for (long at = -1; at < 6; ++at) {
        if (auto cursor = out.at(at)) (void)text(out, cursor);
      }
    }
  }
}

TEST_CASE("integers written as text are taken in their short form", "[listpack]") {
  const Bytes foreign = from_hex("0f0000000200" "83313233" "04" "816102" "ff");
  CHECK_FALSE(Listpack::validate(foreign));
  Listpack lp;
  REQUIRE(Listpack::decode(foreign, lp));
  CHECK(Listpack::validate(lp.bytes()));
  CHECK(lp.find("123", lp.first()) == lp.first());
  CHECK(contents(lp) == std::vector<Bytes>{"123", "a"});
}

}  // namespace memoir
