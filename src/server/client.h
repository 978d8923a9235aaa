// Client: one connection and its session.
//
// Bytes come in, requests are run one after the other by the worker's dispatcher, replies gather
// in the output buffer and leave at the end of the worker's turn, up to the position whose LSN is
// safe. While a client is blocked (on keys, by CLIENT PAUSE, in WAIT) its further requests wait.
//
// Belongs to its worker's thread; what others may see is in its ClientStatus. close() only marks
// it: the worker destroys it at the end of the turn, so lists of clients stay valid during a turn.
// Between two turns it may change its worker (moving.cc).
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "protocol/output_buffer.h"
#include "protocol/request_parser.h"
#include "src/acl/users.h"
#include "src/command/context.h"
#include "src/command/dispatcher.h"
#include "src/command/waiting.h"
#include "src/net/connection.h"
#include "src/server/client_registry.h"
#include "src/server/config.h"
#include "src/server/load_watch.h"
#include "src/server/pubsub.h"
#include "src/server/tracking.h"

namespace memoir {

class Worker;

enum class Blocked : std::uint8_t {
  kNot,
  kOnKeys,      // BLPOP and its kin
  kOnReplicas,  // WAIT
  kOnSync,      // WAITAOF
  kOnSyncAndReplicas,  // WAITAOF that asks for replicas
  kOnShutdown,  // SHUTDOWN
  kOnWorkers,   // until all workers have taken over a change (ACL SETUSER)
  kOnMigration,  // MIGRATE
  kByPause,     // CLIENT PAUSE
};

enum class ReplyMode : std::uint8_t { kOn, kOff, kSkipNext, kSkip };

class Client final : public Session, private ConnectionEvents {
 public:
  Client(Worker& worker, Socket socket, std::shared_ptr<ClientStatus> status,
         std::unique_ptr<TlsStream> tls);
  ~Client() override;

  // --- what handlers use -------------------------------------------------------------------------
  Worker& worker() const { return *worker_; }
  ClientStatus& status() const { return *status_; }
  ClientSubscriptions& subscriptions() { return subscriptions_; }
  OutputBuffer& out() { return out_; }
  ReplyMode reply_mode() const { return reply_mode_; }
  void set_reply_mode(ReplyMode mode) { reply_mode_ = mode; }
  // Whether it has logged in or need not.
  bool logged_in() const { return !login_needed_; }
  const User& rights() const { return *user_; }
  // A login that succeeded.
  void become(UserPointer user);
  // Takes over the users' present rights if they have changed; a client whose user is gone is
  // closed.
  void follow_rights();
  std::uint64_t rights_version() const { return rights_version_; }
  // Logged in as a user who may do anything: nothing needs to be asked as long as rights are
  // current.
  bool unrestricted() const { return unrestricted_; }
  bool no_evict() const { return no_evict_; }
  void set_no_evict(bool on) { no_evict_ = on; }
  // CLIENT CAPA REDIRECT: it understands being sent to another server.
  bool can_be_redirected() const { return can_be_redirected_; }
  void set_can_be_redirected() { can_be_redirected_ = true; }
  void set_names(ByteView name);
  void set_library(ByteView name, ByteView version);
  // CLIENT TRACKING: null while it is off. Set by the worker's Invalidator.
  TrackingState* tracking() { return tracking_.get(); }
  const TrackingState* tracking() const { return tracking_.get(); }
  void set_tracking(std::unique_ptr<TrackingState> state);
  // CLIENT CACHING, by a subcommand of `container`.
  void set_caching(const void* container);
  // RESP2 clients with subscriptions may do little else.
  bool in_subscriber_mode() const {
    return identity.resp == Resp::kV2 && subscriptions_.total() > 0;
  }
  // The running request's reply goes out although CLIENT REPLY is off: it confirms a subscription.
  void keep_reply() { keep_reply_ = true; }
  void close_after_reply() { close_after_reply_ = true; }
  // A position behind the client's last write; 0 if it never wrote.
  Lsn last_write() const { return has_written_ || journal_session ? lsn_ : 0; }
  // What the client has seen: nothing it causes may be seen earlier.
  Lsn lsn() const { return lsn_; }
  // RESET.
  void reset_state();

  // The request being run answers later, by unblock(); `deadline_ms` (wall clock) 0: no time limit.
  // `synced` is the position a WAITAOF waits for.
  void block(Blocked why, std::int64_t deadline_ms, Lsn synced = 0);
  Blocked blocked() const { return blocked_; }
  Lsn awaited_sync() const { return awaited_sync_; }

  // --- what the worker does ----------------------------------------------------------------------
  // A parked request: who waits, and until when.
  void block_on_keys(std::shared_ptr<Parked> parked);
  // The reply of a parked request, or of a MIGRATE.
  void deliver(OutputBuffer&& reply, Lsn lsn);
  // The time is over, or CLIENT UNBLOCK; writes the reply for it. False if the reply is on its way.
  bool end_wait(UnblockReason reason);
  // Ends blocking: answers if `reply` says so and goes on with the next request in this turn.
  void unblock();
  std::int64_t deadline_ms() const { return deadline_ms_; }

