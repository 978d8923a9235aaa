// A keyspace with all stripes locked and a Database on it, for tests of src/store; and a check of
// the keyspace's invariants.
#pragma once

#include <map>
#include <set>
#include <vector>

#include <catch2/catch.hpp>

#include "src/base/number.h"
#include "src/store/database.h"
#include "src/store/edit.h"
#include "src/store/string_edit.h"

namespace memoir {

// An ordered collection of strings, as plain as can be.
class Strings final : public Object {
 public:
  static constexpr TypeId kTypeId = TypeId::kList;
  std::vector<Bytes> items;

  TypeId type() const override { return kTypeId; }
  const char* encoding() const override { return "strings"; }
  std::size_t size() const override { return items.size(); }
  std::size_t memory_usage(std::size_t) const override { return sizeof(*this); }
  std::unique_ptr<Object> copy() const override {
    auto twin = std::make_unique<Strings>();
    twin->items = items;
    return twin;
  }
  std::size_t free_effort() const override { return items.size(); }
  void digest(DigestSink&) const override {}
  RdbType rdb_type() const override { return RdbType::kList; }
  void save(RdbWriter&) const override {}
  Status verify() const override { return ok; }
};

// The same under another type.
class Tags final : public Object {
 public:
  static constexpr TypeId kTypeId = TypeId::kSet;
  std::set<Bytes> items;

  TypeId type() const override { return kTypeId; }
  const char* encoding() const override { return "tags"; }
  std::size_t size() const override { return items.size(); }
  std::size_t memory_usage(std::size_t) const override { return sizeof(*this); }
  std::unique_ptr<Object> copy() const override {
    auto twin = std::make_unique<Tags>();
    twin->items = items;
    return twin;
  }
  std::size_t free_effort() const override { return items.size(); }
  void digest(DigestSink&) const override {}
  RdbType rdb_type() const override { return RdbType::kList; }
  void save(RdbWriter&) const override {}
  Status verify() const override { return ok; }
};

// A value as text, whatever its storage.
inline Bytes text_of(const Entry& entry) {
  if (entry.is_string()) {
    char scratch[kIntegerCharsMax];
    return Bytes(string_view_of(entry, scratch));
  }
  Bytes text = "[";
  if (entry.type() == TypeId::kList) {
    for (const Bytes& item : static_cast<const Strings*>(entry.object())->items) text += item + ",";
  } else {
    for (const Bytes& item : static_cast<const Tags*>(entry.object())->items) text += item + ",";
  }
  return text + "]";
}

struct Dumped {
  Bytes text;
  std::int64_t expire_ms;
  bool operator==(const Dumped&) const = default;
};
inline std::ostream& operator<<(std::ostream& out, const Dumped& dumped) {
  return out << dumped.text << " until " << dumped.expire_ms;
}
using Dump = std::map<Bytes, Dumped>;

// All keys of a client's database. No locks are taken.
inline Dump dump_of(Keyspace& keyspace, unsigned db) {
  Dump dump;
  for (unsigned i = 0; i < kStripes; ++i) {
    keyspace.shard(i, keyspace.physical(db)).keys.for_each([&](TableItem item) {
      const auto* entry = static_cast<const Entry*>(item.pointer);
      const bool fresh =
          dump.emplace(Bytes(entry->key()), Dumped{text_of(*entry), entry->expire_ms()}).second;
      REQUIRE(fresh);
    });
  }
  return dump;
}

// Whether all tables of a shard are sound and list the same entries where they should.
inline bool is_sound(const Shard& shard, unsigned stripe) {
  bool sound = shard.keys.verify() && shard.expires.verify();
  std::size_t with_expiry = 0;
  std::size_t with_member_expiry = 0;
  shard.keys.for_each([&](TableItem item) {
    const auto* entry = static_cast<const Entry*>(item.pointer);
    const std::uint64_t hash = hash_in_memory(entry->key());
    sound = sound && stripe_of(hash) == stripe;
    const EntryTable::Place listed = shard.expires.find(entry->key(), hash);
    if (entry->has_expiry()) {
      ++with_expiry;
      sound = sound && listed && listed.item().pointer == entry;
    } else {
      sound = sound && !listed;
    }
    const bool members_listed =
        shard.member_expires && shard.member_expires->find(entry->key(), hash);
    with_member_expiry += entry->has_member_expiry() ? 1 : 0;
    sound = sound && entry->has_member_expiry() == members_listed;
    sound = sound && (entry->storage() != Storage::kObject || entry->object()->size() > 0 ||
                      entry->type() == TypeId::kStream);
  });
  return sound && with_expiry == shard.expires.size() &&
         with_member_expiry == shard.member_expires_size();
}

inline bool is_sound(Keyspace& keyspace) {
  bool sound = true;
  for (unsigned i = 0; i < kStripes; ++i) {
    for (unsigned db = 0; db < keyspace.databases(); ++db) {
      sound = sound && is_sound(keyspace.shard(i, db), i);
    }
  }
  return sound;
}

class StoreRig {
 public:
  explicit StoreRig(unsigned databases = 2)
      : keyspace(databases), stripes_(keyspace), random_(7) {
    StripeSet all;
    all.add_all();
    stripes_.lock(all);
    env.stripes = &stripes_;
    env.changes = &changes;
    env.stats = &stats;
    env.random = &random_;
    env.now_ms = 1'000'000;
    env.events_wanted = ~0U;
  }

  Database db(unsigned index = 0) { return Database(env, index); }
  void set(ByteView key, ByteView value, std::int64_t expire_ms = kNoExpiry) {
    db().set_string(key, value, {}, expire_ms);
  }
  // The raw entry, whether its time is over or not.
  Entry* entry(ByteView key, unsigned index = 0) {
    const std::uint64_t hash = hash_in_memory(key);
    const auto place = stripes_.shard(index, hash).keys.find(key, hash);
    return place ? static_cast<Entry*>(place.item().pointer) : nullptr;
  }
  Bytes text(ByteView key) {
    const Entry* found = entry(key);
    return found ? text_of(*found) : "(none)";
  }
  std::uint64_t version(ByteView key, unsigned index = 0) {
    const std::uint64_t hash = hash_in_memory(key);
    const Bucket* home = stripes_.shard(index, hash).keys.home(hash);
    return home ? home->version() : 0;
  }
  // The names of the events so far, with their keys: "set:a del:b".
  Bytes take_events() {
    Bytes names;
    for (const KeyEvent& event : changes.events) {
      if (!names.empty()) names += ' ';
      names += Bytes(event.name) + ":" + event.key;
    }
    changes.events.clear();
    return names;
  }

  Keyspace keyspace;
  Changes changes;
  KeyspaceStats stats;
  RunEnvironment env;

 private:
  LockedStripes stripes_;
  Random random_;
};

}  // namespace memoir
