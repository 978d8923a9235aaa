// Redaction: what SLOWLOG and MONITOR show of a request that carries passwords.
//
// Which words are secret a command's row says (kSecretWords, kSecretLogin, kSecretValues); each is
// shown as "(redacted)".
#pragma once

#include <span>
#include <vector>

#include "protocol/request_parser.h"
#include "src/command/command_table.h"

namespace memoir {

// The request's words with secret ones replaced. Without any these are `words` themselves;
// otherwise they lie in `copy`.
std::span<const Word> redacted(const CommandTable::Row& row, std::span<const Word> words,
                               std::vector<Word>& copy);

}  // namespace memoir
