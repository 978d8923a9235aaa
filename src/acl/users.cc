#include "src/acl/users.h"

#include "src/acl/acl_rules.h"
#include "src/base/log.h"

namespace memoir {

Users::Users(const CommandIds& ids) : ids_(ids) { publish(fresh_default()); }

User Users::fresh_default() const {
  User user(ids_, kDefaultUser, 0, true);
  for (const char* rule : {"+@all", "~*", "&*", "on", "nopass"}) user.apply(rule, true);
  return user;
}

UserPointer Users::publish(User&& user) {
  auto published = std::make_shared<const User>(std::move(user));
  users_.insert_or_assign(published->name(), published);
  version_.fetch_add(1, std::memory_order_release);
  return published;
}

UserPointer Users::find(ByteView name) const {
  const std::lock_guard lock(mutex_);
  const auto found = users_.find(name);
  return found == users_.end() ? nullptr : found->second;
}

UserPointer Users::current(const User& user) const {
  UserPointer found = find(user.name());
  return found && found->account() == user.account() ? found : nullptr;
}

std::vector<UserPointer> Users::all() const {
  const std::lock_guard lock(mutex_);
  std::vector<UserPointer> all;
  for (const auto& [name, user] : users_) all.push_back(user);
  return all;
}

Result<Users::Changed> Users::set(ByteView name, std::span<const Bytes> rules, bool all_channels) {
  auto joined = join_selectors(rules);
  if (!joined) {
    return Error(fmt::format("ERR Unmatched parenthesis in acl selector starting at '{}'.",
                             joined.peek_error().text()));
  }
  const std::lock_guard lock(mutex_);
  const auto found = users_.find(name);
  UserPointer before = found == users_.end() ? nullptr : found->second;
  User changed = before ? *before : draft(name, all_channels);
  for (const Bytes& rule : *joined) {
    const RuleError error = changed.apply(rule, all_channels);
    if (error == RuleError::kNone) continue;
    return Error(fmt::format("ERR Error in ACL SETUSER modifier '{}': {}", rule,
                             rule_error_text(error)));
  }
  UserPointer after = publish(std::move(changed));
  return Changed{std::move(before), std::move(after)};
}

UserPointer Users::remove(ByteView name) {
  const std::lock_guard lock(mutex_);
  const auto found = users_.find(name);
  if (found == users_.end()) return nullptr;
  UserPointer removed = std::move(found->second);
  users_.erase(found);
  version_.fetch_add(1, std::memory_order_release);
  return removed;
}

void Users::set_default_password(ByteView password) {
  const std::lock_guard lock(mutex_);
  User changed = *users_.find(kDefaultUser)->second;
  changed.apply("resetpass", true);
  changed.apply(password.empty() ? Bytes("nopass") : ">" + Bytes(password), true);
  publish(std::move(changed));
}

Status Users::configure(std::span<const Bytes> words, bool all_channels) {
  const Bytes& name = words.front();
  if (has_blanks(name)) return Error("Spaces not allowed in ACL usernames");
  auto rules = join_selectors(words.subspan(1));
  if (!rules) return Error("Unmatched parenthesis in an ACL selector");
  const std::lock_guard lock(mutex_);
  const auto found = users_.find(name);
  User user = found == users_.end() ? draft(name, all_channels) : *found->second;
  if (found != users_.end()) user.apply("reset", all_channels);
  for (const Bytes& rule : *rules) {
    const RuleError error = user.apply(rule, all_channels);
    if (error == RuleError::kNone) continue;
    return Error(fmt::format("Error loading ACL rule '{}' for the user named '{}': {}", rule, name,
                             rule_error_text(error)));
  }
  publish(std::move(user));
  return ok;
}

Users::Replaced Users::replace(std::vector<User>&& loaded) {
  const std::lock_guard lock(mutex_);
  auto before = std::exchange(users_, {});
  publish(fresh_default());
  for (User& user : loaded) {
    const auto former = before.find(user.name());
    User changed = former == before.end() ? std::move(user) : *former->second;
    if (former != before.end()) changed.take_rights_of(user);
    publish(std::move(changed));
  }
  Replaced replaced;
  for (const auto& [name, former] : before) {
    const auto now = users_.find(name);
    if (now == users_.end()) {
      replaced.gone.push_back(former);
    } else if (!now->second->keeps_channels_of(*former)) {
      replaced.narrowed.push_back(now->second);
    }
  }
  return replaced;
}

}  // namespace memoir
