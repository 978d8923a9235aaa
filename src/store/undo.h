// UndoLog: what a run has to take back: the pre-image of every key it changed, the tables it
// emptied, the databases it exchanged, in the order it did so.
//
// RunEnvironment names the log of a run that may be rolled back; Database::before_change() and the
// commands on whole databases fill it, undo() applies it from its end. A pre-image is a copy, so
// such a run costs as much as the values it changes are large. The log belongs to one run and is
// used under that run's locks.
#pragma once

#include <memory>
#include <set>
#include <variant>
#include <vector>

#include "src/base/bytes.h"
#include "src/store/keyspace.h"

namespace memoir {

struct RunEnvironment;

class UndoLog {
 public:
  // `entry` is about to change for the first time, or (null) `key` is about to appear.
  void before_change(unsigned db, ByteView key, const Entry* entry);
  // The tables of a stripe are being emptied: takes their contents.
  void before_flush(unsigned db, unsigned stripe, Shard& shard);
  void before_swap(unsigned a, unsigned b);

  // Brings everything back as it was; the log is empty then. `env` is the run's, whose stripes are
  // still locked; it no longer names this log.
  void undo(RunEnvironment& env);

 private:
  struct FreeEntry {
    void operator()(Entry* entry) const { Entry::destroy(entry); }
  };
  struct KeyImage {
    unsigned db;
    Bytes key;
    std::unique_ptr<Entry, FreeEntry> entry;  // null: the key was missing
  };
  class Flush {
   public:
    Flush(unsigned flushed_db, unsigned flushed_stripe, Shard&& tables)
        : db(flushed_db), stripe(flushed_stripe), shard(std::move(tables)) {}
    Flush(Flush&&) = default;
    Flush& operator=(Flush&&) = delete;
    ~Flush() { free_entries(shard); }

    unsigned db;
    unsigned stripe;
    Shard shard;
  };
  struct Swap {
    unsigned a;
    unsigned b;
  };

  std::vector<std::variant<KeyImage, Flush, Swap>> steps_;
  // Keys whose image is among the steps, since the last flush or swap.
  std::set<std::pair<unsigned, Bytes>> known_;
};

}  // namespace memoir
