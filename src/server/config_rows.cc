#include "src/server/config_rows.h"

#include <algorithm>
#include <thread>
#include <unordered_map>

#include "protocol/request_parser.h"
#include "src/base/glob.h"
#include "src/server/config_sections.h"

namespace memoir {

std::int64_t default_io_threads() {
  return std::clamp<std::int64_t>(std::thread::hardware_concurrency(), 1, 16);
}

std::span<const ConfigSection> config_sections() {
  using namespace config_fields;
  static const ConfigSection sections[] = {
      {"Network", network_rows()},
      {"Process", process_rows()},
      {"Memory and keys", memory_rows()},
      {"Journal", journal_rows()},
      {"Snapshots and imported files", snapshot_rows()},
      {"Encodings", encoding_rows()},
      {"Observing", observing_rows()},
      {"Access", access_rows()},
      {"Replication", replication_rows()},
      {"TLS", tls_rows()},
      {"Cluster", cluster_rows()},
      {"Without meaning in Memoir", inert_rows()},
  };
  return sections;
}

std::span<const ConfigRow* const> config_rows() {
  static const std::vector<const ConfigRow*> rows = [] {
    std::vector<const ConfigRow*> all;
    for (const ConfigSection& section : config_sections()) {
      for (const ConfigRow& row : section.rows) all.push_back(&row);
    }
    return all;
  }();
  return rows;
}

const ConfigRow* find_config_row(ByteView name) {
  static const std::unordered_map<Bytes, const ConfigRow*> by_name = [] {
    std::unordered_map<Bytes, const ConfigRow*> map;
    for (const ConfigRow* row : config_rows()) {
      map.emplace(row->name, row);
      if (row->alias) map.emplace(row->alias, row);
    }
    return map;
  }();
  const auto found = by_name.find(to_lower(name));
  return found == by_name.end() ? nullptr : found->second;
}

Bytes config_default(const ConfigRow& row) {
  static const Config fresh;
  return row.get(row, fresh);
}

Status set_config_value(const ConfigRow& row, Config& config, ByteView value) {
  std::vector<Bytes> words;
  if (!row.has(kMultiWord)) {
    words.emplace_back(value);
    return row.set(row, config, words);
  }
  // Every single blank separates, so two of them enclose an empty word, as in Redis.
  for (std::size_t at = 0;;) {
    const std::size_t blank = value.find(' ', at);
    words.emplace_back(value.substr(at, blank - at));
    if (blank == ByteView::npos) break;
    at = blank + 1;
  }
  return row.set(row, config, words);
}

}  // namespace memoir
