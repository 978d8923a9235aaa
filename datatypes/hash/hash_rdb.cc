// A hash in the RDB format. Small ones are copies of their listpack.
//
//   kHash          := count:length (field:string value:string){count}
//   kHashListpack  := listpack:string                    fields and values in turn
//   kHashMetadata  := soonest:i64 count:length (time:length field value){count}
//                     time 0: none; else soonest + time - 1 is the field's expiry in Unix ms
//   kHashListpackEx:= soonest:i64 listpack:string        field, value, expiry (0: none)
//
// The forms of Redis 7.4's release candidates lack `soonest`; their times are absolute. Valkey 9:
//
//   kHashTimes     := count:length (field value time:i64){count}    in Unix ms, -1: none

#include <algorithm>

#include "datatypes/encoding/old_forms.h"
#include "datatypes/hash/hash.h"
#include "src/store/rdb_reader.h"
#include "src/store/rdb_writer.h"

namespace memoir {
namespace {

constexpr auto kMomentMax = static_cast<std::uint64_t>(kMemberMomentMax);

// In Redis's forms 0 means no time, so the first moment of 1970 becomes the second.
constexpr std::int64_t kMomentMin = 1;

bool has_soonest(RdbType type) {
  return type == RdbType::kHashMetadata || type == RdbType::kHashListpackEx;
}

}  // namespace

RdbType Hash::rdb_type() const {
  const bool timed = earliest_member_ms() != kNoExpiry;
  if (is_large()) return timed ? RdbType::kHashMetadata : RdbType::kHash;
  return timed ? RdbType::kHashListpackEx : RdbType::kHashListpack;
}

void Hash::save(RdbWriter& out) const {
  const std::int64_t soonest = earliest_member_ms();
  if (soonest != kNoExpiry) out.time_ms(soonest);
  if (!is_large()) return out.string(soonest == kNoExpiry ? small().bytes() : triples().bytes());
  out.length(size());
  fields()->table.for_each([&](TableItem item) {
    const ByteView field = HashField::field(item);
    if (soonest != kNoExpiry) {
      const std::int64_t ms = member_ms(field);
      out.length(ms == kNoExpiry ? 0 : static_cast<std::uint64_t>(ms - soonest + 1));
    }
    out.string(field);
    out.string(HashField::value(item));
  });
}

// --- in parts: only tables without times ---

bool Hash::has_parts() const { return is_large() && !times() && fields()->table.has_parts(); }

void Hash::set_member_observer(MemberObserver* observer) {
  fields()->table.set_observer(observer);
}

void Hash::save_before_members(RdbWriter& out) const { out.length(size()); }

TableStep Hash::members_at(std::uint64_t cursor) const { return fields()->table.step_at(cursor); }

void Hash::save_members(Bucket* home, RdbWriter& out) const {
  Table<HashFieldTraits>::visit_bucket(home, [&](TableItem item) {
    out.string(HashField::field(item));
    out.string(HashField::value(item));
  });
}

// The small form as Redis keeps it: fields in the order of their times, those without at the end.
Listpack Hash::triples() const {
  Listpack all;
  times()->for_each([&](ByteView field, std::int64_t ms) {
    char digits[kIntegerCharsMax];
    all.append(field);
    all.append(find(field).text(digits));
    all.append(ms);
  });
  for_each([&](const HashText& field, const HashText& value) {
    char field_digits[kIntegerCharsMax];
    char value_digits[kIntegerCharsMax];
    const ByteView name = field.text(field_digits);
    if (member_ms(name) != kNoExpiry) return;
    all.append(name);
    all.append(value.text(value_digits));
    all.append(std::int64_t{0});
  });
  return all;
}

std::unique_ptr<Object> Hash::load(RdbReader& in, RdbType type, const EncodingLimits& limits) {
  auto hash = std::make_unique<Hash>();
  switch (type) {
    case RdbType::kHash:
    case RdbType::kHashTimes:
      hash->load_fields(in, type, limits);
      break;
    case RdbType::kHashMetadata:
    case RdbType::kHashMetadataPreGa:
      hash->load_expiring_fields(in, has_soonest(type) ? in.time_ms() : 1, limits);
      break;
    case RdbType::kHashListpackEx:
    case RdbType::kHashListpackExPreGa:
      if (has_soonest(type)) in.time_ms();
      hash->load_expiring_pack(in, limits);
      break;
    default:
      hash->load_pack(in, type, limits);
      break;
  }
  if (in.failed()) return nullptr;
  return hash;
}

void Hash::load_fields(RdbReader& in, RdbType type, const EncodingLimits& limits) {
  std::uint64_t left = in.length();
  if (left > limits.hash_listpack_entries) enlarge();
  Bytes field;
  for (; left > 0 && !in.failed(); --left) {
    field = in.string();
    const RdbReader::Text value = in.text(HashField::kApartBytesMin);
    if (in.failed()) return;
    if (!set(field, value.view, limits, value.owner)) in.corrupt("a field comes twice");
    if (type == RdbType::kHashTimes) load_time(in, field);
  }
}

void Hash::load_time(RdbReader& in, ByteView field) {
  const std::int64_t ms = in.time_ms();
  if (in.failed() || ms == kNoExpiry) return;
  if (ms < 0 || ms >= kMemberMomentMax) return in.corrupt("a field's time is out of range");
  set_member_ms(field, std::max(ms, kMomentMin));
}

void Hash::load_expiring_fields(RdbReader& in, std::int64_t soonest, const EncodingLimits& limits) {
  std::uint64_t left = in.length();
  if (left > limits.hash_listpack_entries) enlarge();
  Bytes field;
  for (; left > 0 && !in.failed(); --left) {
    const std::uint64_t time = in.length();
    const std::uint64_t expire_ms =
        time == 0 ? 0 : time + static_cast<std::uint64_t>(soonest) - 1;
    if (expire_ms >= kMomentMax) in.corrupt("a field's time is out of range");
    field = in.string();
    const RdbReader::Text value = in.text(HashField::kApartBytesMin);
    if (in.failed()) return;
    if (!set(field, value.view, limits, value.owner)) return in.corrupt("a field comes twice");
    if (time != 0) set_member_ms(field, std::max(static_cast<std::int64_t>(expire_ms), kMomentMin));
  }
}

void Hash::load_expiring_pack(RdbReader& in, const EncodingLimits& limits) {
  Listpack triples;
  if (!Listpack::decode(in.string(), triples) || triples.count() % 3 != 0) {
    return in.corrupt("a hash's listpack is unsound");
  }
  if (triples.count() / 3 > limits.hash_listpack_entries) enlarge();
  char field_digits[kIntegerCharsMax];
  char value_digits[kIntegerCharsMax];
  for (Listpack::Cursor at = triples.first(); at;) {
    const ByteView field = triples.text_of(at, field_digits);
    at = triples.next(at);
    const ByteView value = triples.text_of(at, value_digits);
    at = triples.next(at);
    const Listpack::Item time = triples.get(at);
    at = triples.next(at);
    const bool sound = time.is_integer && time.integer >= 0 &&
                       time.integer < kMemberMomentMax;
    if (!sound) return in.corrupt("a field's time is out of range");
    if (!set(field, value, limits)) return in.corrupt("a field comes twice");
    if (time.integer != 0) set_member_ms(field, time.integer);
  }
}

// As in Redis, only the number of fields decides whether it stays a listpack.
void Hash::load_pack(RdbReader& in, RdbType type, const EncodingLimits& limits) {
  const ByteView bytes = in.string();
  if (in.failed()) return;
  Listpack pack;
  bool sound = false;
  if (type == RdbType::kHashZipmap) {
    sound = decode_zipmap(bytes, pack);
  } else if (type == RdbType::kHashZiplist) {
    sound = decode_ziplist(bytes, pack);
  } else {
    sound = Listpack::decode(bytes, pack);
  }
  if (!sound || pack.count() % 2 != 0) return in.corrupt("a hash's fields are unsound");
  if (has_repeated(pack, 2)) return in.corrupt("a field comes twice");
  std::size_t longest = 0;
  if (type == RdbType::kHashZipmap) {
    pack.for_each([&](Listpack::Cursor at) {
      const std::size_t size = listpack::is_text(at) ? listpack::text_at(at).size() : 0;
      longest = size > longest ? size : longest;
    });
  }
  small() = std::move(pack);
  if (size() > limits.hash_listpack_entries || longest > limits.hash_listpack_value) enlarge();
}

}  // namespace memoir
