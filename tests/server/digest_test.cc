#include <catch2/catch.hpp>

#include "src/server/digest.h"

namespace memoir {
namespace {

Bytes digest_of(Entry* entry) {
  Digest digest;
  add_value(digest, *entry);
  Entry::destroy(entry);
  return digest.text();
}

TEST_CASE("digests do not depend on how a string is kept", "[server][debug]") {
  const Bytes plain = digest_of(Entry::make_shared("k", SharedBytes::copy_of("123")));
  CHECK(digest_of(Entry::make_integer("k", 123)) == plain);
  CHECK(digest_of(Entry::make_integer("other", 123)) == plain);
  CHECK(digest_of(Entry::make_integer("k", 124)) != plain);
  CHECK(digest_of(Entry::make_integer("k", 123, 5)) != plain);
}

// The figures are those of Redis 7.
TEST_CASE("digests are Redis's", "[server][debug]") {
  CHECK(Digest().text() == Bytes(40, '0'));
  CHECK(digest_of(Entry::make_integer("i", 123)) == "89f7f51b707418f666d5b45e053bd5bbbf82ac2b");
}

TEST_CASE("the order of chained parts matters, of added ones not", "[server][debug]") {
  const auto chained = [](ByteView a, ByteView b) {
    Digest digest;
    digest.chain(a);
    digest.chain(b);
    return digest.text();
  };
  const auto added = [](ByteView a, ByteView b) {
    Digest digest;
    digest.add(a);
    digest.add(b);
    return digest.text();
  };
  CHECK(chained("a", "b") != chained("b", "a"));
  CHECK(added("a", "b") == added("b", "a"));
}

}  // namespace
}  // namespace memoir
