// User: a name with passwords and selectors.
//
// A value while rules are applied to it; once published by Users it is immutable, and whoever
// changes it publishes another. `account` tells users apart that had the same name one after the
// other.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "src/acl/selector.h"
#include "src/base/bytes.h"

namespace memoir {

class User {
 public:
  // A new user: disabled, without any right.
  User(const CommandIds& ids, ByteView name, std::uint64_t account, bool all_channels);

  const Bytes& name() const { return name_; }
  std::uint64_t account() const { return account_; }
  bool enabled() const { return enabled_; }
  bool needs_no_password() const { return no_password_; }
  // Whether RESTORE may trust what this user gives it.
  bool skips_sanitizing() const { return skip_sanitizing_; }
  std::span<const Bytes> passwords() const { return passwords_; }  // hashes
  std::span<const Selector> selectors() const { return selectors_; }  // the first is the root
  // May do anything: the one test that most requests need.
  bool unrestricted() const { return selectors_.front().unrestricted(); }

  // Applies one rule of ACL SETUSER. `all_channels` is what acl-pubsub-default says of channels
  // that no rule mentions.
  RuleError apply(ByteView rule, bool all_channels);

  // Whether `password` opens this user's door.
  bool admits(ByteView password) const;

  // Whether the user may run the request, and if not what to blame: the command if no selector
  // grants it, else the last key or channel that none grants.
  Verdict check(const CommandTable::Row& row, std::span<const Word> words) const;
  // Whether one selector grants the request and any key for what `flags` (KeyFlag bits) say.
  bool check_with_all_keys(const CommandTable::Row& row, std::span<const Word> words,
                           std::uint16_t flags) const;
  bool grants_channel(ByteView channel, bool is_pattern) const;
  // Whether every channel pattern of `former` is still allowed literally.
  bool keeps_channels_of(const User& former) const;

  // Why the request is refused, in Redis's words without code word. Clients are not told which key
  // or channel it was; ACL DRYRUN is.
  enum class Detail : bool { kDiscreet, kNamed };
  Bytes refusal(const CommandTable::Row& row, std::span<const Word> words, Verdict verdict,
                Detail detail) const;
  // The command's own name, whatever it was renamed to.
  Bytes command_name(const CommandTable::Row& row) const;

  // "on", "nopass", ...: for ACL GETUSER.
  std::vector<const char*> flags() const;
  // Everything behind the name, as rules.
  Bytes describe() const;
  // Takes over everything but name and account.
  void take_rights_of(const User& other);

 private:
  RuleError apply_password(ByteView rule);
  RuleError add_selector(ByteView rule, bool all_channels);
  void reset(bool all_channels);

  const CommandIds* ids_;
  Bytes name_;
  std::uint64_t account_;
  std::vector<Bytes> passwords_;
  std::vector<Selector> selectors_;
  bool enabled_{false};
  bool no_password_{false};
  bool skip_sanitizing_{false};
};

}  // namespace memoir
