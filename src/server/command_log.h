// CommandLog: requests that were out of the ordinary in one respect, newest first: slow ones
// (SLOWLOG), large ones, those with large replies (COMMANDLOG). Thread-safe.
#pragma once

#include <cstdint>
#include <deque>
#include <mutex>
#include <span>
#include <vector>

#include "protocol/request_parser.h"
#include "src/base/bytes.h"

namespace memoir {

enum class CommandLogKind : std::uint8_t { kSlow, kLargeRequest, kLargeReply };
inline constexpr std::size_t kCommandLogKinds = 3;

class CommandLog {
 public:
  // A request is kept with at most so many words, and so many bytes of each.
  static constexpr std::size_t kWordsMax = 32;
  static constexpr std::size_t kWordBytesMax = 128;

  struct Entry {
    std::uint64_t id;
    std::int64_t time_s;
    std::int64_t value;  // microseconds or bytes
    std::vector<Bytes> words;
    Bytes address;
    Bytes client_name;
  };

  void add(std::span<const Word> words, std::int64_t value, Bytes address, Bytes client_name,
           std::int64_t now_us, std::size_t entries_max);
  // The newest `count` entries.
  std::vector<Entry> newest(std::size_t count) const;
  std::size_t size() const;
  void clear();

 private:
  mutable std::mutex mutex_;
  std::deque<Entry> entries_;  // newest first
  std::uint64_t next_id_{0};
};

}  // namespace memoir
