#include "src/server/client.h"

#include <algorithm>

#include "src/base/cycles.h"
#include "src/base/log.h"
#include "src/server/server.h"
#include "src/server/worker.h"

namespace memoir {
namespace {

// How often the loop over a batch looks at things that need not be exact to the request.
constexpr std::size_t kCheckEvery = 16;
// After so long without a request a connection gives back the memory of its buffers.
constexpr std::int64_t kIdleUs = 2'000'000;

// What Redis keeps of a reply in the client itself; what is beyond that queues in a list, and that
// list is what limits of the output buffer are about.
constexpr std::size_t kDirectOutputBytes = 16 * 1024;
// A block of that list is an allocation that its allocator rounds up.
constexpr std::size_t kQueuedBlockBytes = 20 * 1024;
constexpr std::size_t kQueuedItemBytes = 24;

// What a watched key and a subscription take, tables of others included.
constexpr std::size_t kWatchedKeyBytes = 200;
constexpr std::size_t kSubscriptionBytes = 150;

}  // namespace

Client* client_of(Context& ctx) {
  Session& session = ctx.session();
  return dynamic_cast<Client*>(session.caller ? session.caller : &session);
}

Client::Client(Worker& worker, Socket socket, std::shared_ptr<ClientStatus> status,
               std::unique_ptr<TlsStream> tls)
    : worker_(&worker),
      status_(std::move(status)),
      connection_(worker.loop(), std::move(socket), *this, std::move(tls)),
      home_(worker.index()) {
  identity.id = status_->id;
  begin_as_default();
  active_us_ = status_->connected_us;
  publish_status();
}

Client::~Client() = default;

void Client::set_names(ByteView name) {
  worker_->server().clients().locked([&] { status_->name = Bytes(name); });
  // The journal knows the session by its name: the next record declares it anew.
  if (journal_session) has_written_ = true;
  journal_session = {};
}

void Client::set_library(ByteView name, ByteView version) {
  worker_->server().clients().locked([&] {
    if (name.data() != nullptr) status_->lib_name = Bytes(name);
    if (version.data() != nullptr) status_->lib_version = Bytes(version);
  });
}

void Client::reset_state() {
  worker_->subscriptions().unsubscribe_all(*this);
  worker_->invalidator().turn_off(*this);
  identity.db = 0;
  identity.resp = Resp::kV2;
  identity.no_touch = false;
  no_evict_ = false;
  reply_mode_ = ReplyMode::kOn;
  begin_as_default();
  set_names({});
}

void Client::set_tracking(std::unique_ptr<TrackingState> state) {
  tracking_ = std::move(state);
  remember_reads();
}

void Client::set_caching(const void* container) {
  tracking_->caching = true;
  tracking_->caching_set_by = container;
  remember_reads();
}

void Client::remember_reads() {
  const bool remembers = tracking_ && tracking_->remembers();
  identity.tracker = remembers ? make_tracker(identity.id, worker_->index()) : 0;
}

// CLIENT CACHING is for the next request that is not one of CLIENT's own, or the next transaction.
void Client::use_up_caching() {
  if (!tracking_->caching || transaction.open) return;
  if (command_ && command_->parent == tracking_->caching_set_by) return;
  tracking_->caching = false;
  remember_reads();
}

// ---- input --------------------------------------------------------------------------------------

void Client::on_readable() {
  if (status_->killed.load(std::memory_order_relaxed)) return close();
  if (running_) {  // its own script goes on meanwhile
    stalled_ = true;
    connection_.set_reading(false);
    return;
  }
  if (blocked_ != Blocked::kNot || close_after_reply_) {
    // Not to be woken again and again for what is not wanted yet.
    connection_.set_reading(false);
    return;
  }
  if (!status_->refusal.empty()) [[unlikely]] {
    out_.append(status_->refusal);
    return close_when_sent();
  }
  const RequestParser::Space space = parser_.space();
  const Connection::Received received = connection_.receive(space.data, space.size);
  switch (received.result) {
    case Connection::Io::kDone:
      break;
    case Connection::Io::kWouldBlock:
      return;
    case Connection::Io::kEnd:
      return end_of_input();
    case Connection::Io::kFailed:
      log_verbose("Reading from client {}: {}", status_->peer, connection_.error_text());
      return close();
  }
  worker_->refresh_clock();
  active_us_ = worker_->clock().cached_monotonic_us();
  worker_->count_input(received.bytes);
  parser_.received(received.bytes);
  RequestLimits limits = worker_->request_limits();
  limits.authenticated = logged_in();
  Status status = parser_.parse(limits);
  if (!status) input_error_ = std::move(status).error();
  worker_->touch(*this);
  if (!parser_.requests().empty()) worker_->dispatcher().prefetch(*this, parser_);
  run_requests();
  worker_->dispatcher().forget_batch();
}

// A client that closes its sending side after its requests gets what is still held for it.
void Client::end_of_input() {
  if (out_.empty()) return close();
  input_ended_ = true;
  close_when_sent();
}

void Client::close_when_sent() {
  close_after_reply_ = true;
  connection_.stop_reading();
  worker_->touch(*this);
}

void Client::run_requests() {
  const std::span<const Request> requests = parser_.requests();
  const std::uint64_t most = worker_->output_limit(client_class()).hard_bytes;
  out_.set_limit(most > 0 ? most + kDirectOutputBytes : 0);
  const std::size_t first = next_request_;
  const std::uint64_t began = cycles_now();
  const std::int64_t cpu_before_us = load_.measures() ? thread_cpu_us() : -1;
  while (next_request_ < requests.size()) {
    if ((next_request_ & (kCheckEvery - 1)) == kCheckEvery - 1) {
      worker_->refresh_clock();
      check_output_limit();
      if (closed_ || status_->killed.load(std::memory_order_relaxed)) return close();
    }
    if (closed_) return;
    worker_->follow_config();
    const Request& request = requests[next_request_];
    if (worker_->server().keyspace().busy() &&
        worker_->waits_for_script(*this, parser_.words(request))) [[unlikely]] {
      blocked_ = Blocked::kByPause;
      worker_->paused(*this);
      break;
    }
    if (worker_->stopping()) [[unlikely]] break;
    if (worker_->server().pausing() && pause_if_asked(parser_.words(request))) break;
    ++next_request_;
    run_request(request);
    if (blocked_ != Blocked::kNot || close_after_reply_) break;
  }
  worker_->count_commands(next_request_ - first);
  const std::uint64_t cycles = worker_->dispatcher().began_cycles() - began;
  if (worker_->is_long(cycles) || cpu_before_us >= 0) [[unlikely]] {
    note_load(next_request_ - first, cycles, cpu_before_us);
  }
  if (blocked_ != Blocked::kNot) return;
  if (next_request_ == requests.size() || close_after_reply_) {
    next_request_ = 0;
    parser_.next_batch();
    if (input_error_ && !close_after_reply_) refuse_input(*input_error_);
  }
  if (close_after_reply_) close_when_sent();
}

// A batch took long, or has been measured.
void Client::note_load(std::size_t requests, std::uint64_t cycles, std::int64_t cpu_before_us) {
  worker_->refresh_clock();
  const std::int64_t now_us = worker_->clock().cached_monotonic_us();
  const std::int64_t limit_us = worker_->config().heavy_command_time;
  const std::int64_t allowed_us =
      limit_us > 0 ? LoadWatch::allowed(requests, limit_us) : INT64_MAX;
  if (cpu_before_us >= 0) {
    load_.measured(thread_cpu_us() - cpu_before_us, allowed_us, now_us);
  } else if (static_cast<double>(cycles) >= static_cast<double>(allowed_us) * cycles_per_us()) {
    load_.suspect(now_us);
  }
}

void Client::run_request(const Request& request) {
  reply_begin_ = out_.end_position();
  ReplyWriter reply(out_, identity.resp);
  running_ = true;
  worker_->set_current(this);
  const RunOutcome outcome =
      worker_->dispatcher().run(*this, parser_.words(request), request.raw, reply);
  worker_->set_current(nullptr);
  running_ = false;
  if (stalled_) [[unlikely]] {
    stalled_ = false;
    connection_.set_reading(true);
  }
  // What is being loaded is on disk: nothing needs to wait for it.
  if (outcome.lsn > lsn_ && !worker_->server().loading()) lsn_ = outcome.lsn;
  if (reply_mode_ != ReplyMode::kOn) suppress_reply(reply_begin_);
  if (!pushed_.empty()) out_.append_all(std::move(pushed_));
  if (tracking_) [[unlikely]] use_up_caching();
}

// CLIENT REPLY OFF and SKIP. SKIP concerns the request after it.
void Client::suppress_reply(std::uint64_t begin) {
  if (blocked_ == Blocked::kNot && !std::exchange(keep_reply_, false)) out_.truncate(begin);
  if (reply_mode_ == ReplyMode::kSkip) {
    reply_mode_ = ReplyMode::kOn;
  } else if (reply_mode_ == ReplyMode::kSkipNext) {
    reply_mode_ = ReplyMode::kSkip;
  }
}

bool Client::pause_if_asked(std::span<const Word> words) {
  if (!worker_->server().pauses(*this, words)) return false;
  blocked_ = Blocked::kByPause;
  worker_->paused(*this);
  return true;
}

void Client::refuse_input(const Error& error) {
  if (error.code() == ErrorCode::kTooLarge) {
    log_warning("Closing client that reached max query buffer length: id={} addr={}", identity.id,
                status_->peer);
    worker_->server().count_query_limit_disconnection();
    return close();
  }
  log_verbose("Protocol error ({}) from client: id={} addr={}", error.text(), identity.id,
              status_->peer);
  ReplyWriter(out_, identity.resp).error(error);
  close_after_reply_ = true;
}

void Client::resume() {
  resuming_ = false;
  if (closed_ || blocked_ != Blocked::kNot) return;
  worker_->touch(*this);
  if (!parser_.requests().empty() || input_error_) run_requests();
  if (blocked_ == Blocked::kNot && !close_after_reply_ && !closed_) connection_.set_reading(true);
}

// ---- blocking -----------------------------------------------------------------------------------

void Client::block(Blocked why, std::int64_t deadline_ms, Lsn synced) {
  blocked_ = why;
  deadline_ms_ = deadline_ms;
  awaited_sync_ = synced;
  status_->may_be_unblocked = why != Blocked::kOnShutdown && why != Blocked::kOnWorkers &&
                              why != Blocked::kOnMigration;
  worker_->waiting(*this);
}

void Client::block_on_keys(std::shared_ptr<Parked> parked) {
  parked_ = std::move(parked);
  block(Blocked::kOnKeys, parked_->deadline_ms);
}

void Client::deliver(OutputBuffer&& reply, Lsn lsn) {
  // Else the wait has ended otherwise in the meantime.
  if (blocked_ != Blocked::kOnKeys && blocked_ != Blocked::kOnMigration) return;
  if (lsn > lsn_) lsn_ = lsn;
  const std::uint64_t begin = out_.end_position();
  out_.append_all(std::move(reply));
  leave_wait();
  if (reply_mode_ != ReplyMode::kOn) suppress_reply(begin);
  if (!pushed_.empty()) out_.append_all(std::move(pushed_));
  unblock();
}

bool Client::end_wait(UnblockReason reason) {
  if (blocked_ == Blocked::kOnKeys && !worker_->dispatcher().withdraw(parked_)) return false;
  const std::uint64_t begin = out_.end_position();
  ReplyWriter reply(out_, identity.resp);
  const bool by_error = reason == UnblockReason::kError;
  if (parked_) worker_->dispatcher().count_unserved(*this, *parked_, by_error);
  if (by_error) {
    constexpr std::string_view kError = "UNBLOCKED client unblocked via CLIENT UNBLOCK";
    worker_->failed(kError);
    reply.error(kError);
  } else {
    worker_->write_wait_result(*this, parked_ ? parked_->on_timeout : TimeoutReply::kNull, reply);
  }
  leave_wait();
  if (reply_mode_ != ReplyMode::kOn) suppress_reply(begin);
  if (!pushed_.empty()) out_.append_all(std::move(pushed_));
  unblock();
  return true;
}

void Client::leave_wait() {
  worker_->not_waiting(*this);
  blocked_ = Blocked::kNot;
  parked_.reset();
  deadline_ms_ = 0;
  status_->may_be_unblocked = false;
  status_->unblocking.store(false, std::memory_order_relaxed);
}

void Client::unblock() {
  blocked_ = Blocked::kNot;
  active_us_ = worker_->clock().cached_monotonic_us();
  worker_->resume_later(*this);
}

// ---- output -------------------------------------------------------------------------------------

void Client::push(const SharedBytes& message, Lsn lsn) {
  append_push(running_ ? pushed_ : out_, message, lsn);
}

// While a request runs its own reply comes first, unless it has not begun: then whatever the
// message tells of happened before. A parked request that is being served, or has been, by another
// worker may have read what the message is about: its reply comes first too.
void Client::push_invalidation(const SharedBytes& message, Lsn lsn) {
  if (running_ && out_.end_position() == reply_begin_) {
    append_push(out_, message, lsn);
    reply_begin_ = out_.end_position();
    return;
  }
  const bool reply_is_coming =
      running_ || (parked_ && parked_->state.load() != Parked::kWaiting);
  append_push(reply_is_coming ? pushed_ : out_, message, lsn);
}

void Client::append_push(OutputBuffer& out, const SharedBytes& message, Lsn lsn) {
  if (closed_ || close_after_reply_) return;
  if (lsn > lsn_) lsn_ = lsn;
  if (message.size() >= OutputBuffer::kReferenceBytesMin) {
    out.append_reference(message);
  } else {
    out.append(message.view());
  }
  worker_->touch(*this);
  check_output_limit();
}

// The position up to which output may leave.
std::uint64_t Client::sendable(Lsn safe) {
  if (lsn_ > safe && turn_begin_ < out_.end_position() &&
      (marks_.empty() || marks_.back().lsn < lsn_)) {
    marks_.push_back({turn_begin_, lsn_});
  }
  turn_begin_ = out_.end_position();
  if (!marks_.empty()) {
    const auto waits = [safe](const Mark& mark) { return mark.lsn > safe; };
    marks_.erase(marks_.begin(), std::ranges::find_if(marks_, waits));
  }
  return marks_.empty() ? turn_begin_ : marks_.front().begin;
}

void Client::send(Lsn safe) {
  const std::uint64_t limit = sendable(safe);
  const std::uint64_t before = out_.begin_position();
  if (before >= limit || connection_.send_blocked()) return;
  const Connection::Io result = connection_.send(out_, limit);
  worker_->count_output(out_.begin_position() - before);
  if (result == Connection::Io::kFailed) {
    log_verbose("Error writing to client: {}", connection_.error_text());
    close();
  }
}

void Client::on_writable() {
  const std::uint64_t before = out_.begin_position();
  const Connection::Io result = connection_.send(out_, sendable(worker_->safe()));
  worker_->count_output(out_.begin_position() - before);
  if (result == Connection::Io::kFailed) return close();
  worker_->touch(*this);
}

void Client::finish_turn(Lsn safe) {
  touched_ = false;
  if (closed_) return;
  // Before anything is sent: what is too much for the client it does not get in part either.
  check_output_limit();
  if (closed_) return;
  // Whoever has the reply finds the status as it says.
  publish_state();
  send(safe);
  if (close_after_reply_ && out_.empty() && !closed_) close();
  publish_output();
}

ClientClass Client::client_class() const {
  return subscriptions_.total() > 0 ? ClientClass::kPubSub : ClientClass::kNormal;
}

// How many blocks wait behind the first kDirectOutputBytes, were they Redis's.
std::size_t Client::queued_output_items() const {
  return queued_blocks() + out_.references() + pushed_.references();
}

std::size_t Client::queued_blocks() const {
  const std::size_t plain = out_.plain_bytes() + pushed_.plain_bytes();
  return plain > kDirectOutputBytes ? (plain - 1) / kDirectOutputBytes : 0;
}

// Whole blocks, and large values as they are.
std::size_t Client::queued_output_bytes() const {
  const std::size_t plain = out_.plain_bytes() + pushed_.plain_bytes();
  const std::size_t referenced = out_.size() + pushed_.size() - plain;
  return queued_blocks() * kQueuedBlockBytes + referenced +
         queued_output_items() * kQueuedItemBytes;
}

void Client::check_output_limit() {
  const std::size_t held = out_.overflowed() ? SIZE_MAX : queued_output_bytes();
  if (held == 0) {
    over_soft_limit_since_us_ = 0;
    return;
  }
  const OutputBufferLimit& limit = worker_->output_limit(client_class());
  if (limit.hard_bytes == 0 && limit.soft_bytes == 0 && !out_.overflowed()) return;
  bool over = out_.overflowed() || (limit.hard_bytes > 0 && held >= limit.hard_bytes);
  if (limit.soft_bytes > 0 && held >= limit.soft_bytes) {
    const std::int64_t now_us = worker_->clock().cached_monotonic_us();
    if (over_soft_limit_since_us_ == 0) over_soft_limit_since_us_ = now_us;
    over |= now_us - over_soft_limit_since_us_ > limit.soft_seconds * 1'000'000;
  } else {
    over_soft_limit_since_us_ = 0;
  }
  if (!over) return;
  log_warning("Client id={} addr={} closed for overcoming of output buffer limits.", identity.id,
              status_->peer);
  worker_->server().count_output_limit_disconnection();
  close();
}

void Client::close() {
  if (closed_) return;
  closed_ = true;
  connection_.stop_reading();
  worker_->server().clients().account(*status_, 0);
  worker_->closing(*this);
}

// ---- figures ------------------------------------------------------------------------------------

void Client::publish_status() {
  publish_state();
  publish_output();
}

// All but what changes by sending.
void Client::publish_state() {
  ClientStatus& s = *status_;
  std::uint32_t flags = 0;
  if (transaction.open) flags |= kClientInTransaction;
  if (watch_state && watch_state->dirty.load(std::memory_order_relaxed)) flags |= kClientDirty;
  if (blocked_ != Blocked::kNot) flags |= kClientBlocked;
  if (subscriptions_.total() > 0) flags |= kClientSubscriber;
  if (close_after_reply_) flags |= kClientCloseAfterReply;
  if (closed_) flags |= kClientCloseAsap;
  if (no_evict_) flags |= kClientNoEvict;
  if (identity.no_touch) flags |= kClientNoTouch;
  if (tracking_) {
    flags |= kClientTracking;
    if (tracking_->broken_redirection) flags |= kClientBrokenRedirection;
    if (tracking_->broadcast) flags |= kClientBroadcast;
  }
  s.flags = flags;
  s.active_us = active_us_;
  s.db = identity.db;
  s.channels = static_cast<std::uint32_t>(subscriptions_.count(Topic::kChannel));
  s.patterns = static_cast<std::uint32_t>(subscriptions_.count(Topic::kPattern));
  s.shard_channels = static_cast<std::uint32_t>(subscriptions_.count(Topic::kShardChannel));
  s.queued = transaction.open ? static_cast<std::int32_t>(transaction.queue.size()) : -1;
  s.watched = static_cast<std::uint32_t>(watched.size());
  s.query_bytes = running_ ? parser_.held_bytes() : parser_.query_buffer_bytes();
  s.query_free_bytes = parser_.query_buffer_free_bytes();
  s.argument_bytes = parser_.pending_argument_bytes();
  s.queued_bytes = transaction.open ? transaction.bytes : 0;
  s.redirection = tracking_ ? static_cast<std::int64_t>(tracking_->redirection) : -1;
  s.resp = static_cast<unsigned>(identity.resp);
  s.command = command_;
}

void Client::publish_output() {
  ClientStatus& s = *status_;
  output_peak_ = std::max(output_peak_, out_.size() + pushed_.size());
  s.reply_buffer_bytes = std::min(out_.capacity(), kDirectOutputBytes);
  s.reply_buffer_peak = std::min(output_peak_, kDirectOutputBytes);
  s.output_bytes = std::min(out_.plain_bytes() + pushed_.plain_bytes(), kDirectOutputBytes);
  s.output_items = queued_output_items();
  s.output_memory = queued_output_bytes();
  s.send_blocked = connection_.send_blocked();
  if (!closed_) worker_->server().clients().account(s, memory_usage());
}

std::size_t Client::memory_usage() const {
  std::size_t bytes = sizeof(Client) + sizeof(ClientStatus) + parser_.memory_usage() +
                      out_.memory_usage() + pushed_.memory_usage();
  if (transaction.open) {
    bytes += transaction.bytes + transaction.queue.capacity() * sizeof(StoredRequest);
  }
  bytes += watched.size() * kWatchedKeyBytes;
  bytes += subscriptions_.total() * kSubscriptionBytes;
  if (tracking_) bytes += tracking_->memory_usage();
  return bytes;
}

void Client::cron(std::int64_t now_us) {
  if (closed_) return;
  const std::int64_t idle_us = now_us - active_us_;
  const std::int64_t timeout_s = worker_->idle_timeout_seconds();
  if (timeout_s > 0 && blocked_ == Blocked::kNot && subscriptions_.total() == 0 &&
      idle_us > timeout_s * 1'000'000) {
    log_verbose("Closing idle client");
    return close();
  }
  check_output_limit();
  parser_.shrink_if_wide();
  if (idle_us > kIdleUs && parser_.requests().empty()) {
    parser_.shrink();
    out_.shrink();
    output_peak_ = 0;
    publish_status();
  }
}

}  // namespace memoir
