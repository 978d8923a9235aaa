#include "src/base/log.h"
#include "src/server/config_special.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <clocale>
#include <cstdlib>
#include <cstring>
#include <filesystem>

#include "src/base/glob.h"
#include "src/base/number.h"
#include "src/server/config_fields.h"
#include "src/store/changes.h"

namespace memoir::config_fields {

namespace {

constexpr std::size_t kBindMax = 16;
constexpr std::int64_t kHzMax = 500;
constexpr std::int64_t kWorkersMax = 16;
constexpr std::size_t kHostNameBytesMax = 256;

// What strtoll reads as a whole, as Redis takes these numbers.
std::optional<long long> whole_number(const Bytes& text) {
  char* end = nullptr;
  const long long value = std::strtoll(text.c_str(), &end, 10);
  if (end != text.c_str() + text.size()) return std::nullopt;
  return value;
}

bool single_empty(std::span<const Bytes> words) { return words.size() == 1 && words[0].empty(); }

Bytes join(std::span<const Bytes> words) {
  Bytes joined;
  for (const Bytes& word : words) joined.append(joined.empty() ? "" : " ").append(word);
  return joined;
}

std::optional<ClientClass> client_class(ByteView name) {
  if (equals_ignoring_case(name, "normal")) return ClientClass::kNormal;
  if (equals_ignoring_case(name, "slave") || equals_ignoring_case(name, "replica")) {
    return ClientClass::kReplica;
  }
  if (equals_ignoring_case(name, "pubsub")) return ClientClass::kPubSub;
  return std::nullopt;
}

bool is_base_name(ByteView text) { return text.find_first_of("/\\") == ByteView::npos; }

}  // namespace

Bytes get_bind(const ConfigRow&, const Config& config) { return join(config.bind); }

Status set_bind(const ConfigRow&, Config& config, std::span<const Bytes> words) {
  if (words.size() > kBindMax) return Error("Too many bind addresses specified.");
  if (single_empty(words)) words = {};
  config.bind.assign(words.begin(), words.end());
  return ok;
}

Bytes get_save(const ConfigRow&, const Config& config) {
  Bytes text;
  for (const SavePoint& point : config.save) {
    text += fmt::format("{}{} {}", text.empty() ? "" : " ", point.seconds, point.changes);
  }
  return text;
}

Status set_save(const ConfigRow&, Config& config, std::span<const Bytes> words) {
  if (single_empty(words)) words = {};
  if (words.size() % 2 != 0) return Error("Invalid save parameters");
  std::vector<SavePoint> points;
  for (std::size_t i = 0; i < words.size(); i += 2) {
    const auto seconds = whole_number(words[i]);
    const auto changes = whole_number(words[i + 1]);
    const bool sound = seconds && changes && *seconds >= 1 && *changes >= 0;
    if (!sound) return Error("Invalid save parameters");
    points.push_back({*seconds, *changes});
  }
  config.save = std::move(points);
  return ok;
}

Bytes get_output_limits(const ConfigRow&, const Config& config) {
  static constexpr const char* kNames[] = {"normal", "slave", "pubsub"};
  Bytes text;
  for (std::size_t i = 0; i < config.client_output_buffer_limits.size(); ++i) {
    const OutputBufferLimit& limit = config.client_output_buffer_limits[i];
    text += fmt::format("{}{} {} {} {}", i ? " " : "", kNames[i], limit.hard_bytes,
                        limit.soft_bytes, limit.soft_seconds);
  }
  return text;
}

Status set_output_limits(const ConfigRow&, Config& config, std::span<const Bytes> words) {
  if (words.size() % 4 != 0) {
    return Error("Wrong number of arguments in buffer limit configuration.");
  }
  auto limits = config.client_output_buffer_limits;
  for (std::size_t i = 0; i < words.size(); i += 4) {
    const auto which = client_class(words[i]);
    if (!which) return Error("Invalid client class specified in buffer limit configuration.");
    const auto hard = parse_memory(words[i + 1]);
    const auto soft = parse_memory(words[i + 2]);
    const auto seconds = whole_number(words[i + 3]);
    if (!hard || !soft || !seconds || *seconds < 0) {
      return Error("Error in hard, soft or soft_seconds setting in buffer limit configuration.");
    }
    limits[static_cast<std::size_t>(*which)] = {*hard, *soft, *seconds};
  }
  config.client_output_buffer_limits = limits;
  return ok;
}

Bytes get_events(const ConfigRow&, const Config& config) {
  return format_event_classes(config.notify_keyspace_events);
}

Status set_events(const ConfigRow&, Config& config, std::span<const Bytes> words) {
  if (words.size() != 1) return Error("wrong number of arguments");
  const auto classes = parse_event_classes(words[0]);
  if (!classes) return Error("Invalid event class character. Use 'Ag$lshzxeKEtmdn'.");
  config.notify_keyspace_events = *classes;
  return ok;
}

Bytes get_percentiles(const ConfigRow&, const Config& config) {
  Bytes text;
  for (const double percentile : config.latency_tracking_info_percentiles) {
    Bytes number = fmt::format("{:f}", percentile);
    number.erase(number.find_last_not_of('0') + 1);
    if (number.back() == '.') number.pop_back();
    text.append(text.empty() ? "" : " ").append(number);
  }
  return text;
}

Status set_percentiles(const ConfigRow&, Config& config, std::span<const Bytes> words) {
  if (single_empty(words)) words = {};
  std::vector<double> percentiles;
  for (const Bytes& word : words) {
    const auto percentile = parse_double(word);
    if (!percentile) return Error("Invalid latency-tracking-info-percentiles parameters");
    if (!(*percentile >= 0.0 && *percentile <= 100.0)) {
      return Error(
          "latency-tracking-info-percentiles parameters should sit between [0.0,100.0]");
    }
    percentiles.push_back(*percentile);
  }
  config.latency_tracking_info_percentiles = std::move(percentiles);
  return ok;
}

Bytes get_replicaof(const ConfigRow&, const Config& config) {
  if (config.replicaof_host.empty()) return {};
  return fmt::format("{} {}", config.replicaof_host, config.replicaof_port);
}

Status set_replicaof(const ConfigRow&, Config& config, std::span<const Bytes> words) {
  if (words.size() != 2) return Error("wrong number of arguments");
  config.replicaof_host.clear();
  config.replicaof_port = 0;
  if (equals_ignoring_case(words[0], "no") && equals_ignoring_case(words[1], "one")) return ok;
  const auto port = whole_number(words[1]);
  if (!port || *port < 0 || *port > 65535) return Error("Invalid master port");
  config.replicaof_host = words[0];
  config.replicaof_port = *port;
  return ok;
}

Status set_dir(const ConfigRow&, Config& config, std::span<const Bytes> words) {
  if (words.size() != 1) return Error("wrong number of arguments");
  // A relative path goes on from the directory set so far, as if the process had moved there.
  const auto path = std::filesystem::path(config.dir) / words[0];
  struct stat info {};
  if (words[0].empty() || ::stat(path.c_str(), &info) != 0) {
    return Error(std::strerror(words[0].empty() ? ENOENT : errno));
  }
  if (!S_ISDIR(info.st_mode)) return Error(std::strerror(ENOTDIR));
  if (::access(path.c_str(), X_OK) != 0) return Error(std::strerror(errno));
  std::error_code failed;
  const auto absolute = std::filesystem::canonical(path, failed);
  if (failed) return Error(failed.message());
  config.dir = absolute.string();
  return ok;
}

Status set_hz(const ConfigRow& row, Config& config, std::span<const Bytes> words) {
  auto hz = parse_number(row, words);
  if (!hz) return hz.error();
  config.hz = std::clamp<std::int64_t>(*hz, 1, kHzMax);
  return ok;
}

Status set_io_threads(const ConfigRow& row, Config& config, std::span<const Bytes> words) {
  auto threads = parse_number(row, words);
  if (!threads) return threads.error();
  config.io_threads = std::min(*threads, kWorkersMax);
  return ok;
}

Bytes get_oom_scores(const ConfigRow&, const Config& config) {
  const auto& scores = config.oom_score_adj_values;
  return fmt::format("{} {} {}", scores[0], scores[1], scores[2]);
}

Status set_oom_scores(const ConfigRow&, Config& config, std::span<const Bytes> words) {
  auto scores = config.oom_score_adj_values;
  if (words.size() != scores.size()) return Error("wrong number of arguments");
  for (std::size_t i = 0; i < scores.size(); ++i) {
    const auto value = whole_number(words[i]);
    if (!value || *value < -2000 || *value > 2000) {
      return Error("Invalid oom-score-adj-values, elements must be between -2000 and 2000.");
    }
    scores[i] = *value;
  }
  config.oom_score_adj_values = scores;
  return ok;
}

Status check_shutdown_flags(unsigned flags) {
  if ((flags & kShutdownSave) && (flags & kShutdownNoSave)) {
    return Error("shutdown options SAVE and NOSAVE can't be used simultaneously");
  }
  return ok;
}

const char* check_proc_title(ByteView text) {
  const Config config;
  if (expand_proc_title(text, config, {})) return nullptr;
  return "template format is invalid or contains unknown variables";
}

const char* check_db_filename(ByteView text) {
  return is_base_name(text) ? nullptr : "dbfilename can't be a path, just a filename";
}

const char* check_append_filename(ByteView text) {
  if (text.empty()) return "appendfilename can't be empty";
  return is_base_name(text) ? nullptr : "appendfilename can't be a path, just a filename";
}

const char* check_append_dirname(ByteView text) {
  if (text.empty()) return "appenddirname can't be empty";
  return is_base_name(text) ? nullptr : "appenddirname can't be a path, just a dirname";
}

const char* check_host_name(ByteView text) {
  if (text.size() >= kHostNameBytesMax) return "Hostnames must be less than 256 characters";
  const bool good = std::ranges::all_of(text, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '.';
  });
  return good ? nullptr : "Hostnames may only contain alphanumeric characters, hyphens or dots";
}

