#include "src/store/database.h"

#include <algorithm>
#include <optional>

#include "src/base/number.h"
#include "src/store/edit.h"
#include "src/store/string_edit.h"

namespace memoir {
namespace {

// Values of more allocations than this are freed in the background, as Redis's LAZYFREE_THRESHOLD.
constexpr std::size_t kFreeEffortMax = 64;
constexpr std::uint32_t kLfuCounterMax = 255;
constexpr std::uint32_t kLfuCounterInitial = 5;

std::uint32_t lfu_minutes(std::int64_t now_ms) {
  return static_cast<std::uint32_t>(now_ms / 60000) & 0xffff;
}

}  // namespace

EventClass event_class_of(TypeId type) {
  switch (type) {
    case TypeId::kString:
      return kEventString;
    case TypeId::kList:
      return kEventList;
    case TypeId::kSet:
      return kEventSet;
    case TypeId::kSortedSet:
      return kEventZset;
    case TypeId::kHash:
      return kEventHash;
    case TypeId::kStream:
      return kEventStream;
  }
  return kEventGeneric;
}

std::uint32_t lru_now(std::int64_t now_ms) { return static_cast<std::uint32_t>(now_ms / 1000); }

std::uint32_t lfu_initial(std::int64_t now_ms) {
  return lfu_minutes(now_ms) << 8 | kLfuCounterInitial;
}

std::uint8_t lfu_counter(std::uint32_t access, std::int64_t now_ms, unsigned decay_minutes) {
  const std::uint32_t counter = access & 0xff;
  if (decay_minutes == 0) return static_cast<std::uint8_t>(counter);
  const std::uint32_t idle = (lfu_minutes(now_ms) - (access >> 8)) & 0xffff;
  const std::uint32_t decay = idle / decay_minutes;
  return static_cast<std::uint8_t>(counter > decay ? counter - decay : 0);
}

// The logarithmic counter of Redis: the more accesses were counted, the less likely the next one counts.
std::uint32_t lfu_touched(std::uint32_t access, const RunEnvironment& env) {
  std::uint32_t counter = lfu_counter(access, env.now_ms, env.lfu_decay_minutes);
  if (counter < kLfuCounterMax) {
    const double base = counter > kLfuCounterInitial ? counter - kLfuCounterInitial : 0;
    if (env.random->unit() < 1.0 / (base * env.lfu_log_factor + 1)) ++counter;
  }
  return lfu_minutes(env.now_ms) << 8 | counter;
}

void Database::touch(Entry* entry) {
  if (!env_->touch) return;
  entry->set_access(env_->access_policy == AccessPolicy::kLru
                        ? lru_now(env_->now_ms)
                        : lfu_touched(entry->access(), *env_));
}

bool Database::expire_if_due(Entry* entry, std::uint64_t hash) {
  if (!entry->has_expiry() || entry->expire_ms() > env_->now_ms) return false;
  if (env_->expiry == ExpiryMode::kIgnore) return false;
  if (env_->expiry == ExpiryMode::kHide) return true;
  const Bytes key(entry->key());
  env_->changes->expired.push_back({index_, key});
  before_change(key, hash, entry);
  drop(key, hash);
  after_change(key, hash);
  KeyspaceStats::bump(env_->stats->expired);
  notify(kEventExpired, "expired", key);
  return true;
}

Entry* Database::peek(ByteView key, std::uint64_t hash) {
  const EntryTable::Place place = shard(hash).keys.find(key, hash);
  if (!place) return nullptr;
  auto* entry = static_cast<Entry*>(place.item().pointer);
  return expire_if_due(entry, hash) ? nullptr : entry;
}

Entry* Database::lookup(ByteView key) {
  Entry* entry = peek(key, hash_of(key));
  if (!entry) {
    KeyspaceStats::bump(env_->stats->misses);
    if (env_->events_wanted & kEventKeyMiss) notify(kEventKeyMiss, "keymiss", key);
    return nullptr;
  }
  KeyspaceStats::bump(env_->stats->hits);
  touch(entry);
  return entry;
}

void Database::before_change(ByteView key, std::uint64_t hash, const Entry* entry) {
  ChangeObserver* observer = env_->stripes->keyspace().observer();
  if (observer) [[unlikely]] {
    Shard& where = shard(hash);
    observer->before_change(env_->stripes->keyspace().physical(index_), key, entry,
                            where.keys.home(hash));
  }
}

void Database::after_change(ByteView key, std::uint64_t hash) {
  Shard& where = shard(hash);
  if (Bucket* bucket = where.keys.home(hash)) {
    bucket->set_version(env_->stripes->keyspace().position());
  }
  signal_changed(key, hash);
}

void Database::signal_changed(ByteView key, std::uint64_t hash) {
  Stripe& where = stripe(hash);
  if (where.has_watchers || where.has_waiters) [[unlikely]] {
    env_->changes->touched.push_back({index_, Bytes(key)});
  }
}

void Database::notify(EventClass event_class, const char* name, ByteView key) {
  if ((env_->events_wanted & event_class) == 0) return;
  env_->changes->events.push_back({event_class, name, index_, Bytes(key)});
}

void Database::insert(Entry* entry, std::uint64_t hash) {
  entry->set_access(env_->access_policy == AccessPolicy::kLru ? lru_now(env_->now_ms)
                                                              : lfu_initial(env_->now_ms));
  Shard& where = shard(hash);
  where.keys.insert({entry}, hash);
  if (entry->has_expiry()) where.expires.insert({entry}, hash);
  if (env_->events_wanted & kEventNew) notify(kEventNew, "new", entry->key());
}

void Database::free_entry(Entry* entry) {
  if (entry->storage() == Storage::kObject && env_->lazy_free &&
      entry->object()->free_effort() > kFreeEffortMax) {
    env_->changes->garbage.push_back(Entry::destroy_keeping_object(entry));
    return;
  }
  Entry::destroy(entry);
}

void Database::drop(ByteView key, std::uint64_t hash) {
  Shard& where = shard(hash);
  const EntryTable::Place place = where.keys.find(key, hash);
  if (!place) return;
  auto* entry = static_cast<Entry*>(place.item().pointer);
  if (entry->has_expiry()) where.expires.erase(where.expires.find(key, hash), hash);
  where.keys.erase(place, hash);
  free_entry(entry);
}

void Database::replace(Entry* from, Entry* to, std::uint64_t hash) {
  Shard& where = shard(hash);
  // The key's bytes may belong to `from`; the new entry has them too.
  const ByteView key = to->key();
  const EntryTable::Place place = where.keys.find(key, hash);
  ASSERT(place && place.item().pointer == from);
  if (to->has_expiry()) EntryTable::replace(where.expires.find(key, hash), {to});
  EntryTable::replace(place, {to});
}

void Database::upsert(ByteView key, Entry* entry, std::uint64_t hash) {
  Shard& where = shard(hash);
  const EntryTable::Place place = where.keys.find(key, hash);
  if (!place) {
    insert(entry, hash);
    return;
  }
  auto* old = static_cast<Entry*>(place.item().pointer);
  if (old->has_expiry() && entry->has_expiry()) {
    EntryTable::replace(where.expires.find(key, hash), {entry});
  } else if (old->has_expiry()) {
    where.expires.erase(where.expires.find(key, hash), hash);
  } else if (entry->has_expiry()) {
    where.expires.insert({entry}, hash);
  }
  entry->set_access(env_->access_policy == AccessPolicy::kLru ? lru_now(env_->now_ms)
                                                              : old->access());
  EntryTable::replace(place, {entry});
  free_entry(old);
}

void Database::set_string(ByteView key, ByteView value, const SharedBytes& owner,
                          std::int64_t expire_ms, const char* event) {
  const std::uint64_t hash = hash_of(key);
  Shard& where = shard(hash);
  const EntryTable::Place place = where.keys.find(key, hash);
  Entry* old = place ? static_cast<Entry*>(place.item().pointer) : nullptr;
  if (old && expire_if_due(old, hash) && env_->expiry == ExpiryMode::kDelete) old = nullptr;
  before_change(key, hash, old);

  const bool short_value = value.size() <= Entry::kInlineBytesMax;
  std::optional<std::int64_t> integer;
  if (value.size() <= kIntegerCharsMax) integer = parse_integer(value);
  const bool same_expiry = old && expire_ms == kNoExpiry && !old->has_expiry();
  if (same_expiry && old->is_string() && integer && old->storage() == Storage::kInteger) {
    old->set_integer(*integer);
    touch(old);
  } else if (same_expiry && old->is_string() && !integer && short_value &&
             old->storage() <= Storage::kInlineRaw && value.size() <= old->inline_capacity() &&
             value.size() * 2 + 16 >= old->inline_capacity()) {
    old->set_inline(value, Storage::kInline);
    touch(old);
  } else if (integer) {
    upsert(key, Entry::make_integer(key, *integer, expire_ms), hash);
  } else if (short_value) {
    upsert(key, Entry::make_inline(key, value, Storage::kInline, expire_ms), hash);
  } else {
    upsert(key, Entry::make_shared(key, owner ? owner : SharedBytes::copy_of(value), expire_ms),
           hash);
  }
  add_changes();
  after_change(key, hash);
  if (event) notify(kEventString, event, key);
}

void Database::set_integer(ByteView key, std::int64_t value, std::int64_t expire_ms,
                           const char* event) {
  const std::uint64_t hash = hash_of(key);
  before_change(key, hash, peek(key, hash));
  upsert(key, Entry::make_integer(key, value, expire_ms), hash);
  add_changes();
  after_change(key, hash);
  if (event) notify(kEventString, event, key);
}

void Database::set_object(ByteView key, std::unique_ptr<Object> value, std::int64_t expire_ms,
                          const char* event) {
  const std::uint64_t hash = hash_of(key);
  const TypeId type = value->type();
  before_change(key, hash, peek(key, hash));
  upsert(key, Entry::make_object(key, std::move(value), expire_ms), hash);
  add_changes();
  after_change(key, hash);
  if (event) notify(event_class_of(type), event, key);
}

bool Database::remove(ByteView key, const char* event) {
  const std::uint64_t hash = hash_of(key);
  Entry* entry = peek(key, hash);
  if (!entry) return false;
  before_change(key, hash, entry);
  drop(key, hash);
  add_changes();
  after_change(key, hash);
  if (event) notify(kEventGeneric, event, key);
  return true;
}

Entry* Database::take(ByteView key) {
  const std::uint64_t hash = hash_of(key);
  Entry* entry = peek(key, hash);
  if (!entry) return nullptr;
  before_change(key, hash, entry);
  Shard& where = shard(hash);
  if (entry->has_expiry()) where.expires.erase(where.expires.find(key, hash), hash);
  where.keys.erase(where.keys.find(key, hash), hash);
  after_change(key, hash);
  return entry;
}

void Database::put(ByteView key, Entry* entry) {
  const std::uint64_t hash = hash_of(key);
  before_change(key, hash, peek(key, hash));
  const std::uint32_t access = entry->access();
  if (entry->key() != key) entry = Entry::rebuild(entry, key, entry->expire_ms());
  upsert(key, entry, hash);
  entry->set_access(access);
  after_change(key, hash);
}

void Database::set_expiry(ByteView key, std::int64_t expire_ms) {
  const std::uint64_t hash = hash_of(key);
  Entry* entry = peek(key, hash);
  ASSERT(entry != nullptr);
  before_change(key, hash, entry);
  const bool wants = expire_ms != kNoExpiry;
  if (wants && entry->has_expiry()) {
    entry->set_expire_ms(expire_ms);
  } else if (wants != entry->has_expiry()) {
    Shard& where = shard(hash);
    if (!wants) where.expires.erase(where.expires.find(key, hash), hash);
    const EntryTable::Place place = where.keys.find(key, hash);
    const Bytes copy(key);  // `key` may lie in the entry that rebuild() frees
    Entry* rebuilt = Entry::rebuild(entry, copy, expire_ms);
    EntryTable::replace(place, {rebuilt});
    if (wants) where.expires.insert({rebuilt}, hash);
    add_changes();
    after_change(copy, hash);
    return;
  }
  add_changes();
  after_change(key, hash);
}

Result<StringEdit> Database::edit_string(ByteView key, IfMissing mode) {
  const std::uint64_t hash = hash_of(key);
  Entry* entry = peek(key, hash);
  if (entry) {
    if (!entry->is_string()) return Error(kWrongType);
    before_change(key, hash, entry);
    touch(entry);
    return StringEdit(*this, key, hash, entry, false);
  }
  if (mode == IfMissing::kNone) return StringEdit();
  before_change(key, hash, nullptr);
  entry = Entry::make_inline(key, "", Storage::kInline);
  insert(entry, hash);
  return StringEdit(*this, key, hash, entry, true);
}

}  // namespace memoir
