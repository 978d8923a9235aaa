#include "src/server/config_fields.h"
#include "src/server/config_sections.h"
#include "src/server/config_special.h"

namespace memoir::config_fields {

namespace {

constexpr ConfigChoice kLogLevels[] = {{"debug", static_cast<int>(LogLevel::kDebug)},
                                       {"verbose", static_cast<int>(LogLevel::kVerbose)},
                                       {"notice", static_cast<int>(LogLevel::kNotice)},
                                       {"warning", static_cast<int>(LogLevel::kWarning)},
                                       {"nothing", static_cast<int>(LogLevel::kNothing)}};
constexpr ConfigChoice kSupervisors[] = {{"upstart", static_cast<int>(Supervised::kUpstart)},
                                         {"systemd", static_cast<int>(Supervised::kSystemd)},
                                         {"auto", static_cast<int>(Supervised::kAuto)},
                                         {"no", static_cast<int>(Supervised::kNo)}};
// syslog(3)'s numbers: facility << 3.
constexpr ConfigChoice kFacilities[] = {
    {"user", 1 << 3},    {"local0", 16 << 3}, {"local1", 17 << 3},
    {"local2", 18 << 3}, {"local3", 19 << 3}, {"local4", 20 << 3},
    {"local5", 21 << 3}, {"local6", 22 << 3}, {"local7", 23 << 3},
};
constexpr ConfigChoice kOomScores[] = {{"no", static_cast<int>(OomScoreAdj::kNo)},
                                       {"yes", static_cast<int>(OomScoreAdj::kRelative)},
                                       {"relative", static_cast<int>(OomScoreAdj::kRelative)},
                                       {"absolute", static_cast<int>(OomScoreAdj::kAbsolute)}};
constexpr ConfigChoice kShutdownFlags[] = {{"default", 0},
                                           {"save", kShutdownSave},
                                           {"nosave", kShutdownNoSave},
                                           {"now", kShutdownNow},
                                           {"force", kShutdownForce}};
constexpr ConfigChoice kProtectedActions[] = {{"no", static_cast<int>(ProtectedAction::kNo)},
                                              {"yes", static_cast<int>(ProtectedAction::kYes)},
                                              {"local", static_cast<int>(ProtectedAction::kLocal)}};
constexpr ConfigChoice kPubSubDefaults[] = {{"allchannels", 1}, {"resetchannels", 0}};

template <auto member>
constexpr ConfigRow shutdown_flags(const char* name, const char* summary) {
  ConfigRow row = with(kMultiWord, choice<member>(name, kShutdownFlags, summary));
  row.set = [](const ConfigRow& self, Config& config, std::span<const Bytes> words) -> Status {
    auto flags = parse_choice(self, words);
    if (!flags) return flags.error();
    if (auto sound = check_shutdown_flags(static_cast<unsigned>(*flags)); !sound) return sound;
    config.*member = static_cast<unsigned>(*flags);
    return ok;
  };
  return row;
}

constexpr ConfigRow kRows[] = {
    immutable(yes_no<&Config::daemonize>(
        "daemonize", "Whether the server goes into the background at start.")),
    immutable(choice<&Config::supervised>(
        "supervised", kSupervisors,
        "Whom to tell when the server is ready: systemd, upstart, whichever started it (auto), or "
        "nobody.")),
    immutable(text<&Config::pidfile>(
        "pidfile",
        "A file for the process id, removed at the end; empty for none.")),
    with(kProtectedConfig | kDenyLoading,
         special(
             "dir", [](const ConfigRow&, const Config& c) { return c.dir; }, set_dir,
             "The working directory: journal, snapshots and relative paths are found here.")),
    immutable(text<&Config::logfile>("logfile", "The log file; empty for standard output.")),
    choice<&Config::loglevel>(
        "loglevel", kLogLevels,
        "What is logged: debug, verbose, notice, warning or nothing, each including the next."),
    immutable(yes_no<&Config::syslog_enabled>("syslog-enabled",
        "Whether the log goes to syslog too.")),
    immutable(text<&Config::syslog_ident>("syslog-ident", "The name of the server in syslog.")),
    immutable(choice<&Config::syslog_facility>("syslog-facility", kFacilities,
                                               "The syslog facility: user or local0 to local7.")),
    immutable(yes_no<&Config::set_proc_title>(
        "set-proc-title", "Whether the process's title tells address and port.")),
    text<&Config::proc_title_template>(
        "proc-title-template",
        "The process's title: {title}, {listen-addr}, {server-mode}, {port}, {tls-port}, "
        "{unixsocket} "
        "and {config-file} are replaced.",
        check_proc_title),
    with(kHidden, integer<&Config::key_load_delay>(
                      "key-load-delay", -kIntMax - 1, kIntMax, "microseconds",
                      "For tests: loading rests that long behind each record; -n: a microsecond "
                      "behind each n-th.")),
    with(kHidden, integer<&Config::rdb_key_save_delay>(
                      "rdb-key-save-delay", -kIntMax - 1, kIntMax, "microseconds",
                      "For tests: a snapshot rests that long behind each key; -n: a microsecond "
                      "behind each n-th.")),
    choice<&Config::oom_score_adj>(
        "oom-score-adj", kOomScores,
        "Whether the kernel's readiness to kill the process when memory runs out is set: not (no), "
        "as an addition to what it was (yes, relative), or as it is given (absolute)."),
    with(kMultiWord,
         special("oom-score-adj-values", get_oom_scores, set_oom_scores,
                 "The score of a primary, of a replica, and of a child process (there are none).")),
    yes_no<&Config::crash_log_enabled>(
        "crash-log-enabled", "Whether a crash writes a report with a stack trace to the log."),
    integer<&Config::shutdown_timeout>(
        "shutdown-timeout", 0, kIntMax, "seconds",
        "How long a shutdown waits for replicas that lag behind; 0 for not at all."),
    shutdown_flags<&Config::shutdown_on_sigint>(
        "shutdown-on-sigint",
        "How SIGINT ends the server: default, or any of save, nosave, now, force."),
    shutdown_flags<&Config::shutdown_on_sigterm>("shutdown-on-sigterm", "The same for SIGTERM."),
    text<&Config::locale_collate>("locale-collate",
                                  "The locale by which SORT ALPHA compares; empty for the "
                                  "process's.",
                                  check_locale),
};

constexpr ConfigRow kAccessRows[] = {
    immutable(text<&Config::aclfile>("aclfile", "A file with the users' rights; empty for none.")),
    integer<&Config::acllog_max_len>("acllog-max-len", 0, kLongMax, "entries",
                                     "How many entries ACL LOG keeps."),
    choice<&Config::acl_pubsub_default_all>(
        "acl-pubsub-default", kPubSubDefaults,
        "What channels a new user may use: allchannels or resetchannels (none)."),
    immutable(choice<&Config::enable_protected_configs>(
        "enable-protected-configs", kProtectedActions,
        "Who may change dir and dbfilename with CONFIG SET: nobody (no), anybody (yes), or clients "
        "on this machine (local).")),
    immutable(choice<&Config::enable_debug_command>("enable-debug-command", kProtectedActions,
                                                    "Who may use DEBUG: no, yes or local.")),
    immutable(choice<&Config::enable_module_command>("enable-module-command", kProtectedActions,
                                                     "Who may use MODULE: no, yes or local.")),
};

constexpr ConfigRow kObservingRows[] = {
    alias("commandlog-execution-slower-than",
          integer<&Config::slowlog_log_slower_than>(
              "slowlog-log-slower-than", -1, kLongMax, "microseconds",
              "Commands that take at least this long go to the slow log; -1 turns it off, 0 logs "
              "all.")),
    alias("commandlog-slow-execution-max-len",
          integer<&Config::slowlog_max_len>("slowlog-max-len", 0, kLongMax, "entries",
                                            "How many entries the slow log keeps.")),
    integer<&Config::commandlog_request_larger_than>(
        "commandlog-request-larger-than", -1, kLongMax, "bytes",
        "Requests at least this large go to the log of large requests; -1 turns it off."),
    integer<&Config::commandlog_large_request_max_len>(
        "commandlog-large-request-max-len", 0, kLongMax, "entries",
        "How many entries the log of large requests keeps."),
    integer<&Config::commandlog_reply_larger_than>(
        "commandlog-reply-larger-than", -1, kLongMax, "bytes",
        "Commands with replies at least this large go to the log of large replies; -1 turns it "
        "off."),
    integer<&Config::commandlog_large_reply_max_len>(
        "commandlog-large-reply-max-len", 0, kLongMax, "entries",
        "How many entries the log of large replies keeps."),
    integer<&Config::latency_monitor_threshold>(
        "latency-monitor-threshold", 0, kLongMax, "milliseconds",
        "Events that take at least this long are kept for LATENCY; 0 turns it off."),
    yes_no<&Config::latency_tracking>(
        "latency-tracking", "Whether the times of commands are counted for INFO latencystats."),
    with(kMultiWord, special("latency-tracking-info-percentiles", get_percentiles, set_percentiles,
                             "The percentiles that INFO latencystats shows, 0 to 100.")),
    alias("lua-time-limit",
          integer<&Config::busy_reply_threshold>(
              "busy-reply-threshold", 0, kLongMax, "milliseconds",
              "How long a script may run before other clients are answered with BUSY.")),
    special("notify-keyspace-events", get_events, set_events,
            "Which events of keys are published. K: to __keyspace@<db>__ channels, E: to "
            "__keyevent@<db>__ channels; g: generic, $: strings, l: lists, s: sets, h: hashes, z: "
            "sorted sets, t: streams, x: expired, e: evicted, d: modules, A: all of these; n: new "
            "keys, m: misses. Empty for none."),
};

}  // namespace

std::span<const ConfigRow> process_rows() { return kRows; }
std::span<const ConfigRow> access_rows() { return kAccessRows; }
std::span<const ConfigRow> observing_rows() { return kObservingRows; }

}  // namespace memoir::config_fields
