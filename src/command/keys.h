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
bool visit_count(int at, int step, std::span<const Word> words, F& visit) {
  if (at >= static_cast<int>(words.size())) return false;
  const auto count = parse_integer(words[static_cast<std::size_t>(at)].text);
  const std::int64_t most = (static_cast<std::int64_t>(words.size()) - at - 1) / step;
  if (!count || *count < 1 || *count > most) return false;
  for (std::int64_t i = 0; i < *count; ++i) visit(static_cast<std::size_t>(at + 1 + i * step));
  return true;
}

template <class F>
bool visit_keyword(const KeySpec& spec, std::span<const Word> words, F& visit) {
  const int size = static_cast<int>(words.size());
  int at = spec.locate ? spec.locate(words) : spec.first;
  if (spec.locate && at == 0) return true;
  const auto is_keyword = [&] {
    return equals_ignoring_case(words[static_cast<std::size_t>(at)].text, spec.keyword);
  };
  while (at < size && !is_keyword()) ++at;
  if (at >= size) return true;
  const int first = at + 1;
  int last = spec.last < 0 ? spec.last : first + spec.last;
  if (spec.last < 0 && spec.limit > 1) last = first + (size - first) / spec.limit + spec.last;
  if (spec.limit > 1 && last < first) return true;
  return visit_range(first, last, spec.step, size, visit);
}

template <class F>
bool visit_spec(const KeySpec& keys, std::span<const Word> words, F&& visit) {
  switch (keys.kind) {
    case KeySpec::Kind::kNone:
    case KeySpec::Kind::kUnknown:
      return true;
    case KeySpec::Kind::kRange:
      return visit_range(keys.first, keys.last, keys.step, static_cast<int>(words.size()), visit);
    case KeySpec::Kind::kCount:
      return visit_count(keys.first, keys.step, words, visit);
    case KeySpec::Kind::kKeyword:
      return visit_keyword(keys, words, visit);
  }
  return true;
}

// The last spec of a row whose stored key its own function finds.
inline const KeySpec& last_spec(const CommandSpec& spec) {
  std::size_t last = 0;
  while (last + 1 < spec.keys.size() && spec.keys[last + 1].kind != KeySpec::Kind::kNone) ++last;
  return spec.keys[last];
}

}  // namespace keys_detail

// The same as each_key, with the spec that a key comes from: visit(word index, const KeySpec&).
template <class F>
bool each_key_spec(const CommandSpec& spec, std::span<const Word> words, F&& visit) {
  std::size_t stored = spec.stored_key ? spec.stored_key(words) : 0;
  for (const KeySpec& keys : spec.keys) {
    if (keys.kind == KeySpec::Kind::kNone) break;
    if ((keys.flags & kKeyUnlessElsewhere) && spec.keys[1].locate(words) != 0) continue;
    const bool sound =
        keys_detail::visit_spec(keys, words, [&visit, &keys, &stored](std::size_t word) {
          if (word == stored) stored = 0;
          visit(word, keys);
        });
    if (!sound) return false;
  }
  if (stored != 0) visit(stored, keys_detail::last_spec(spec));
  return true;
}

template <class F>
bool each_key(const CommandSpec& spec, std::span<const Word> words, F&& visit) {
  return each_key_spec(spec, words,
                       [&visit](std::size_t word, const KeySpec&) { visit(word); });
}

// KeyFlag bits of the request's key under `keys`.
inline std::uint16_t key_flags_of(const CommandSpec& spec, const KeySpec& keys,
                                  std::span<const Word> words) {
  return spec.key_flags && (keys.flags & kKeyVariable) ? spec.key_flags(words) : keys.flags;
}

}  // namespace memoir
