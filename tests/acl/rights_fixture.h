// Users over a small table of commands, for the tests of rights.
#pragma once

#include <catch2/catch.hpp>

#include "src/acl/users.h"

namespace memoir {

inline std::span<const CommandSpec> some_commands() {
  static constexpr CommandSpec kConfig[] = {
      {.name = "get", .arity = at_least(3), .flags = kAdmin, .group = Group::kServer},
      {.name = "set", .arity = at_least(4), .flags = kAdmin, .group = Group::kServer},
  };
  static constexpr CommandSpec kAll[] = {
      {.name = "get",
       .arity = exactly(2),
       .keys = first_is_key(kKeyRO | kKeyAccess),
       .access = Access::kRead,
       .flags = kFast,
       .group = Group::kString},
      {.name = "set",
       .arity = at_least(3),
       .keys = first_is_key(kKeyOW | kKeyUpdate),
       .access = Access::kWrite,
       .group = Group::kString},
      {.name = "exists",
       .arity = at_least(2),
       .keys = all_are_keys(kKeyRO),
       .access = Access::kRead,
       .flags = kFast},
      {.name = "copy",
       .arity = at_least(3),
       .keys = two_keys(kKeyRO | kKeyAccess, kKeyOW | kKeyInsert),
       .access = Access::kWrite},
      {.name = "select", .arity = exactly(2), .flags = kFast | kConnection,
       .group = Group::kConnection},
      {.name = "auth", .arity = at_least(2), .flags = kNoAuth | kFast | kConnection,
       .group = Group::kConnection},
      {.name = "publish",
       .arity = exactly(3),
       .channels = Channels::kPublish,
       .flags = kPubSub | kFast,
       .group = Group::kPubSub},
      {.name = "psubscribe",
       .arity = at_least(2),
       .channels = Channels::kSubscribePatterns,
       .flags = kPubSub,
       .group = Group::kPubSub},
      {.name = "config", .arity = at_least(2), .group = Group::kServer, .subcommands = kConfig},
  };
  return kAll;
}

struct RightsFixture {
  CommandTable table;
  CommandIds ids;
  Users users;

  RightsFixture() : users(ids_of()) {
    table.add(some_commands());
    ids.bind(table, [](const CommandSpec&) { return nullptr; });
  }
  const CommandIds& ids_of() {
    ids.add(some_commands());
    return ids;
  }

  static std::vector<Bytes> split(ByteView text) {
    std::vector<Bytes> words;
    REQUIRE(split_line(text, words));
    return words;
  }
  // Applies rules; the error's text, or nothing.
  Bytes set(ByteView name, ByteView rules) {
    auto changed = users.set(name, split(rules), false);
    return changed ? Bytes() : Bytes(changed.peek_error().text());
  }
  UserPointer user(ByteView name) { return users.find(name); }
  Bytes commands(ByteView name) { return user(name)->selectors().front().describe_commands(); }
  Verdict check(ByteView name, ByteView request) {
    texts = split(request);
    words.clear();
    for (const Bytes& text : texts) words.push_back({text, {}});
    const CommandTable::Row* row = table.resolve(words);
    REQUIRE(row);
    return user(name)->check(*row, words);
  }
  bool may(ByteView name, ByteView request) {
    return check(name, request).denial == Denial::kNone;
  }

  std::vector<Bytes> texts;
  std::vector<Word> words;
};

}  // namespace memoir
