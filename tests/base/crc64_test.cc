#include <catch2/catch.hpp>

#include "src/base/crc64.h"

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

}  // namespace memoir
