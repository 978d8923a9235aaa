// The numbers of Redis's RDB format: types of values, opcodes, versions.
//
//   file    := "REDIS" version:4 digits  item*  EOF  crc:u64
//   item    := AUX name value | SELECTDB n | RESIZEDB keys expiring | FUNCTION2 source
//            | [EXPIRETIME_MS i64] [IDLE n | FREQ u8] type key value
//   payload := type value version:u16 crc:u64             (DUMP; the crc covers all before it)
//
// Valkey 9 and later write "VALKEY" version:3 digits, and give some numbers another meaning: see
// kHashTimes and kSlotImport. Integers little-endian, but for lengths; see rdb_writer.h. Numbers
// are never reused.
#pragma once

#include <cstdint>

namespace memoir {

enum class RdbType : std::uint8_t {
  kString = 0,
  kList = 1,
  kSet = 2,
  kSortedSet = 3,   // scores as text
  kHash = 4,
  kSortedSet2 = 5,  // scores as binary doubles
  kModulePreGa = 6,
  kModule2 = 7,
  kHashZipmap = 9,
  kListZiplist = 10,
  kSetIntset = 11,
  kSortedSetZiplist = 12,
  kHashZiplist = 13,
  kListQuicklist = 14,  // of ziplists
  kStreamListpacks = 15,
  kHashListpack = 16,
  kSortedSetListpack = 17,
  kListQuicklist2 = 18,  // of listpacks and plain elements
  kStreamListpacks2 = 19,
  kSetListpack = 20,
  kStreamListpacks3 = 21,
  // Hashes whose fields expire, from Redis 7.4 on. The first two are of its release candidates.
  kHashMetadataPreGa = 22,
  kHashListpackExPreGa = 23,
  kHashMetadata = 24,
  kHashListpackEx = 25,
  // Memoir's own: sets and sorted sets whose members expire.
  kTimedMembers = 200,
  // In no file: what type 22 means in those of Valkey 9, hashes whose fields may expire.
  kHashTimes = 201,
};

enum class RdbOpcode : std::uint8_t {
  kSlotImport = 243,  // Valkey 9's; in Redis something else, from version 13 on
  kSlotInfo = 244,
  kFunction2 = 245,
  kFunctionPreGa = 246,
  kModuleAux = 247,
  kIdle = 248,  // seconds without use, of the next key
  kFreq = 249,  // the LFU counter of the next key
  kAux = 250,
  kResizeDb = 251,
  kExpireTimeMs = 252,
  kExpireTime = 253,  // in seconds, until Redis 2.6
  kSelectDb = 254,
  kEof = 255,
};

// Versions that are read: up to Redis 8.0's, and Valkey 9's.
inline constexpr unsigned kRdbVersionMax = 12;
inline constexpr unsigned kRdbVersionValkey = 80;
// What files get at least: Redis 7.0's.
inline constexpr unsigned kRdbVersionMin = 10;
// What DUMP writes at least: Redis 7.2's, as that does.
inline constexpr unsigned kRdbVersionDumped = 11;

// The lowest version of a file that may have values of this type, but kRdbVersionMin. Memoir's own
// type needs the newest: whoever does not know that refuses the file at once.
constexpr unsigned rdb_version_for(RdbType type) {
  if (type >= RdbType::kHashMetadataPreGa) return kRdbVersionMax;
  return type >= RdbType::kSetListpack ? 11 : kRdbVersionMin;
}

// What a type number of a file or payload of this version means.
constexpr RdbType rdb_type_in(unsigned version, RdbType type) {
  if (type == RdbType::kHashTimes) return static_cast<RdbType>(255);
  const bool valkey = version == kRdbVersionValkey && type == RdbType::kHashMetadataPreGa;
  return valkey ? RdbType::kHashTimes : type;
}

// A key's expiry as a file tells it: a moment before 1970 is over like any other, but -1 is none.
constexpr std::int64_t rdb_expiry_in(std::int64_t ms) { return ms < -1 ? 0 : ms; }

// Whether DUMP payloads of this version are read.
constexpr bool is_known_rdb_version(unsigned version) {
  return version <= kRdbVersionMax || version == kRdbVersionValkey;
}

}  // namespace memoir
