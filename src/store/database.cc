#include "src/store/database.h"

#include <algorithm>
#include <optional>

#include "src/base/number.h"
#include "src/store/edit.h"
#include "src/store/string_edit.h"
#include "src/store/undo.h"

namespace memoir {
namespace {

// Values of more allocations than this are freed in the background, as Redis's LAZYFREE_THRESHOLD.
constexpr std::size_t kFreeEffortMax = 64;
constexpr std::uint32_t kLfuCounterMax = 255;
constexpr std::uint32_t kLfuCounterInitial = 5;

std::uint32_t lfu_minutes(std::int64_t now_ms) {
  return static_cast<std::uint32_t>(now_ms / 60000) & 0xffff;
}

// What a notification says of members whose time is over.
const char* expiry_event_of(TypeId type) {
  if (type == TypeId::kHash) return "hexpired";
  return type == TypeId::kSet ? "srem" : "zrem";
}

Entry* entry_at(const EntryTable::Place& place) {
  return place ? static_cast<Entry*>(place.item().pointer) : nullptr;
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

// The logarithmic counter of Redis: the more accesses were counted, the less likely the next one
// counts.
std::uint32_t lfu_touched(std::uint32_t access, const RunEnvironment& env) {
  std::uint32_t counter = lfu_counter(access, env.now_ms, env.lfu_decay_minutes);
  if (counter < kLfuCounterMax) {
    const double base = counter > kLfuCounterInitial ? counter - kLfuCounterInitial : 0;
    if (env.random->unit() < 1.0 / (base * env.lfu_log_factor + 1)) ++counter;
  }
  return lfu_minutes(env.now_ms) << 8 | counter;
}

void DestroyEntry::operator()(Entry* entry) const { Entry::destroy(entry); }

void Database::touch(Entry* entry) {
  if (!env_->touch) return;
  entry->set_access(env_->access_policy == AccessPolicy::kLru
                        ? lru_now(env_->now_ms)
                        : lfu_touched(entry->access(), *env_));
}

bool Database::expire_if_due(Entry* entry, std::uint64_t hash) {
  if (!entry->has_expiry() || entry->expire_ms() >= env_->now_ms) return false;
  if (env_->expiry == ExpiryMode::kIgnore) return false;
  if (env_->expiry == ExpiryMode::kHide) return true;
  const Bytes key(entry->key());
  env_->changes->expired.push_back({.db = index_, .key = key});
  before_change(key, hash, entry);
  drop(key, hash);
  after_change(key, hash);
  KeyspaceStats::bump(env_->stats->expired);
  notify(kEventExpired, "expired", key);
  return true;
}

Entry* Database::peek(ByteView key, std::uint64_t hash) {
  Entry* entry = entry_at(shard(hash).keys.find(key, hash));
  return entry && entry->may_expire() ? live_part(entry, hash) : entry;
}

// What is to be seen of an entry that may expire, as a whole or in parts; null if nothing.
Entry* Database::live_part(Entry* entry, std::uint64_t hash) {
  if (expire_if_due(entry, hash)) return nullptr;
  if (!entry->has_member_expiry() || env_->expiry == ExpiryMode::kIgnore) return entry;
  const std::int64_t earliest = entry->object()->earliest_member_ms();
  const bool due = earliest != kNoExpiry && earliest < env_->now_ms;
  if (env_->expiry == ExpiryMode::kHide) return due ? view_without_due(*entry) : entry;
  if (due) return expire_members(entry, hash, SIZE_MAX) ? entry : nullptr;
  if (earliest == kNoExpiry) unlist_members(entry, hash);
  return entry;
}

// Removes members whose time is over. False if none was left and the key is gone.
bool Database::expire_members(Entry* entry, std::uint64_t hash, std::size_t most) {
  const Bytes key(entry->key());
  Object* const value = entry->object();
  before_change(key, hash, entry);
  Removal removal{.db = index_, .key = key, .type = value->type()};
  value->expire_members(env_->now_ms, most, removal.members);
  KeyspaceStats::bump(env_->stats->expired_members, removal.members.size());
  env_->changes->expired.push_back(std::move(removal));
  notify(event_class_of(value->type()), expiry_event_of(value->type()), key);
  const bool lives = value->size() != 0;
  if (!lives) {
    drop(key, hash);
    notify(kEventGeneric, "del", key);
  } else if (value->earliest_member_ms() == kNoExpiry) {
    unlist_members(entry, hash);
  }
  after_change(key, hash, false);  // nobody waits for less
  return lives;
}

void Database::expire_members(ByteView key, std::size_t most) {
  const std::uint64_t hash = hash_of(key);
  Entry* const entry = entry_at(shard(hash).keys.find(key, hash));
  if (!entry || !entry->has_member_expiry() || expire_if_due(entry, hash)) return;
  const std::int64_t earliest = entry->object()->earliest_member_ms();
  if (earliest == kNoExpiry) return unlist_members(entry, hash);
  if (earliest < env_->now_ms) expire_members(entry, hash, most);
}

Entry* Database::view_without_due(const Entry& entry) {
  std::unique_ptr<Object> value = entry.object()->copy();
  std::vector<Bytes> due;
  value->expire_members(env_->now_ms, SIZE_MAX, due);
  if (value->size() == 0) return nullptr;
  Entry* const view = Entry::make_object(entry.key(), std::move(value), entry.expire_ms());
  view->set_access(entry.access());
  view->set_member_expiry(true);  // tells that there may be more behind it
  env_->changes->views.emplace_back(view);
  return view;
}

// A key that is changed here although others decide what expires loses the members that are
// hidden, as a key that is created loses a hidden one (before_creation). Returns the entry itself.
Entry* Database::drop_hidden(Entry* seen, ByteView key, std::uint64_t hash) {
  Entry* const entry = entry_at(shard(hash).keys.find(key, hash));
  if (entry == seen) return entry;
  before_change(key, hash, entry);
  std::vector<Bytes> hidden;
  entry->object()->expire_members(env_->now_ms, SIZE_MAX, hidden);
  after_change(key, hash);
  return entry;
}

// Handlers ask for their keys in order, so it is mostly the one after the last. Searching them all
// would take longer than hashing.
std::uint64_t Database::hash_of_another(ByteView key) const {
  constexpr std::size_t kSearched = 4;
  const std::span<const HashedKey> known = env_->hashed_keys;
  const auto knows = [&](std::size_t at) { return at < known.size() && known[at].is(key); };
  std::size_t at = env_->last_hashed + 1;
  if (!knows(at)) {
    for (at = 0; at < kSearched && !knows(at);) ++at;
    if (at == kSearched) return hash_in_memory(key);
  }
  env_->last_hashed = at;
  return known[at].hash;
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
  if (env_->undo) [[unlikely]] env_->undo->before_change(index_, key, entry);
  if (ChangeObserver* const watching = observer()) [[unlikely]] {
    watching->before_change(physical(), hash, key, entry, shard(hash).keys.home(hash));
  }
}

void Database::before_creation(ByteView key, std::uint64_t hash) {
  const Entry* hidden = nullptr;
  if (env_->expiry == ExpiryMode::kHide) hidden = entry_at(shard(hash).keys.find(key, hash));
  before_change(key, hash, hidden);
  if (hidden) drop(key, hash);
}

void Database::after_change(ByteView key, std::uint64_t hash, bool awaited) {
  Shard& where = shard(hash);
  if (Bucket* bucket = where.keys.home(hash)) stamp(bucket);
  signal_changed(key, hash, awaited);
}

void Database::signal_changed(ByteView key, std::uint64_t hash, bool awaited) {
  Stripe& where = stripe(hash);
  if (where.has_watchers || where.has_waiters || where.has_trackers ||
      env_->stripes->keyspace().broadcasting()) [[unlikely]] {
    env_->changes->touched.push_back({index_, Bytes(key), awaited});
  }
}

void Database::notify(EventClass event_class, const char* name, ByteView key) {
  if ((env_->events_wanted & event_class) == 0) return;
  env_->changes->events.push_back({event_class, name, index_, Bytes(key)});
}

// The second tables: of entries that may expire, and of those whose members may.
void Database::list(Entry* entry, std::uint64_t hash) {
  if (entry->has_expiry()) shard(hash).expires.insert({entry}, hash);
  if (entry->has_member_expiry()) [[unlikely]] list_members(entry, hash);
}

void Database::unlist(Entry* entry, std::uint64_t hash) {
  if (entry->has_expiry()) {
    EntryTable& expires = shard(hash).expires;
    expires.erase(expires.find(entry->key(), hash), hash);
  }
  if (entry->has_member_expiry()) [[unlikely]] unlist_members(entry, hash);
}

void Database::list_members(Entry* entry, std::uint64_t hash) {
  Shard& where = shard(hash);
  if (!where.member_expires) where.member_expires = std::make_unique<EntryTable>();
  where.member_expires->insert({entry}, hash);
  entry->set_member_expiry(true);
}

void Database::unlist_members(Entry* entry, std::uint64_t hash) {
  EntryTable& listed = *shard(hash).member_expires;
  listed.erase(listed.find(entry->key(), hash), hash);
  entry->set_member_expiry(false);
}

void Database::list_member_expiry(ByteView key, std::uint64_t hash) {
  Entry* const entry = entry_at(shard(hash).keys.find(key, hash));
  if (!entry->has_member_expiry()) list_members(entry, hash);
}

EntryTable::Place Database::insert(Entry* entry, std::uint64_t hash) {
  entry->set_access(env_->access_policy == AccessPolicy::kLru ? lru_now(env_->now_ms)
                                                              : lfu_initial(env_->now_ms));
  return insert_as_it_is(entry, hash);
}

EntryTable::Place Database::insert_as_it_is(Entry* entry, std::uint64_t hash) {
  list(entry, hash);
  EntryTable& keys = shard(hash).keys;
  if (ChangeObserver* const watching = observer()) [[unlikely]] {
    if (keys.growth_at(hash) == Growth::kOther) watching->before_growth(physical(), hash);
  }
  return keys.insert({entry}, hash);
}

// Takes an entry out of the table of keys.
TableItem Database::erase(Shard& where, const EntryTable::Place& place, std::uint64_t hash) {
  return where.keys.erase(place, hash, observer() ? Shrink::kNo : Shrink::kYes);
}

void Database::free_entry(Entry* entry) {
  if (ChangeObserver* const watching = observer(); watching && !entry->is_string()) [[unlikely]] {
    if (watching->before_free(entry->object())) {
      (void)Entry::destroy_keeping_object(entry).release();
      return;
    }
  }
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
  Entry* const entry = entry_at(place);
  unlist(entry, hash);
  erase(where, place, hash);
  free_entry(entry);
}

void Database::replace(Entry* from, Entry* to, std::uint64_t hash) {
  Shard& where = shard(hash);
  // The key's bytes may belong to `from`; the new entry has them too.
  const ByteView key = to->key();
  const EntryTable::Place place = where.keys.find(key, hash);
  ASSERT(place && place.item().pointer == from);
  if (from->has_expiry()) EntryTable::replace(where.expires.find(key, hash), {to});
  if (from->has_member_expiry()) EntryTable::replace(where.member_expires->find(key, hash), {to});
  EntryTable::replace(place, {to});
}

// Where the key is that a write is about to give another value; none if it is missing. A key whose
// time is over is deleted first if that is ours to do.
EntryTable::Place Database::place_for_write(ByteView key, std::uint64_t hash) {
  const EntryTable& keys = shard(hash).keys;
  const EntryTable::Place place = keys.find(key, hash);
  if (place && expire_if_due(entry_at(place), hash)) return keys.find(key, hash);
  return place;
}

// Puts a new entry in the place of its key's old one; without a place the key is new. Returns where
// it lies.
EntryTable::Place Database::store(const EntryTable::Place& place, Entry* entry,
                                  std::uint64_t hash) {
  if (!place) {
    const EntryTable::Place fresh = insert(entry, hash);
    if (env_->events_wanted & kEventNew) notify(kEventNew, "new", entry->key());
    return fresh;
  }
  Shard& where = shard(hash);
  Entry* const old = entry_at(place);
  if (old->has_expiry() && entry->has_expiry()) {
    EntryTable::replace(where.expires.find(old->key(), hash), {entry});
  } else if (old->has_expiry()) {
    where.expires.erase(where.expires.find(old->key(), hash), hash);
  } else if (entry->has_expiry()) {
    where.expires.insert({entry}, hash);
  }
  if (old->has_member_expiry()) [[unlikely]] unlist_members(old, hash);
  if (entry->has_member_expiry()) [[unlikely]] list_members(entry, hash);
  entry->set_access(env_->access_policy == AccessPolicy::kLru ? lru_now(env_->now_ms)
                                     : env_->touch ? lfu_touched(old->access(), *env_)
                                                   : old->access());
  EntryTable::replace(place, {entry});
  free_entry(old);
  return place;
}

// Gives an entry another string without another allocation, if its form allows that and little
// memory stays unused.
bool Database::set_in_place(Entry* entry, ByteView value, std::optional<std::int64_t> integer,
                            std::int64_t expire_ms) {
  if (!entry->is_string() || entry->has_expiry() != (expire_ms != kNoExpiry)) return false;
  if (integer) {
    if (entry->storage() != Storage::kInteger) return false;
    entry->set_integer(*integer);
  } else {
    if (entry->storage() > Storage::kInlineRaw || value.size() > Entry::kInlineBytesMax)
      return false;
    if (value.size() != entry->bytes().size()) {
      const std::size_t capacity = entry->inline_capacity();
      if (value.size() > capacity || value.size() * 2 + 16 < capacity) return false;
    }
    entry->set_inline(value, Storage::kInline);
  }
  if (expire_ms != kNoExpiry) entry->set_expire_ms(expire_ms);
  touch(entry);
  return true;
}

void Database::set_string(ByteView key, ByteView value, const SharedBytes& owner,
                          std::int64_t expire_ms, const char* event) {
  const std::uint64_t hash = hash_of(key);
  EntryTable::Place place = place_for_write(key, hash);
  Entry* const old = entry_at(place);
  before_change(key, hash, old);

  std::optional<std::int64_t> integer;
  if (value.size() <= kIntegerCharsMax) integer = parse_integer(value);
  if (old && set_in_place(old, value, integer, expire_ms)) {
    // done
  } else if (integer) {
    place = store(place, Entry::make_integer(key, *integer, expire_ms), hash);
  } else if (value.size() <= Entry::kInlineBytesMax) {
    place = store(place, Entry::make_inline(key, value, Storage::kInline, expire_ms), hash);
  } else {
    SharedBytes shared = owner ? owner : SharedBytes::copy_of(value);
    place = store(place, Entry::make_shared(key, std::move(shared), expire_ms), hash);
  }
  settle_stored(place, key, hash, kEventString, event);
}

void Database::set_integer(ByteView key, std::int64_t value, std::int64_t expire_ms,
                           const char* event) {
  const std::uint64_t hash = hash_of(key);
  EntryTable::Place place = place_for_write(key, hash);
  before_change(key, hash, entry_at(place));
  place = store(place, Entry::make_integer(key, value, expire_ms), hash);
  settle_stored(place, key, hash, kEventString, event);
}

void Database::set_raw(ByteView key, SharedBytes value, const char* event) {
  const std::uint64_t hash = hash_of(key);
  const EntryTable::Place place = place_for_write(key, hash);
  before_change(key, hash, entry_at(place));
  const bool fits = value.size() <= Entry::kInlineBytesMax;
  store(place, fits ? Entry::make_inline(key, value.view(), Storage::kInlineRaw)
                    : Entry::make_shared(key, std::move(value)), hash);
  add_changes();
  after_change(key, hash);
  if (event) notify(kEventString, event, key);
}

void Database::set_object(ByteView key, std::unique_ptr<Object> value, std::int64_t expire_ms,
                          const char* event) {
  const std::uint64_t hash = hash_of(key);
  const TypeId type = value->type();
  EntryTable::Place place = place_for_write(key, hash);
  const bool is_new = !place;
  before_change(key, hash, entry_at(place));
  place = store(place, Entry::make_object(key, std::move(value), expire_ms), hash);
  settle_stored(place, key, hash, event_class_of(type), event, is_new);
}

// The end of a write that stored a whole value at `place`.
void Database::settle_stored(const EntryTable::Place& place, ByteView key, std::uint64_t hash,
                             EventClass event_class, const char* event, bool awaited) {
  add_changes();
  stamp(place.home);
  signal_changed(key, hash, awaited);
  if (event) notify(event_class, event, key);
}

bool Database::remove(ByteView key, const char* event) {
  const std::uint64_t hash = hash_of(key);
  Entry* entry = peek(key, hash);
  if (!entry) return false;
  if (entry->has_member_expiry()) [[unlikely]] {
    entry = entry_at(shard(hash).keys.find(key, hash));  // itself, not a view of it
  }
  before_change(key, hash, entry);
  drop(key, hash);
  add_changes();
  after_change(key, hash);
  if (event) notify(kEventGeneric, event, key);
  return true;
}

Entry* Database::take(ByteView key) {
  const std::uint64_t hash = hash_of(key);
  if (!peek(key, hash)) return nullptr;
  Shard& where = shard(hash);
  const EntryTable::Place place = where.keys.find(key, hash);
  Entry* const entry = entry_at(place);  // itself, not the view of it that peek() may give
  before_change(key, hash, entry);
  const bool members_expire = entry->has_member_expiry();
  unlist(entry, hash);
  entry->set_member_expiry(members_expire);  // wherever it is put it is listed again
  erase(where, place, hash);
  after_change(key, hash);
  return entry;
}

void Database::put(ByteView key, Entry* entry) {
  const std::uint64_t hash = hash_of(key);
  const EntryTable::Place place = place_for_write(key, hash);
  before_change(key, hash, entry_at(place));
  const std::uint32_t access = entry->access();
  if (entry->key() != key) entry = Entry::rebuild(entry, key, entry->expire_ms());
  store(place, entry, hash);
  entry->set_access(access);
  if (ChangeObserver* const watching = observer(); watching && !entry->is_string()) [[unlikely]] {
    watching->moved(entry->object(), physical(), stripe_of(hash));
  }
  after_change(key, hash);
}

void Database::restore(ByteView key, Entry* entry) {
  const std::uint64_t hash = hash_in_memory(key);
  drop(key, hash);
  if (entry) insert_as_it_is(entry, hash);
  // The bucket's version may only grow, even where its keys are again what they were.
  after_change(key, hash);
}

// The key is there even if its time has come meanwhile: whoever calls has looked.
void Database::set_expiry(ByteView key, std::int64_t expire_ms) {
  const std::uint64_t hash = hash_of(key);
  Shard& where = shard(hash);
  const EntryTable::Place place = where.keys.find(key, hash);
  ASSERT(place);
  Entry* const entry = entry_at(place);
  before_change(key, hash, entry);
  const bool wants = expire_ms != kNoExpiry;
  if (wants == entry->has_expiry()) {
    if (wants) entry->set_expire_ms(expire_ms);
    add_changes();
    after_change(key, hash);
    return;
  }
  const Bytes copy(key);  // `key` may lie in the entry that rebuild() frees
  if (!wants) where.expires.erase(where.expires.find(copy, hash), hash);
  EntryTable::Place members;
  if (entry->has_member_expiry()) members = where.member_expires->find(copy, hash);
  Entry* const rebuilt = Entry::rebuild(entry, copy, expire_ms);
  EntryTable::replace(place, {rebuilt});
  if (members) EntryTable::replace(members, {rebuilt});
  if (wants) where.expires.insert({rebuilt}, hash);
  add_changes();
  after_change(copy, hash);
}

Result<StringEdit> Database::edit_string(ByteView key, IfMissing mode) {
  const std::uint64_t hash = hash_of(key);
  Entry* entry = lookup_to_change(key, hash);
  if (entry) {
    if (!entry->is_string()) return Error(kWrongType);
    before_change(key, hash, entry);
    return StringEdit(*this, key, hash, entry, false);
  }
  if (mode == IfMissing::kNone) return StringEdit();
  before_creation(key, hash);
  entry = Entry::make_inline(key, "", Storage::kInline);
  insert(entry, hash);
  return StringEdit(*this, key, hash, entry, true);
}

}  // namespace memoir
