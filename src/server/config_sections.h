// The tables of directives, one function a section of conf/memoir.conf; put together in
// config_rows.cc.
#pragma once

#include <span>

#include "src/server/config_rows.h"

namespace memoir::config_fields {

std::span<const ConfigRow> network_rows();
std::span<const ConfigRow> tls_rows();
std::span<const ConfigRow> process_rows();
std::span<const ConfigRow> memory_rows();
std::span<const ConfigRow> encoding_rows();
std::span<const ConfigRow> journal_rows();
std::span<const ConfigRow> snapshot_rows();
std::span<const ConfigRow> replication_rows();
std::span<const ConfigRow> observing_rows();
std::span<const ConfigRow> access_rows();
std::span<const ConfigRow> cluster_rows();
std::span<const ConfigRow> inert_rows();

}  // namespace memoir::config_fields
