// MEMORY DOCTOR: what is unusual about the server's memory.
#pragma once

#include "src/server/info.h"

namespace memoir {

// The text for figures that fill_info() and fill_process_figures() gave.
Bytes memory_report(const InfoSources& figures);

}  // namespace memoir
