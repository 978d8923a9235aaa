// ScriptCache: the scripts that EVAL and SCRIPT LOAD have seen, by their SHA1. Shared by all
// workers.
//
// It knows texts, not interpreters: each engine compiles for itself what it is asked to run. Those
// that came by EVAL go, least recently used first, when there are more than kEvictableMax of them.
// Used and changed only while all stripes are locked; the counts are for any thread.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <cstring>
#include <list>
#include <memory>
#include <unordered_map>

#include "src/base/bytes.h"
#include "src/base/coding.h"

namespace memoir {

// A SHA1 as 40 lower-case hex digits.
struct Sha {
  static constexpr std::size_t kChars = 40;
  std::array<char, kChars> text;

  static Sha of(ByteView bytes);
  // From 40 characters in any case.
  static Sha from_text(ByteView hex);
  ByteView view() const { return {text.data(), kChars}; }
  bool operator==(const Sha& other) const {
    return std::memcmp(text.data(), other.text.data(), kChars) == 0;
  }
  struct Hash {
    std::size_t operator()(const Sha& sha) const {
      return load<std::uint64_t>(sha.text.data()) * 0x9e3779b97f4a7c15ULL >> 7;
    }
  };
};

struct Script {
  Sha sha;
  Bytes body;
  std::uint32_t flags;      // ScriptFlag
  std::size_t head_bytes;   // of its first line
  bool gone = false;        // no longer in the cache: whoever compiled it lets go
  bool evictable = false;
  std::list<Script*>::iterator use;  // if evictable: its place in the order of use
};

class ScriptCache {
 public:
  static constexpr std::size_t kEvictableMax = 500;
  enum class From : std::uint8_t { kEval, kScriptLoad };

  // Null if unknown.
  std::shared_ptr<Script> find(const Sha& sha) const;
  // A script that is not there yet.
  void add(std::shared_ptr<Script> script, From from);
  // SCRIPT LOAD of one that is there: it stays for good.
  void keep(Script& script);
  void touch(Script& script) {
    if (script.evictable) uses_.splice(uses_.end(), uses_, script.use);
  }
  void clear();

  // Grows with each script that goes; and with each clear().
  std::uint64_t departures() const { return departures_; }
  std::uint64_t flushes() const { return flushes_; }

  // Any thread.
  std::size_t size() const { return size_.load(std::memory_order_relaxed); }
  std::size_t memory_usage() const { return memory_.load(std::memory_order_relaxed); }
  std::uint64_t evicted() const { return evicted_.load(std::memory_order_relaxed); }
  void reset_stats() { evicted_ = 0; }

 private:
  void evict_oldest();
  static std::size_t memory_of(const Script& script);

  std::unordered_map<Sha, std::shared_ptr<Script>, Sha::Hash> scripts_;
  std::list<Script*> uses_;  // of the evictable ones, oldest first
  std::uint64_t departures_{0};
  std::uint64_t flushes_{0};
  std::atomic<std::size_t> size_{0};
  std::atomic<std::size_t> memory_{0};
  std::atomic<std::uint64_t> evicted_{0};
};

}  // namespace memoir
