// What clients may do: each keeps its user's present snapshot; the worker asks it for requests that
// are not free anyway.
#include "src/base/log.h"
#include "src/server/client_line.h"
#include "src/server/server.h"
#include "src/server/worker.h"

namespace memoir {

// ---- a client's user ----------------------------------------------------------------------------

void Client::begin_as_default() {
  const UserPointer user = worker_->server().users().default_user();
  become(user);
  authenticated_ = user->needs_no_password() && user->enabled();
  rights_version_ = 0;
  follow_rights();
}

void Client::become(UserPointer user) {
  const bool another = !user_ || user_->name() != user->name();
  user_ = std::move(user);
  authenticated_ = true;
  rights_version_ = 0;
  if (another) {
    worker_->server().clients().locked([&] { status_->user = user_->name(); });
    // The journal knows the session by its user: the next record declares it anew.
    if (journal_session) has_written_ = true;
    journal_session = {};
  }
  follow_rights();
}

void Client::follow_rights() {
  const Users& users = worker_->server().users();
  if (rights_version_ == users.version()) return;
  // Read first: what changes while we look is seen the next time.
  rights_version_ = users.version();
  const UserPointer fallback = users.default_user();
  if (UserPointer present = users.current(*user_)) {
    user_ = std::move(present);
  } else {
    user_ = fallback;
    authenticated_ = false;
    close_after_reply();
  }
  login_needed_ = !authenticated_ && !(fallback->needs_no_password() && fallback->enabled());
  unrestricted_ = !login_needed_ && user_->unrestricted();
}

// ---- the worker's answers -----------------------------------------------------------------------

Client* Worker::client_behind(Session& session) const {
  Session* const sender = session.caller ? session.caller : &session;
  return sender == current_ ? current_ : dynamic_cast<Client*>(sender);
}

Status Worker::permit(Session& session, const CommandTable::Row& row, std::span<const Word> words,
                      Origin origin) {
  Client* client = client_behind(session);
  if (!client) return ok;
  client->follow_rights();
  if (client->rights().unrestricted()) return ok;
  const Verdict verdict = client->rights().check(row, words);
  if (verdict.denial == Denial::kNone) return ok;
  client->publish_status();
  const bool queued = origin == Origin::kClient && client->transaction.open;
  return server_.refuse(client->status(), client->rights(), row, words, verdict,
                        {.origin = origin, .queued = queued});
}

Status Worker::permit_again(const Parked& parked) {
  if (parked.rights == users_.version() || parked.identity.id == 0) return ok;
  const auto status = server_.clients().find(parked.identity.id);
  if (!status) return ok;
  Bytes name;
  server_.clients().locked([&] { name = status->user; });
  const UserPointer user = users_.find(name);
  if (!user || user->unrestricted()) return ok;
  const std::span<const Word> words = parked.request.words;
  const Verdict verdict = user->check(*parked.request.row, words);
  if (verdict.denial == Denial::kNone) return ok;
  return server_.refuse(*status, *user, *parked.request.row, words, verdict, {});
}

bool Worker::may_run(Session& session, const CommandTable::Row& row, std::span<const Word> words) {
  Client* client = client_behind(session);
  if (!client) return true;
  client->follow_rights();
  return client->rights().unrestricted() ||
         client->rights().check(row, words).denial == Denial::kNone;
}

bool Worker::may_read_all_keys(Session& session, const CommandTable::Row& row,
                               std::span<const Word> words) {
  Client* client = client_behind(session);
  if (!client) return true;
  client->follow_rights();
  return client->rights().unrestricted() ||
         client->rights().check_with_all_keys(row, words, kKeyAccess);
}

void Worker::drop_subscribers(const User& user) {
  for (auto& [id, client] : clients_) {
    if (client->rights().account() != user.account() || client->closed()) continue;
    const ClientSubscriptions& subscriptions = client->subscriptions();
    bool lost = false;
    for (const Topic topic : {Topic::kChannel, Topic::kPattern, Topic::kShardChannel}) {
      for (const Bytes& name : subscriptions.names(topic)) {
        lost = lost || !user.grants_channel(name, topic == Topic::kPattern);
      }
    }
    if (!lost) continue;
    client->status().killed = true;
    client.get() == current_ ? client->close_after_reply() : client->close();
  }
}

}  // namespace memoir
