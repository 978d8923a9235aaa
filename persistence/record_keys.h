// RecordKeys: which keys a record touches.
//
// Only the command table knows; persistence asks through this interface, which the server
// implements. A record that moves a key between databases is listed for both.
#pragma once

#include <cstdint>

#include "persistence/record.h"

namespace memoir {

// What a record concerns as a whole, where it names no keys.
enum class WholeScope : std::uint8_t {
  kDatabase,      // all keys of one (FLUSHDB, SWAPDB)
  kAllDatabases,  // (FLUSHALL)
  kServer,        // no key, but what later records mean (FUNCTION LOAD)
};

class KeySink {
 public:
  virtual ~KeySink() = default;
  // The same key may come several times.
  virtual void key(std::uint16_t db, ByteView key) = 0;
  // `db` is meant for kDatabase only.
  virtual void whole(WholeScope scope, std::uint16_t db) = 0;
};

class RecordKeys {
 public:
  virtual ~RecordKeys() = default;
  // Called on the journal's background thread.
  virtual void keys_of(const RecordView& record, KeySink& sink) = 0;
};

}  // namespace memoir
