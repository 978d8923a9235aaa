// Context: all that a handler sees of the world during one run: its session, its databases under
// lock, the time, chance, and where effects are told. A handler sees no lock, socket, journal or
// replica.
#pragma once

#include <cstdint>
#include <span>

#include "src/base/random.h"
#include "src/command/args.h"
#include "src/command/effects.h"
#include "src/command/session.h"
#include "src/command/spec.h"
#include "src/store/database.h"
#include "src/store/edit.h"
#include "src/store/string_edit.h"

namespace memoir {

class Dispatcher;

// What a blocking command answers when its time is over.
enum class TimeoutReply : std::uint8_t { kNullArray, kNull, kInteger };

class Context {
 public:
  Context(Dispatcher& dispatcher, Session& session, RunEnvironment& env, Effects& effects)
      : dispatcher_(dispatcher), session_(session), env_(env), db_(env, session.identity.db),
        effects_(effects), first_db_(session.identity.db) {}
  Context(const Context&) = delete;
  Context& operator=(const Context&) = delete;

  // The session's database, and any other whose keys the command named.
  Database& db() { return db_; }
  Database database(unsigned index) { return Database(env_, index); }
  unsigned databases() const { return env_.stripes->keyspace().databases(); }
  void select(unsigned db) {
    session_.identity.db = db;
    db_ = Database(env_, db);
  }

  Session& session() { return session_; }
  Dispatcher& dispatcher() { return dispatcher_; }
  RunEnvironment& environment() { return env_; }
  LockedStripes& stripes() { return *env_.stripes; }
  const CommandTable::Row& row() const { return *row_; }
  const CommandSpec& command() const { return *row_->spec; }
  // The whole request, the command's name (as sent) included.
  std::span<const Word> words() const { return words_; }
  Effects& effects() { return effects_; }
  Random& random() { return *env_.random; }
  const EncodingLimits& limits() const { return env_.stripes->keyspace().limits; }

  // Milliseconds since the Unix epoch; the same during one run, and during one EXEC.
  std::int64_t now_ms() const { return env_.now_ms; }
  // True while records are applied (recovery, a primary's stream): what they say is true whatever
  // the clock.
  bool replaying() const { return env_.expiry == ExpiryMode::kIgnore; }
  // Whether what is over goes here and now, rather than when others say so.
  bool expires_here() const { return env_.expiry == ExpiryMode::kDelete; }
  // Counts members that went since their moment was over already when it was set.
  void count_expired_members(std::size_t count) {
    KeyspaceStats::bump(env_.stats->expired_members, count);
  }
  bool in_transaction() const { return in_transaction_; }
  // Whether the user may read any key there is (DispatchHost::may_read_all_keys).
  bool may_read_all_keys();

  // For a command that visits stripe by stripe (Locks::kEach) and changes them: writes what it told
  // ctx.effects() so far as a record of its own, before it lets go of the stripes it holds now. Not
  // where all stripes are held for the whole run.
  void settle_part();

  // --- blocking
  // ---------------------------------------------------------------------------------------- Parks
  // the request until one of `keys` gets a value of `type` (it then runs again from the start) or
  // the time is over. Inside MULTI, scripts and replay it answers `on_timeout` at once instead. To
  // be returned by the handler: `return ctx.park(...)`; nothing else may have been replied.
  // `timeout_ms` 0: forever.
  Status park(std::span<const ByteView> keys, TypeId type, std::int64_t timeout_ms,
              TimeoutReply on_timeout, ReplyWriter& reply);
  // To be called before park(): the parked request has `text` in the place of a word, since what
  // that word means changes while it waits.
  void rewrite_parked(std::size_t word, ByteView text) {
    parking_.rewritten.emplace_back(word, text);
  }
  // To be called before park(): the request also runs again when one of its keys goes or becomes
  // a value of another type.
  void wake_on_any_change() { parking_.any_change = true; }
  // Reads a blocking command's timeout (seconds, fractions allowed) as milliseconds. Errors: "ERR
  // timeout is not a float or out of range", "ERR timeout is negative", "ERR timeout is out of
  // range".
  static std::int64_t timeout_ms(Args& args);

 private:
  friend class Dispatcher;

  struct Parking {
    bool requested = false;
    std::vector<Bytes> keys;
    TypeId type = TypeId::kString;
    std::int64_t timeout_ms = 0;
    TimeoutReply on_timeout = TimeoutReply::kNullArray;
    std::vector<std::pair<std::size_t, Bytes>> rewritten;
    bool any_change = false;
  };

  Dispatcher& dispatcher_;
  Session& session_;
  RunEnvironment& env_;
  Database db_;
  const CommandTable::Row* row_{nullptr};
  std::span<const Word> words_;
  Effects& effects_;
  unsigned first_db_;  // the session's database when the run began: the record's
  unsigned effects_db_{first_db_};  // where the effects of nested commands have led
  Parking parking_;
  Lsn lsn_{0};  // what the reply depends on beyond the stripes read (EXEC)
  bool in_transaction_{false};
};

// Writes what `on_timeout` stands for.
void write_timeout_reply(TimeoutReply on_timeout, ReplyWriter& reply);

}  // namespace memoir
