// Values of all types in the RDB format, with the table from RDB type numbers to the types that
// read them; and DUMP's payload, one value with a version and a checksum behind it.
//
// Input is checked in full whatever its origin: a value that is read keeps every invariant of its
// type. Stateless.
#pragma once

#include <cstdint>
#include <memory>

#include "src/base/bytes.h"
#include "src/store/encoding_limits.h"
#include "src/store/entry.h"
#include "src/store/rdb_entry.h"
#include "src/store/rdb_reader.h"
#include "src/store/rdb_writer.h"

namespace memoir {

struct EntryDestroyer {
  void operator()(Entry* entry) const { Entry::destroy(entry); }
};
using EntryOwner = std::unique_ptr<Entry, EntryDestroyer>;

// What the log calls values of a type.
const char* name_of(RdbType type);
// Reads the value of a type as the entry of `key`. Null if `in` has failed: kUnsupported for
// modules and unknown types. It may be empty: Redis skips such values in files and refuses them
// elsewhere.
EntryOwner load_value(RdbReader& in, RdbType type, ByteView key, std::int64_t expire_ms,
                      const EncodingLimits& limits);

// A collection without elements that must not be without; streams may.
bool is_empty(const Entry& entry);

// DUMP's payload of a value.
Bytes dump_payload(const Entry& entry, RdbCompression compression);
enum class PayloadCheck : bool { kVersionOnly, kVersionAndChecksum };
// Whether a payload has a version that is known, and its own checksum.
bool is_sound_payload(ByteView payload, PayloadCheck check);
// Reads a sound payload as the entry of `key`; an empty collection is an error, too.
Result<EntryOwner> load_payload(ByteView payload, ByteView key, std::int64_t expire_ms,
                                const EncodingLimits& limits);

}  // namespace memoir
