// Where the keys of a request are, from its row.
#pragma once

#include <algorithm>
#include <cstdlib>

#include "protocol/request_parser.h"
#include "src/base/glob.h"
#include "src/base/number.h"
#include "src/command/spec.h"

namespace memoir {

namespace keys_detail {

template <class F>
bool visit_range(int first, int last, int step, int words, F& visit) {
  if (last < 0) last += words;
  last = std::min(last, words - 1);
  for (int i = first; i <= last; i += step) visit(static_cast<std::size_t>(i));
  return true;
}

template <class F>
bool visit_count(int at, std::span<const Word> words, F& visit) {
  if (at >= static_cast<int>(words.size())) return false;
  const auto count = parse_integer(words[static_cast<std::size_t>(at)].text);
  if (!count || *count < 1 || *count > static_cast<std::int64_t>(words.size()) - at - 1)
    return false;
  for (std::int64_t i = 1; i <= *count; ++i) visit(static_cast<std::size_t>(at + i));
  return true;
}

template <class F>
bool visit_keyword(const KeySpec& spec, std::span<const Word> words, F& visit) {
  const int size = static_cast<int>(words.size());
  for (int i = spec.first; i < size; ++i) {
    if (!equals_ignoring_case(words[static_cast<std::size_t>(i)].text, spec.keyword)) continue;
    const int last = spec.last < 0 ? spec.last : i + 1 + spec.last;
    return visit_range(i + 1, last, spec.step, size, visit);
  }
  return true;
}

}  // namespace keys_detail

// Calls visit(word index, key spec) for every key of a request in order; false as each_key().
template <class F>
bool each_key_with_spec(const CommandSpec& spec, std::span<const Word> words, F&& visit) {
  for (const KeySpec& keys : spec.keys) {
    const auto each = [&](std::size_t i) { visit(i, keys); };
    bool good = true;
    switch (keys.kind) {
      case KeySpec::Kind::kNone:
        return true;
      case KeySpec::Kind::kRange:
        good = keys_detail::visit_range(keys.first, keys.last, keys.step,
                                        static_cast<int>(words.size()), each);
        break;
      case KeySpec::Kind::kCount:
        good = keys_detail::visit_count(keys.first, words, each);
        break;
      case KeySpec::Kind::kKeyword:
        good = keys_detail::visit_keyword(keys, words, each);
        break;
    }
    if (!good) return false;
  }
  return true;
}

template <class F>
bool each_key(const CommandSpec& spec, std::span<const Word> words, F&& visit) {
  return each_key_with_spec(spec, words, [&](std::size_t i, const KeySpec&) { visit(i); });
}

// KeyFlag bits of the request's key under `keys`.
inline std::uint16_t key_flags_of(const CommandSpec& spec, const KeySpec& keys,
                                  std::span<const Word> words) {
  return spec.key_flags && (keys.flags & kKeyVariable) ? spec.key_flags(words) : keys.flags;
}

}  // namespace memoir
