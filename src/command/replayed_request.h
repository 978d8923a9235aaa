// A request of a record that is applied, with what is known of it: its row and its keys' hashes.
//
// Where records are applied on several threads, what a request changes is stamped with the position
// of its record, and the keyspace's own stands still meanwhile.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "src/command/command_table.h"
#include "src/store/database.h"

namespace memoir {

struct ReplayedRequest {
  const CommandTable::Row& row;
  std::span<const Word> words;
  std::span<const HashedKey> keys;
  std::int64_t time_us;
  std::optional<Lsn> position = std::nullopt;
};

}  // namespace memoir
