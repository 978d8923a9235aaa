#include "datatypes/serial/values.h"

#include <algorithm>
#include <array>

#include "datatypes/encoding/member_times_rdb.h"
#include "datatypes/hash/hash.h"
#include "datatypes/list/list.h"
#include "datatypes/set/set.h"
#include "datatypes/sorted_set/sorted_set.h"
#include "datatypes/stream/stream.h"
#include "src/base/coding.h"
#include "src/base/crc64.h"
#include "src/base/log.h"
#include "src/base/number.h"

namespace memoir {
namespace {

using Loader = std::unique_ptr<Object> (*)(RdbReader&, RdbType, const EncodingLimits&);

struct LoaderRow {
  RdbType type;
  Loader load;
  const char* name;  // as Redis's log calls it
};

// A data type lists here which RDB types it reads.
constexpr LoaderRow kLoaders[] = {
    {RdbType::kList, List::load, "List"},
    {RdbType::kListZiplist, List::load, "List ziplist"},
    {RdbType::kListQuicklist, List::load, "Quicklist ziplist"},
    {RdbType::kListQuicklist2, List::load, "Quicklist listpack"},
    {RdbType::kSet, Set::load, "Set"},
    {RdbType::kSetIntset, Set::load, "Intset"},
    {RdbType::kSetListpack, Set::load, "Set listpack"},
    {RdbType::kSortedSet, SortedSet::load, "Zset"},
    {RdbType::kSortedSet2, SortedSet::load, "Zset"},
    {RdbType::kSortedSetZiplist, SortedSet::load, "Zset ziplist"},
    {RdbType::kSortedSetListpack, SortedSet::load, "Zset listpack"},
    {RdbType::kHash, Hash::load, "Hash"},
    {RdbType::kHashZipmap, Hash::load, "Zipmap"},
    {RdbType::kHashZiplist, Hash::load, "Hash ziplist"},
    {RdbType::kHashListpack, Hash::load, "Hash listpack"},
    {RdbType::kHashMetadataPreGa, Hash::load, "Hash with times"},
    {RdbType::kHashListpackExPreGa, Hash::load, "Hash listpackex"},
    {RdbType::kHashMetadata, Hash::load, "Hash with times"},
    {RdbType::kHashListpackEx, Hash::load, "Hash listpackex"},
    {RdbType::kHashTimes, Hash::load, "Hash with times"},
    {RdbType::kStreamListpacks, Stream::load, "Stream listpack"},
    {RdbType::kStreamListpacks2, Stream::load, "Stream listpack"},
    {RdbType::kStreamListpacks3, Stream::load, "Stream listpack"},
};

constexpr std::size_t kTypes = 256;

constexpr std::array<Loader, kTypes> by_number() {
  std::array<Loader, kTypes> table{};
  for (const LoaderRow& row : kLoaders) table[static_cast<std::size_t>(row.type)] = row.load;
  return table;
}

constexpr std::array<Loader, kTypes> kByNumber = by_number();

constexpr std::size_t kFooterBytes = 10;  // version:u16 crc:u64

Entry* load_string(RdbReader& in, ByteView key, std::int64_t expire_ms) {
  const RdbReader::Text text = in.text(Entry::kInlineBytesMax + 1);
  if (in.failed()) return nullptr;
  if (text.owner) return Entry::make_shared(key, text.owner, expire_ms);
  if (text.view.size() <= kIntegerCharsMax) {
    if (const auto integer = parse_integer(text.view)) {
      return Entry::make_integer(key, *integer, expire_ms);
    }
  }
  return Entry::make_inline(key, text.view, Storage::kInline, expire_ms);
}

// A type's number is of one byte.
Loader loader_of(RdbType type) { return kByNumber[static_cast<std::uint8_t>(type)]; }

std::unique_ptr<Object> load_timed(RdbReader& in, const EncodingLimits& limits) {
  const auto type = static_cast<RdbType>(in.byte());
  const Loader load = loader_of(type);
  if (!load) in.corrupt("members with times, of an unknown type");
  std::unique_ptr<Object> object = in.failed() ? nullptr : load(in, type, limits);
  if (object) load_times(in, *object);
  return in.failed() ? nullptr : std::move(object);
}

void fail_unknown(RdbReader& in, RdbType type) {
  if (type == RdbType::kModulePreGa || type == RdbType::kModule2) {
    const std::uint64_t id = in.length();
    return in.fail(ErrorCode::kUnsupported,
                   fmt::format("the value is of module '{}', and modules are not supported",
                               rdb_module_name(id)));
  }
  in.fail(ErrorCode::kUnsupported,
          fmt::format("unknown type of value {}", static_cast<unsigned>(type)));
}

}  // namespace

const char* name_of(RdbType type) {
  for (const LoaderRow& row : kLoaders) {
    if (row.type == type) return row.name;
  }
  return type == RdbType::kString ? "String" : "Value";
}

EntryOwner load_value(RdbReader& in, RdbType type, ByteView key, std::int64_t expire_ms,
                      const EncodingLimits& limits) {
  if (type == RdbType::kString) return EntryOwner(load_string(in, key, expire_ms));
  std::unique_ptr<Object> object;
  if (type == RdbType::kTimedMembers) {
    object = load_timed(in, limits);
  } else if (const Loader load = loader_of(type)) {
    object = load(in, type, limits);
  } else {
    fail_unknown(in, type);
  }
  if (!object) return nullptr;
  return EntryOwner(Entry::make_object(key, std::move(object), expire_ms));
}

Bytes dump_payload(const Entry& entry, RdbCompression compression) {
  RdbWriter out(compression);
  const RdbType type = rdb_type_of(entry);
  out.type(type);
  save_value(entry, out);
  out.fixed(static_cast<std::uint16_t>(std::max(kRdbVersionDumped, rdb_version_for(type))));
  out.fixed(out.checksum());
  return out.take();
}

bool is_empty(const Entry& entry) {
  return !entry.is_string() && entry.type() != TypeId::kStream && entry.object()->size() == 0;
}

bool is_sound_payload(ByteView payload, PayloadCheck check) {
  if (payload.size() < kFooterBytes) return false;
  const char* const footer = payload.data() + payload.size() - kFooterBytes;
  if (!is_known_rdb_version(load<std::uint16_t>(footer))) return false;
  if (check == PayloadCheck::kVersionOnly) return true;
  return load<std::uint64_t>(footer + 2) == crc64(0, payload.substr(0, payload.size() - 8));
}

Result<EntryOwner> load_payload(ByteView payload, ByteView key, std::int64_t expire_ms,
                                const EncodingLimits& limits) {
  RdbReader in(payload.substr(0, payload.size() - kFooterBytes));
  const unsigned version = load<std::uint16_t>(payload.data() + payload.size() - kFooterBytes);
  const RdbType type = rdb_type_in(version, static_cast<RdbType>(in.byte()));
  EntryOwner entry = load_value(in, type, key, expire_ms, limits);
  if (!entry) {
    const Status status = in.status();
    return Error(status.error().code(),
                 fmt::format("{} integrity check failed at byte {}: {}", name_of(type),
                             in.position(), status.error().text()));
  }
  if (is_empty(*entry)) {
    return Error(ErrorCode::kCorrupt, "an empty collection");
  }
  return entry;
}

}  // namespace memoir
