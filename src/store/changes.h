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
};

struct Changes {
  std::uint64_t count = 0;            // how many changes; 0: nothing to journal
  std::vector<KeyRef> expired;  // deleted because their time had come: journaled before the command
  std::vector<KeyEvent> events;       // only those that notify-keyspace-events asks for
  std::vector<KeyRef> touched;        // changed keys of stripes where somebody watches or waits
  // Databases all of whose keys may be others now (FLUSHDB, SWAPDB), for watchers and waiting
  // clients.
  std::vector<unsigned> touched_databases;
  // Values whose freeing is too long for now; the server frees them in the background.
  std::vector<std::unique_ptr<Object>> garbage;

  void clear() {
    clear_but_garbage();
    garbage.clear();
  }
  void clear_but_garbage() {
    count = 0;
    expired.clear();
    events.clear();
    touched.clear();
    touched_databases.clear();
  }
};

}  // namespace memoir
