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

}  // namespace keys_detail

template <class F>
bool each_key(const CommandSpec& spec, std::span<const Word> words, F&& visit) {
  for (const KeySpec& keys : spec.keys) {
    bool good = true;
    switch (keys.kind) {
      case KeySpec::Kind::kNone:
        return true;
      case KeySpec::Kind::kRange:
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
