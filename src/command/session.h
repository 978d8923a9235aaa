// Session: what the dispatcher knows of a client between its requests: database, protocol version,
// an open transaction. The server's Client derives from it; replay and tests use it as it is.
//
// Owned by the client's worker; parked requests carry a copy of Identity.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <vector>

#include "persistence/journal.h"
#include "protocol/reply_writer.h"
#include "protocol/request_parser.h"
#include "src/base/bytes.h"
#include "src/command/command_table.h"
#include "src/command/spec.h"

namespace memoir {

// A request kept beyond its batch: its words copied (owned buffers shared).
struct StoredRequest {
  std::vector<Word> words;
  std::unique_ptr<char[]> bytes;  // what the words without an owner point into
  const CommandTable::Row* row = nullptr;

  static StoredRequest copy_of(std::span<const Word> words, const CommandTable::Row* row);
};

// Set by a change of a watched key, from any thread; read by EXEC. Shared by all watches of a
// session.
struct WatchState {
  std::atomic<bool> dirty{false};
};

struct WatchedKey {
  unsigned db;
  Bytes key;
};

struct Transaction {
  bool open = false;
  bool broken = false;  // a queued command was refused: EXEC answers EXECABORT
  bool rollback = false;  // a command that fails undoes them all (MULTI ROLLBACK)
  std::vector<StoredRequest> queue;
  std::size_t bytes = 0;  // of the words queued
};

// What makes a request run in a client's name.
struct Identity {
  std::uint64_t id = 0;  // the client's, as CLIENT ID; 0: the server itself
  unsigned db = 0;
  Resp resp = Resp::kV2;
  bool no_touch = false;
  bool may_block = true;  // false for replay and scripts
  // The name under which keys that it reads are remembered (tracking.h); 0: they are not.
  std::uint64_t tracker = 0;
};

class Session {
 public:
  virtual ~Session() = default;
  Session() = default;
  // For a script's commands: the session of the client that runs it. Otherwise null.
  Session* caller = nullptr;
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  Identity identity;
  Transaction transaction;
  std::vector<WatchedKey> watched;
  std::shared_ptr<WatchState> watch_state;  // null unless something is watched
  Journal::Session journal_session;  // opened with the first record; reset when user or name change
  // The client's number in the journal, for a parked request that runs on another worker.
  std::uint32_t proxied_journal_session = 0;

  // For the journal's audit trail, asked for when the first record is written.
  virtual Bytes user() const { return "default"; }
  virtual Bytes address() const { return {}; }
  virtual Bytes client_name() const { return {}; }
};

}  // namespace memoir
