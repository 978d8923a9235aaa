// Database: the handle through which a handler sees one database, valid for one run under its
// locks.
//
// Reading gives values, changing goes through Edit guards (edit.h) or whole-value operations here;
// both settle expiry, access clocks, watchers, notifications, waiting clients, bucket versions and
// the pre-image hook. Keys given as views of the request are hashed once: the dispatcher has done
// it already.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>

#include "src/base/clock.h"
#include "src/base/result.h"
#include "src/store/changes.h"
#include "src/store/keyspace.h"

namespace memoir {

inline constexpr std::string_view kWrongType =
    "WRONGTYPE Operation against a key holding the wrong kind of value";

enum class IfMissing : bool { kNone, kCreate };

// What happens to a key, or a member of a collection, whose time is over: the moment it was to live
// to lies in the past.
enum class ExpiryMode : std::uint8_t {
  kDelete,  // a primary: it is removed, and the removal journaled
  kHide,    // a replica: it is not seen, but stays until the primary says so, or a change here
  kIgnore,  // replay and the primary's stream: it is there
};

enum class AccessPolicy : std::uint8_t { kLru, kLfu };

// A key's hash as the dispatcher computed it, found again by the address of the key's bytes.
struct HashedKey {
  ByteView key;
  std::uint64_t hash;
  // An empty word may lie where the next one begins, so the address alone does not tell.
  bool is(ByteView other) const { return key.data() == other.data() && key.size() == other.size(); }
};

// Counters of a worker; others read them without a lock.
struct KeyspaceStats {
  std::atomic<std::uint64_t> hits{0};
  std::atomic<std::uint64_t> misses{0};
  std::atomic<std::uint64_t> expired{0};
  std::atomic<std::uint64_t> expired_members{0};
  std::atomic<std::uint64_t> evicted{0};
  std::atomic<std::uint64_t> changes{0};
  // Only the owning worker counts, so no locked instruction is needed.
  static void bump(std::atomic<std::uint64_t>& counter, std::uint64_t by = 1) {
    counter.store(counter.load(std::memory_order_relaxed) + by, std::memory_order_relaxed);
  }
};

class UndoLog;

// What a run brings along; shared by the handles of all databases it touches.
struct RunEnvironment {
  LockedStripes* stripes = nullptr;
  Changes* changes = nullptr;
  KeyspaceStats* stats = nullptr;
  std::span<const HashedKey> hashed_keys;
  std::size_t last_hashed = 0;  // which of them was asked for last
  std::int64_t now_ms = 0;
  std::uint32_t events_wanted = 0;  // EventClass bits of notify-keyspace-events; 0: none
  ExpiryMode expiry = ExpiryMode::kDelete;
  AccessPolicy access_policy = AccessPolicy::kLru;
  bool touch = true;  // false: reads leave the access clock alone (CLIENT NO-TOUCH)
  bool lazy_free = false;
  std::size_t string_bytes_max = 512UL << 20;  // proto-max-bulk-len, for strings that grow
  unsigned lfu_log_factor = 10;
  unsigned lfu_decay_minutes = 1;
  Random* random = nullptr;
  UndoLog* undo = nullptr;  // of a run that may be rolled back (undo.h)
  // What changed buckets are stamped with: the keyspace's position, or, where records are applied
  // on several threads, the position of the record.
  std::optional<Lsn> version = std::nullopt;
};

template <class T>
class Edit;
class StringEdit;

class Database {
 public:
  Database(RunEnvironment& env, unsigned index) : env_(&env), index_(index) {}

  unsigned index() const { return index_; }
  RunEnvironment& environment() const { return *env_; }
  const EncodingLimits& limits() const { return env_->stripes->keyspace().limits; }

  // --- reading
  // --------------------------------------------------------------------------------------- The
  // entry of a live key, or nullptr. Its value is without members whose time is over: they are
  // removed first, or, where that is not ours to do, it is a copy without them that lasts for the
  // run. Does not count as an access.
  Entry* peek(ByteView key) { return peek(key, hash_of(key)); }
  Entry* peek(ByteView key, std::uint64_t hash);
  // The same for a read command: counts hit or miss, touches the access clock, notifies key misses.
  Entry* lookup(ByteView key);
  // The value of type T, nullptr if there is no such key; WRONGTYPE.
  template <class T>
  Result<const T*> read(ByteView key) {
    const Entry* entry = lookup(key);
    if (!entry) return static_cast<const T*>(nullptr);
    if (entry->type() != T::kTypeId) return Error(kWrongType);
    return static_cast<const T*>(entry->object());
  }
  // The same for a command that changes the key: touches the access clock, counts no hit or miss.
  Entry* lookup_to_change(ByteView key) { return lookup_to_change(key, hash_of(key)); }
  Entry* lookup_to_change(ByteView key, std::uint64_t hash) {
    Entry* entry = peek(key, hash);
    if (entry && entry->has_member_expiry()) [[unlikely]] entry = drop_hidden(entry, key, hash);
    if (entry) touch(entry);
    return entry;
  }
  bool exists(ByteView key) { return peek(key) != nullptr; }

  // --- changing a value in place
  // ------------------------------------------------------------------------ A guard around a
  // change of an object (edit.h). Empty guard if the key is missing and mode is kNone.
  template <class T>
  Result<Edit<T>> edit(ByteView key, IfMissing mode = IfMissing::kNone);
  // The same for any type whose members may end (edit.h); an empty guard if the key is missing.
  Result<Edit<Object>> edit_members(ByteView key);
  // The same for strings (string_edit.h).
  Result<StringEdit> edit_string(ByteView key, IfMissing mode);

