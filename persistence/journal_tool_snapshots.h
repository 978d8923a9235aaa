// memoir-journal verify: the snapshots beside a journal, and what a server would start from.
#pragma once

#include <string>

#include "persistence/journal_tool.h"

namespace memoir::tool {

// Checks each snapshot beside a journal's directory, one line each, and says which a start on the
// newest timeline would use. Returns an exit code.
int verify_snapshots(FileSystem& files, const std::string& journal_directory);

}  // namespace memoir::tool
