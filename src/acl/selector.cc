#include "src/acl/selector.h"

#include <algorithm>

#include "src/base/glob.h"

namespace memoir {
namespace {

// What a pattern must allow for what a command does to a key. Existence alone needs nothing but a
// pattern that matches.
std::uint8_t needed_access(std::uint16_t flags) {
  std::uint8_t access = 0;
  if (flags & kKeyAccess) access |= kReadKeys;
  if (flags & (kKeyInsert | kKeyDelete | kKeyUpdate)) access |= kWriteKeys;
  return access;
}

void append(Bytes& text, const KeyGrant& pattern) {
  if (pattern.access == kReadWriteKeys) {
    text += '~';
  } else {
    text += pattern.access == kReadKeys ? "%R~" : "%W~";
  }
  text += pattern.pattern;
}

}  // namespace

Selector::Selector(const CommandIds& ids, bool all_channels)
    : ids_(&ids), allowed_((ids.size() + 63) / 64), all_channels_(all_channels) {}

Verdict Selector::check(std::uint32_t id, const CommandSpec& spec, std::span<const Word> words,
                        std::span<const KeyUse> keys) const {
  if (!all_commands_ && !spec.has(kNoAuth) && !bit(id) &&
      !grants_first_argument(id, spec, words)) {
    return {Denial::kCommand, 0};
  }
  if (!all_keys_) {
    for (const KeyUse& key : keys) {
      if (!grants_key(words[key.word].text, key.flags)) return {Denial::kKey, key.word};
    }
  }
  if (!all_channels_ && spec.channels != Channels::kNone) return check_channels(spec, words);
  return {};
}

bool Selector::grants_first_argument(std::uint32_t id, const CommandSpec&,
                                     std::span<const Word> words) const {
  if (words.size() < 2) return false;
  const auto found = first_arguments_.find(id);
  if (found == first_arguments_.end()) return false;
  return std::ranges::any_of(found->second, [&](const Bytes& argument) {
    return equals_ignoring_case(argument, words[1].text);
  });
}

Verdict Selector::check_channels(const CommandSpec& spec, std::span<const Word> words) const {
  const std::size_t end = spec.channels == Channels::kPublish ? 2 : words.size();
  const bool are_patterns = spec.channels == Channels::kSubscribePatterns;
  for (std::size_t i = 1; i < std::min(end, words.size()); ++i) {
    if (!grants_channel(words[i].text, are_patterns)) return {Denial::kChannel, i};
  }
  return {};
}

bool Selector::grants_key(ByteView key, std::uint16_t flags) const {
  if (all_keys_) return true;
  const std::uint8_t needed = needed_access(flags);
  return std::ranges::any_of(keys_, [&](const KeyGrant& each) {
    return (each.access & needed) == needed && glob_match(each.pattern, key);
  });
}

bool Selector::grants_all_keys(std::uint16_t flags) const {
  if (all_keys_) return true;
  const std::uint8_t needed = needed_access(flags);
  return std::ranges::any_of(keys_, [&](const KeyGrant& each) {
    return (each.access & needed) == needed && each.pattern == "*";
  });
}

bool Selector::grants_channel(ByteView channel, bool is_pattern) const {
  if (all_channels_) return true;
  return std::ranges::any_of(channels_, [&](const Bytes& allowed) {
    return is_pattern ? allowed == channel : glob_match(allowed, channel);
  });
}

Bytes Selector::describe_commands() const {
  Bytes text = future_commands_ ? "+@all" : "-@all";
  for (const Bytes& rule : rules_) text.append(" ").append(rule);
  return text;
}

Bytes Selector::describe_keys() const {
  if (all_keys_) return "~*";
  Bytes text;
  for (const KeyGrant& pattern : keys_) {
    if (!text.empty()) text += ' ';
    append(text, pattern);
  }
  return text;
}

Bytes Selector::describe_channels() const {
  if (all_channels_) return "&*";
  Bytes text;
  for (const Bytes& channel : channels_) {
    text.append(text.empty() ? "&" : " &").append(channel);
  }
  return text;
}

Bytes Selector::describe() const {
  Bytes text = describe_keys();
  if (!text.empty()) text += ' ';
  if (!all_channels_) text += "resetchannels ";
  const Bytes channels = describe_channels();
  if (!channels.empty()) text.append(channels).append(" ");
  return text.append(describe_commands());
}

}  // namespace memoir
