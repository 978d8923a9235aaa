// The numbers of Redis's RDB format: types of values, opcodes, versions.
//
//   file    := "REDIS" version:4 digits  item*  EOF  crc:u64
//   item    := AUX name value | SELECTDB n | RESIZEDB keys expiring | FUNCTION2 source
//            | [EXPIRETIME_MS i64] [IDLE n | FREQ u8] type key value
//   payload := type value version:u16 crc:u64             (DUMP; the crc covers all before it)
//
// Integers little-endian, but for lengths; see rdb_writer.h. Numbers are never reused.
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
};

enum class RdbOpcode : std::uint8_t {
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

// What is read: up to the version of Redis 8.0.
inline constexpr unsigned kRdbVersionMax = 12;
// What DUMP writes: Redis 7.2's, but for types that are newer.
inline constexpr unsigned kRdbVersionWritten = 11;
constexpr unsigned rdb_version_of(RdbType type) {
  return type >= RdbType::kHashMetadataPreGa ? kRdbVersionMax : kRdbVersionWritten;
}

}  // namespace memoir
