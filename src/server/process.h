// What concerns the process rather than the server: becoming a daemon, pid file, title, supervisor,
// crash reports.
#pragma once

#include <string>
#include <string_view>

#include "src/base/result.h"
#include "src/server/config.h"

namespace memoir {

// Leaves the terminal and goes on in a child. Before any thread is started.
void become_daemon();
// Writes the pid; a failure is only logged.
void write_pid_file(const std::string& path);

// Makes room for set_process_title(); before the environment is used otherwise.
void keep_arguments(int count, char** arguments);
// By proc-title-template, whose fields are {title}, {listen-addr}, {server-mode}, {port},
// {tls-port}, {unixsocket}, {config-file}.
void set_process_title(const Config& config, const std::string& config_file);

// How ready the kernel is to kill this process when memory runs out, as oom-score-adj says. Not ok:
// the system refuses; the reason is in the log.
Status set_oom_score(const Config& config);

// Whether systemd (or upstart) has started the process, as `supervised` says.
bool is_supervised(Supervised wanted);
// A line for systemd, if there is one listening: "READY=1\n".
void notify_supervisor(std::string_view state);

void name_thread(const std::string& name);

// From now on fatal signals write a report with a stack trace to `log_file` (empty: standard
// output) before they end the process.
void install_crash_handlers(const std::string& log_file);

}  // namespace memoir
