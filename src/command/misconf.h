// What writes are answered while no snapshot can be written (stop-writes-on-bgsave-error).
#pragma once

#include <string_view>

namespace memoir {

inline constexpr std::string_view kSnapshotsFailing =
    "MISCONF Redis is configured to save RDB snapshots, but it's currently unable to persist to "
    "disk. Commands that may modify the data set are disabled, because this instance is configured "
    "to report errors during writes if RDB snapshotting fails (stop-writes-on-bgsave-error option)."
    " Please check the Redis logs for details about the RDB error.";

}  // namespace memoir
