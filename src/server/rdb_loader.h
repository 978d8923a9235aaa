// Loads an RDB file into an empty keyspace, on several threads.
//
// The calling thread goes through the file and cuts it into blocks (persistence/rdb_blocks.h); it
// and the others decode them and put the keys in, stripe by stripe under the stripes' locks: a
// table is reserved to its size by the file's own hints, and buckets are fetched ahead. Not through
// the dispatcher: a key of a file is no change, it leaves no version in its bucket and no trace for
// watchers.
//
// Memory is bounded by the data, some blocks and the largest value. The checksum is that of the
// bytes that were loaded, known at the end; after an error the keyspace holds a part of the file,
// and the caller empties it (empty_keyspace).
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <optional>

#include "persistence/file.h"
#include "persistence/rdb_file.h"
#include "src/base/result.h"
#include "src/scripting/scripting.h"
#include "src/store/database.h"
#include "src/store/keyspace.h"

namespace memoir {

// Keys whose time is over: a file that stands for itself is loaded without them, as Redis does; in
// one that a journal goes on from they stay, since what follows was written with them there.
enum class Overdue : std::uint8_t { kDrop, kKeep };
// A key that is there already.
enum class Present : std::uint8_t { kRefuse, kReplace };

struct RdbLoadOptions {
  unsigned threads = 1;  // that decode, the calling one included
  RdbChecksum checksum = RdbChecksum::kYes;
  Overdue overdue = Overdue::kKeep;
  Present present = Present::kRefuse;
  AccessPolicy access = AccessPolicy::kLru;
  std::int64_t now_ms = 0;
  // Ends the loading with an error once it is true; may be null.
  const std::atomic<bool>* stop = nullptr;
  // key-load-delay: microseconds of rest behind each key, negative: behind so many; may be null.
  const std::atomic<std::int64_t>* delay_us = nullptr;
  // Told now and then how far it is.
  std::function<void(std::uint64_t bytes)> progress = {};
  // The memory the file's writer used, as it says.
  std::function<void(std::uint64_t bytes)> used_memory = {};
  // Makes a library known.
  std::function<Status(ByteView source)> function = {};
};

struct RdbLoaded {
  std::uint64_t keys = 0;
  std::uint64_t expired = 0;  // dropped
  std::uint64_t empty = 0;    // collections without elements, dropped
  std::uint64_t functions = 0;
  // What the file says of its origin.
  Bytes replication_id;
  std::optional<Lsn> lsn;
};

// Loads all of a file. kTruncated, kCorrupt, kUnsupported with the place in the text; kIo.
Result<RdbLoaded> load_rdb(Keyspace& keyspace, File& file, const RdbLoadOptions& options);

// Puts one key, which it is given, into a database. kCorrupt if it is there already.
Status put_key(Keyspace& keyspace, unsigned db, Entry* entry);

// How many threads to load with: the cores this process may use.
unsigned loading_threads();

// Removes all keys and libraries, stripe by stripe, as if there had never been any.
void empty_keyspace(Keyspace& keyspace, Scripting& scripting);

}  // namespace memoir
