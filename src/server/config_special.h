// Directives that fit no kind: several words, or a text with a grammar of its own.
#pragma once

#include <optional>

#include "src/server/config_rows.h"

namespace memoir::config_fields {

Bytes get_bind(const ConfigRow&, const Config& config);
Status set_bind(const ConfigRow&, Config& config, std::span<const Bytes> words);
Bytes get_save(const ConfigRow&, const Config& config);
Status set_save(const ConfigRow&, Config& config, std::span<const Bytes> words);
Bytes get_output_limits(const ConfigRow&, const Config& config);
Status set_output_limits(const ConfigRow&, Config& config, std::span<const Bytes> words);
Bytes get_events(const ConfigRow&, const Config& config);
Status set_events(const ConfigRow&, Config& config, std::span<const Bytes> words);
Bytes get_percentiles(const ConfigRow&, const Config& config);
Status set_percentiles(const ConfigRow&, Config& config, std::span<const Bytes> words);
Bytes get_replicaof(const ConfigRow&, const Config& config);
Status set_replicaof(const ConfigRow&, Config& config, std::span<const Bytes> words);
Status set_dir(const ConfigRow&, Config& config, std::span<const Bytes> words);
Status set_hz(const ConfigRow&, Config& config, std::span<const Bytes> words);
Status set_io_threads(const ConfigRow&, Config& config, std::span<const Bytes> words);
Bytes get_oom_scores(const ConfigRow&, const Config& config);
Status set_oom_scores(const ConfigRow&, Config& config, std::span<const Bytes> words);
// shutdown-on-*: SAVE and NOSAVE exclude each other.
Status check_shutdown_flags(unsigned flags);

// Conditions on strings.
const char* check_proc_title(ByteView text);
const char* check_db_filename(ByteView text);
const char* check_append_filename(ByteView text);
const char* check_append_dirname(ByteView text);
const char* check_host_name(ByteView text);
const char* check_node_name(ByteView text);
const char* check_locale(ByteView text);

}  // namespace memoir::config_fields

namespace memoir {

// The letters of notify-keyspace-events as EventClass bits; nothing if one is unknown.
std::optional<std::uint32_t> parse_event_classes(ByteView letters);
Bytes format_event_classes(std::uint32_t classes);

// proc-title-template with its variables replaced; nothing if the template is bad.
struct ProcTitle {
  ByteView title;
  ByteView config_file;
};
std::optional<Bytes> expand_proc_title(ByteView pattern, const Config& config,
                                       const ProcTitle& title);

}  // namespace memoir
