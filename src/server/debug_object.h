// What DEBUG OBJECT, HTSTATS and their like tell of a key.
#pragma once

#include "src/store/database.h"

namespace memoir {

// DEBUG OBJECT's line.
Bytes object_line(const Entry& entry, const RunEnvironment& env);
// DEBUG HTSTATS: of one database. All stripes must be locked.
Bytes table_stats(const LockedStripes& locked, unsigned db);
// DEBUG HTSTATS-KEY; empty if the value is no hash table.
Bytes value_table_stats(const Entry& entry);

}  // namespace memoir
