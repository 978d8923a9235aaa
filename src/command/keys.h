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
  for (int i = std::max<int>(spec.first, 1); i < size; ++i) {
    if (!equals_ignoring_case(words[static_cast<std::size_t>(i)].text, spec.keyword)) continue;
    const int last = spec.last < 0 ? spec.last : i + 1 + spec.last;
    return visit_range(i + 1, last, spec.step, size, visit);
  }
  return true;
}

// A range's word that is empty because the keys stand behind a keyword.
inline bool stands_for_others(const CommandSpec& spec, std::span<const Word> words) {
  const auto first = static_cast<std::size_t>(spec.keys[0].first);
  if (spec.keys[1].kind != KeySpec::Kind::kKeyword) return false;
  if (first >= words.size() || !words[first].text.empty()) return false;
  bool others = false;
  auto note = [&](std::size_t) { others = true; };
  visit_keyword(spec.keys[1], words, note);
  return others;
}

}  // namespace keys_detail

template <class F>
bool each_key(const CommandSpec& spec, std::span<const Word> words, F&& visit) {
  for (const KeySpec& keys : spec.keys) {
    bool good = true;
    switch (keys.kind) {
      case KeySpec::Kind::kNone:
        return true;
      case KeySpec::Kind::kRange:
        if ((keys.flags & kKeyUnlessEmpty) && keys_detail::stands_for_others(spec, words)) break;
        good = keys_detail::visit_range(keys.first, keys.last, keys.step,
                                        static_cast<int>(words.size()), visit);
        break;
      case KeySpec::Kind::kCount:
        good = keys_detail::visit_count(keys.first, words, visit);
        break;
      case KeySpec::Kind::kKeyword:
        good = keys_detail::visit_keyword(keys, words, visit);
        break;
    }
    if (!good) return false;
  }
  return true;
}

}  // namespace memoir
