// CommandSpec: the one declaration of a command, beside its handler.
//
// The dispatcher, COMMAND and COMMAND DOCS, ACL categories, key extraction, journal form and
// locking all read it; nothing is decided by comparing a name. Tables of rows are constexpr arrays;
// datatypes/registry.cc and src/server list them.
#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "src/base/bytes.h"
#include "src/base/result.h"

namespace memoir {

class Args;
class Context;
class ReplyWriter;
struct Word;
enum class Locks : std::uint8_t;

using Handler = Status (*)(Context&, Args, ReplyWriter&);

// How many words, the command's name (and subcommand) included.
struct Arity {
  int min = 1;
  int max = 0;   // 0: no maximum
  int step = 1;  // words come as min, min + step, ... (HSET: fields with values)
  constexpr bool admits(std::size_t words) const {
    const auto n = static_cast<int>(words);
    return n >= min && (max == 0 || n <= max) && (n - min) % step == 0;
  }
  // Whether redis_form() alone admits so many.
  constexpr bool admits_form(std::size_t words) const {
    const auto n = static_cast<int>(words);
    return max == min ? n == min : n >= min;
  }
  // As COMMAND INFO shows it: n, or -n for "at least".
  constexpr int redis_form() const { return max == min ? min : -min; }
};
constexpr Arity exactly(int n) { return {.min = n, .max = n}; }
constexpr Arity at_least(int n) { return {.min = n}; }
constexpr Arity between(int low, int high) { return {.min = low, .max = high}; }

enum class Access : std::uint8_t {
  kNone,   // neither: connection and server commands
  kRead,   // flag readonly
  kWrite,  // flag write
};

// COMMAND INFO's flags, but for those that other members say (write, readonly, movablekeys, ...).
enum CommandFlag : std::uint32_t {
  kDenyOom = 1U << 0,
  kAdmin = 1U << 1,
  kPubSub = 1U << 2,
  kNoScript = 1U << 3,
  kBlocking = 1U << 4,
  kLoading = 1U << 5,  // allowed while loading
  kStale = 1U << 6,    // allowed on a stale replica
  kSkipMonitor = 1U << 7,
  kSkipSlowlog = 1U << 8,
  kFast = 1U << 9,
  kNoAuth = 1U << 10,
  kMayReplicate = 1U << 11,
  kNoMulti = 1U << 12,
  kAllowBusy = 1U << 13,
  kNoAsyncLoading = 1U << 14,
  kNoMandatoryKeys = 1U << 15,
  kProtected = 1U << 16,
  kDangerous = 1U << 17,   // ACL category @dangerous where no other flag implies it
  kConnection = 1U << 18,  // ACL category @connection
  kTransactionControl =
      1U << 19,  // runs at once inside MULTI (EXEC, DISCARD, MULTI, WATCH, QUIT, RESET)
  kKeyspaceCategory = 1U << 20,  // ACL category @keyspace where the group does not imply it
  kSubscriberMode = 1U << 21,    // allowed to a RESP2 client that is subscribed to something
  kAdminCategory = 1U << 22,     // ACL categories @admin and @dangerous without the flag admin
  // What SLOWLOG and MONITOR keep to themselves:
  kSecretWords = 1U << 23,   // all words behind the name
  kSecretLogin = 1U << 24,   // the two words behind an AUTH
  kSecretValues = 1U << 25,  // the values of directives that are sensitive (CONFIG SET)
  kBeyondKeys = 1U << 26,    // changes more than keys, so that a rollback cannot take it back
  kCollectionsCategory = 1U << 27,  // ACL categories @set, @sortedset, @list instead of the group's
  kAsking = 1U << 28,          // allowed in a slot that is being imported
  kSecretPassword = 1U << 29,  // the word behind AUTH, the two behind AUTH2
  kTellsMonitor = 1U << 30,  // MONITOR sees it although it has kSkipMonitor
};

// What a command does to the keys of a spec, as COMMAND INFO's key-spec flags.
enum KeyFlag : std::uint16_t {
  kKeyRO = 1U << 0,
  kKeyRW = 1U << 1,
  kKeyOW = 1U << 2,
  kKeyRM = 1U << 3,
  kKeyAccess = 1U << 4,
  kKeyUpdate = 1U << 5,
  kKeyInsert = 1U << 6,
  kKeyDelete = 1U << 7,
  kKeyIncomplete = 1U << 8,
  kKeyVariable = 1U << 9,
  kKeyNot = 1U << 10,  // a channel, say
  // Not shown: no key if the spec behind it locates its keyword (MIGRATE).
  kKeyUnlessElsewhere = 1U << 11,
};

// Where keys are among the words (word 0 is the name; a subcommand counts as a word).
struct KeySpec {
  enum class Kind : std::uint8_t {
    kNone,
    kRange,  // words first, first + step, ... up to last (negative: from the end, -1 the last word)
    kCount,  // word `first` says how many keys follow it, `step` words apart
    kKeyword,  // behind the word `keyword`, searched from `first`; `last`, `step` relative to it
    kUnknown,  // not to be told from the words alone (SORT's BY and GET)
  };
  Kind kind = Kind::kNone;
  std::int16_t first = 0;
  std::int16_t last = 0;
  std::int16_t step = 1;
  std::uint16_t flags = 0;
  const char* keyword = nullptr;
  std::int16_t limit = 0;  // kKeyword: keys are the first 1/limit of the words up to `last`; 0: all
  // kKeyword: finds the keyword (0: there is none) where a plain search may take another for it.
  int (*locate)(std::span<const Word> words) = nullptr;
};
// At most three cover every command (GEORADIUS: its source and what follows STORE or STOREDIST).
using KeySpecs = std::array<KeySpec, 3>;
constexpr KeySpec key_range(int first, int last, int step, unsigned flags) {
  return {KeySpec::Kind::kRange, static_cast<std::int16_t>(first), static_cast<std::int16_t>(last),
          static_cast<std::int16_t>(step), static_cast<std::uint16_t>(flags), nullptr};
}
constexpr KeySpec key_count(int at, unsigned flags, int step = 1) {
  return {KeySpec::Kind::kCount, static_cast<std::int16_t>(at), 0, static_cast<std::int16_t>(step),
          static_cast<std::uint16_t>(flags), nullptr};
}
constexpr KeySpec key_behind(const char* keyword, int from, unsigned flags) {
  return {KeySpec::Kind::kKeyword, static_cast<std::int16_t>(from), 0, 1,
          static_cast<std::uint16_t>(flags), keyword};
}
constexpr KeySpec key_unknown(unsigned flags) {
  return {KeySpec::Kind::kUnknown, 0, 0, 1, static_cast<std::uint16_t>(flags), nullptr};
}
constexpr KeySpecs kNoKeys{};
// What a request does to its key where its words decide (kKeyVariable): the KeyFlag bits instead of
// the spec's.
using KeyFlagsOf = std::uint16_t (*)(std::span<const Word> words);

// The channels among the words, as ACL rules see them.
enum class Channels : std::uint8_t {
  kNone,
  kPublish,            // word 1, to be sent to
  kSubscribe,          // all words behind the name
  kSubscribePatterns,  // the same, as patterns
};

// The usual cases, by what they do.
constexpr KeySpecs first_is_key(unsigned flags) { return {key_range(1, 1, 1, flags)}; }
constexpr KeySpecs all_are_keys(unsigned flags) { return {key_range(1, -1, 1, flags)}; }
constexpr KeySpecs two_keys(unsigned first_flags, unsigned second_flags) {
  return {key_range(1, 1, 1, first_flags), key_range(2, 2, 1, second_flags)};
}

// What is written to the journal after a run that changed something.
enum class JournalForm : std::uint8_t {
  kNone,
  kVerbatim,  // the request's own words, unless the handler added effects
  kEffects,   // only what the handler added to ctx.effects()
};

// Which stripes are locked while the handler runs.
enum class Locks : std::uint8_t {
  kKeys,  // those of its keys
  kEach,  // none; the handler visits stripe by stripe (DBSIZE, SCAN); all of them inside EXEC and
          // scripts
  kAll,   // all of them (FLUSHALL)
  kNone,  // the handler touches no key (PING)
};

// What a record of the command concerns: its keys, or more than those.
enum class Reach : std::uint8_t {
  kKeys,          // the keys of its specs; a write without any: the server (FUNCTION LOAD)
  kKeysThereToo,  // the keys in another database as well, which its words name (MOVE, COPY)
  kSelects,       // what follows, in the database that word 1 names (SELECT)
  kDatabase,      // all keys of the selected database (FLUSHDB)
  kTwoDatabases,  // all keys of those that words 1 and 2 name (SWAPDB)
  kAllDatabases,  // all keys (FLUSHALL)
};

// COMMAND DOCS' group, which also gives the ACL category.
enum class Group : std::uint8_t {
  kGeneric, kString, kList, kSet, kSortedSet, kHash, kPubSub, kTransactions, kConnection, kServer,
  kScripting, kHyperLogLog, kCluster, kGeo, kStream, kBitmap, kSentinel, kModule,
};

struct CommandSpec {
  const char* name;  // lower case; for a subcommand its own word alone
  Arity arity;
  KeySpecs keys = kNoKeys;
  KeyFlagsOf key_flags = nullptr;
  Channels channels = Channels::kNone;
  Access access = Access::kNone;
  std::uint32_t flags = 0;
  JournalForm journal = JournalForm::kNone;
  Locks locks = Locks::kKeys;
  Reach reach = Reach::kKeys;
  Handler run = nullptr;
  Group group = Group::kGeneric;
  // Documentation. Syntax is redis.io's, without the command's name: "key [NX | XX] [EX seconds]";
  // COMMAND DOCS' arguments and redis-cli's hints come from it.
  const char* syntax = "";
  const char* summary = "";
  const char* since = "1.0.0";
  const char* complexity = "O(1)";
  const char* tips = "";        // comma-separated, as COMMAND INFO's tips
  const char* deprecated = "";  // "6.2.0 `LMOVE` with ..." : since, blank, replaced by
  std::span<const CommandSpec> subcommands = {};
  // Where the specs do not tell enough: the word that is the key a request writes (SORT's STORE), 0
  // if there is none. It is a key besides those of the specs, and the last of them describes it.
  std::size_t (*stored_key)(std::span<const Word> words) = nullptr;
  // For a command whose words decide what is locked: the locks of this request; else null.
  Locks (*choose_locks)(std::span<const Word> words) = nullptr;

  Locks locks_of(std::span<const Word> words) const {
    return choose_locks ? choose_locks(words) : locks;
  }
  constexpr bool has(CommandFlag flag) const { return (flags & flag) != 0; }
};

// Calls visit(word index) for every key of a request in order; false if the words are inconsistent
// with the spec (a bad numkeys), in which case the handler reports the error. Defined in keys.h.
template <class F>
bool each_key(const CommandSpec& spec, std::span<const Word> words, F&& visit);

}  // namespace memoir
