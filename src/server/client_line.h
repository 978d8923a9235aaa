// A client as CLIENT LIST and INFO show it.
#pragma once

#include "src/server/client_registry.h"

namespace memoir {

// Appends "id=3 addr=... lib-ver=" without a line end. Under the registry's lock.
void append_client_line(Bytes& out, const ClientStatus& status, std::int64_t now_us);

// The letters behind "flags=".
Bytes client_flag_letters(const ClientStatus& status);

}  // namespace memoir
