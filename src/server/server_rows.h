// The rows of the commands about connections, clients, channels and the server's life.
#pragma once

#include <span>

#include "src/command/spec.h"

namespace memoir {

std::span<const CommandSpec> connection_commands();  // PING, HELLO, AUTH, ...
std::span<const CommandSpec> client_commands();      // CLIENT
std::span<const CommandSpec> pubsub_commands();
std::span<const CommandSpec> acl_commands();
std::span<const CommandSpec> command_log_commands();  // SLOWLOG, COMMANDLOG
std::span<const CommandSpec> latency_commands();
std::span<const CommandSpec> memory_commands();
std::span<const CommandSpec> lolwut_commands();
std::span<const CommandSpec> migrate_commands();
std::span<const CommandSpec> snapshot_commands();     // SAVE, BGSAVE, LASTSAVE
std::span<const CommandSpec> server_commands();      // SHUTDOWN, WAIT, MONITOR, ...

}  // namespace memoir
