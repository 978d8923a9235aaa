// ServerHooks: what CONFIG, INFO, COMMAND and DEBUG need of the server that runs them.
//
// The server implements it. Called from handlers, on the worker's thread.
#pragma once

#include <cstdint>

#include "src/command/context.h"
#include "src/server/config_store.h"
#include "src/server/info.h"

namespace memoir {

// What DEBUG RELOAD does beside loading.
struct Reload {
  bool save = true;    // a snapshot first
  bool flush = true;   // memory is emptied
  bool merge = false;  // what is loaded replaces keys that are there; else they are an error
};

class ServerHooks {
 public:
  virtual ~ServerHooks() = default;

  virtual ConfigStore& config() = 0;
  // Absolute; empty if the server runs without one.
  virtual const Bytes& config_file() const = 0;
  // The configuration for CONFIG REWRITE: with the users of now, unless an ACL file has them.
  virtual Config config_to_write() = 0;
  virtual bool loading() const = 0;
  // Whether the client came through a Unix socket or from this machine's own address.
  virtual bool is_local(const Session& session) const = 0;

  // CONFIG RESETSTAT: all counters of all workers.
  virtual void reset_stats() = 0;
  // Everything `sections` (InfoSection bits) ask for but the keyspace section, which the handler
  // counts itself.
  virtual void fill_info(std::uint32_t sections, InfoSources& sources) = 0;

  // DEBUG RELOAD and LOADAOF: brings everything to disk, empties the keyspace and builds it again
  // from disk, as a start does. All stripes are locked. The error is the reply.
  virtual Status reload(Context& ctx, Reload how) = 0;
  // DEBUG SET-DISABLE-DENY-SCRIPTS.
  virtual void allow_all_commands_in_scripts(bool yes) = 0;
  // DEBUG SET-ACTIVE-EXPIRE.
  virtual void set_active_expire(bool on) = 0;
  // DEBUG CHANGE-REPL-ID.
  virtual Status change_replication_id() = 0;
};

// The server of the running request. Only for requests of clients.
ServerHooks& hooks_of(Context& ctx);

}  // namespace memoir
