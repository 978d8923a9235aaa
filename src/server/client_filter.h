// ClientFilter: which clients CLIENT LIST and CLIENT KILL are about.
//
// The filters of Redis 7.2 and 7.4 and those that Valkey added; a client must fit all of them. Each
// that names a property may be negated by NOT- before its name.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "src/base/result.h"
#include "src/command/args.h"
#include "src/server/client_registry.h"

namespace memoir {

class ClientFilter {
 public:
  enum class Purpose : std::uint8_t { kList, kKill };

  // What a filter needs to know of its surroundings.
  struct Asker {
    std::uint64_t id = 0;
    std::int64_t now_us = 0;  // monotonic
    std::function<bool(ByteView)> knows_user;
  };

  ClientFilter(Purpose purpose, Asker asker)
      : purpose_(purpose), asker_(std::move(asker)), skip_me_(purpose == Purpose::kKill) {}

  // Reads all words. The error is the reply.
  Status read(Args& args);
  // CLIENT KILL ip:port.
  void set_peer(ByteView peer);

  // The ids asked for, in order, if there is no other filter; else nullptr.
  const std::vector<std::uint64_t>* only_ids() const {
    return tests_.size() == 1 && !ids_.empty() && !skip_me_ ? &ids_ : nullptr;
  }

  // Under the registry's lock.
  bool matches(const ClientStatus& status) const;

 private:
  using Test = std::function<bool(const ClientStatus&)>;
  struct Property;

  Status read_one(Args& args);
  Status read_id(Args& args, bool negated);
  Status read_own(Args& args, bool& taken);
  void add(Test test, bool negated);

  Purpose purpose_;
  Asker asker_;
  bool skip_me_;
  std::vector<Test> tests_;
  std::vector<std::uint64_t> ids_;  // of a filter ID that is not negated
};

}  // namespace memoir
