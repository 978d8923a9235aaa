#include "src/server/debug_verify.h"

#include "src/base/alloc.h"
#include "src/base/log.h"
#include "src/base/number.h"

namespace memoir {
namespace {

constexpr std::size_t kShownKeyBytes = 128;

const Entry& entry_of(TableItem item) { return *static_cast<const Entry*>(item.pointer); }

// Whether a table has exactly this entry, under its key.
bool has(const EntryTable& table, const Entry& entry, std::uint64_t hash) {
  const auto place = table.find(entry.key(), hash);
  return place && place.item().pointer == &entry;
}

// Looks at one database's part in one stripe.
class ShardCheck {
 public:
  ShardCheck(const Shard& shard, unsigned stripe, Lsn position)
      : shard_(shard), stripe_(stripe), position_(position) {}

  Status run() {
    if (Status tables = check_tables(); !tables) return tables;
    Status found{ok};
    shard_.keys.for_each([&](TableItem item) {
      if (found) found = check_entry(entry_of(item));
      expiring_ += entry_of(item).has_expiry() ? 1 : 0;
      member_expiring_ += entry_of(item).has_member_expiry() ? 1 : 0;
    });
    if (!found) return found;
    // Every entry is where it belongs, so with the same counts there is nothing else.
    if (expiring_ != shard_.expires.size()) {
      return broken("the table of expiries has entries that the keys' has not");
    }
    if (member_expiring_ != shard_.member_expires_size()) {
      return broken("the table of members' expiries has entries that the keys' has not");
    }
    return ok;
  }

  // Bytes that these entries and tables take and share with nobody.
  std::size_t own_bytes() const { return bytes_; }

 private:
  Status check_tables() {
    if (!shard_.keys.verify()) return broken("the table of keys is unsound");
    if (!shard_.expires.verify()) return broken("the table of expiries is unsound");
    if (shard_.member_expires && !shard_.member_expires->verify()) {
      return broken("the table of members' expiries is unsound");
    }
    if (shard_.keys.newest_version() > position_) {
      return broken(fmt::format("a bucket's version {} is above the position {}",
                                shard_.keys.newest_version(), position_));
    }
    bytes_ += shard_.keys.memory_usage() + shard_.expires.memory_usage();
    if (shard_.member_expires) bytes_ += shard_.member_expires->memory_usage();
    return ok;
  }

  Status check_entry(const Entry& entry) {
    Status sound = check_places(entry);
    if (sound) sound = entry.is_string() ? check_string(entry) : check_object(entry);
    if (sound) return ok;
    return broken(fmt::format("key '{}': {}", entry.key().substr(0, kShownKeyBytes),
                              sound.error().text()));
  }

  Status check_places(const Entry& entry) {
    const std::uint64_t hash = hash_in_memory(entry.key());
    if (stripe_of(hash) != stripe_) return broken("it is in another stripe than its own");
    if (entry.has_expiry()) {
      if (entry.expire_ms() < 0) return broken("its expiry is negative");
      if (!has(shard_.expires, entry, hash)) return broken("it is not in the table of expiries");
    }
    if (entry.has_member_expiry() &&
        !(shard_.member_expires && has(*shard_.member_expires, entry, hash))) {
      return broken("it is not in the table of members' expiries");
    }
    return ok;
  }

  Status check_string(const Entry& entry) {
    bytes_ += usable_size(&entry);
    if (entry.has_member_expiry()) return broken("a string whose members expire");
    switch (entry.storage()) {
      case Storage::kInteger:
        return ok;
      case Storage::kInline:
      case Storage::kInlineRaw:
        if (entry.bytes().size() > entry.inline_capacity()) {
          return broken("its string is longer than its block");
        }
        return ok;
      case Storage::kShared:
        if (!entry.shared()) return broken("its string is missing");
        return ok;
      case Storage::kObject:
        break;
    }
    return broken("a string kept as an object");
  }

  Status check_object(const Entry& entry) {
    const Object* const object = entry.object();
    if (entry.storage() != Storage::kObject || !object) return broken("its value is missing");
    if (object->type() != entry.type()) return broken("its value is of another type");
    if (object->size() == 0 && object->type() != TypeId::kStream) {
      return broken("an empty collection");
    }
    if (object->earliest_member_ms() != kNoExpiry && !entry.has_member_expiry()) {
      return broken("members of it expire and it does not say so");
    }
    const std::size_t all = object->memory_usage(0);
    const std::size_t shareable = object->shareable_bytes();
    if (all < shareable) return broken("its parts take more memory than it");
    bytes_ += usable_size(&entry) + all - shareable;
    return object->verify();
  }

  const Shard& shard_;
  unsigned stripe_;
  Lsn position_;
  std::size_t expiring_{0};
  std::size_t member_expiring_{0};
  std::size_t bytes_{0};
};

}  // namespace

Status verify_keyspace(LockedStripes& stripes) {
  Keyspace& keyspace = stripes.keyspace();
  const Lsn before = keyspace.position();
  std::size_t bytes = 0;
  Status found{ok};
  for (unsigned stripe = 0; stripe < kStripes && found; ++stripe) {
    for (unsigned db = 0; db < keyspace.databases() && found; ++db) {
      stripes.with(stripe, db, [&](Shard& shard, Stripe&) {
        ShardCheck check(shard, stripe, keyspace.position());
        found = check.run();
        bytes += check.own_bytes();
      });
      if (!found) found = broken(fmt::format("database {}: {}", db, found.error().text()));
    }
  }
  // Comparable only if nobody has changed anything meanwhile.
  if (!found || keyspace.position() != before || bytes <= allocated_bytes()) return found;
  return broken(fmt::format("the entries take {} bytes, more than the {} that are allocated",
                            bytes, allocated_bytes()));
}

}  // namespace memoir
