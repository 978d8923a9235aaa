// ConfigRow: the one declaration of a directive. CONFIG GET, SET and REWRITE, the configuration
// file, the command line and conf/memoir.conf are all derived from the rows.
//
// A row reads words into a field of Config and writes the field as text; the default is what it
// writes for a fresh Config. Rows are constant and live for ever.
#pragma once

#include <cstdint>
#include <limits>
#include <span>

#include "src/base/result.h"
#include "src/server/config.h"

namespace memoir {

enum ConfigTrait : std::uint32_t {
  kImmutable = 1U << 0,  // only at start
  kHidden = 1U << 1,     // CONFIG GET shows it by its exact name only
  kMultiWord = 1U << 2,  // takes any number of words
  kProtectedConfig = 1U << 3,  // CONFIG SET needs enable-protected-configs
  kSensitive = 1U << 4,  // its value is kept out of logs
  kNoEffect = 1U << 5,   // accepted for Redis's sake; said once in the log at start
  kDenyLoading = 1U << 6,  // not while loading
  kMachineDefault = 1U << 7,  // the default depends on the machine
  kRereads = 1U << 9,  // a file: setting the same name again reads it again
  kAccumulates = 1U << 8,  // several lines of a file add up (save)
};

enum class ConfigKind : std::uint8_t { kBool, kInteger, kMemory, kOctal, kEnum, kString, kSpecial };

struct ConfigRow;
// Reads `words` (the directive's name excluded) into its field. An error's text is the reason
// alone.
using ConfigSetter = Status (*)(const ConfigRow&, Config&, std::span<const Bytes> words);
// The field's value as CONFIG GET shows it.
using ConfigGetter = Bytes (*)(const ConfigRow&, const Config&);

// A condition on a string; what is wrong with it, or nullptr.
using ConfigCheck = const char* (*)(ByteView text);

// A directive's enum: its names and values.
struct ConfigChoice {
  const char* name;
  int value;
};

struct ConfigRow {
  const char* name;
  const char* alias = nullptr;  // a second name, reported by CONFIG GET too
  ConfigKind kind = ConfigKind::kSpecial;
  std::uint32_t traits = 0;
  const char* unit = "";     // "bytes", "seconds", ...; empty if the value has none
  const char* summary = "";
  ConfigGetter get = nullptr;
  ConfigSetter set = nullptr;
  bool percent = false;  // kMemory: "n%" is let pass, and kept as -n
  std::int64_t min = 0;  // kInteger, kMemory, kOctal
  std::int64_t max = std::numeric_limits<std::int64_t>::max();
  std::span<const ConfigChoice> choices = {};  // kEnum
  ConfigCheck check = nullptr;                 // a further condition on strings
  const char* initial = "";  // kNoEffect: the default's text

  constexpr bool has(ConfigTrait trait) const { return (traits & trait) != 0; }
};

// A heading of conf/memoir.conf and the directives under it.
struct ConfigSection {
  const char* title;
  std::span<const ConfigRow> rows;
};

std::span<const ConfigSection> config_sections();
// All rows, section by section.
std::span<const ConfigRow* const> config_rows();
// The row of a directive by name or alias, in any case; nullptr if there is none.
const ConfigRow* find_config_row(ByteView name);
// The value CONFIG GET shows for a fresh Config.
Bytes config_default(const ConfigRow& row);
// Sets one directive from CONFIG SET's value: a kMultiWord row's is split at blanks.
Status set_config_value(const ConfigRow& row, Config& config, ByteView value);

}  // namespace memoir
