// DEBUG VERIFY: looks at everything the keyspace is made of and says whether it agrees with itself.
//
// Tables (places, counts, versions), entries (which of them expire, in whole or in parts), values
// (Object::verify) and the sum of their memory. A check of Memoir's own code, for tests and for
// whoever doubts a machine's memory; the cost is that of reading all data.
#pragma once

#include "src/base/result.h"
#include "src/store/keyspace.h"

namespace memoir {

// Ok, or the first thing found wrong, with its database and key. Locks one stripe at a time, unless
// all are held.
Status verify_keyspace(LockedStripes& stripes);

}  // namespace memoir
