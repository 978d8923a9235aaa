#include "src/base/crc64.h"

#include <array>

#include "src/base/coding.h"

namespace memoir {
namespace {

constexpr std::uint64_t kReflectedPolynomial = 0x95ac9329ac4bc9b5ULL;
constexpr std::size_t kSlices = 8;

using Table = std::array<std::uint64_t, 256>;

// Table n gives what a byte adds that lies n bytes before the end of the step.
constexpr std::array<Table, kSlices> make_tables() {
  std::array<Table, kSlices> tables{};
  for (std::uint64_t byte = 0; byte < 256; ++byte) {
    std::uint64_t crc = byte;
    for (int bit = 0; bit < 8; ++bit) {
      crc = (crc & 1) != 0 ? (crc >> 1) ^ kReflectedPolynomial : crc >> 1;
    }
    tables[0][byte] = crc;
  }
  for (std::size_t n = 1; n < kSlices; ++n) {
    for (std::size_t byte = 0; byte < 256; ++byte) {
      const std::uint64_t before = tables[n - 1][byte];
      tables[n][byte] = tables[0][before & 255] ^ (before >> 8);
    }
  }
  return tables;
}

constexpr std::array<Table, kSlices> kTables = make_tables();

}  // namespace

std::uint64_t crc64(std::uint64_t crc, ByteView bytes) {
  const char* at = bytes.data();
  std::size_t left = bytes.size();
  for (; left >= kSlices; left -= kSlices, at += kSlices) {
    crc ^= load<std::uint64_t>(at);
    std::uint64_t next = 0;
    for (std::size_t n = 0; n < kSlices; ++n) {
      next ^= kTables[kSlices - 1 - n][(crc >> (8 * n)) & 255];
    }
    crc = next;
  }
  for (; left > 0; --left, ++at) {
    crc = kTables[0][(crc ^ static_cast<unsigned char>(*at)) & 255] ^ (crc >> 8);
  }
  return crc;
}

}  // namespace memoir
