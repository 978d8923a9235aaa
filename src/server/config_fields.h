// How rows of the configuration are made: a function for each kind of directive, over a member of
// Config.
//
// For the tables in config_*_rows.cc only. The errors' texts are Redis's, since clients' test
// suites compare them.
#pragma once

#include <type_traits>

#include "src/server/config_rows.h"

namespace memoir::config_fields {

inline constexpr std::int64_t kIntMax = std::numeric_limits<std::int32_t>::max();
inline constexpr std::int64_t kUnsignedMax = std::numeric_limits<std::uint32_t>::max();
inline constexpr std::int64_t kLongMax = std::numeric_limits<std::int64_t>::max();
// For a field of unsigned 64 bits: no limits.
inline constexpr std::int64_t kWholeRange = -1;

// What all members of a kind share: text to value and back.
Result<bool> parse_yes_no(std::span<const Bytes> words);
Result<std::int64_t> parse_number(const ConfigRow& row, std::span<const Bytes> words);
Result<int> parse_choice(const ConfigRow& row, std::span<const Bytes> words);
Result<Bytes> parse_text(const ConfigRow& row, std::span<const Bytes> words);
Bytes format_number(const ConfigRow& row, std::int64_t value);
Bytes format_choice(const ConfigRow& row, int value);

template <auto member, class Parsed>
Status store(Config& config, Result<Parsed>&& parsed) {
  if (!parsed) return parsed.error();
  using Field = std::remove_reference_t<decltype(config.*member)>;
  config.*member = static_cast<Field>(*std::move(parsed));
  return ok;
}

template <auto member>
constexpr ConfigRow yes_no(const char* name, const char* summary) {
  return {.name = name,
          .kind = ConfigKind::kBool,
          .summary = summary,
          .get = [](const ConfigRow&, const Config& c) { return Bytes(c.*member ? "yes" : "no"); },
          .set = [](const ConfigRow&, Config& c, std::span<const Bytes> words) {
            return store<member>(c, parse_yes_no(words));
          }};
}

template <auto member>
constexpr ConfigRow number(ConfigKind kind, const char* name, std::int64_t min, std::int64_t max,
                           const char* unit, const char* summary) {
  return {.name = name,
          .kind = kind,
          .unit = unit,
          .summary = summary,
          .get = [](const ConfigRow& row, const Config& c) {
            return format_number(row, static_cast<std::int64_t>(c.*member));
          },
          .set = [](const ConfigRow& row, Config& c, std::span<const Bytes> words) {
            return store<member>(c, parse_number(row, words));
          },
          .min = min,
          .max = max};
}
template <auto member>
constexpr ConfigRow integer(const char* name, std::int64_t min, std::int64_t max, const char* unit,
                            const char* summary) {
  return number<member>(ConfigKind::kInteger, name, min, max, unit, summary);
}
template <auto member>
constexpr ConfigRow memory(const char* name, std::int64_t min, const char* summary) {
  return number<member>(ConfigKind::kMemory, name, min, kLongMax, "bytes", summary);
}

template <auto member>
constexpr ConfigRow choice(const char* name, std::span<const ConfigChoice> choices,
                           const char* summary) {
  return {.name = name,
          .kind = ConfigKind::kEnum,
          .summary = summary,
          .get = [](const ConfigRow& row,
                    const Config& c) { return format_choice(row, static_cast<int>(c.*member)); },
          .set = [](const ConfigRow& row, Config& c, std::span<const Bytes> words) {
            return store<member>(c, parse_choice(row, words));
          },
          .choices = choices};
}

template <auto member>
constexpr ConfigRow text(const char* name, const char* summary, ConfigCheck check = nullptr) {
  return {.name = name,
          .kind = ConfigKind::kString,
          .summary = summary,
          .get = [](const ConfigRow&, const Config& c) { return Bytes(c.*member); },
          .set = [](const ConfigRow& row, Config& c, std::span<const Bytes> words) {
            return store<member>(c, parse_text(row, words));
          },
          .check = check};
}

constexpr ConfigRow special(const char* name, ConfigGetter get, ConfigSetter set,
                            const char* summary) {
  return {.name = name, .summary = summary, .get = get, .set = set};
}

// Directives without effect: read and checked as Redis does, kept as text in Config::inert.
Bytes get_inert(const ConfigRow& row, const Config& config);
Status set_inert(const ConfigRow& row, Config& config, std::span<const Bytes> words);
constexpr ConfigRow inert(ConfigKind kind, const char* name, const char* initial,
                          const char* summary) {
  return {.name = name,
          .kind = kind,
          .traits = kNoEffect,
          .summary = summary,
          .get = get_inert,
          .set = set_inert,
          .initial = initial};
}
constexpr ConfigRow inert_yes_no(const char* name, const char* initial, const char* summary) {
  return inert(ConfigKind::kBool, name, initial, summary);
}
constexpr ConfigRow inert_text(const char* name, const char* initial, const char* summary) {
  return inert(ConfigKind::kString, name, initial, summary);
}
constexpr ConfigRow inert_integer(const char* name, const char* initial, std::int64_t min,
                                  std::int64_t max, const char* unit, const char* summary) {
  ConfigRow row = inert(ConfigKind::kInteger, name, initial, summary);
  row.min = min;
  row.max = max;
  row.unit = unit;
  return row;
}
constexpr ConfigRow inert_memory(const char* name, const char* initial, std::int64_t min,
                                 const char* summary) {
  ConfigRow row = inert_integer(name, initial, min, kLongMax, "bytes", summary);
  row.kind = ConfigKind::kMemory;
  return row;
}
constexpr ConfigRow inert_choice(const char* name, const char* initial,
                                 std::span<const ConfigChoice> choices, const char* summary) {
  ConfigRow row = inert(ConfigKind::kEnum, name, initial, summary);
  row.choices = choices;
  return row;
}

// Wrappers that add to a row.
constexpr ConfigRow with(std::uint32_t traits, ConfigRow row) {
  row.traits |= traits;
  return row;
}
// Another way of reading the words.
constexpr ConfigRow read_by(ConfigSetter set, ConfigRow row) {
  row.set = set;
  return row;
}
constexpr ConfigRow immutable(ConfigRow row) { return with(kImmutable, row); }
constexpr ConfigRow alias(const char* name, ConfigRow row) {
  row.alias = name;
  return row;
}

}  // namespace memoir::config_fields
