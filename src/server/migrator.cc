#include "src/server/migrator.h"

#include <pthread.h>

#include <algorithm>

#include "protocol/request_parser.h"
#include "src/command/effects.h"

namespace memoir {
namespace {

using Outcome = BlockingSocket::Outcome;

std::int64_t wall_clock_ms() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

void add(Bytes& out, std::initializer_list<ByteView> words) {
  append_request(out, std::span<const ByteView>(words.begin(), words.size()));
}

// The requests for the keys of this round. A key whose time has come meanwhile is not sent.
void add_keys(Bytes& out, Migration& migration) {
  const std::int64_t now_ms = wall_clock_ms();
  for (Migration::Key& key : migration.keys) {
    key.expired = !key.gone && key.expire_ms != kNoExpiry && key.expire_ms < now_ms;
    if (key.expired) continue;
    if (key.gone) {
      add(out, {"DEL", key.name});
      continue;
    }
    const bool expires = key.expire_ms != kNoExpiry;
    const Decimal ttl(expires ? std::max<std::int64_t>(1, key.expire_ms - now_ms) : 0);
    if (migration.replace || migration.round > 0) {
      add(out, {migration.restore, key.name, ttl, key.payload, "REPLACE"});
    } else {
      add(out, {migration.restore, key.name, ttl, key.payload});
    }
  }
}

Bytes io_error(const char* doing) {
  return Bytes("IOERR error or timeout ") + doing + " to target instance";
}

}  // namespace

// --- connections ---

std::optional<TargetConnections::Connection> TargetConnections::take(const std::string& target) {
  const std::lock_guard lock(mutex_);
  const auto found = idle_.find(target);
  if (found == idle_.end()) return std::nullopt;
  Connection connection = std::move(found->second);
  idle_.erase(found);
  return connection;
}

void TargetConnections::put(const std::string& target, Connection connection) {
  connection.used = std::chrono::steady_clock::now();
  const std::lock_guard lock(mutex_);
  if (idle_.size() == kMax) idle_.erase(idle_.begin());
  idle_.emplace(target, std::move(connection));
}

std::size_t TargetConnections::close_idle() {
  const auto now = std::chrono::steady_clock::now();
  const std::lock_guard lock(mutex_);
  std::erase_if(idle_, [&](const auto& each) { return now - each.second.used > kIdle; });
  return idle_.size();
}

std::size_t TargetConnections::size() const {
  const std::lock_guard lock(mutex_);
  return idle_.size();
}

// --- threads ---

Migrator::~Migrator() {
  stopping_ = true;
  {
    const std::lock_guard lock(mutex_);
    jobs_.clear();
  }
  wake_.notify_all();
  for (std::thread& thread : threads_) thread.join();
}

void Migrator::start(std::shared_ptr<Migration> migration, std::function<void()> done) {
  const std::lock_guard lock(mutex_);
  jobs_.push_back({std::move(migration), std::move(done)});
  if (jobs_.size() > resting_ && threads_.size() < kThreadsMax) {
    threads_.emplace_back([this] { work(); });
  }
  wake_.notify_one();
}

// The threads close connections that nobody uses, too: one looks every second while there are any.
void Migrator::work() {
  pthread_setname_np(pthread_self(), "migration");
  std::unique_lock lock(mutex_);
  while (!stopping_) {
    if (jobs_.empty()) {
      ++resting_;
      connections_.close_idle() == 0 ? wake_.wait(lock)
                                     : (void)wake_.wait_for(lock, std::chrono::seconds(1));
      --resting_;
      continue;
    }
    Job job = std::move(jobs_.front());
    jobs_.pop_front();
    lock.unlock();
    run(*job.migration);
    job.done();
    job = {};
    lock.lock();
  }
}

// --- the conversation ---

void Migrator::run(Migration& migration) {
  if (attempt(migration, true)) attempt(migration, false);
}

// True if it failed before the target can have seen anything, and is worth another attempt.
bool Migrator::attempt(Migration& migration, bool may_retry) {
  migration.failure.clear();
  auto connection = connections_.take(migration.target());
  if (!connection) {
    connection.emplace(TargetConnections::Connection{.socket = BlockingSocket(stopping_)});
    const Outcome outcome =
        connection->socket.connect(migration.host, migration.port, migration.timeout);
    if (outcome != Outcome::kDone) {
      // Redis sees that a connection is refused when it writes.
      migration.failure = outcome == Outcome::kFailed
                              ? io_error("writing")
                              : "IOERR error or timeout connecting to the client";
      return false;
    }
  }
  const bool again = exchange(migration, *connection, may_retry);
  if (!connection->broken) connections_.put(migration.target(), std::move(*connection));
  return again;
}

// Sends and reads everything. Returns as attempt().
bool Migrator::exchange(Migration& migration, TargetConnections::Connection& connection,
                        bool may_retry) {
  Bytes requests;
  if (migration.password && migration.user) {
    add(requests, {"AUTH", *migration.user, *migration.password});
  } else if (migration.password) {
    add(requests, {"AUTH", *migration.password});
  }
  const bool selects = connection.db != migration.db;
  if (selects) add(requests, {"SELECT", Decimal(migration.db)});
  add_keys(requests, migration);

  const auto failed = [&](Outcome outcome, const char* doing) {
    connection.broken = true;
    if (migration.failure.empty()) migration.failure = io_error(doing);
    return outcome != Outcome::kTimedOut && may_retry;
  };
  Outcome outcome = connection.socket.write(requests, migration.timeout);
  if (outcome != Outcome::kDone) return failed(outcome, "writing");

  Bytes line;
  Bytes refusal;  // of AUTH or SELECT: then whatever follows has not done what was meant
  for (int i = (migration.password ? 1 : 0) + (selects ? 1 : 0); i > 0; --i) {
    outcome = connection.socket.read_line(line, migration.timeout);
    if (outcome != Outcome::kDone) return failed(outcome, "reading");
    if (refusal.empty() && line.starts_with('-')) refusal = line;
  }
  bool any_read = false;
  for (Migration::Key& key : migration.keys) {
    if (key.expired) continue;
    outcome = connection.socket.read_line(line, migration.timeout);
    if (outcome != Outcome::kDone) {
      const bool retry = failed(outcome, "reading");
      return retry && !any_read;
    }
    any_read = true;
    const Bytes& told = refusal.empty() ? line : refusal;
    if (!told.starts_with('-')) {
      key.acknowledged = true;
    } else if (migration.failure.empty()) {
      migration.failure = "ERR Target instance replied with error: " + told.substr(1);
    }
  }
  connection.db = migration.failure.empty() ? migration.db : -1;
  return false;
}

}  // namespace memoir