  // --- whole values
  // --------------------------------------------------------------------------------------- Sets a
  // string, whatever was there. `event` is notified under '$' ("set"). Expiry as given.
  void set_string(ByteView key, ByteView value, const SharedBytes& owner, std::int64_t expire_ms,
                  const char* event = "set");
  void set_integer(ByteView key, std::int64_t value, std::int64_t expire_ms, const char* event);
  // Sets a string without expiry that stays text even where it is a number's ("raw"): BITOP.
  void set_raw(ByteView key, SharedBytes value, const char* event);
  // Sets an object, whatever was there; notified under the type's class. As in Redis, only where
  // nothing was there it is what clients may wait for.
  void set_object(ByteView key, std::unique_ptr<Object> value, std::int64_t expire_ms,
                  const char* event);
  // Removes a key; false if there is none. `event` under 'g'.
  bool remove(ByteView key, const char* event = "del");
  // Takes the entry out of this database (the caller owns it), for RENAME and MOVE; no event. Null
  // if missing.
  Entry* take(ByteView key);
  // Puts an entry taken elsewhere under `key`, replacing what is there; no event.
  void put(ByteView key, Entry* entry);

  // Makes `entry`, which is given to the table, what is under its key (null: nothing is), whatever
  // is there now; no event, no touch, no change counted. For rollback.
  void restore(ByteView key, Entry* entry);

  // Sets (kNoExpiry: removes) the expiry of an existing key; counts as a change; no event.
  void set_expiry(ByteView key, std::int64_t expire_ms);

  // Says that a member of the key's value has got a time (Edit::set_member_time does).
  void list_member_expiry(ByteView key, std::uint64_t hash);
  // Removes at most `most` members of a key's value whose time is over; for the background.
  void expire_members(ByteView key, std::size_t most);

  // --- bookkeeping for handlers that change something by other ways
  // ----------------------------------------
  void notify(EventClass event_class, const char* name, ByteView key);
  void add_changes(std::uint64_t count = 1) { env_->changes->count += count; }
  // Tells watchers and, if it may be what they wait for, waiting clients that `key` is another now.
  void signal_changed(ByteView key, std::uint64_t hash, bool awaited = true);

  std::uint64_t hash_of(ByteView key) const {
    const std::span<const HashedKey> known = env_->hashed_keys;
    const std::size_t last = env_->last_hashed;
    if (last < known.size() && known[last].is(key)) return known[last].hash;
    return hash_of_another(key);
  }
  Shard& shard(std::uint64_t hash) const { return env_->stripes->shard(index_, hash); }
  Stripe& stripe(std::uint64_t hash) const { return env_->stripes->stripe(stripe_of(hash)); }

  // Called by the guards. `entry` is null for a key about to appear.
  void before_change(ByteView key, std::uint64_t hash, const Entry* entry);
  // The same for a missing key that is about to be created. One that is only hidden, since its time
  // is over and this is not the place where keys expire, goes.
  void before_creation(ByteView key, std::uint64_t hash);
  void after_change(ByteView key, std::uint64_t hash, bool awaited = true);
  // Inserts a new entry for a missing key, with a fresh access clock; no event.
  EntryTable::Place insert(Entry* entry, std::uint64_t hash);
  // Removes the entry of `key` without event; its value is freed (in the background if large).
  void drop(ByteView key, std::uint64_t hash);
  // Exchanges the entry of an existing key for a rebuilt one.
  void replace(Entry* from, Entry* to, std::uint64_t hash);

 private:
  bool expire_if_due(Entry* entry, std::uint64_t hash);
  Entry* live_part(Entry* entry, std::uint64_t hash);
  bool expire_members(Entry* entry, std::uint64_t hash, std::size_t most);
  Entry* view_without_due(const Entry& entry);
  Entry* drop_hidden(Entry* seen, ByteView key, std::uint64_t hash);
  void list(Entry* entry, std::uint64_t hash);
  void unlist(Entry* entry, std::uint64_t hash);
  void list_members(Entry* entry, std::uint64_t hash);
  void unlist_members(Entry* entry, std::uint64_t hash);
  void touch(Entry* entry);
  void free_entry(Entry* entry);
  std::uint64_t hash_of_another(ByteView key) const;
  EntryTable::Place insert_as_it_is(Entry* entry, std::uint64_t hash);
  TableItem erase(Shard& where, const EntryTable::Place& place, std::uint64_t hash);
  ChangeObserver* observer() const { return env_->stripes->keyspace().observer(); }
  unsigned physical() const { return env_->stripes->keyspace().physical(index_); }
  EntryTable::Place place_for_write(ByteView key, std::uint64_t hash);
  EntryTable::Place store(const EntryTable::Place& place, Entry* entry, std::uint64_t hash);
  void stamp(Bucket* home) {
    home->set_version(env_->version ? *env_->version : env_->stripes->keyspace().version());
  }
  void settle_stored(const EntryTable::Place& place, ByteView key, std::uint64_t hash,
                     EventClass event_class, const char* event, bool awaited = true);
  bool set_in_place(Entry* entry, ByteView value, std::optional<std::int64_t> integer,
                    std::int64_t expire_ms);

  RunEnvironment* env_;
  unsigned index_;
};

// The access clock's value for an entry that is touched now.
std::uint32_t lru_now(std::int64_t now_ms);
std::uint32_t lfu_touched(std::uint32_t access, const RunEnvironment& env);
std::uint32_t lfu_initial(std::int64_t now_ms);
// The LFU counter after decay, 0 to 255.
std::uint8_t lfu_counter(std::uint32_t access, std::int64_t now_ms, unsigned decay_minutes);

}  // namespace memoir
