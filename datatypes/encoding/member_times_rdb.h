// The times of members in the RDB format, for types of which Redis knows none:
//
//   kTimedMembers := type:u8 value times             type and value without the times
//   times         := count:length (member:string ms:i64){count}
#pragma once

#include "datatypes/encoding/member_times.h"
#include "src/store/object.h"
#include "src/store/rdb_reader.h"
#include "src/store/rdb_writer.h"

namespace memoir {

void save_times(const MemberTimes& times, RdbWriter& out);
// Gives members of a value their times.
void load_times(RdbReader& in, Object& value);

}  // namespace memoir