  // A message, to be sent once `lsn` is safe.
  void push(const SharedBytes& message, Lsn lsn);

  // The same for an invalidation. It never comes before a reply with a value that it concerns.
  void push_invalidation(const SharedBytes& message, Lsn lsn);

  // Runs requests that wait; called when no longer blocked.
  void resume();
  // Sends what may leave; brings the status up to date. `safe`: up to where the journal is safe.
  void finish_turn(Lsn safe);
  // The first LSN that held output waits for; 0 if nothing waits.
  Lsn gated_by() const { return marks_.empty() ? 0 : marks_.front().lsn; }
  bool has_output() const { return !out_.empty(); }

  // Marks for destruction.
  void close();
  // After what has been written is sent; input is ignored.
  void close_when_sent();
  bool closed() const { return closed_; }
  void publish_status();
  void publish_state();
  void publish_output();

  // Whether another worker may take it over as it is now.
  bool may_move() const;

  // Called a few times a second.
  void cron(std::int64_t now_us);
  ClientClass client_class() const;
  // What admit() learned of the running request.
  void set_command(const CommandTable::Row& row) { command_ = &row; }

  // --- Session -----------------------------------------------------------------------------------
  Bytes user() const override { return user_->name(); }
  Bytes address() const override { return status_->peer; }
  Bytes client_name() const override { return status_->name; }

 private:
  friend class Worker;

  // Output from `begin` on waits until the journal is safe up to `lsn`.
  struct Mark {
    std::uint64_t begin;
    Lsn lsn;
  };

  void on_readable() override;
  void on_writable() override;
  void on_disconnect() override { close(); }

  void run_requests();
  void run_request(const Request& request);
  void note_load(std::size_t requests, std::uint64_t cycles, std::int64_t cpu_before_us);
  void suppress_reply(std::uint64_t begin);
  void begin_as_default();
  void append_push(OutputBuffer& out, const SharedBytes& message, Lsn lsn);
  void use_up_caching();
  void remember_reads();
  bool pause_if_asked(std::span<const Word> words);
  void refuse_input(const Error& error);
  void end_of_input();
  void check_output_limit();
  std::size_t queued_blocks() const;
  std::size_t queued_output_items() const;
  std::size_t queued_output_bytes() const;
  std::size_t memory_usage() const;
  std::uint64_t sendable(Lsn safe);
  void send(Lsn safe);
  void leave_wait();

  Worker* worker_;  // changes when the client moves: moving.cc
  std::shared_ptr<ClientStatus> status_;
  RequestParser parser_;
  OutputBuffer out_;
  Connection connection_;

  std::size_t next_request_{0};  // of the parser's batch
  Lsn lsn_{0};                   // what the newest output depends on
  std::vector<Mark> marks_;      // ascending; empty unless the journal syncs for each reply
  std::uint64_t turn_begin_{0};  // output position at the start of this turn
  std::uint64_t reply_begin_{0};  // output position where the running request's reply begins
  std::size_t output_peak_{0};    // most bytes that waited at once, since it was last looked at
  OutputBuffer pushed_;          // messages that came while a request ran
  std::optional<Error> input_error_;

  const CommandTable::Row* command_{nullptr};
  UserPointer user_;
  std::uint64_t rights_version_{0};
  ClientSubscriptions subscriptions_;
  std::unique_ptr<TrackingState> tracking_;
  std::shared_ptr<Parked> parked_;
  std::int64_t deadline_ms_{0};
  Lsn awaited_sync_{0};
  std::int64_t over_soft_limit_since_us_{0};
  std::int64_t active_us_{0};
  std::size_t roster_place_{0};  // in the worker's list of clients
  LoadWatch load_;
  unsigned home_;  // the worker that it came to first

  Blocked blocked_{Blocked::kNot};
  ReplyMode reply_mode_{ReplyMode::kOn};
  bool authenticated_{true};
  bool login_needed_{false};
  bool unrestricted_{false};
  bool no_evict_{false};
  bool can_be_redirected_{false};
  bool has_written_{false};
  bool running_{false};
  bool stalled_{false};  // there is input, which waits for the request that runs
  bool touched_{false};  // on the worker's list for the end of the turn
  bool gated_{false};    // on the worker's list of those that wait for the journal
  bool resuming_{false};
  bool close_after_reply_{false};
  bool input_ended_{false};
  bool keep_reply_{false};
  bool closed_{false};
  bool arrived_{false};  // from another worker, and has done nothing since
};

// The client whose request or script runs; nullptr for replay.
Client* client_of(Context& ctx);

}  // namespace memoir
