// List against a std::deque: random changes in all forms, with small nodes, large elements and
// limits that change on the way.
#include <catch2/catch.hpp>
#include <deque>
#include <random>
#include <string>

#include "datatypes/list/list.h"
#include "src/base/alloc.h"

namespace memoir {
namespace {

using Model = std::deque<Bytes>;

Bytes text(const ListElement& element) {
  char buffer[kIntegerCharsMax];
  return Bytes(element.text(buffer));
}

Model contents(const List& list, ListEnd from = ListEnd::kHead) {
  Model all;
  if (list.size() == 0) return all;
  list.visit(from == ListEnd::kHead ? 0 : list.size() - 1, list.size(), from,
             [&](ListElement e) { return all.push_back(text(e)), true; });
  return all;
}

void push(List& list, ListEnd end, ByteView value, const EncodingLimits& limits) {
  list.prepare(value.size(), 1, limits);
  list.push(end, {value}, limits);
}

Bytes random_value(std::mt19937_64& random, std::size_t large) {
  switch (random() % 6) {
    case 0: return std::to_string(static_cast<int>(random() % 20000) - 5000);
    case 1: return Bytes(random() % 40, 'a' + static_cast<char>(random() % 3));
    case 2: return random() % 8 == 0 ? Bytes(large + random() % 100, 'L') : "x";
    default: return "v" + std::to_string(random() % 8);
  }
}

std::size_t remove(Model& model, const Bytes& value, std::int64_t limit) {
  std::size_t removed = 0;
  const std::size_t most = limit == 0 ? model.size() : static_cast<std::size_t>(std::abs(limit));
  for (std::size_t n = 0, size = model.size(), i = limit < 0 ? size : 0; n < size; ++n) {
    if (limit < 0) --i;
    if (removed < most && model[i] == value) {
      model.erase(model.begin() + static_cast<std::ptrdiff_t>(i));
      ++removed;
    } else if (limit >= 0) {
      ++i;
    }
  }
  return removed;
}

void change(List& list, Model& model, std::mt19937_64& random, const EncodingLimits& limits,
            std::size_t large) {
  const Bytes value = random_value(random, large);
  const std::size_t index = model.empty() ? 0 : random() % model.size();
  const auto place = model.begin() + static_cast<std::ptrdiff_t>(index);
  switch (random() % 12) {
    case 0: case 1:
      push(list, ListEnd::kHead, value, limits), model.push_front(value);
      break;
    case 2: case 3: case 4:
      push(list, ListEnd::kTail, value, limits), model.push_back(value);
      break;
    case 5: case 6:
      if (model.empty()) break;
      REQUIRE(text(list.peek(ListEnd::kHead)) == model.front());
      REQUIRE(text(list.peek(ListEnd::kTail)) == model.back());
      if (random() % 2 == 0) list.drop(ListEnd::kHead), model.pop_front();
      else list.drop(ListEnd::kTail), model.pop_back();
      break;
    case 7:
      if (model.empty()) break;
      list.prepare(value.size(), 1, limits);
      list.set(index, {value}, limits);
      *place = value;
      break;
    case 8: case 9: {
      const ListSide side = random() % 2 == 0 ? ListSide::kBefore : ListSide::kAfter;
      const Bytes pivot = model.empty() ? "none" : model[index];
      list.prepare(value.size(), 1, limits);
      const bool found = list.insert(pivot, side, {value}, limits);
      const auto at = std::find(model.begin(), model.end(), pivot);
      REQUIRE(found == (at != model.end()));
      if (found) model.insert(side == ListSide::kBefore ? at : at + 1, value);
      break;
    }
    case 10: {
      if (random() % 4 != 0 || model.empty()) break;
      const std::int64_t limit = static_cast<std::int64_t>(random() % 7) - 3;
      const Bytes some = model[index];
      REQUIRE(list.remove(some, limit) == remove(model, some, limit));
      break;
    }
    default: {
      if (random() % 8 != 0) break;
      const std::size_t n = random() % (model.size() + 1) / (random() % 4 + 1);
      const ListEnd end = random() % 2 == 0 ? ListEnd::kHead : ListEnd::kTail;
      list.drop(end, n);
      if (end == ListEnd::kHead) model.erase(model.begin(), model.begin() + static_cast<long>(n));
      else model.erase(model.end() - static_cast<long>(n), model.end());
    }
  }
  if (random() % 4 == 0) list.settle_shrunk(limits);
}

}  // namespace

TEST_CASE("a list keeps what a deque keeps", "[list]") {
  std::mt19937_64 random(Catch::rngSeed());
  const int fill = GENERATE(-2, 4, 1, 64, -1);
  const std::size_t threshold = GENERATE(0, 30);
  EncodingLimits limits;
  limits.list_listpack_size = fill;
  limits.list_packed_threshold = threshold;
  for (int round = 0; round < 6; ++round) {
    List list;
    Model model;
    for (int step = 0; step < 500; ++step) {
      change(list, model, random, limits, fill < 0 ? 9000 : 40);
      REQUIRE(list.size() == model.size());
      REQUIRE(list.verify());
      if (!model.empty()) {
        const std::size_t index = random() % model.size();
        REQUIRE(text(list.at(index)) == model[index]);
      }
      if (step % 10 == 0) REQUIRE(contents(list) == model);
    }
    Model reversed(model.rbegin(), model.rend());
    REQUIRE(contents(list, ListEnd::kTail) == reversed);
    const auto copy = list.copy();
    REQUIRE(contents(static_cast<const List&>(*copy)) == model);
    REQUIRE(copy->memory_usage(0) > 0);
  }
}

TEST_CASE("a list's form follows its size", "[list]") {
  EncodingLimits limits;
  List list;
  const Bytes value(100, 'x');
  for (int i = 0; i < 79; ++i) push(list, ListEnd::kTail, value, limits);
  CHECK(list.encoding() == ByteView("listpack"));  // 7 + 79 * 103 bytes
  push(list, ListEnd::kTail, value, limits);
  CHECK(list.encoding() == ByteView("quicklist"));
  list.drop(ListEnd::kTail, 1);
  list.drop(ListEnd::kHead, 39);
  list.settle_shrunk(limits);
  CHECK(list.encoding() == ByteView("quicklist"));  // one node of 4127 bytes
  list.drop(ListEnd::kHead, 1);
  list.settle_shrunk(limits);
  CHECK(list.encoding() == ByteView("listpack"));  // 4024: at most half of 8192
  limits.list_listpack_size = 5;
  push(list, ListEnd::kTail, value, limits);
  CHECK(list.encoding() == ByteView("quicklist"));
}

TEST_CASE("a large element is shared, not copied", "[list]") {
  const EncodingLimits limits;
  List list;
  const SharedBytes large = SharedBytes::copy_of(Bytes(100000, 'L'));
  push(list, ListEnd::kTail, "a", limits);
  list.prepare(large.size(), 1, limits);
  list.push(ListEnd::kTail, {large.view(), large}, limits);
  push(list, ListEnd::kTail, "b", limits);
  CHECK(list.at(1).shared->data() == large.data());
  CHECK(contents(list) == Model{"a", Bytes(100000, 'L'), "b"});
  CHECK(list.remove(large.view(), 0) == 1);
  CHECK(list.verify());
}

TEST_CASE("ten short elements take an object and a tight block", "[list]") {
  const EncodingLimits limits;
  for (const ListEnd end : {ListEnd::kHead, ListEnd::kTail}) {
    List* list = new List;
    for (int i = 0; i < 10; ++i) push(*list, end, "element:0" + std::to_string(i), limits);
    CHECK(sizeof(List) == 16);
#ifndef MEMOIR_SYSTEM_MALLOC
    CHECK(list->memory_usage(0) <= 160);
#endif
    delete list;
  }
}

TEST_CASE("elements are found by index over many nodes", "[list]") {
  const EncodingLimits limits;
  List list;
  constexpr std::size_t kCount = 60000;
  for (std::size_t i = 0; i < kCount; ++i) push(list, ListEnd::kTail, std::to_string(i), limits);
  for (std::size_t i = 0; i < kCount; i += 37) REQUIRE(list.at(i).integer() == std::int64_t(i));
  for (std::size_t i = 0; i < kCount; ++i) {
    REQUIRE(list.peek(ListEnd::kHead).integer() == std::int64_t(i));
    list.drop(ListEnd::kHead);
    push(list, ListEnd::kTail, std::to_string(i + kCount), limits);
  }
  REQUIRE(list.size() == kCount);
  REQUIRE(list.verify());
  list.drop(ListEnd::kTail, kCount);
  REQUIRE(list.size() == 0);
}

}  // namespace memoir
