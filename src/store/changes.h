// Changes: what one run of a command did to the keyspace, beyond the values themselves. The
// database handle fills it, the dispatcher reads it: whether there is a record to write, which keys
// expired on the way, which notifications go out, which watched or awaited keys changed.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "src/base/bytes.h"
#include "src/store/object.h"

namespace memoir {

// Classes of keyspace notifications, as letters in notify-keyspace-events.
enum EventClass : std::uint32_t {
  kEventKeyspace = 1U << 0,  // K
  kEventKeyevent = 1U << 1,  // E
  kEventGeneric = 1U << 2,   // g
  kEventString = 1U << 3,    // $
  kEventList = 1U << 4,      // l
  kEventSet = 1U << 5,       // s
  kEventHash = 1U << 6,      // h
  kEventZset = 1U << 7,      // z
  kEventExpired = 1U << 8,   // x
  kEventEvicted = 1U << 9,   // e
  kEventStream = 1U << 10,   // t
  kEventKeyMiss = 1U << 11,  // m, not part of A
  kEventNew = 1U << 12,      // n, not part of A
  kEventModule = 1U << 13,   // d
};

EventClass event_class_of(TypeId type);

struct KeyEvent {
  std::uint32_t event_class;
  const char* name;  // "set", "del", ...: a literal
  unsigned db;
  Bytes key;
};

struct KeyRef {
  unsigned db;
  Bytes key;
  bool awaited = true;  // false: the change is none that anybody waits for, though watched
};

// What time, or eviction, took: a key, or some members of its value.
struct Removal {
  unsigned db;
  Bytes key;
  TypeId type = TypeId::kString;  // of the value whose members these are
  std::vector<Bytes> members = {};  // none: the whole key
};

// An entry outside the tables, freed as one (entry.h).
class Entry;
struct DestroyEntry {
  void operator()(Entry* entry) const;
};

struct Changes {
  std::uint64_t count = 0;       // how many changes; 0: nothing to journal
  std::vector<Removal> expired;  // since their time had come: journaled before the command
  // Keys that a walk found with their time over: removed when the run is over, without its locks.
  std::vector<KeyRef> overdue;
  std::vector<KeyEvent> events;       // only those that notify-keyspace-events asks for
  // Changed keys of stripes where somebody watches, waits or tracks.
  std::vector<KeyRef> touched;
  // Databases all of whose keys may be others now (FLUSHDB, SWAPDB), for watchers and waiting
  // clients.
  std::vector<unsigned> touched_databases;
  // Whole databases were emptied: whoever tracks keys forgets them all, even if there were none.
  bool flushed = false;
  // How many of `touched` and `touched_databases` those who track keys have been told of.
  std::size_t touched_told = 0;
  std::size_t databases_told = 0;
  // Values whose freeing is too long for now; the server frees them in the background.
  std::vector<std::unique_ptr<Object>> garbage;
  // What readers see in place of values with members whose time is over but that must stay.
  std::vector<std::unique_ptr<Entry, DestroyEntry>> views;

  void clear() {
    clear_but_garbage();
    garbage.clear();
    views.clear();
  }
  void clear_but_garbage() {
    count = 0;
    expired.clear();
    overdue.clear();
    events.clear();
    clear_touched();
  }
  bool touched_any() const {
    return !touched.empty() || !touched_databases.empty() || flushed;
  }
  void clear_touched() {
    touched.clear();
    touched_databases.clear();
    touched_told = databases_told = 0;
    flushed = false;
  }
};

}  // namespace memoir
