// Packed encodings: listpacks, ziplists, zipmaps, intsets and nodes of streams as foreign bytes.
// What is accepted is then changed step by step, as the input's bytes tell, beside a plain model.
#include <vector>

#include "datatypes/encoding/intset.h"
#include "datatypes/encoding/listpack.h"
#include "datatypes/encoding/old_forms.h"
#include "datatypes/stream/stream_node.h"
#include "tests/fuzz/fuzz_checks.h"

namespace memoir::fuzz {
namespace {

std::vector<Bytes> elements_of(const Listpack& pack) {
  std::vector<Bytes> found;
  char digits[kIntegerCharsMax];
  pack.for_each([&](Listpack::Cursor at) { found.emplace_back(pack.text_of(at, digits)); });
  return found;
}

void check(const Listpack& pack, const std::vector<Bytes>& model) {
  require(Listpack::validate(pack.bytes()), "a listpack in use");
  require(pack.count() == model.size(), "the number of elements");
  require(elements_of(pack) == model, "the elements");
  std::size_t left = model.size();
  char digits[kIntegerCharsMax];
  for (Listpack::Cursor at = pack.last(); at; at = pack.prev(at)) {
    require(left > 0 && pack.text_of(at, digits) == model[--left], "the elements backwards");
  }
  require(left == 0, "elements missing backwards");
}

void change(Listpack& pack, std::vector<Bytes>& model, ByteView steps) {
  constexpr std::size_t kStepsMax = 24;
  for (const char step : steps.substr(0, kStepsMax)) {
    const auto byte = static_cast<unsigned char>(step);
    const Bytes text = byte % 2 == 0 ? std::to_string(byte * 77 - 9000) : Bytes(byte, 't');
    const std::size_t place = model.empty() ? 0 : byte % model.size();
    const auto at = pack.at(static_cast<long>(place));
    const auto there = model.begin() + static_cast<std::ptrdiff_t>(place);
    switch (model.empty() ? 0 : byte / 2 % 5) {
      case 0:
        pack.append(ByteView(text));
        model.push_back(text);
        break;
      case 1:
        pack.prepend(ByteView(text));
        model.insert(model.begin(), text);
        break;
      case 2:
        pack.insert_before(at, text);
        model.insert(there, text);
        break;
      case 3:
        pack.replace(at, ByteView(text));
        *there = text;
        break;
      default:
        pack.erase(at);
        model.erase(there);
        break;
    }
  }
}

void try_listpack(Listpack& pack, ByteView input) {
  std::vector<Bytes> model = elements_of(pack);
  check(pack, model);
  (void)has_repeated(pack, 2);
  change(pack, model, input);
  check(pack, model);
}

void try_intset(ByteView bytes) {
  if (!Intset::validate(bytes)) return;
  Intset set = Intset::from_bytes(bytes);
  const std::size_t size = set.size();
  std::size_t seen = 0;
  std::int64_t before = 0;
  set.for_each([&](std::int64_t value) {
    require(seen == 0 || before < value, "the order of an intset");
    require(set.contains(value), "a member of an intset");
    before = value;
    ++seen;
  });
  require(seen == size, "the size of an intset");
  if (size != 0) require(set.remove(before) && set.add(before), "removing and adding");
  set.add(INT64_MIN);
  require(Intset::validate(set.bytes()), "an intset in use");
}

void try_stream_node(const Listpack& pack) {
  if (!is_stream_node(pack)) return;
  const StreamNodeHead head(pack);
  const char* at = head.entries;
  std::size_t texts = 0;
  for (std::size_t left = head.live + head.deleted; left > 0; --left) {
    const StreamEntry entry = read_stream_entry(at, {1, 1}, head);
    entry.each([&](ByteView field, ByteView value) { texts += field.size() + value.size(); });
    const StreamEntry back = read_stream_entry_before(entry.end(), {1, 1}, head);
    require(back.flags_at == entry.flags_at, "an entry of a stream backwards");
    at = entry.end();
  }
  require(listpack::byte_at(at) == listpack::kEnd, "entries of a stream end with their node");
}

}  // namespace
}  // namespace memoir::fuzz

// The first byte chooses the form, the rest are its bytes.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace memoir;
  if (size == 0) return 0;
  // A block of its own, so that a read beyond it is noticed.
  const Bytes input(reinterpret_cast<const char*>(data) + 1, size - 1);
  Listpack pack;
  switch (data[0] % 5) {
    case 0:
      if (Listpack::decode(input, pack)) fuzz::try_listpack(pack, input);
      break;
    case 1:
      if (decode_ziplist(input, pack)) fuzz::try_listpack(pack, input);
      break;
    case 2:
      if (decode_zipmap(input, pack)) fuzz::try_listpack(pack, input);
      break;
    case 3:
      fuzz::try_intset(input);
      break;
    default:
      if (Listpack::decode(input, pack)) fuzz::try_stream_node(pack);
      break;
  }
  return 0;
}
