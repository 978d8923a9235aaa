// The server's users: where they come from at start, the ACL file, what is refused, who is
// disconnected.
#include <algorithm>

#include "persistence/file.h"
#include "src/acl/acl_file.h"
#include "src/base/log.h"
#include "src/server/client_line.h"
#include "src/server/server.h"
#include "src/server/worker.h"

namespace memoir {
namespace {

Bytes reason(const Error& error) {
  const std::size_t at = error.text().rfind(": ");
  return at == std::string::npos ? error.text() : error.text().substr(at + 2);
}

// Why EXEC does not run a request any more.
const char* lost_right(Denial denial) {
  switch (denial) {
    case Denial::kCommand: return "no permission to execute the command or subcommand";
    case Denial::kKey: return "no permission to touch the specified keys";
    case Denial::kChannel:
      return "no permission to access one of the channels used as arguments to the command";
    default: return "no permission";
  }
}

}  // namespace

// ---- at start -----------------------------------------------------------------------------------

Status Server::load_users() {
  const auto config = config_.current();
  if (!config->requirepass.empty()) users_.set_default_password(config->requirepass);
  if (!config->aclfile.empty() && !config->users.empty()) {
    log_warning("Configuring Memoir with users defined in its configuration file and at the same "
                "time with the path of an ACL file is invalid: define users either in an ACL file "
                "or in the configuration file, but not in both.");
    return Error("two sources of users");
  }
  for (const std::vector<Bytes>& words : config->users) {
    Status created = users_.configure(words, config->acl_pubsub_default_all);
    if (!created) {
      log_warning("{}", created.error().text());
      log_warning("Critical error while loading ACLs. Exiting.");
      return created;
    }
    if (!users_.find(words[0])->enabled()) {
      log_notice("The user '{}' is disabled (there is no 'on' modifier in the user description). "
                 "Make sure this is not a configuration error.", words[0]);
    }
  }
  if (config->aclfile.empty()) return ok;
  auto loaded = load_acl_file(nullptr);
  if (loaded) return ok;
  log_warning("Aborting startup because of ACL errors: {}", loaded.error().text());
  return loaded.error();
}

Config Server::config_to_write() {
  Config config = *config_.current();
  config.users.clear();
  if (!config.aclfile.empty()) return config;
  for (const UserPointer& user : users_.all()) {
    config.users.push_back({user->name(), user->describe()});
  }
  return config;
}

// ---- the ACL file -------------------------------------------------------------------------------

Result<bool> Server::load_acl_file(Client* asking) {
  const auto config = config_.current();
  auto text = read_file(posix_file_system(), config->aclfile);
  if (!text) {
    return Error(fmt::format("Error loading ACLs, opening file '{}': {}", config->aclfile,
                             reason(text.peek_error())));
  }
  auto loaded = parse_acl_file(*text, config->aclfile, users_, config->acl_pubsub_default_all);
  if (!loaded) return loaded.error();
  const Users::Replaced replaced = users_.replace(*std::move(loaded));
  if (!asking) return false;  // at start: there are no clients
  kill_clients(asking, [&](const ClientStatus& status) {
    return std::ranges::any_of(replaced.gone, [&](const UserPointer& user) {
      return user->name() == status.user;
    });
  });
  return drop_subscribers(replaced.narrowed, *asking);
}

Status Server::save_acl_file() {
  const Status written =
      write_file(posix_file_system(), config_.current()->aclfile, acl_file_text(users_.all()));
  if (written) return ok;
  log_warning("Writing ACL file for ACL SAVE: {}", written.error().text());
  return Error(
      "There was an error trying to save the ACLs. Please check the server logs for more "
      "information");
}

// ---- refusals -----------------------------------------------------------------------------------

void Server::note_refusal(const ClientStatus& client, Refusal refusal) {
  SecurityLog::Entry entry;
  entry.reason = refusal.reason;
  entry.context = refusal.origin;
  entry.object = std::move(refusal.object);
  entry.user = std::move(refusal.user);
  entry.time_ms = clock_.now_us() / 1000;
  clients_.locked([&] { append_client_line(entry.client, client, clock_.monotonic_us()); });
  security_log_.add(std::move(entry),
                    static_cast<std::size_t>(config_.current()->acllog_max_len));
}

Error Server::refuse(const ClientStatus& client, const User& user, const CommandTable::Row& row,
                     std::span<const Word> words, Verdict verdict, Request request) {
  const bool of_command = verdict.denial == Denial::kCommand;
  note_refusal(client, {.reason = verdict.denial,
                        .origin = request.queued ? Origin::kTransaction : request.origin,
                        .object = of_command ? user.command_name(row)
                                             : Bytes(words[verdict.word].text),
                        .user = user.name()});
  if (request.origin == Origin::kTransaction) {
    return Error(fmt::format(
        "NOPERM ACLs rules changed between the moment the transaction was accumulated and the EXEC "
        "call. This command is no longer allowed for the following reason: {}",
        lost_right(verdict.denial)));
  }
  const char* const code =
      request.origin == Origin::kScript ? "ERR ACL failure in script: " : "NOPERM ";
  return Error(code + user.refusal(row, words, verdict, User::Detail::kDiscreet));
}

// ---- disconnecting ------------------------------------------------------------------------------

// Marks all that match and tells their workers.
std::int64_t Server::kill_clients(Client* asking,
                                  const std::function<bool(const ClientStatus&)>& matches) {
  std::int64_t killed = 0;
  bool itself = false;
  clients_.each([&](ClientStatus& status) {
    if (!matches(status) || status.killed.load()) return;
    ++killed;
    if (asking && status.id == asking->identity.id) {
      itself = true;
      return;
    }
    status.killed = true;
    Worker& worker = this->worker(status.worker);
    worker.loop().post([&worker, victim = status.id] { worker.kill(victim); });
  });
  if (itself) asking->close_after_reply();
  return killed;
}

bool Server::drop_subscribers(std::span<const UserPointer> users, const Client& asking) {
  if (users.empty()) return false;
  Worker& own = asking.worker();
  for (const UserPointer& user : users) own.drop_subscribers(*user);
  if (worker_count() == 1) return false;
  const auto left = std::make_shared<std::atomic<unsigned>>(worker_count() - 1);
  const std::vector<UserPointer> all(users.begin(), users.end());
  each_worker([&](Worker& worker) {
    if (&worker == &own) return;
    worker.loop().post([&worker, &own, all, left, id = asking.identity.id] {
      worker.clock().refresh();
      for (const UserPointer& user : all) worker.drop_subscribers(*user);
      if (left->fetch_sub(1) > 1) return;
      own.loop().post([&own, id] { own.unblock(id, UnblockReason::kTimeout); });
    });
  });
  return true;
}

}  // namespace memoir
