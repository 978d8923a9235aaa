// Snapshots read back into a keyspace of their own, to be compared with what they were taken of.
#pragma once

#include <catch2/catch.hpp>

#include "datatypes/serial/values.h"
#include "persistence/memory_file.h"
#include "persistence/rdb_file.h"
#include "persistence/snapshot_writer.h"
#include "src/server/digest.h"
#include "src/store/keyspace.h"

namespace memoir {

// Puts everything a file holds into a keyspace; a key that comes twice is an error.
class KeyspaceFiller final : public RdbFileEvents {
 public:
  explicit KeyspaceFiller(Keyspace& keyspace) : keyspace_(keyspace) {}

  Status function(ByteView source) override {
    functions.emplace_back(source);
    return ok;
  }
  Status aux(ByteView name, ByteView value) override {
    fields[Bytes(name)] = value;
    return ok;
  }
  Status database(std::uint64_t index) override {
    db_ = static_cast<unsigned>(index);
    return ok;
  }
  Status key(const RdbKey& key, RdbReader& in) override {
    EntryOwner entry = load_value(in, key.type, key.name, key.expire_ms, {});
    if (!entry) return in.status();
    const std::uint64_t hash = hash_in_memory(key.name);
    Shard& shard = keyspace_.shard(stripe_of(hash), db_);
    if (shard.keys.find(key.name, hash)) {
      return Error(ErrorCode::kCorrupt, "twice: " + key.name);
    }
    Entry* const raw = entry.release();
    shard.keys.insert({raw}, hash);
    if (raw->has_expiry()) shard.expires.insert({raw}, hash);
    return ok;
  }

  std::vector<Bytes> functions;
  std::map<Bytes, Bytes> fields;

 private:
  Keyspace& keyspace_;
  unsigned db_{0};
};

inline Bytes digest_of(Keyspace& keyspace) {
  StripeSet all;
  all.add_all();
  const LockedStripes locked(keyspace, all);
  return keyspace_digest(locked).text();
}

// What a snapshot in a file holds, as a digest.
inline Bytes digest_of_file(FileSystem& files, const std::string& path,
                            Keyspace& into) {
  auto file = files.open(path, OpenMode::kRead);
  REQUIRE(file);
  RdbFileSource source(**file, *(*file)->size());
  RdbReader in(source);
  KeyspaceFiller filler(into);
  const Status read = read_rdb_file(in, RdbChecksum::kYes, filler);
  INFO((read ? "" : read.error().text()));
  REQUIRE(read);
  return digest_of(into);
}
inline Bytes digest_of_file(FileSystem& files, const std::string& path) {
  Keyspace keyspace(16);
  return digest_of_file(files, path, keyspace);
}

}  // namespace memoir
