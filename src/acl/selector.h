// Selector: one set of rights: which commands, which keys to read or write, which channels.
//
// A user has a root selector and any number of further ones; a request needs one selector that
// grants all of it. Commands are a bitmap over CommandIds plus, for commands without subcommands,
// first arguments that are let through. The rules that made the bitmap are kept as text, normalised
// as Redis does, since ACL LIST and the ACL file show them.
//
// A value: copied, changed by rules, then published inside an immutable User.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <vector>

#include "protocol/request_parser.h"
#include "src/acl/command_ids.h"
#include "src/base/bytes.h"

namespace memoir {

// Why a rule cannot be applied.
enum class RuleError : std::uint8_t {
  kNone,
  kUnknown,           // a command or category
  kSyntax,
  kAfterAllKeys,      // a key pattern where all keys are allowed
  kAfterAllChannels,
  kNoSuchPassword,
  kBadHash,
  kFirstArgument,     // of a subcommand
};
// In Redis's words, for clients and the log.
const char* rule_error_text(RuleError error);

// What was refused; the greater one is the more telling.
enum class Denial : std::uint8_t { kNone, kCommand, kKey, kChannel, kAuth };

struct Verdict {
  Denial denial = Denial::kNone;
  std::size_t word = 0;  // the key or channel
};

enum KeyAccess : std::uint8_t { kReadKeys = 1, kWriteKeys = 2, kReadWriteKeys = 3 };

struct KeyGrant {
  Bytes pattern;
  std::uint8_t access;  // KeyAccess bits
  bool operator==(const KeyGrant&) const = default;
};

// A key of a request and the KeyFlag bits of what is done to it.
struct KeyUse {
  std::size_t word;
  std::uint16_t flags;
};

class Selector {
 public:
  explicit Selector(const CommandIds& ids, bool all_channels);

  // Applies one rule: +cmd, -cmd, +cmd|sub, +@cat, ~pattern, %R~pattern, &pattern, allkeys, ...
  RuleError apply(ByteView rule);

  // Whether the request is granted. `id` is the row's number; `keys` are the request's keys.
  Verdict check(std::uint32_t id, const CommandSpec& spec, std::span<const Word> words,
                std::span<const KeyUse> keys) const;
  // Whether every key there is may be accessed as `flags` (KeyFlag bits) say.
  bool grants_all_keys(std::uint16_t flags) const;
  bool grants_key(ByteView key, std::uint16_t flags) const;
  // Patterns are compared literally, names are matched.
  bool grants_channel(ByteView channel, bool is_pattern) const;
  bool unrestricted() const { return all_commands_ && all_keys_ && all_channels_; }
  bool all_channels() const { return all_channels_; }
  std::span<const Bytes> channels() const { return channels_; }

  // "+@all -debug", "-@all +get"; "~a %R~b"; "&c". For ACL GETUSER.
  Bytes describe_commands() const;
  Bytes describe_keys() const;
  Bytes describe_channels() const;
  // All of it, as a rule's text.
  Bytes describe() const;

 private:
  bool bit(std::uint32_t id) const { return (allowed_[id / 64] >> (id % 64) & 1) != 0; }
  void set_bit(std::uint32_t id, bool on);
  void set_all(bool on);
  void set_command(const CommandIds::Row& row, bool on);
  void keep_rule(bool allow, ByteView name);
  RuleError add_command(ByteView name);
  RuleError add_first_argument(ByteView rule, std::size_t bar);
  RuleError remove_command(ByteView name);
  RuleError set_category(ByteView name, bool on);
  RuleError add_key_pattern(ByteView rule);
  RuleError add_channel_pattern(ByteView rule);
  bool grants_first_argument(std::uint32_t id, const CommandSpec& spec,
                             std::span<const Word> words) const;
  Verdict check_channels(const CommandSpec& spec, std::span<const Word> words) const;

  const CommandIds* ids_;
  std::vector<std::uint64_t> allowed_;
  std::map<std::uint32_t, std::vector<Bytes>> first_arguments_;
  std::vector<KeyGrant> keys_;
  std::vector<Bytes> channels_;
  std::vector<Bytes> rules_;  // "+get", "-@slow", in order, behind +@all or -@all
  bool future_commands_{false};  // the rules begin with +@all
  bool all_commands_{false};
  bool all_keys_{false};
  bool all_channels_;
};

}  // namespace memoir
