#include "src/server/command_log.h"

#include <algorithm>

#include "src/base/log.h"

namespace memoir {
namespace {

Bytes shortened(ByteView text) {
  if (text.size() <= CommandLog::kWordBytesMax) return Bytes(text);
  return fmt::format("{}... ({} more bytes)", text.substr(0, CommandLog::kWordBytesMax),
                     text.size() - CommandLog::kWordBytesMax);
}

std::vector<Bytes> shortened(std::span<const Word> words) {
  std::vector<Bytes> kept;
  const bool all = words.size() <= CommandLog::kWordsMax;
  const std::size_t count = all ? words.size() : CommandLog::kWordsMax - 1;
  for (std::size_t i = 0; i < count; ++i) kept.push_back(shortened(words[i].text));
  if (!all) kept.push_back("... (" + std::to_string(words.size() - count) + " more arguments)");
  return kept;
}

}  // namespace

void CommandLog::add(std::span<const Word> words, std::int64_t value, Bytes address,
                  Bytes client_name, std::int64_t now_us, std::size_t entries_max) {
  Entry entry{0,
              now_us / 1'000'000,
              value,
              shortened(words),
              std::move(address),
              std::move(client_name)};
  const std::lock_guard lock(mutex_);
  entry.id = next_id_++;
  entries_.push_front(std::move(entry));
  while (entries_.size() > entries_max) entries_.pop_back();
}

std::vector<CommandLog::Entry> CommandLog::newest(std::size_t count) const {
  const std::lock_guard lock(mutex_);
  count = std::min(count, entries_.size());
  return {entries_.begin(), entries_.begin() + static_cast<std::ptrdiff_t>(count)};
}

std::size_t CommandLog::size() const {
  const std::lock_guard lock(mutex_);
  return entries_.size();
}

void CommandLog::clear() {
  const std::lock_guard lock(mutex_);
  entries_.clear();
}

}  // namespace memoir
