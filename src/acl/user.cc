#include "src/acl/user.h"

#include <algorithm>

#include "src/acl/acl_rules.h"
#include "src/acl/password.h"
#include "src/base/glob.h"
#include "src/base/log.h"
#include "src/command/keys.h"

namespace memoir {
namespace {

// The request's keys with what is done to them; channels are none.
std::vector<KeyUse> keys_of(const CommandSpec& spec, std::span<const Word> words) {
  std::vector<KeyUse> keys;
  const bool sound = each_key_spec(spec, words, [&](std::size_t i, const KeySpec& of) {
    if (!(of.flags & kKeyNot)) keys.push_back({i, key_flags_of(spec, of, words)});
  });
  if (!sound) keys.clear();  // the handler refuses such a request by itself
  return keys;
}

}  // namespace

User::User(const CommandIds& ids, ByteView name, std::uint64_t account, bool all_channels)
    : ids_(&ids), name_(name), account_(account), selectors_{Selector(ids, all_channels)} {}

// --- rules ---------------------------------------------------------------------------------------

RuleError User::apply(ByteView rule, bool all_channels) {
  const auto is = [rule](ByteView word) { return equals_ignoring_case(rule, word); };
  if (rule.empty()) return RuleError::kNone;
  if (is("on") || is("off")) {
    enabled_ = is("on");
  } else if (is("skip-sanitize-payload") || is("sanitize-payload")) {
    skip_sanitizing_ = is("skip-sanitize-payload");
  } else if (is("nopass") || is("resetpass")) {
    no_password_ = is("nopass");
    passwords_.clear();
  } else if (ByteView("><#!").find(rule[0]) != ByteView::npos) {
    return apply_password(rule);
  } else if (rule.front() == '(' && rule.back() == ')') {
    return add_selector(rule, all_channels);
  } else if (is("clearselectors")) {
    selectors_.erase(selectors_.begin() + 1, selectors_.end());
  } else if (is("reset")) {
    reset(all_channels);
  } else {
    return selectors_.front().apply(rule);
  }
  return RuleError::kNone;
}

RuleError User::apply_password(ByteView rule) {
  const bool adds = rule[0] == '>' || rule[0] == '#';
  const bool hashed = rule[0] == '#' || rule[0] == '!';
  const ByteView secret = rule.substr(1);
  if (hashed && !is_password_hash(secret)) return RuleError::kBadHash;
  const Bytes hash = hashed ? Bytes(secret) : password_hash(secret);
  const auto known = std::ranges::find(passwords_, hash);
  if (adds) {
    if (known == passwords_.end()) passwords_.push_back(hash);
    no_password_ = false;
    return RuleError::kNone;
  }
  if (known == passwords_.end()) return RuleError::kNoSuchPassword;
  passwords_.erase(known);
  return RuleError::kNone;
}

RuleError User::add_selector(ByteView rule, bool all_channels) {
  Selector selector(*ids_, all_channels);
  for (const Bytes& inner : split_selector(rule)) {
    if (const RuleError error = selector.apply(inner); error != RuleError::kNone) return error;
  }
  selectors_.push_back(std::move(selector));
  return RuleError::kNone;
}

void User::reset(bool all_channels) {
  passwords_.clear();
  no_password_ = enabled_ = skip_sanitizing_ = false;
  selectors_.assign(1, Selector(*ids_, all_channels));
}

void User::take_rights_of(const User& other) {
  const Bytes name = std::move(name_);
  const std::uint64_t account = account_;
  *this = other;
  name_ = name;
  account_ = account;
}

// --- checks --------------------------------------------------------------------------------------

bool User::admits(ByteView password) const {
  if (!enabled_) return false;
  if (no_password_) return true;
  const Bytes hash = password_hash(password);
  return std::ranges::any_of(passwords_,
                             [&](const Bytes& known) { return equal_hashes(hash, known); });
}

Verdict User::check(const CommandTable::Row& row, std::span<const Word> words) const {
  const std::uint32_t id = ids_->id_of(row);
  const std::vector<KeyUse> keys = keys_of(*row.spec, words);
  Verdict worst{Denial::kCommand, 0};
  for (const Selector& selector : selectors_) {
    const Verdict verdict = selector.check(id, *row.spec, words, keys);
    if (verdict.denial == Denial::kNone) return verdict;
    if (verdict.denial > worst.denial ||
        (verdict.denial == worst.denial && verdict.word > worst.word)) {
      worst = verdict;
    }
  }
  return worst;
}

bool User::check_with_all_keys(const CommandTable::Row& row, std::span<const Word> words,
                               std::uint16_t flags) const {
  const std::uint32_t id = ids_->id_of(row);
  const std::vector<KeyUse> keys = keys_of(*row.spec, words);
  return std::ranges::any_of(selectors_, [&](const Selector& selector) {
    return selector.check(id, *row.spec, words, keys).denial == Denial::kNone &&
           selector.grants_all_keys(flags);
  });
}

bool User::grants_channel(ByteView channel, bool is_pattern) const {
  return std::ranges::any_of(selectors_, [&](const Selector& selector) {
    return selector.grants_channel(channel, is_pattern);
  });
}

bool User::keeps_channels_of(const User& former) const {
  if (std::ranges::any_of(selectors_, &Selector::all_channels)) return true;
  if (std::ranges::any_of(former.selectors_, &Selector::all_channels)) return false;
  return std::ranges::all_of(former.selectors_, [&](const Selector& selector) {
    return std::ranges::all_of(selector.channels(), [&](const Bytes& channel) {
      return grants_channel(channel, true);
    });
  });
}

Bytes User::command_name(const CommandTable::Row& row) const {
  return ids_->name(ids_->id_of(row));
}

Bytes User::refusal(const CommandTable::Row& row, std::span<const Word> words, Verdict verdict,
                    Detail detail) const {
  if (verdict.denial == Denial::kCommand) {
    return fmt::format("User {} has no permissions to run the '{}' command", name_,
                       command_name(row));
  }
  const bool of_key = verdict.denial == Denial::kKey;
  if (detail == Detail::kDiscreet) {
    return of_key ? "No permissions to access a key" : "No permissions to access a channel";
  }
  return fmt::format("User {} has no permissions to access the '{}' {}", name_,
                     words[verdict.word].text, of_key ? "key" : "channel");
}

// --- descriptions --------------------------------------------------------------------------------

std::vector<const char*> User::flags() const {
  std::vector<const char*> flags{enabled_ ? "on" : "off"};
  if (no_password_) flags.push_back("nopass");
  flags.push_back(skip_sanitizing_ ? "skip-sanitize-payload" : "sanitize-payload");
  return flags;
}

Bytes User::describe() const {
  Bytes text;
  for (const char* flag : flags()) text.append(flag).append(" ");
  for (const Bytes& hash : passwords_) text.append("#").append(hash).append(" ");
  text += selectors_.front().describe();
  for (const Selector& selector : std::span(selectors_).subspan(1)) {
    text.append(" (").append(selector.describe()).append(")");
  }
  return text;
}

}  // namespace memoir
