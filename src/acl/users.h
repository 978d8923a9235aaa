// Users: all users of a server, as immutable snapshots that are replaced whole.
//
// Whoever acts for a user keeps the pointer and compares version(), one atomic read; only after a
// change is a user looked up again, under a lock. A user that is gone is found no more, even if
// another of the same name has come since: accounts differ.
//
// Thread-safe.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <vector>

#include "src/acl/user.h"
#include "src/base/mutex.h"
#include "src/base/result.h"

namespace memoir {

using UserPointer = std::shared_ptr<const User>;

inline constexpr ByteView kDefaultUser = "default";

class Users {
 public:
  // Begins with the user "default", who may do anything and needs no password.
  explicit Users(const CommandIds& ids);

  // Another number after every change.
  std::uint64_t version() const { return version_.load(std::memory_order_acquire); }

  UserPointer find(ByteView name) const;
  // The same account's present rights; null if it is gone.
  UserPointer current(const User& user) const;
  UserPointer default_user() const { return find(kDefaultUser); }
  std::vector<UserPointer> all() const;  // by name

  struct Changed {
    UserPointer before;  // null: the user is new
    UserPointer after;
  };
  // Applies rules to a user, creating it if needed: all of them or none. The error is ACL
  // SETUSER's, code word included.
  Result<Changed> set(ByteView name, std::span<const Bytes> rules, bool all_channels);
  // The removed user, or null.
  UserPointer remove(ByteView name);
  // requirepass: empty for no password.
  void set_default_password(ByteView password);

  // A `user` line of the configuration. The error's text says which rule is wrong and why.
  Status configure(std::span<const Bytes> words, bool all_channels);

  // ACL LOAD: these users instead of all others. Who was there before keeps the account;
  // "default" without a line in `loaded` is as at the beginning.
  struct Replaced {
    std::vector<UserPointer> gone;
    std::vector<UserPointer> narrowed;  // still there, and may hear less than before
  };
  Replaced replace(std::vector<User>&& loaded);

  const CommandIds& ids() const { return ids_; }
  // A user that is in no list, to try rules on.
  User draft(ByteView name, bool all_channels) {
    return {ids_, name, ++last_account_, all_channels};
  }

 private:
  User fresh_default() const;
  UserPointer publish(User&& user);  // under the lock

  const CommandIds& ids_;
  mutable Mutex mutex_;
  std::map<Bytes, UserPointer, std::less<>> users_;
  std::atomic<std::uint64_t> last_account_{0};
  std::atomic<std::uint64_t> version_{1};
};

}  // namespace memoir
