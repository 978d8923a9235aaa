#include "src/server/client_filter.h"

#include <algorithm>
#include <optional>

#include "src/base/c_text.h"
#include "src/base/log.h"
#include "src/server/config.h"
#include "src/server/client_line.h"

namespace memoir {
namespace {

// A client's class as TYPE names it. Primaries and replicas are not clients of workers.
std::optional<ClientClass> class_named(ByteView name) {
  if (equals_ignoring_case(name, "normal")) return ClientClass::kNormal;
  for (const ByteView other : {"slave", "replica", "master", "primary"}) {
    if (equals_ignoring_case(name, other)) return ClientClass::kReplica;
  }
  if (equals_ignoring_case(name, "pubsub")) return ClientClass::kPubSub;
  return std::nullopt;
}

ClientClass class_of(const ClientStatus& status) {
  return status.flags & kClientSubscriber ? ClientClass::kPubSub : ClientClass::kNormal;
}

// The address without its port.
ByteView host_of(ByteView address) { return address.substr(0, address.rfind(':')); }

// Takes "NOT-<name>".
bool take_negation(Args& args, ByteView name) {
  constexpr ByteView kNot = "NOT-";
  const ByteView word = args.peek();
  if (word.size() != kNot.size() + name.size() || args.left() < 2) return false;
  if (!equals_ignoring_case(word.substr(0, kNot.size()), kNot) ||
      !equals_ignoring_case(word.substr(kNot.size()), name)) {
    return false;
  }
  args.skip();
  return true;
}

}  // namespace

// A property with a text that is compared as a whole.
struct ClientFilter::Property {
  const char* name;
  bool (*equals)(const ClientStatus& status, ByteView text);
};

void ClientFilter::add(Test test, bool negated) {
  if (!negated) {
    tests_.push_back(std::move(test));
    return;
  }
  tests_.push_back([test = std::move(test)](const ClientStatus& status) { return !test(status); });
}

void ClientFilter::set_peer(ByteView peer) {
  skip_me_ = false;
  add([peer = Bytes(peer)](const ClientStatus& status) { return status.peer == peer; }, false);
}

bool ClientFilter::matches(const ClientStatus& status) const {
  if (skip_me_ && status.id == asker_.id) return false;
  return std::ranges::all_of(tests_, [&](const Test& test) { return test(status); });
}

Status ClientFilter::read(Args& args) {
  while (args.more()) {
    bool taken = false;
    if (Status read = read_own(args, taken); !read) return read;
    if (taken) continue;
    if (Status read = read_one(args); !read) return read;
  }
  return ok;
}

// Filters without a negation.
Status ClientFilter::read_own(Args& args, bool& taken) {
  taken = true;
  if (args.take("SKIPME", 1)) {
    const ByteView choice = args.next();
    skip_me_ = equals_ignoring_case(choice, "yes");
    if (skip_me_ || equals_ignoring_case(choice, "no")) return ok;
    return Error(kSyntaxError);
  }
  for (const bool age : {true, false}) {
    const char* const name = age ? "MAXAGE" : "IDLE";
    if (!args.take(name, 1)) continue;
    const std::int64_t seconds =
        args.integer(age ? "ERR maxage is not an integer or out of range"
                         : "ERR idle is not an integer or out of range");
    if (args.failed()) return args.status();
    if (seconds <= 0) {
      return Error(fmt::format("ERR {} should be greater than 0", age ? "maxage" : "idle"));
    }
    const std::int64_t limit_us = asker_.now_us - seconds * 1'000'000;
    add([age, limit_us](const ClientStatus& status) {
      return (age ? status.connected_us : std::int64_t{status.active_us}) <= limit_us;
    }, false);
    return ok;
  }
  taken = false;
  return ok;
}

Status ClientFilter::read_id(Args& args, bool negated) {
  std::vector<std::uint64_t> ids;
  const bool kill = purpose_ == Purpose::kKill;
  while (args.more()) {
    // Behind the first, a word that is no number may be the next filter.
    const auto id = parse_integer(args.peek());
    if (!id && !ids.empty() && (kill || args.left() > 1)) break;
    if (!id && !kill) return Error("ERR Invalid client ID");
    if (!id || (kill && *id < 1)) return Error("ERR client-id should be greater than 0");
    ids.push_back(static_cast<std::uint64_t>(*id));
    args.skip();
  }
  if (!negated) ids_ = ids;
  add([ids = std::move(ids)](const ClientStatus& status) {
    return std::ranges::find(ids, status.id) != ids.end();
  }, negated);
  return ok;
}

Status ClientFilter::read_one(Args& args) {
  static constexpr Property kProperties[] = {
      {"ADDR", [](const ClientStatus& s, ByteView text) { return s.peer == text; }},
      {"LADDR", [](const ClientStatus& s, ByteView text) { return s.local == text; }},
      {"NAME", [](const ClientStatus& s, ByteView text) { return s.name == text; }},
      {"LIB-NAME", [](const ClientStatus& s, ByteView text) { return s.lib_name == text; }},
      {"LIB-VER", [](const ClientStatus& s, ByteView text) { return s.lib_version == text; }},
      {"IP", [](const ClientStatus& s, ByteView text) { return host_of(s.peer) == text; }},
  };
  const auto take = [&](ByteView name, bool& negated) {
    negated = take_negation(args, name);
    return negated || args.take(name, 1);
  };
  bool negated = false;
  if (take("ID", negated)) return read_id(args, negated);
  if (take("TYPE", negated)) {
    const ByteView name = args.next();
    const auto wanted = class_named(name);
    if (!wanted) return Error(fmt::format("ERR Unknown client type '{}'", c_text(name)));
    add([wanted](const ClientStatus& s) { return class_of(s) == *wanted; }, negated);
    return ok;
  }
  if (take("USER", negated)) {
    const ByteView user = args.next();
    if (!asker_.knows_user(user)) {
      return Error(fmt::format("ERR No such user '{}'", c_text(user)));
    }
    add([user = Bytes(user)](const ClientStatus& s) { return s.user == user; }, negated);
    return ok;
  }
  if (take("DB", negated)) {
    const std::int64_t db = args.integer("ERR DB is not an integer or out of range");
    if (args.failed()) return args.status();
    add([db](const ClientStatus& s) { return std::int64_t{s.db} == db; }, negated);
    return ok;
  }
  if (take("FLAGS", negated)) {
    const Bytes letters(args.next());
    // All of them; negated, none of them.
    add([letters, negated](const ClientStatus& s) {
      const Bytes own = client_flag_letters(s);
      const auto has = [&](char c) { return own.find(c) != Bytes::npos; };
      return negated ? std::ranges::none_of(letters, has) : std::ranges::all_of(letters, has);
    }, false);
    return ok;
  }
  for (const Property& property : kProperties) {
    if (!take(property.name, negated)) continue;
    add([equals = property.equals, text = Bytes(args.next())](const ClientStatus& s) {
      return equals(s, text);
    }, negated);
    return ok;
  }
  return Error(kSyntaxError);
}

}  // namespace memoir
