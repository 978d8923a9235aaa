// The arguments of a command as a tree, read from its row's syntax in redis.io's notation, for
// COMMAND DOCS and the hints redis-cli derives from it.
//
//   sequence    := item*
//   item        := WORD word | word | '[' choice ']' | '<' choice '>'
//   choice      := sequence ('|' sequence)*
//
// A word may say its type, where its name and command do not: "min:double".
//
// A word in capitals or of other signs is a token; a token that begins a bracket belongs to all
// that follows it there. "x [x ...]" and "<...>..." mean one or more.
#pragma once

#include <cstdint>
#include <vector>

#include "src/base/bytes.h"
#include "src/command/spec.h"

namespace memoir {

enum class ArgumentType : std::uint8_t {
  kString, kInteger, kDouble, kKey, kPattern, kUnixTime, kPureToken, kOneOf, kBlock,
};

struct Argument {
  Bytes name{};
  ArgumentType type = ArgumentType::kString;
  Bytes token{};
  int key_spec = -1;
  bool optional = false;
  bool multiple = false;
  bool multiple_token = false;  // the token is repeated, too
  std::vector<Argument> parts{};  // of kOneOf and kBlock

  bool operator==(const Argument&) const = default;
};

std::vector<Argument> parse_syntax(const CommandSpec& spec);
// "pure-token".
const char* argument_type_name(ArgumentType type);

}  // namespace memoir
