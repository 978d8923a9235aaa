// Moving: clients change their worker.
//
// A heavy client (load_watch.h) goes to a lane, a worker that only such clients are on, so that
// nobody else waits for the end of its commands; when it is light again it returns. It moves at the
// end of a turn and only when it is quiet: nothing of it is on a list of its worker, and it is
// neither parked nor closing. Then the Client itself, with parser, output and stream, is a
// message to the other worker; only the watch on its socket is given up here and begun there.
//
// Who sends something to a client looks up its worker first, and may come too late. What arrives
// where the client was, or before it, goes after it (follow()). That is enough for orders and for
// what others redirect to it, which have no order among each other. Messages of channels, the lines
// of MONITOR and invalidations of a client's own reads do have one, so whoever gets such stays
// where it is.
#include <algorithm>

#include "src/base/log.h"
#include "src/server/client.h"
#include "src/server/server.h"
#include "src/server/worker.h"

namespace memoir {

bool Client::may_move() const {
  const bool quiet = !closed_ && !close_after_reply_ && blocked_ == Blocked::kNot && !running_ &&
                     !resuming_ && !stalled_ && !touched_;
  const bool plain = subscriptions_.total() == 0 && !tracking_ && status_->refusal.empty();
  return quiet && plain && !status_->killed.load(std::memory_order_relaxed);
}

// ---- leaving ------------------------------------------------------------------------------------

// At the end of a turn, when outputs have been sent.
void Worker::hand_over_movers() {
  const bool all = config_->move_clients;
  for (Client* const client : std::exchange(movers_, {})) {
    if (server_.loading() || stopping_) return;
    const bool monitors = std::ranges::find(monitors_, client) != monitors_.end();
    if (!client->may_move() || monitors) continue;
    if (all) {
      hand_over(*client, server_.worker((index_ + 1) % server_.worker_count()));
    } else if (client->load_.wish() == LoadWatch::Wish::kHome) {
      hand_over(*client, server_.worker(client->home_));
    } else if (clients_.size() > 1) {
      hand_over(*client, server_.emptiest_lane());
    } else {
      client->load_.forget();  // it is in nobody's way
    }
  }
}

void Worker::hand_over(Client& client, Worker& to) {
  ClientStatus& status = client.status();
  log_debug("Client id={} moves from worker {} to {}", status.id, index_, to.index());
  status.moving = true;  // before the worker: who sees that sees this
  status.worker.store(to.index(), std::memory_order_release);
  if (client.gated_) std::erase(gated_, &client);
  client.gated_ = false;
  leave_roster(client);
  auto node = clients_.extract(status.id);
  client.connection_.detach();
  to.loop().post([&to, moved = std::move(node.mapped())]() mutable {
    to.take_over(std::move(moved));
  });
}

// ---- arriving -----------------------------------------------------------------------------------

void Worker::take_over(std::unique_ptr<Client> arrived) {
  if (stopping_) return;  // it is closed like all others
  refresh_clock();
  follow_config();
  Client& client = *arrived;
  client.worker_ = this;
  client.load_.moved(is_lane(), clock_.cached_monotonic_us());
  client.connection_.attach(loop_);
  join_roster(std::move(arrived));
  if (cron_hz_ == 0) start_cron();
  client.status().moving = false;
  if (client.status().killed) return client.close();
  client.arrived_ = true;
  touch(client);  // what it still has to send goes on here
}

bool Worker::is_lane() const { return index_ >= server_.io_worker_count(); }

// ---- what comes after it ------------------------------------------------------------------------

bool Worker::follow(std::uint64_t id, std::function<void(Worker&)> order) {
  const auto status = server_.clients().find(id);
  if (!status || stopping_) return false;
  const unsigned index = status->worker.load(std::memory_order_acquire);
  if (index == index_ && !status->moving) return false;  // it was here and has closed
  Worker& to = server_.worker(index);
  to.loop().post([&to, order = std::move(order)] {
    to.clock().refresh();
    order(to);
  });
  return true;
}

// ---- who goes where -----------------------------------------------------------------------------

Worker& Server::emptiest_lane() {
  Worker* best = nullptr;
  for (unsigned i = io_worker_count(); i < worker_count(); ++i) {
    Worker& lane = *workers_[i];
    if (!best || lane.client_count() < best->client_count()) best = &lane;
  }
  return *best;
}

}  // namespace memoir
