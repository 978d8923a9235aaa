// Goal: an entry gives back what was put into it, in every form, with and without expiry, for short
// and wide keys, and keeps its value when it is rebuilt.
// Method: all combinations; shared buffers are counted by unique().
#include "src/store/entry.h"

#include <catch2/catch.hpp>

#include "tests/store/store_rig.h"

namespace memoir {
namespace {

const std::vector<Bytes>& keys_of_all_sizes() {
  static const std::vector<Bytes> keys = {"",
                                          "k",
                                          Bytes(16, 'k'),
                                          Bytes(254, 'k'),
                                          Bytes(255, 'k'),
                                          Bytes(256, 'k'),
                                          Bytes(70'000, 'k'),
                                          Bytes("a\0b", 3)};
  return keys;
}

Entry* make(Storage storage, ByteView key, ByteView value, std::int64_t expire_ms) {
  switch (storage) {
    case Storage::kInline:
    case Storage::kInlineRaw:
      return Entry::make_inline(key, value, storage, expire_ms);
    case Storage::kInteger:
      return Entry::make_integer(key, *parse_integer(value), expire_ms);
    case Storage::kShared:
      return Entry::make_shared(key, SharedBytes::copy_of(value), expire_ms);
    case Storage::kObject:
      break;
  }
  auto object = std::make_unique<Strings>();
  object->items.emplace_back(value);
  return Entry::make_object(key, std::move(object), expire_ms);
}

Bytes expected(Storage storage, ByteView value) {
  return storage == Storage::kObject ? "[" + Bytes(value) + ",]" : Bytes(value);
}

std::vector<Bytes> values_for(Storage storage) {
  switch (storage) {
    case Storage::kInteger:
      return {"0", "-1", "9223372036854775807", "-9223372036854775808"};
    case Storage::kShared:
      return {"", Bytes(256, 'v'), Bytes(100'000, 'w')};
    default:
      return {"", "v", Bytes(44, 'v'), Bytes(45, 'v'), Bytes(255, 'v')};
  }
}

TEST_CASE("an entry holds key, value and expiry in every form", "[store]") {
  const auto storage = GENERATE(Storage::kInline, Storage::kInlineRaw, Storage::kInteger,
                                Storage::kShared, Storage::kObject);
  const std::int64_t expire_ms = GENERATE(as<std::int64_t>{}, kNoExpiry, 0, 1'700'000'000'123);
  for (const Bytes& key : keys_of_all_sizes()) {
    for (const Bytes& value : values_for(storage)) {
      Entry* entry = make(storage, key, value, expire_ms);
      REQUIRE(entry->key() == key);
      REQUIRE(text_of(*entry) == expected(storage, value));
      REQUIRE(entry->storage() == storage);
      REQUIRE(entry->expire_ms() == expire_ms);
      REQUIRE(entry->has_expiry() == (expire_ms != kNoExpiry));
      REQUIRE(entry->access() == 0);
      REQUIRE(entry->memory_usage(0) >= sizeof(Entry) + key.size());
      Entry::destroy(entry);
    }
  }
}

TEST_CASE("a rebuilt entry has its value under another key and expiry", "[store]") {
  const auto storage = GENERATE(Storage::kInline, Storage::kInlineRaw, Storage::kInteger,
                                Storage::kShared, Storage::kObject);
  for (const Bytes& from_key : keys_of_all_sizes()) {
    for (const Bytes& to_key : keys_of_all_sizes()) {
      const Bytes value = values_for(storage).back();
      Entry* entry = make(storage, from_key, value, kNoExpiry);
      entry->set_access(77);
      for (const std::int64_t expire_ms : {std::int64_t{5}, kNoExpiry, std::int64_t{6}}) {
        entry = Entry::rebuild(entry, to_key, expire_ms);
        REQUIRE(entry->key() == to_key);
        REQUIRE(entry->expire_ms() == expire_ms);
        REQUIRE(text_of(*entry) == expected(storage, value));
        REQUIRE(entry->access() == 77);
      }
      // With a view of its own key.
      entry = Entry::rebuild(entry, entry->key(), kNoExpiry);
      REQUIRE(entry->key() == to_key);
      Entry::destroy(entry);
    }
  }
}

TEST_CASE("an entry owns one reference of a shared value", "[store]") {
  SharedBytes value = SharedBytes::copy_of(Bytes(300, 'x'));
  Entry* entry = Entry::make_shared("k", value);
  REQUIRE_FALSE(value.unique());
  {
    const SharedBytes further = entry->shared();
    REQUIRE(further.data() == value.data());
  }
  REQUIRE(entry->bytes().data() == value.data());  // borrowing counts nothing
  entry = Entry::rebuild(entry, "longer key", 9);
  REQUIRE_FALSE(value.unique());
  entry->set_shared(SharedBytes::copy_of("other"));
  REQUIRE(value.unique());
  REQUIRE(entry->bytes() == "other");
  Entry::destroy(entry);

  entry = Entry::make_shared("k", value);
  Entry::destroy(entry);
  REQUIRE(value.unique());
}

TEST_CASE("an object can be taken out of its entry", "[store]") {
  auto object = std::make_unique<Strings>();
  object->items = {"a", "b"};
  Object* const raw = object.get();
  Entry* entry = Entry::make_object("k", std::move(object), 12);
  REQUIRE(entry->type() == TypeId::kList);
  REQUIRE(entry->encoding() == std::string("strings"));
  const std::unique_ptr<Object> taken = Entry::destroy_keeping_object(entry);
  REQUIRE(taken.get() == raw);
}

TEST_CASE("inline values are overwritten within their capacity", "[store]") {
  for (const Bytes& key : keys_of_all_sizes()) {
    Entry* entry = Entry::make_inline(key, "0123456789", Storage::kInline, 8);
    const std::size_t capacity = entry->inline_capacity();
    REQUIRE(capacity >= 10);
    REQUIRE(capacity <= Entry::kInlineBytesMax);
    for (std::size_t size = 0; size <= capacity; ++size) {
      const Bytes value(size, static_cast<char>('a' + size % 26));
      entry->set_inline(value, Storage::kInlineRaw);
      REQUIRE(entry->bytes() == value);
      REQUIRE(entry->storage() == Storage::kInlineRaw);
    }
    REQUIRE(entry->key() == key);
    REQUIRE(entry->expire_ms() == 8);
    Entry::destroy(entry);
  }
}

TEST_CASE("encodings are named as Redis names them", "[store]") {
  const auto name = [](Entry* entry) {
    const Bytes text = entry->encoding();
    Entry::destroy(entry);
    return text;
  };
  REQUIRE(name(Entry::make_inline("k", Bytes(44, 'x'), Storage::kInline)) == "embstr");
  REQUIRE(name(Entry::make_inline("k", Bytes(45, 'x'), Storage::kInline)) == "raw");
  REQUIRE(name(Entry::make_inline("k", "x", Storage::kInlineRaw)) == "raw");
  REQUIRE(name(Entry::make_integer("k", 5)) == "int");
  REQUIRE(name(Entry::make_shared("k", SharedBytes::copy_of("x"))) == "raw");
}

TEST_CASE("a 16-byte key with an 8-byte string takes 32 bytes", "[store]") {
  Entry* entry = Entry::make_inline(Bytes(16, 'k'), Bytes(8, 'v'), Storage::kInline);
  REQUIRE(entry->memory_usage(0) <= 40);  // 32 with mimalloc; other allocators round up
  Entry::destroy(entry);
}

}  // namespace
}  // namespace memoir
