// A list in the RDB format. Nodes that are listpacks are copied.
//
//   kList           := count:length element:string{count}
//   kListZiplist    := ziplist:string
//   kListQuicklist  := nodes:length ziplist:string{nodes}
//   kListQuicklist2 := nodes:length (1 element:string | 2 listpack:string){nodes}

#include "datatypes/encoding/old_forms.h"
#include "datatypes/list/list.h"
#include "datatypes/list/list_parts.h"
#include "src/store/rdb_reader.h"
#include "src/store/rdb_writer.h"

namespace memoir {
namespace {

constexpr std::uint64_t kPlain = 1;
constexpr std::uint64_t kPacked = 2;
constexpr std::size_t kPartsNodesMin = 64;  // fewer are saved at once
constexpr std::size_t kSharedBytesMin = 4096;  // elements that may get a node of their own

}  // namespace

RdbType List::rdb_type() const { return RdbType::kListQuicklist2; }

void List::save(RdbWriter& out) const {
  out.length(is_large() ? nodes()->size() : 1);
  each_node([&](bool plain, ByteView bytes) {
    out.length(plain ? kPlain : kPacked);
    out.string(bytes);
  });
}

bool List::has_parts() const { return is_large() && nodes()->size() >= kPartsNodesMin; }

void List::save_before_members(RdbWriter& out) const { out.length(nodes()->size()); }

std::unique_ptr<ValueParts> List::begin_parts(std::uint64_t, EarlyParts&) {
  return std::make_unique<ListParts>(*nodes());
}

std::unique_ptr<Object> List::load(RdbReader& in, RdbType type, const EncodingLimits& limits) {
  auto list = std::make_unique<List>();
  switch (type) {
    case RdbType::kList:
      list->load_elements(in, limits);
      break;
    case RdbType::kListZiplist:
      list->load_ziplist(in, limits);
      break;
    default:
      list->load_nodes(in, type);
      break;
  }
  if (in.failed()) return nullptr;
  // Redis leaves what was a ziplist a quicklist.
  if (type != RdbType::kListZiplist) list->settle_loaded(limits);
  return list;
}

void List::load_elements(RdbReader& in, const EncodingLimits& limits) {
  enlarge();
  for (std::uint64_t left = in.length(); left > 0 && !in.failed(); --left) {
    const RdbReader::Text element = in.text(kSharedBytesMin);
    if (!in.failed()) push(ListEnd::kTail, {element.view, element.owner}, limits);
  }
}

void List::load_ziplist(RdbReader& in, const EncodingLimits& limits) {
  Listpack elements;
  if (!decode_ziplist(in.string(), elements)) return in.corrupt("a ziplist is unsound");
  enlarge();
  char digits[kIntegerCharsMax];
  elements.for_each([&](Listpack::Cursor at) {
    push(ListEnd::kTail, {elements.text_of(at, digits), {}}, limits);
  });
}

void List::load_nodes(RdbReader& in, RdbType type) {
  for (std::uint64_t left = in.length(); left > 0 && !in.failed(); --left) {
    const std::uint64_t container =
        type == RdbType::kListQuicklist2 ? in.length() : kPacked;
    if (container == kPlain) {
      RdbReader::Text element = in.text(0);
      if (element.view.empty()) return in.corrupt("a list's node is empty");
      // A number has no bytes of its own in the file.
      if (!element.owner) element.owner = SharedBytes::copy_of(element.view);
      load_plain(std::move(element.owner));
      continue;
    }
    const ByteView bytes = in.string();
    Listpack pack;
    const bool sound = container == kPacked && (type == RdbType::kListQuicklist2
                                                    ? Listpack::decode(bytes, pack)
                                                    : decode_ziplist(bytes, pack));
    if (!sound) return in.corrupt("a list's node is unsound");
    load_packed(std::move(pack));
  }
}

}  // namespace memoir
