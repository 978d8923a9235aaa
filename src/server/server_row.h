// The row of a command about the server as a whole: of its group, without keys, without locks.
#pragma once

#include "src/command/spec.h"

namespace memoir {

constexpr CommandSpec row(const char* name, Arity arity, std::uint32_t flags, Handler run,
                          const char* syntax, const char* summary, const char* since,
                          const char* complexity = "O(1)", const char* tips = "") {
  return {.name = name,
          .arity = arity,
          .flags = flags,
          .locks = Locks::kNone,
          .run = run,
          .group = Group::kServer,
          .syntax = syntax,
          .summary = summary,
          .since = since,
          .complexity = complexity,
          .tips = tips};
}

}  // namespace memoir
