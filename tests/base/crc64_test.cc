#include <catch2/catch.hpp>

#include "src/base/crc64.h"
#include "src/base/random.h"

namespace memoir {

TEST_CASE("crc64 is Redis's", "[base]") {
  CHECK(crc64(0, "") == 0);
  CHECK(crc64(0, "123456789") == 0xe9c6d914c4b8d9caULL);
  const Bytes text =
      "This is a test of the emergency broadcast system; had it been an emergency, ...";
  for (std::size_t cut = 0; cut <= text.size(); ++cut) {
    const ByteView view(text);
    CHECK(crc64(crc64(0, view.substr(0, cut)), view.substr(cut)) == crc64(0, text));
  }
}

TEST_CASE("crc64 is the same with and without the processor's help, and for parts", "[base]") {
  Random random(17);
  Bytes text(5000, '\0');
  for (char& byte : text) byte = static_cast<char>(random.next());
  for (int round = 0; round < 300; ++round) {
    const ByteView view = ByteView(text).substr(random.below(20), random.below(4900));
    const std::uint64_t before = round % 3 == 0 ? 0 : random.next();
    const std::uint64_t whole = crc64_by_tables(before, view);
    CHECK(crc64(before, view) == whole);
    const ByteView first = view.substr(0, random.below(view.size() + 1));
    const ByteView second = view.substr(first.size());
    CHECK(crc64_combine(crc64(before, first), crc64(0, second), second.size()) == whole);
  }
}

}  // namespace memoir