const char* check_node_name(ByteView text) {
  const bool good = std::ranges::all_of(text, [](char c) {
    return c >= 33 && c <= 126 && ByteView("!#$%&()*+:;<>?@[]^{|}~").find(c) == ByteView::npos;
  });
  return good ? nullptr : "Announced human node name contained invalid character";
}

const char* check_locale(ByteView text) {
  const locale_t found = ::newlocale(LC_COLLATE_MASK, Bytes(text).c_str(), nullptr);
  if (!found) return "Invalid locale name";
  ::freelocale(found);
  return nullptr;
}

}  // namespace memoir::config_fields

namespace memoir {

namespace {

struct EventLetter {
  char letter;
  std::uint32_t classes;
};
// In the order in which they are written; classes that 'A' stands for come first.
constexpr EventLetter kEventLetters[] = {
    {'g', kEventGeneric}, {'$', kEventString},  {'l', kEventList},     {'s', kEventSet},
    {'h', kEventHash},    {'z', kEventZset},    {'x', kEventExpired},  {'e', kEventEvicted},
    {'t', kEventStream},  {'d', kEventModule},  {'n', kEventNew},      {'K', kEventKeyspace},
    {'E', kEventKeyevent}, {'m', kEventKeyMiss},
};
constexpr std::uint32_t kEventsAll = kEventGeneric | kEventString | kEventList | kEventSet |
                                     kEventHash | kEventZset | kEventExpired | kEventEvicted |
                                     kEventStream | kEventModule;

}  // namespace

std::optional<std::uint32_t> parse_event_classes(ByteView letters) {
  std::uint32_t classes = 0;
  for (const char letter : letters) {
    if (letter == 'A') {
      classes |= kEventsAll;
      continue;
    }
    const auto* found = std::ranges::find(kEventLetters, letter, &EventLetter::letter);
    if (found == std::end(kEventLetters)) return std::nullopt;
    classes |= found->classes;
  }
  return classes;
}

Bytes format_event_classes(std::uint32_t classes) {
  Bytes letters;
  if ((classes & kEventsAll) == kEventsAll) {
    letters += 'A';
    classes &= ~kEventsAll;
  }
  for (const EventLetter& each : kEventLetters) {
    if (classes & each.classes) letters += each.letter;
  }
  return letters;
}

namespace {

std::optional<Bytes> title_variable(ByteView name, const Config& config, const ProcTitle& title) {
  if (name == "title") return Bytes(title.title);
  if (name == "listen-addr") {
    const std::int64_t port = config.port != 0 ? config.port : config.tls_port;
    if (port == 0) return "unixsocket:" + config.unixsocket;
    return fmt::format("{}:{}", config.bind.empty() ? "*" : config.bind[0], port);
  }
  if (name == "server-mode") return Bytes();
  if (name == "config-file") return title.config_file.empty() ? "-" : Bytes(title.config_file);
  if (name == "port") return fmt::format("{}", config.port);
  if (name == "tls-port") return fmt::format("{}", config.tls_port);
  if (name == "unixsocket") return config.unixsocket;
  return std::nullopt;
}

}  // namespace

std::optional<Bytes> expand_proc_title(ByteView pattern, const Config& config,
                                       const ProcTitle& title) {
  Bytes out;
  for (std::size_t at = 0; at < pattern.size(); ++at) {
    if (pattern[at] != '{') {
      out += pattern[at];
      continue;
    }
    if (at + 1 < pattern.size() && pattern[at + 1] == '{') {  // "{{" is a brace
      out += '{';
      ++at;
      continue;
    }
    const std::size_t end = pattern.find('}', at);
    if (end == ByteView::npos) return std::nullopt;
    const auto value = title_variable(pattern.substr(at + 1, end - at - 1), config, title);
    if (!value) return std::nullopt;
    out += *value;
    at = end;
  }
  const std::size_t begin = out.find_first_not_of(' ');
  if (begin == Bytes::npos) return Bytes();
  return out.substr(begin, out.find_last_not_of(' ') + 1 - begin);
}

}  // namespace memoir
