#include "datatypes/encoding/old_forms.h"

#include <algorithm>
#include <vector>

#include "src/base/coding.h"

namespace memoir {
namespace {

constexpr std::size_t kZiplistHeader = 10;
constexpr unsigned char kEnd = 0xff;
constexpr unsigned char kWide = 0xfe;
constexpr std::uint16_t kCountUnknown = 65535;

// One element of a ziplist.
struct Element {
  std::size_t back = 0;  // what it says of the size of the one before
  std::size_t size = 0;  // of the whole entry
  bool is_integer = false;
  std::int64_t integer = 0;
  ByteView text;
};

// Reads a size of one byte, or of five.
std::size_t read_size(Reader& in) {
  const auto first = in.fixed<std::uint8_t>();
  if (first < kWide) return first;
  if (first == kWide) return in.fixed<std::uint32_t>();
  in.fail(ErrorCode::kCorrupt);
  return 0;
}

std::int64_t read_integer24(Reader& in) {
  const std::uint32_t low = in.fixed<std::uint16_t>();
  const std::uint32_t high = in.fixed<std::uint8_t>();
  return static_cast<std::int32_t>((low << 8) | (high << 24)) >> 8;
}

std::int64_t read_integer(Reader& in, unsigned char encoding) {
  switch (encoding) {
    case 0xc0:
      return in.fixed<std::int16_t>();
    case 0xd0:
      return in.fixed<std::int32_t>();
    case 0xe0:
      return in.fixed<std::int64_t>();
    case 0xf0:
      return read_integer24(in);
    case 0xfe:
      return in.fixed<std::int8_t>();
    default:
      break;
  }
  if (encoding >= 0xf1 && encoding <= 0xfd) return (encoding & 15) - 1;
  in.fail(ErrorCode::kCorrupt);
  return 0;
}

bool read_element(Reader& in, Element& element) {
  const std::size_t before = in.rest().size();
  element.back = read_size(in);
  const auto encoding = in.fixed<std::uint8_t>();
  element.is_integer = encoding >= 0xc0;
  if (element.is_integer) {
    element.integer = read_integer(in, encoding);
  } else {
    std::size_t size = encoding & 63;
    if ((encoding & 0xc0) == 0x40) {
      size = (size << 8) | in.fixed<std::uint8_t>();
    } else if ((encoding & 0xc0) == 0x80) {
      size = __builtin_bswap32(in.fixed<std::uint32_t>());
    }
    element.text = in.bytes(size);
  }
  element.size = before - in.rest().size();
  return !in.failed();
}

}  // namespace

bool decode_ziplist(ByteView bytes, Listpack& out) {
  if (bytes.size() < kZiplistHeader + 1) return false;
  if (load<std::uint32_t>(bytes.data()) != bytes.size()) return false;
  if (static_cast<unsigned char>(bytes.back()) != kEnd) return false;
  const std::size_t tail = load<std::uint32_t>(bytes.data() + 4);
  const std::uint16_t told = load<std::uint16_t>(bytes.data() + 8);

  Reader in(bytes.substr(kZiplistHeader, bytes.size() - kZiplistHeader - 1));
  std::size_t at = kZiplistHeader;
  std::size_t last = kZiplistHeader;
  std::size_t count = 0;
  Element element;
  for (std::size_t size_before = 0; !in.empty(); size_before = element.size, ++count) {
    if (!read_element(in, element) || element.back != size_before) return false;
    if (!out.fits(element.text.size() + 16)) return false;
    element.is_integer ? out.append(element.integer) : out.append(element.text);
    last = at;
    at += element.size;
  }
  if (count != 0 ? tail != last : tail > bytes.size() - 1) return false;
  return told == kCountUnknown || told == count;
}

bool decode_zipmap(ByteView bytes, Listpack& out) {
  if (bytes.size() < 2 || static_cast<unsigned char>(bytes.back()) != kEnd) return false;
  const auto told = static_cast<unsigned char>(bytes[0]);
  Reader in(bytes.substr(1, bytes.size() - 2));
  std::size_t count = 0;
  for (; !in.empty(); ++count) {
    const ByteView field = in.bytes(read_size(in));
    const std::size_t value_size = read_size(in);
    const auto unused = in.fixed<std::uint8_t>();
    const ByteView value = in.bytes(value_size);
    in.bytes(unused);
    if (in.failed() || !out.fits(field.size() + value.size() + 32)) return false;
    out.append(field);
    out.append(value);
  }
  return count != 0 && (told >= kWide || told == count);
}

// By sorting, so that no chosen input makes it slow.
bool has_repeated(const Listpack& pack, unsigned stride) {
  std::vector<ByteView> seen;
  unsigned turn = 0;
  pack.for_each([&](Listpack::Cursor at) {
    if (turn == 0) seen.emplace_back(at, listpack::element_size(at));
    turn = turn + 1 == stride ? 0 : turn + 1;
  });
  std::ranges::sort(seen);
  return std::ranges::adjacent_find(seen) != seen.end();
}

}  // namespace memoir
